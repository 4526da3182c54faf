// An output of the balancer: the end of a pipe that a consumer reads, and the queue of packets that had no room in it.
//
//   TX ring   [ in flight: sent, not taken ][ free: to be filled ][ returned: taken, to be handed to the next group ]
//             ^ next(tail) before           ^ head                ^ collected                                  next(tail) ^
//
// All buffers are of one region. A packet that is put brings its buffers into the ring's slots, and takes those that were
// there away: nothing is copied. What has no room waits in the overflow queue, if there are extra buffers, and then all
// that comes after it waits behind it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "port.h"
#include "traffic/slots.h"

namespace nm {

// counter, meaning: what is counted of each output.
#define NM_OUTPUT_COUNTS(row)                                                              \
  row(packets, "packets that were handed to the output's pipe")                            \
  row(bytes, "bytes in those packets, without CRC")                                        \
  row(drops_full, "packets that had no room in the pipe or in the overflow queue")         \
  row(dropped_bytes, "bytes in those packets")                                             \
  row(queued, "slots that wait in the overflow queue")                                     \
  row(waiting, "slots that wait in the pipe for the consumer")                             \
  row(taken, "slots that the consumer has taken")

struct alignas(64) OutputCounts {
#define row(name, text) std::atomic<uint64_t> name{0};
  NM_OUTPUT_COUNTS(row)
#undef row
};

// Buffers that are in no ring.
using FreeBuffers = std::vector<uint32_t>;

class Output {
 public:
  // The port has one TX ring or more, of which the first is used. `passes_on`: another group gets what comes back.
  Output(Port& port, bool passes_on);

  Port& port() const { return port_; }

  // Whether a packet may be put into the ring: there is room, and nobody waits before it.
  bool has_room(uint32_t slots) const { return queue_.empty() && slots <= room(); }
  // Puts a packet of another ring into this one, for which there is room. Its slots get the buffers that were here.
  void put(const Ring& from, const PacketSlots& packet, uint32_t hash);

  // The same of many packets of one slot each, which are counted and given to the ring at the end. Meanwhile nothing else is
  // put. False: there is no room for this one.
  void begin_run() { run_ = {ring_.head_in_range(), queue_.empty() ? room() : 0, 0, 0}; }
  bool put_one(const Ring& from, uint32_t at, uint32_t hash);
  void end_run();

  // Appends a packet to the overflow queue. Its slots get free buffers, of which there are enough.
  void enqueue(const Ring& from, const PacketSlots& packet, uint32_t hash, FreeBuffers* free);
  // Moves packets from the queue into the ring, as far as there is room. Whether any moved.
  bool drain(FreeBuffers* free);
  // Drops the oldest packets of the queue until `slots` buffers are free, but leaves kQueueKept slots.
  void revoke(uint32_t slots, FreeBuffers* free);
  // Drops a packet that has no room anywhere.
  void drop(const PacketSlots& packet);
  // Takes all buffers out of the queue, whose packets are lost.
  void abandon(FreeBuffers* free);

  // Hands each packet that came back to `pass(ring, packet, hash)`, which leaves other buffers in its slots. Whether any
  // did.
  template <typename Pass>
  bool collect(Pass pass) {
    const uint32_t end = ring_.next(ring_.tail());
    const uint32_t begin = collected_;
    while (collected_ != end) {
      const Sent sent = sent_[collected_];
      // Its consumer has not given back all of it.
      if (sent.slots > ring_.distance(collected_, end)) break;
      if (sent.slots > 0) pass(ring_, all_slots(ring_, collected_, sent.slots), sent.hash);
      // What somebody sent through this pipe before us is passed over.
      collected_ = (collected_ + std::max(sent.slots, 1u)) % ring_.slots();
    }
    return collected_ != begin;
  }

  // Looks at what the consumer took since the last time. After a sync.
  void note_taken();

  uint32_t queued() const { return static_cast<uint32_t>(queue_.size()); }
  // Whether the output has something that its consumer has not taken.
  bool has_pending() const { return ring_.space() + 1 < ring_.slots(); }
  void want_room() const { ring_.advance_and_want_more(ring_.head_in_range()); }

  const OutputCounts& counts() const { return counts_; }

  // A packet has at most as many slots; so many stay in a queue, for the newest may be needed.
  static constexpr uint32_t kQueueKept = 64;

 private:
  struct Queued {
    uint32_t buffer;
    uint16_t length;
    uint16_t more;
    uint32_t hash;
  };

  // Slots from head on that hold nothing that is to be handed on.
  uint32_t room() const {
    return ring_.space() - (passes_on_ ? ring_.distance(collected_, ring_.next(ring_.tail())) : 0);
  }
  uint32_t first_queued_packet() const;
  void drop_first_queued(FreeBuffers* free);

  Port& port_;
  const Ring ring_;
  const bool passes_on_;
  struct Run {
    uint32_t next = 0;
    uint32_t room = 0;
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };
  Run run_;
  // Where the packets begin that came back and were not handed on yet.
  uint32_t collected_;
  uint32_t last_tail_;
  // The packet that begins in a slot. The consumer could change what the slot says itself.
  struct Sent {
    uint32_t hash = 0;
    uint32_t slots = 0;
  };
  std::vector<Sent> sent_;
  std::deque<Queued> queue_;
  OutputCounts counts_;
};

inline bool Output::put_one(const Ring& from, uint32_t at, uint32_t hash) {
  if (run_.room == 0) return false;
  run_.room--;
  run_.packets++;
  if (passes_on_) sent_[run_.next] = {hash, 1};
  run_.bytes += swap_slots(from, &at, ring_, &run_.next, 1).bytes;
  return true;
}

}  // namespace nm
