// The ponger: sends every packet back where it came from, with its addresses swapped.
//
//      round:   rx_sync  ->  swap buffers of RX and TX slots, turn headers around  ->  tx_sync
//
// Both rings are in one memory region, so that a packet goes back in the buffer that it came in: nothing is copied. What
// finds no room waits in its RX ring, and is not lost.
#pragma once

#include <cstdint>
#include <memory>

#include "clock.h"
#include "traffic/budget.h"
#include "traffic/dump.h"
#include "traffic/loop.h"

namespace nm {

struct PongerOptions {
  // Packets to send back, and not one more; 0: until stopped.
  uint64_t count = 0;
  // Of a count that several send back together, in place of one of its own.
  std::shared_ptr<Budget> budget;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
  // Ends after this time without a packet, once there was one; 0: never.
  uint64_t idle_ns = 0;
  // At most this many slots per ring and round.
  uint32_t burst = 512;
  // Bytes before each frame: a virtio-net header.
  uint32_t header_length = 0;
  // Where to put copies of the slots that are sent back; it outlives the ponger.
  Dump* dump = nullptr;
  // How long to wait at the end for somebody who takes no answers.
  uint64_t linger_ns = 2 * kSecond_ns;
};

class Ponger final : public Loop {
 public:
  // The port has TX and RX rings.
  Ponger(Port& port, const PongerOptions& options);

 private:
  struct Moved {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    // A packet was left where it is, for want of room.
    bool stuck = false;
  };

  Status work() override;
  bool has_all() const { return budget_ && budget_->used_up(); }
  Moved turn_all();
  Moved turn(const Ring& from, const Ring& to, uint64_t most);

  const PongerOptions options_;
  // What may be sent back, where that is bounded.
  const std::shared_ptr<Budget> budget_;
};

}  // namespace nm
