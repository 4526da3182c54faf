// The queue in front of a link: the bytes that wait for it to transmit them.
#pragma once

#include <cstdint>
#include <deque>

namespace nm {

class Queue {
 public:
  // `limit` bytes; 0: no limit, and nothing is remembered.
  explicit Queue(uint64_t limit = 0) : limit_(limit) {}

  // Whether a packet that comes at `now_ns` finds room. As in netmap, it does while the queue is not over its limit, so
  // that a packet larger than the queue can pass.
  bool admits(uint64_t now_ns) {
    if (limit_ == 0) return true;
    while (!waiting_.empty() && waiting_.front().until_ns <= now_ns) {
      bytes_ -= waiting_.front().length;
      waiting_.pop_front();
    }
    return bytes_ <= limit_;
  }

  // A packet of so many bytes is in the queue until it is transmitted.
  void put(uint32_t length, uint64_t until_ns) {
    if (limit_ == 0) return;
    waiting_.push_back({until_ns, length});
    bytes_ += length;
  }

  uint64_t bytes() const { return bytes_; }

 private:
  struct Waiting {
    uint64_t until_ns;
    uint32_t length;
  };

  uint64_t limit_;
  uint64_t bytes_ = 0;
  std::deque<Waiting> waiting_;
};

}  // namespace nm
