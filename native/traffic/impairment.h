// What makes a lane worse than it is: packets lost at random or regularly, and all of them late.
#pragma once

#include <cstdint>
#include <memory>

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

}  // namespace nm
