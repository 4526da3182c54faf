// An AF_XDP socket of one queue of an interface, and its four rings, on the buffers of a memory region.
//
//   fill         buffers that the kernel may fill      ---->     RX            filled ones, in the order of arrival
//   TX           buffers that the kernel is to send    ---->     completion    those that it is done with
//
// The region's buffers are the socket's UMEM. A chunk of it begins 256 bytes before a buffer, because the kernel keeps so
// much in front of what it receives: so a frame comes to lie where the buffer begins. (Region buffers of 2048 bytes begin
// 256 bytes into a page, see layout.h.) It also ends 256 bytes earlier: a longer packet in a buffer has its end in the next
// chunk, and is sent in two pieces.
//
//   chunk i       |<- 256 ->|<---------- 1792 ---------->|<- 256 ->|       addresses count from where buffer 0's chunk begins
//   buffer i                |<---------------- 2048 --------------->|
//
// All positions are in memory that kernel and user share. So whoever has the descriptor, in whatever process, goes on where
// another stopped. [kernel: Documentation/networking/af_xdp.rst]
#pragma once

#include <atomic>
#include <cstdint>

#include "engine/region.h"
#include "file_descriptor.h"
#include "nic/interface.h"

namespace nm::nic {

// A packet or a piece of one. [struct xdp_desc]
struct XskDescriptor {
  uint64_t address;
  uint32_t length;
  uint32_t options;
};
inline constexpr uint32_t kXskMore = 1;  // the packet goes on in the next

// What older headers lack.
inline constexpr uint16_t kXskUseManyPieces = 1 << 4;  // XDP_USE_SG, of bind(), Linux 6.6
inline constexpr int kXskMostPerCall = 9;              // XDP_MAX_TX_SKB_BUDGET, an option, Linux 6.17

// One of the four rings. Its positions count on and wrap around at 2^32.
template <typename Entry>
class XskRing {
 public:
  uint32_t produced() const { return producer_->load(std::memory_order_acquire); }
  uint32_t consumed() const { return consumer_->load(std::memory_order_acquire); }
  Entry& at(uint32_t position) const { return entries_[position & mask_]; }
  uint32_t entries() const { return mask_ + 1; }
  // Of the rings that we fill.
  uint32_t room() const { return entries() - (produced() - consumed()); }
  void produce(uint32_t upto) { producer_->store(upto, std::memory_order_release); }
  // Of the rings that the kernel fills.
  uint32_t ready() const {
    const uint32_t ready = produced() - consumed();
    return ready <= entries() ? ready : 0;
  }
  void consume(uint32_t upto) { consumer_->store(upto, std::memory_order_release); }
  // Whether the kernel must be called to go on.
  bool needs_wakeup() const { return (flags_->load(std::memory_order_relaxed) & 1) != 0; }

 private:
  friend class XskSocket;

  std::atomic<uint32_t>* producer_ = nullptr;
  std::atomic<uint32_t>* consumer_ = nullptr;
  std::atomic<uint32_t>* flags_ = nullptr;
  Entry* entries_ = nullptr;
  uint32_t mask_ = 0;
  void* memory_ = nullptr;
  size_t size_ = 0;
};

struct XskMode {
  bool zero_copy = false;
  bool generic = false;
};

class XskSocket {
 public:
  static constexpr uint32_t kChunk = 2048;
  static constexpr uint32_t kHeadroom = 256;
  static constexpr uint32_t kPiece = kChunk - kHeadroom;

  XskSocket() = default;
  ~XskSocket() { close(); }
  XskSocket(const XskSocket&) = delete;

  // Whether the region's buffers can be a UMEM.
  static bool suits(const engine::Region& region);

  // Makes a socket with rings of `entries` places, a power of two, on the first `buffers` buffers of the region. Returns 0
  // or an errno.
  int make(const engine::Region& region, uint32_t buffers, uint32_t entries);
  // Gives it the queue. `many_pieces`: packets may have several. EBUSY: somebody has the queue, or had it until a moment ago,
  // for the kernel lets a queue go a while after its socket was closed.
  int bind(const Interface& interface, uint32_t queue, XskMode mode, bool many_pieces);
  // Takes part in a socket that somebody else made so.
  int join(FileDescriptor socket, uint32_t entries);
  void close();

  bool is_open() const { return socket_.is_open(); }
  int descriptor() const { return socket_.number(); }

  // Has the kernel send what is in the TX ring. Returns 0 when it has taken all, or an errno.
  int push();
  // Has the kernel look at the fill ring.
  void pull();

  // Packets that the kernel dropped since the socket was made, because RX or fill ring had no place.
  uint64_t dropped() const;

  XskRing<uint64_t> fill;
  XskRing<XskDescriptor> rx;
  XskRing<XskDescriptor> tx;
  XskRing<uint64_t> completion;

 private:
  int map(uint32_t entries);

  FileDescriptor socket_;
};

}  // namespace nm::nic
