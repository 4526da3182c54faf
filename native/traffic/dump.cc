#include "traffic/dump.h"

#include <algorithm>

namespace nm {

void Dump::put(const Ring& ring, uint32_t slot, Descriptor descriptor) {
  const Ring::Piece piece = ring.piece(slot, descriptor);
  put(ring, slot, descriptor, piece.bytes, piece.length);
}

void Dump::put(const Ring& ring, uint32_t slot, Descriptor descriptor, const uint8_t* bytes,
               uint32_t length) {
  const size_t copied = std::min(size_t{length}, longest_);
  Entry entry{ring.shared()->ringid, slot,           descriptor.buf_idx,
              descriptor.flags,      descriptor.len, {bytes, bytes + copied}};

  const std::lock_guard<std::mutex> hold(lock_);
  entries_.push_back(std::move(entry));
  count_.store(entries_.size(), std::memory_order_relaxed);
}

std::vector<Dump::Entry> Dump::take() {
  const std::lock_guard<std::mutex> hold(lock_);
  count_.store(0, std::memory_order_relaxed);
  return std::exchange(entries_, {});
}

}  // namespace nm
