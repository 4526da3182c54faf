#include "nic/condition.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>
#include <vector>

#include "file_descriptor.h"
#include "nic/link_settings.h"

namespace nm::nic {

namespace {

// Attributes of a netlink message, one after the other.
class Attributes {
 public:
  Attributes(const void* data, size_t size) : at_(static_cast<const uint8_t*>(data)), left_(size) {}

  bool next() {
    at_ += skip_;
    left_ -= skip_;
    if (left_ < sizeof(rtattr)) return false;
    memcpy(&header_, at_, sizeof(header_));
    if (header_.rta_len < sizeof(rtattr) || header_.rta_len > left_) return false;
    const size_t whole = RTA_ALIGN(size_t{header_.rta_len});
    skip_ = whole < left_ ? whole : left_;
    return true;
  }
  uint16_t type() const { return header_.rta_type & NLA_TYPE_MASK; }
  const uint8_t* data() const { return at_ + sizeof(rtattr); }
  size_t size() const { return header_.rta_len - sizeof(rtattr); }

  template <typename Value>
  void read(Value* value) const {
    if (size() >= sizeof(*value)) memcpy(value, data(), sizeof(*value));
  }
  std::string text() const {
    const char* start = reinterpret_cast<const char*>(data());
    return std::string(start, strnlen(start, size()));
  }

 private:
  const uint8_t* at_;
  size_t left_;
  size_t skip_ = 0;
  rtattr header_ = {};
};

// What RTM_GETLINK says of the interface.
std::vector<uint8_t> ask_link(uint32_t index) {
  const FileDescriptor netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  // The kernel answers at once. Who waits for ever for what does not come would hang.
  const timeval patience = {1, 0};
  setsockopt(netlink.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  struct {
    nlmsghdr header = {};
    ifinfomsg link = {};
  } question;
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = RTM_GETLINK;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.link.ifi_index = static_cast<int>(index);
  if (send(netlink.number(), &question, sizeof(question), 0) < 0) return {};
  std::vector<uint8_t> answer(1 << 16);
  const ssize_t size = recv(netlink.number(), answer.data(), answer.size(), 0);
  answer.resize(size < 0 ? 0 : static_cast<size_t>(size));
  nlmsghdr header = {};
  if (answer.size() < NLMSG_SPACE(sizeof(ifinfomsg))) return {};
  memcpy(&header, answer.data(), sizeof(header));
  if (header.nlmsg_type != RTM_NEWLINK) return {};
  answer.erase(answer.begin(), answer.begin() + NLMSG_SPACE(sizeof(ifinfomsg)));
  return answer;
}

void read_xdp(Attributes attributes, Condition* condition) {
  while (attributes.next()) {
    uint8_t mode = 0;
    if (attributes.type() == IFLA_XDP_ATTACHED) {
      attributes.read(&mode);
      condition->xdp_mode = mode;
    } else if (attributes.type() == IFLA_XDP_PROG_ID) {
      attributes.read(&condition->xdp_program);
    }
  }
}

void read_link(uint32_t index, Condition* condition) {
  const std::vector<uint8_t> answer = ask_link(index);
  Attributes attributes(answer.data(), answer.size());
  while (attributes.next()) {
    switch (attributes.type()) {
      case IFLA_PROMISCUITY:
        attributes.read(&condition->promiscuous);
        break;
      case IFLA_MASTER:
        attributes.read(&condition->master);
        break;
      case IFLA_LINK:
        attributes.read(&condition->peer);
        break;
      case IFLA_LINK_NETNSID:
        attributes.read(&condition->peer_network);
        break;
      case IFLA_XDP:
        read_xdp(Attributes(attributes.data(), attributes.size()), condition);
        break;
      case IFLA_LINKINFO: {
        Attributes info(attributes.data(), attributes.size());
        while (info.next()) {
          if (info.type() == IFLA_INFO_KIND) condition->kind = info.text();
        }
        break;
      }
      default:
        break;
    }
  }
}

// Questions of ethtool about one interface.
class Ethtool {
 public:
  explicit Ethtool(const std::string& name) : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    memcpy(request_.ifr_name, name.data(), std::min(name.size(), sizeof(request_.ifr_name) - 1));
  }

  uint32_t index() {
    return ioctl(socket_.number(), SIOCGIFINDEX, &request_) == 0 ? static_cast<uint32_t>(request_.ifr_ifindex)
                                                                 : 0;
  }

  template <typename Command>
  bool ask(Command* command) {
    request_.ifr_data = reinterpret_cast<char*>(command);
    return ioctl(socket_.number(), SIOCETHTOOL, &request_) == 0;
  }

  Switch is_on(uint32_t about, uint32_t bit = ~0u) {
    ethtool_value value = {about, 0};
    if (!ask(&value)) return Switch::unknown;
    return (value.data & bit) != 0 ? Switch::on : Switch::off;
  }

 private:
  const FileDescriptor socket_;
  ifreq request_ = {};
};

void read_settings(Ethtool& ethtool, Condition* condition) {
  ethtool_ringparam rings = {};
  rings.cmd = ETHTOOL_GRINGPARAM;
  if (ethtool.ask(&rings)) {
    condition->tx_slots = rings.tx_pending;
    condition->rx_slots = rings.rx_pending;
    condition->most_tx_slots = rings.tx_max_pending;
    condition->most_rx_slots = rings.rx_max_pending;
  }
  ethtool_channels channels = {};
  channels.cmd = ETHTOOL_GCHANNELS;
  if (ethtool.ask(&channels)) {
    condition->queues = channels.combined_count != 0 ? channels.combined_count : channels.rx_count;
    condition->most_queues = channels.max_combined != 0 ? channels.max_combined : channels.max_rx;
  }
  condition->half_duplex =
      read_link_settings([&](auto* command) { return ethtool.ask(command); }).half_duplex;
  ethtool_pauseparam pause = {};
  pause.cmd = ETHTOOL_GPAUSEPARAM;
  if (ethtool.ask(&pause)) {
    condition->rx_pause = pause.rx_pause != 0 ? Switch::on : Switch::off;
    condition->tx_pause = pause.tx_pause != 0 ? Switch::on : Switch::off;
  }
}

}  // namespace

Status read_condition(const std::string& name, Condition* condition) {
  *condition = Condition{};
  if (name.empty() || name.size() >= IFNAMSIZ) return Status::no_such_interface;
  Ethtool ethtool(name);
  const uint32_t index = ethtool.index();
  if (index == 0) return Status::no_such_interface;
  read_link(index, condition);
  read_settings(ethtool, condition);
  condition->gro = ethtool.is_on(ETHTOOL_GGRO);
  condition->gso = ethtool.is_on(ETHTOOL_GGSO);
  condition->tso = ethtool.is_on(ETHTOOL_GTSO);
  condition->rx_checksums = ethtool.is_on(ETHTOOL_GRXCSUM);
  condition->tx_checksums = ethtool.is_on(ETHTOOL_GTXCSUM);
  condition->lro = ethtool.is_on(ETHTOOL_GFLAGS, ETH_FLAG_LRO);
  condition->vlan_strip = ethtool.is_on(ETHTOOL_GFLAGS, ETH_FLAG_RXVLAN);
  return Status::ok;
}

}  // namespace nm::nic
