#include "traffic/impairment.h"

#include <algorithm>
#include <cassert>
#include <cstring>

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

uint8_t* DelayLine::put(uint32_t length, uint64_t due_ns) {
  const uint64_t size = size_of(length);
  if (packets_ == 0) begin_ = end_ = wraps_at_ = 0;
  if (wraps_at_ == 0 && size > buffer_.size() - end_) {
    wraps_at_ = end_;
    end_ = 0;
  }
  // Once wrapped, what is free ends where the first packet begins.
  const uint64_t limit = wraps_at_ == 0 ? buffer_.size() : begin_;
  if (size > limit - end_) return nullptr;

  const Header header = {due_ns, length};
  std::memcpy(&buffer_[end_], &header, sizeof(header));
  uint8_t* const bytes = &buffer_[end_ + sizeof(header)];
  end_ += size;
  packets_++;
  return bytes;
}

DelayLine::Packet DelayLine::front() const {
  Header header;
  std::memcpy(&header, &buffer_[begin_], sizeof(header));
  return {&buffer_[begin_ + sizeof(header)], static_cast<uint32_t>(header.length), header.due_ns};
}

void DelayLine::pop() {
  begin_ += size_of(front().length);
  packets_--;
  if (wraps_at_ != 0 && begin_ == wraps_at_) begin_ = wraps_at_ = 0;
}

}  // namespace nm
