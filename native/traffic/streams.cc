#include "traffic/streams.h"

#include <new>

namespace nm {
namespace {

template <typename Item>
Item* zeros() {
  void* const memory = calloc(Streams::kMost, sizeof(Item));
  // As `new` without exceptions does.
  if (memory == nullptr) abort();
  return static_cast<Item*>(memory);
}

// Nobody else writes. A count that goes down is that of a packet which came after all.
void add(std::atomic<uint64_t>& counter, int64_t more) {
  if (more == 0) return;
  counter.store(counter.load(std::memory_order_relaxed) + static_cast<uint64_t>(more),
                std::memory_order_relaxed);
}

}  // namespace

Streams::Streams()
    : counts_(zeros<StreamCounts>()), sequences_(zeros<Sequence>()), numbers_(zeros<uint16_t>()) {}

Streams::~Streams() = default;

void Streams::begin(uint16_t stream) {
  const uint32_t seen = seen_.load(std::memory_order_relaxed);
  new (&sequences_[stream]) Sequence;
  numbers_[seen] = stream;
  // Release: whoever counts it sees its number.
  seen_.store(seen + 1, std::memory_order_release);
}

void Streams::note(StreamCounts& counts, const Sequence::Change& change) {
  add(counts.lost, change.lost);
  add(counts.reordered, change.reordered);
  add(counts.too_late, change.too_late);
  add(counts.duplicated, change.duplicated);
  if (change.depth > counts.max_depth.load(std::memory_order_relaxed))
    counts.max_depth.store(change.depth, std::memory_order_relaxed);
}

}  // namespace nm
