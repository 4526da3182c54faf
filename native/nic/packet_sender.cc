#include "nic/packet_sender.h"

#include <linux/if_packet.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace nm::nic {

namespace {

using engine::BoundRing;

constexpr int kSocketBuffer = 4 << 20;
// The kernel does not tell when an interface's queue has room again.
constexpr int64_t kDeviceFullSleepNs = 100'000;

}  // namespace

PacketSender::PacketSender(const Target& target) : link_(target.interface.index) {
  pieces_.resize(kBatch * abi::NETMAP_MAX_FRAGS);
}

Refusal PacketSender::open(const Target& target, int* error) {
  // Without a protocol it receives nothing.
  socket_ = FileDescriptor(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int fd = socket_.number();
  if (fd < 0) {
    *error = errno;
    return *error == EPERM || *error == EACCES ? Refusal::no_net_raw : Refusal::system_refused;
  }
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kSocketBuffer, sizeof(kSocketBuffer));
  const int on = 1;
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(target.interface.index);
  // Without the bypass packets would come to the program that keeps the host from sending, and be dropped.
  if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)) != 0 ||
      bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    *error = errno;
    return Refusal::system_refused;
  }
  return Refusal::none;
}

Status PacketSender::send(BoundRing& ring, uint32_t head) {
  engine::RingState& state = *ring.state;
  state.hwcur = head;
  room_ = Room::there;
  for (;;) {
    const uint32_t first = ring_next(state.hwtail, ring.slots);
    if (first == head) return link_.status();
    const uint32_t end = gather(ring, first, head);
    if (packets_ == 0) {
      // Nothing but slots that are no packets, or a packet whose end has not come.
      if (end != first) give_back(ring, end);
      return link_.status();
    }
    const int sent = sendmmsg(socket_.number(), message_, packets_, MSG_DONTWAIT);
    for (int i = 0; i < sent; i++) {
      ++state.packets;
      state.bytes += packet_[i].bytes;
    }
    if (sent > 0) give_back(ring, packet_[sent - 1].end);
    if (sent < 0 && errno != EINTR && !leave_out(ring, errno)) return link_.status();
  }
}

// Prepares packets of the slots [first, head) for one call. Returns where the slots end that were looked at.
uint32_t PacketSender::gather(BoundRing& ring, uint32_t first, uint32_t head) {
  packets_ = 0;
  pieces_used_ = 0;
  uint32_t at = first;
  while (packets_ < kBatch && at != head && gather_packet(ring, &at, head)) {
  }
  return at;
}

// Prepares the packet that begins in slot *at, and moves on to the next. One that cannot be sent is left out and counted.
// False: its end has not come.
bool PacketSender::gather_packet(BoundRing& ring, uint32_t* at, uint32_t head) {
  const Departing what = read_departure(ring, *at, head, &departure_);
  if (what == Departing::unfinished) return false;
  *at = departure_.end;
  if (what == Departing::left_out) return true;
  iovec* const pieces = &pieces_[pieces_used_];
  for (uint32_t i = 0; i < departure_.pieces; i++) {
    pieces[i] = {ring.region->buffer(departure_.piece[i].buffer), departure_.piece[i].length};
  }
  packet_[packets_] = {departure_.end, departure_.bytes};
  message_[packets_] = {};
  message_[packets_].msg_hdr.msg_iov = pieces;
  message_[packets_].msg_hdr.msg_iovlen = departure_.pieces;
  pieces_used_ += departure_.pieces;
  packets_++;
  return true;
}

void PacketSender::give_back(BoundRing& ring, uint32_t end) {
  ring.state->hwtail = ring_previous(end, ring.slots);
}

// What to do about the first packet, which the kernel refused. False: wait.
bool PacketSender::leave_out(BoundRing& ring, int error) {
  switch (error) {
    case EAGAIN:
      room_ = Room::socket_full;
      return false;
    case ENOBUFS:
    case ENOMEM:
      room_ = Room::device_full;
      return false;
    case EMSGSIZE:
      ring.state->drops_too_long.fetch_add(1, std::memory_order_relaxed);
      break;
    default:
      if (link_.tell(error) != Status::ok) return false;
      ++ring.state->drops_refused;
  }
  give_back(ring, packet_[0].end);
  return true;
}

Notice PacketSender::notice() const {
  return room_ == Room::socket_full ? Notice{socket_.number(), POLLOUT} : Notice{};
}

int64_t PacketSender::longest_sleep() const {
  return room_ == Room::device_full ? kDeviceFullSleepNs : INT64_MAX;
}

}  // namespace nm::nic
