#include "engine/indirect.h"

#include <array>

#include "engine/caller_memory.h"

namespace nm::engine {

void IndirectPackets::read_ahead(Place first, uint32_t entry, const BoundRing& ring, uint32_t next,
                                 uint32_t head) {
  // Most programs never send such a packet.
  if (copies_.empty()) {
    copies_.resize(uint64_t{batch_} * longest_);
    known_.resize(batch_);
  }
  std::array<CallerRead, kMostReads> reads;
  size_t count = 0;
  const auto add = [&](Place place) {
    const uint32_t number = entry + static_cast<uint32_t>(count);
    known_[number] = place;
    reads[count++] = {copy(number), place.address, place.length};
  };
  add(first);
  while (count < kMostReads && entry + count < batch_ && next != head) {
    const abi::netmap_slot& slot = ring.shared->slot[next];
    const auto [buffer, length, flags] = Descriptor::load(slot);
    if ((flags & abi::NS_INDIRECT) == 0 || length > longest_) break;
    add({slot.ptr, length});
    next = ring_next(next, ring.slots);
  }
  known_from_ = entry;
  known_to_ = entry + static_cast<uint32_t>(read_caller({reads.data(), count}));
}

}  // namespace nm::engine
