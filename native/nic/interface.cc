#include "nic/interface.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "file_descriptor.h"
#include "nic/link_settings.h"

namespace nm::nic {

namespace {

// Asks the kernel about one interface.
class Question {
 public:
  explicit Question(const std::string& name) : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    memcpy(request_.ifr_name, name.data(), std::min(name.size(), sizeof(request_.ifr_name) - 1));
  }

  bool ask(unsigned long about) { return ioctl(socket_.number(), about, &request_) == 0; }
  template <typename Command>
  bool ask_ethtool(Command* command) {
    request_.ifr_data = reinterpret_cast<char*>(command);
    return ask(SIOCETHTOOL);
  }
  const ifreq& answer() const { return request_; }

 private:
  FileDescriptor socket_;
  ifreq request_ = {};
};

// How many directories "tx-N" or "rx-N" the interface has in /sys, which is not always mounted for this network
// namespace: then 0.
uint32_t count_queues(const std::string& name, const char* prefix) {
  std::error_code error;
  uint32_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net/" + name + "/queues", error)) {
    count += entry.path().filename().string().compare(0, strlen(prefix), prefix) == 0;
  }
  return count;
}

void read_queues(Question& question, Interface* interface) {
  ethtool_channels channels = {};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (question.ask_ethtool(&channels)) {
    interface->tx_queues = channels.tx_count + channels.combined_count;
    interface->rx_queues = channels.rx_count + channels.combined_count;
  } else {
    interface->tx_queues = count_queues(interface->name, "tx-");
    interface->rx_queues = count_queues(interface->name, "rx-");
  }
  interface->tx_queues = std::max(interface->tx_queues, 1u);
  interface->rx_queues = std::max(interface->rx_queues, 1u);
}

// The driver knows at once. IFF_RUNNING follows up to a second later: the kernel looks at changes of links so rarely.
bool has_carrier(Question& question, unsigned short flags) {
  ethtool_value link = {};
  link.cmd = ETHTOOL_GLINK;
  if (!question.ask_ethtool(&link)) return (flags & IFF_RUNNING) != 0;
  return link.data != 0;
}

std::string read_driver(Question& question) {
  ethtool_drvinfo info = {};
  info.cmd = ETHTOOL_GDRVINFO;
  if (!question.ask_ethtool(&info)) return "";
  return std::string(info.driver, strnlen(info.driver, sizeof(info.driver)));
}

}  // namespace

Status read_interface(const std::string& name, Interface* result) {
  *result = Interface{};
  if (name.empty() || name.size() >= IFNAMSIZ) return Status::no_such_interface;
  Question question(name);
  if (!question.ask(SIOCGIFINDEX)) return Status::no_such_interface;
  result->name = name;
  result->index = static_cast<uint32_t>(question.answer().ifr_ifindex);
  result->network = this_network();
  if (question.ask(SIOCGIFFLAGS)) {
    const auto flags = static_cast<unsigned short>(question.answer().ifr_flags);
    result->is_loopback = (flags & IFF_LOOPBACK) != 0;
    result->is_up = (flags & IFF_UP) != 0;
    result->has_carrier = has_carrier(question, flags);
  }
  if (question.ask(SIOCGIFMTU)) result->mtu = static_cast<uint32_t>(question.answer().ifr_mtu);
  if (question.ask(SIOCGIFHWADDR)) {
    result->is_ethernet = question.answer().ifr_hwaddr.sa_family == ARPHRD_ETHER;
    memcpy(result->mac, question.answer().ifr_hwaddr.sa_data, sizeof(result->mac));
  }
  read_queues(question, result);
  result->speed_mbps =
      read_link_settings([&](auto* command) { return question.ask_ethtool(command); }).speed_mbps;
  result->driver = read_driver(question);
  return Status::ok;
}

Status read_interface(uint32_t index, Interface* result) {
  ifreq request = {};
  request.ifr_ifindex = static_cast<int>(index);
  const FileDescriptor asked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (ioctl(asked.number(), SIOCGIFNAME, &request) != 0) return Status::no_such_interface;
  const Status status = read_interface(std::string(request.ifr_name), result);
  // It may have been renamed, and another one given its name, in between.
  return status == Status::ok && result->index != index ? Status::no_such_interface : status;
}

Status interface_status(uint32_t index) {
  ifreq request = {};
  request.ifr_ifindex = static_cast<int>(index);
  const FileDescriptor asked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // The name is looked up anew each time: it may change.
  if (ioctl(asked.number(), SIOCGIFNAME, &request) != 0) return Status::interface_gone;
  if (ioctl(asked.number(), SIOCGIFFLAGS, &request) != 0) return Status::interface_gone;
  return (static_cast<unsigned short>(request.ifr_flags) & IFF_UP) != 0 ? Status::ok : Status::interface_down;
}

uint64_t this_network() {
#ifdef SO_NETNS_COOKIE
  const FileDescriptor asked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  if (getsockopt(asked.number(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) == 0) return cookie;
#endif
  // Before Linux 5.14. A later network namespace may get the number of one that is gone.
  struct stat info;
  return stat("/proc/thread-self/ns/net", &info) == 0 ? info.st_ino : 0;
}

}  // namespace nm::nic
