// What makes a lane worse than it is: packets lost at random or regularly, and all of them late.
//
// Memory    Packets that wait are copies in one buffer of a fixed size. When that is full, packets wait where they came
//           from instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "traffic/models/delay.h"
#include "traffic/models/loss.h"

namespace nm {

struct Impairment {
  LossSpec loss;
  // Every so manieth packet is lost too; 0: none.
  uint64_t drop_every = 0;
  // A packet that is faster than the one before it does not overtake it.
  DelaySpec delay;
  // Of what is random.
  uint64_t seed = 0;

  bool loses() const { return loss.model != LossModel::none || drop_every != 0; }
  bool delays() const { return delay.model != DelayModel::none; }
};

// Decides what becomes of each packet.
class Impairments {
 public:
  explicit Impairments(const Impairment& impairment);

  // Whether the next packet, of so many bytes, is lost.
  bool loses(uint32_t length);
  // When a packet comes out that goes in now.
  uint64_t due_ns(uint64_t now_ns);

 private:
  std::unique_ptr<Loss> loss_;
  std::unique_ptr<Delay> delay_;
  uint64_t drop_every_;
  uint64_t since_last_ = 0;
  uint64_t last_due_ns_ = 0;
};

// Packets under way: each comes out when it is due, in the order in which they went in.
class DelayLine {
 public:
  struct Packet {
    const uint8_t* bytes;
    uint32_t length;
    uint64_t due_ns;
  };

  explicit DelayLine(size_t capacity) : buffer_(capacity) {}

  // Whether a packet of that length has room in an empty line.
  bool can_hold(uint32_t length) const { return size_of(length) <= buffer_.size(); }
  bool empty() const { return packets_ == 0; }
  uint64_t packets() const { return packets_; }
  // Where the bytes of a packet that is due then belong; nullptr when there is no room for it now.
  uint8_t* put(uint32_t length, uint64_t due_ns);
  // The packet that comes out first, of at least one; and then it is gone.
  Packet front() const;
  void pop();

 private:
  struct Header {
    uint64_t due_ns;
    uint64_t length;
  };
  static uint64_t size_of(uint32_t length) { return sizeof(Header) + (uint64_t{length} + 7) / 8 * 8; }

  std::vector<uint8_t> buffer_;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
  // Where the packets before the end of the buffer end; the next ones are at its beginning. 0: there are none such.
  uint64_t wraps_at_ = 0;
  uint64_t packets_ = 0;
};

}  // namespace nm
