#include "device/said_rings.h"

#include <algorithm>

#include "slot.h"

namespace nm {
namespace {

uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_RELAXED); }

}  // namespace

void SaidRings::add(const abi::netmap_ring* ring, uint32_t slots, bool is_tx, uint32_t number) {
  const uint32_t head = load(ring->head);
  rings_.push_back({ring, slots, is_tx, number, head, load(ring->cur), head, load(ring->tail)});
}

void SaidRings::note() {
  for (Said& said : rings_) {
    said.head = load(said.ring->head);
    said.cur = load(said.ring->cur);
  }
}

void SaidRings::agree() {
  for (Said& said : rings_) {
    said.first = said.head;
    said.tail = load(said.ring->tail);
  }
}

std::optional<RingReset> SaidRings::find_impossible(bool is_tx) const {
  for (const Said& said : rings_)
    if (said.is_tx == is_tx && is_impossible(said)) return as_reset(said);
  return std::nullopt;
}

bool SaidRings::is_wrong(const Said& said) {
  if (is_impossible(said)) return true;
  if (said.first >= said.slots || said.tail >= said.slots) return false;
  const uint32_t given = ring_distance(said.first, said.tail, said.slots);
  const uint32_t returned = ring_distance(said.first, said.head, said.slots);
  const uint32_t seen = ring_distance(said.first, said.cur, said.slots);
  return returned > seen || seen > given;
}

RingReset SaidRings::find_wrong() const {
  const auto wrong = std::find_if(rings_.begin(), rings_.end(), is_wrong);
  if (wrong != rings_.end()) return as_reset(*wrong);
  return rings_.size() == 1 ? RingReset{rings_.front().is_tx, rings_.front().number} : RingReset();
}

}  // namespace nm
