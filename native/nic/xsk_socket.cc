#include "nic/xsk_socket.h"

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace nm::nic {

namespace {

constexpr int kPacketsPerCall = 512;

template <typename Value>
int set_option(int socket, int name, const Value& value) {
  return setsockopt(socket, SOL_XDP, name, &value, sizeof(value)) == 0 ? 0 : errno;
}

template <typename Entry>
int map_ring(int socket, const xdp_ring_offset& offsets, uint64_t where, uint32_t entries, size_t* size,
             void** memory) {
  *size = offsets.desc + entries * sizeof(Entry);
  *memory = mmap(nullptr, *size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, socket,
                 static_cast<off_t>(where));
  if (*memory != MAP_FAILED) return 0;
  *memory = nullptr;
  return errno;
}

}  // namespace

bool XskSocket::suits(const engine::Region& region) {
  return region.buffer_stride() == kChunk &&
         reinterpret_cast<uintptr_t>(region.buffers()) % engine::kPage == kHeadroom;
}

int XskSocket::make(const engine::Region& region, uint32_t buffers, uint32_t entries) {
  socket_ = FileDescriptor(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket_.is_open()) return errno;
  const int fd = socket_.number();
  xdp_umem_reg umem = {};
  umem.addr = reinterpret_cast<uint64_t>(region.buffers() - kHeadroom);
  umem.len = engine::round_to(kHeadroom + uint64_t{buffers} * kChunk, engine::kPage);
  umem.chunk_size = kChunk;
  const auto places = static_cast<int>(entries);
  int error = set_option(fd, XDP_UMEM_REG, umem);
  if (error == 0) error = set_option(fd, XDP_UMEM_FILL_RING, places);
  if (error == 0) error = set_option(fd, XDP_UMEM_COMPLETION_RING, places);
  if (error == 0) error = set_option(fd, XDP_RX_RING, places);
  if (error == 0) error = set_option(fd, XDP_TX_RING, places);
  if (error == 0) error = map(entries);
  // Not all kernels know it. Those that do not send 32 packets with a call.
  if (error == 0) set_option(fd, kXskMostPerCall, std::min(kPacketsPerCall, places));
  return error;
}

int XskSocket::bind(const Interface& interface, uint32_t queue, XskMode mode, bool many_pieces) {
  sockaddr_xdp address = {};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = interface.index;
  address.sxdp_queue_id = queue;
  address.sxdp_flags =
      static_cast<uint16_t>(XDP_USE_NEED_WAKEUP | (mode.zero_copy ? XDP_ZEROCOPY : XDP_COPY) |
                            (many_pieces ? kXskUseManyPieces : 0));
  return ::bind(descriptor(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 ? 0 : errno;
}

int XskSocket::join(FileDescriptor socket, uint32_t entries) {
  socket_ = std::move(socket);
  return map(entries);
}

int XskSocket::map(uint32_t entries) {
  xdp_mmap_offsets offsets = {};
  socklen_t size = sizeof(offsets);
  const int fd = socket_.number();
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) != 0) return errno;
  const auto map_one = [&](auto& ring, const xdp_ring_offset& at, uint64_t where) {
    using Entry = std::remove_reference_t<decltype(ring.at(0))>;
    const int error = map_ring<Entry>(fd, at, where, entries, &ring.size_, &ring.memory_);
    if (error != 0) return error;
    auto* const base = static_cast<uint8_t*>(ring.memory_);
    ring.producer_ = reinterpret_cast<std::atomic<uint32_t>*>(base + at.producer);
    ring.consumer_ = reinterpret_cast<std::atomic<uint32_t>*>(base + at.consumer);
    ring.flags_ = reinterpret_cast<std::atomic<uint32_t>*>(base + at.flags);
    ring.entries_ = reinterpret_cast<Entry*>(base + at.desc);
    ring.mask_ = entries - 1;
    return 0;
  };
  int error = map_one(fill, offsets.fr, XDP_UMEM_PGOFF_FILL_RING);
  if (error == 0) error = map_one(completion, offsets.cr, XDP_UMEM_PGOFF_COMPLETION_RING);
  if (error == 0) error = map_one(rx, offsets.rx, XDP_PGOFF_RX_RING);
  if (error == 0) error = map_one(tx, offsets.tx, XDP_PGOFF_TX_RING);
  return error;
}

void XskSocket::close() {
  const auto unmap = [](auto& ring) {
    if (ring.memory_ != nullptr) munmap(ring.memory_, ring.size_);
    ring = {};
  };
  unmap(fill);
  unmap(completion);
  unmap(rx);
  unmap(tx);
  socket_.reset();
}

int XskSocket::push() {
  // A call sends so many packets, and says EAGAIN when there are more.
  for (uint32_t left = tx.produced() - tx.consumed(); left != 0;) {
    if (!tx.needs_wakeup()) return 0;
    const int error = sendto(descriptor(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0 ? errno : 0;
    const uint32_t now = tx.produced() - tx.consumed();
    if (now == left && error != EINTR) return error;
    left = now;
  }
  return 0;
}

void XskSocket::pull() {
  if (fill.needs_wakeup()) recvfrom(descriptor(), nullptr, 0, MSG_DONTWAIT, nullptr, nullptr);
}

uint64_t XskSocket::dropped() const {
  xdp_statistics counted = {};
  socklen_t size = sizeof(counted);
  if (getsockopt(descriptor(), SOL_XDP, XDP_STATISTICS, &counted, &size) != 0) return 0;
  return counted.rx_dropped + counted.rx_ring_full;
}

}  // namespace nm::nic
