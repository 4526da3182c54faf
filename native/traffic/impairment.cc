#include "traffic/impairment.h"

#include <algorithm>
#include <cassert>

namespace nm {

Impairments::Impairments(const Impairment& impairment)
    : loss_(make_loss(impairment.loss, impairment.seed)),
      // Which packets are lost and how late others are has nothing to do with each other.
      delay_(make_delay(impairment.delay, ~impairment.seed)),
      drop_every_(impairment.drop_every) {
  assert(loss_ != nullptr && delay_ != nullptr);
}

bool Impairments::loses(uint32_t length) {
  const bool regular = drop_every_ != 0 && ++since_last_ == drop_every_;
  if (regular) since_last_ = 0;
  const bool random = loss_->loses(length);
  return regular || random;
}

uint64_t Impairments::due_ns(uint64_t now_ns) {
  last_due_ns_ = std::max(last_due_ns_, now_ns + delay_->delay_ns(now_ns, last_due_ns_));
  return last_due_ns_;
}

}  // namespace nm
