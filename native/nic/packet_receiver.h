// The receiving side of an AF_PACKET ring: a packet socket whose frames the kernel writes into memory that we map too.
//
//   kernel fills frames in order    [ ours | ours | kernel's | ... ]     we put them into slots (intake.h)
//                                      ^ cursor
//
// TPACKET_V2, whose frames are there at once, not V3, which shows a block of them when it is full or a millisecond is over:
// V3 receives 15 % more (0.97 against 0.84 million 60-byte packets a second), but a packet that comes alone waits for its
// block. recvmmsg() gets 0.65 million. [measured on a veth pair, the receiver spinning on a core of its own]
//
// Memory    About as many frames as the netmap ring has slots, each large enough for the interface's MTU. A larger packet,
//           which GRO or a sender's segmentation makes, is cut short there and comes whole through the socket besides.
// Failure   The cursor is in the ring's shared memory, because the next to sync may be another process. It moves before its
//           frame is given back: who dies in between leaves a frame that nobody gives back, and mend() does.
#pragma once

#include <cstdint>
#include <vector>

#include "file_descriptor.h"
#include "nic/driver.h"
#include "nic/intake.h"
#include "nic/link_watch.h"
#include "nic/shared_descriptor.h"

namespace nm::nic {

class PacketReceiver {
 public:
  PacketReceiver(const Target& target, const engine::BoundRing& ring);
  ~PacketReceiver();
  PacketReceiver(const PacketReceiver&) = delete;

  Refusal open(const Target& target, const engine::BoundRing& ring, int* error);

  Status receive(engine::BoundRing& ring, uint32_t head);
  bool has_news(const engine::BoundRing& ring) const;
  int descriptor() const { return socket_.number(); }
  // Looks for what a sync need not look for each time.
  void look_around(engine::BoundRing& ring);
  // Counts what the kernel dropped because we were slow.
  void count_lost(engine::BoundRing& ring);

 private:
  struct Frame;
  static constexpr uint32_t kCursorWord = 0;
  static constexpr uint32_t kSharedWord = 1;
  static constexpr uint32_t kSizeWord = kSharedWord + SharedDescriptor::kWords;
  static_assert(kSizeWord < 8);

  void choose_size(const Target& target, uint32_t slots);
  Refusal make_socket(const Target& target, const engine::BoundRing& ring, int* error);
  bool read_size();
  uint64_t memory_size() const;
  Frame& frame(uint32_t index) const;
  uint32_t cursor() const;
  bool deliver(engine::BoundRing& ring, Frame& frame);
  uint32_t read_large(uint32_t length);

  engine::DriverWords& words_;
  SharedDescriptor sharing_;
  FileDescriptor socket_;
  uint8_t* memory_ = nullptr;
  uint32_t frame_size_ = 0;
  uint32_t frames_per_block_ = 0;
  uint32_t blocks_ = 0;
  uint32_t frames_ = 0;
  uint32_t idle_syncs_ = 0;
  Intake intake_;
  LinkWatch link_;
  std::vector<uint8_t>
      large_;  // a packet that came through the socket, and did not find room in the ring yet
  uint32_t large_length_ = 0;
};

}  // namespace nm::nic
