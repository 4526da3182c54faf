// The receiving side of the live driver: an XDP program copies what the interface receives into a LiveRing per queue, and
// we copy it into slots.
//
//   queue 0 --> program --> LiveRing 0 --> slots of RX ring 0          no skb is made, no lock taken, no system call
//   queue 1 --> program --> (no ring)  --> host
//
// The program is attached once. Whoever opens a ring next, in whatever process, opens program and rings by the numbers that
// the port's and the ring's driver words have, and so keeps them.
//
// The index that the program moves is not looked at all the time: the line would go to and fro between two processors with each
// packet, and the program run at a third of its speed. [measured: 2.4 against 6 million packets a second]
//
// Sleeping  A sleeper writes `waiting` and polls the ring's bell, a BPF ring buffer that the program writes to for the first
//           packet after that.
// Failure   The link hangs on descriptors. A ring of a dead process, in a program that others keep, takes packets until the
//           next control operation, or another holder's look_around(), closes it.
#pragma once

#include <cstdint>

#include "nic/bpf/doorbell.h"
#include "nic/bpf/object.h"
#include "nic/driver.h"
#include "nic/intake.h"
#include "nic/link_watch.h"
#include "nic/live_ring.h"
#include "nic/xdp_attachment.h"

namespace nm::nic {

// The program on the interface, and how it finds rings.
class LiveAttachment {
 public:
  // Attaches the program, or takes part in what is attached already.
  Refusal open(const Target& target, int* error);

  const LiveShape& shape() const { return shape_; }
  // Makes the program use `ring` and `bell` for a queue. Returns 0 or an errno.
  int set(uint32_t queue, int ring, int bell);
  void clear(uint32_t queue);

 private:
  Refusal make(const Target& target, int* error);

  LiveShape shape_;
  XdpAttachment attachment_;
};

class LiveReceiver {
 public:
  LiveReceiver(const Target& target, const engine::BoundRing& ring,
               std::shared_ptr<LiveAttachment> attachment);
  ~LiveReceiver();
  LiveReceiver(const LiveReceiver&) = delete;

  Refusal open(const engine::BoundRing& ring, int* error);

  Status receive(engine::BoundRing& ring, uint32_t head);
  bool has_news(const engine::BoundRing& ring) const;
  Notice notice() const;
  // Asks for the bell. Returns how long the sleep may last.
  int64_t before_sleep();
  // Brings the ring's counters up to date with the program's.
  void count(engine::BoundRing& ring);

 private:
  LiveRing& live() const { return *reinterpret_cast<LiveRing*>(value_.bytes()); }
  uint64_t look(uint64_t at) const;

  const std::shared_ptr<LiveAttachment> attachment_;
  engine::RingState& state_;
  const uint32_t queue_;
  const bool completes_checksums_;
  LiveShape shape_;
  bpf::MappedValue value_;
  bpf::Doorbell bell_;
  Intake intake_;
  LinkWatch link_;
  mutable int64_t next_look_ns_ = 0;
  mutable uint32_t idle_looks_ = 0;
  int64_t waits_since_ns_ = 0;
};

}  // namespace nm::nic
