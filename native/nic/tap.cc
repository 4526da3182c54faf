#include "nic/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace nm::nic {

namespace {

// Segmentation of UDP, which headers do not always know. [Linux 6.2]
constexpr unsigned kUdpSegments4 = 0x20;
constexpr unsigned kUdpSegments6 = 0x40;

ifreq request_for(const std::string& name) {
  ifreq request = {};
  memcpy(request.ifr_name, name.data(), std::min(name.size(), sizeof(request.ifr_name) - 1));
  return request;
}

// Keeps the host from sending anything of its own on the device: it is no part of its network.
void make_silent(const std::string& name) {
  std::ofstream("/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6") << 1;
}

int set_mtu(const std::string& name, uint32_t mtu) {
  const FileDescriptor asked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_for(name);
  request.ifr_mtu = static_cast<int>(mtu);
  return ioctl(asked.number(), SIOCSIFMTU, &request) == 0 ? 0 : errno;
}

int bring_up(const std::string& name, int flags) {
  const FileDescriptor asked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_for(name);
  if (ioctl(asked.number(), SIOCGIFFLAGS, &request) != 0) return errno;
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP | flags);
  return ioctl(asked.number(), SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
}

}  // namespace

int Tap::create(const std::string& name, uint32_t mtu) {
  int error = make_queue(name, 0);
  if (error != 0) return error;
  make_silent(name_);
  error = set_mtu(name_, mtu);
  return error != 0 ? error : bring_up(name_, IFF_NOARP);
}

int Tap::open(const std::string& name, bool has_many_queues) {
  const bool is_there = if_nametoindex(name.c_str()) != 0;
  int error = make_queue(name, has_many_queues ? IFF_MULTI_QUEUE : 0);
  // One that was made with many queues can be asked for one only as such.
  if (error == EINVAL && is_there && !has_many_queues) error = make_queue(name, IFF_MULTI_QUEUE);
  return error != 0 || is_there ? error : bring_up(name_, 0);
}

int Tap::make_queue(const std::string& name, int flags) {
  device_ = FileDescriptor(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (!device_.is_open()) return errno;
  ifreq request = request_for(name);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags);
  if (ioctl(device_.number(), TUNSETIFF, &request) != 0) return errno;
  constexpr unsigned kAll = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  if (ioctl(device_.number(), TUNSETOFFLOAD, kAll | kUdpSegments4 | kUdpSegments6) != 0 &&
      ioctl(device_.number(), TUNSETOFFLOAD, kAll) != 0) {
    return errno;
  }
  return read_name();
}

int Tap::adopt(FileDescriptor device) {
  device_ = std::move(device);
  return read_name();
}

int Tap::read_name() {
  ifreq request = {};
  if (ioctl(device_.number(), TUNGETIFF, &request) != 0) return errno;
  name_ = request.ifr_name;
  const FileDescriptor asked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (ioctl(asked.number(), SIOCGIFINDEX, &request) != 0) return errno;
  index_ = static_cast<uint32_t>(request.ifr_ifindex);
  return 0;
}

ssize_t Tap::read(void* to, size_t size) const {
  const ssize_t length = ::read(device_.number(), to, size);
  return length < 0 && errno == EAGAIN ? 0 : length;
}

int Tap::write(const iovec* pieces, int count) const {
  return writev(device_.number(), pieces, count) >= 0 ? 0 : errno;
}

uint64_t Tap::lost() const {
  std::ifstream table("/proc/net/dev");
  std::string word;
  while (table >> word) {
    if (word != name_ + ":") continue;
    // Eight numbers of what is received, then of what is sent: bytes, packets, errors, drops. [proc(5)]
    uint64_t number = 0;
    for (int i = 0; i < 12; i++) table >> number;
    return number;
  }
  return 0;
}

uint64_t tap_identity(int descriptor) {
  ifreq request = {};
  if (ioctl(descriptor, TUNGETIFF, &request) != 0) return 0;
  const FileDescriptor asked(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return ioctl(asked.number(), SIOCGIFINDEX, &request) == 0 ? static_cast<uint64_t>(request.ifr_ifindex) : 0;
}

}  // namespace nm::nic
