#include "engine/csb.h"

#include <cstddef>

#include "engine/caller_memory.h"
#include "engine/fault_guard.h"

namespace nm::engine {

namespace {

template <typename Block>
Block* block(uint64_t address, uint32_t number) {
  return reinterpret_cast<Block*>(address + uint64_t{number} * sizeof(Block));
}

// Of what netmap puts into a block only these words; the rest of its 64 bytes is left alone.
template <typename Word, size_t kWords>
bool write_words(uint64_t address, const Word (&words)[kWords]) {
  return write_caller(address, words, sizeof(words));
}

}  // namespace

RingCsb::RingCsb(uint64_t atok, uint64_t ktoa, uint32_t number)
    : atok_(block<abi::nm_csb_atok>(atok, number)), ktoa_(block<abi::nm_csb_ktoa>(ktoa, number)) {}

// The program writes cur and then head. Read the other way round, cur is as new as head, or newer.
bool RingCsb::read(UserView* user) const {
  uint32_t words[2];
  static_assert(offsetof(abi::nm_csb_atok, cur) == offsetof(abi::nm_csb_atok, head) + sizeof(uint32_t));
  if (!touch_load(&atok_->head, words, 2)) return false;
  *user = {words[0], words[1]};
  return true;
}

// The program reads hwtail and then hwcur: a hwcur that is newer than hwtail does no harm, the reverse would. What is in
// the slots comes before both.
bool RingCsb::show(uint32_t hwcur, uint32_t hwtail) const {
  return touch_store(&ktoa_->hwcur, hwcur) && touch_store(&ktoa_->hwtail, hwtail);
}

bool RingCsb::want_kick(bool wanted) const { return touch_store(&ktoa_->kern_need_kick, wanted ? 1 : 0); }

bool RingCsb::is_kick_wanted(bool* wanted) const {
  uint32_t word;
  if (!touch_load(&atok_->appl_need_kick, &word, 1)) return false;
  *wanted = word != 0;
  return true;
}

Status start_csb(uint64_t atok, uint64_t ktoa, const std::vector<BoundRing>& tx,
                 const std::vector<BoundRing>& rx) {
  const size_t rings = tx.size() + rx.size();
  if (atok % sizeof(abi::nm_csb_atok) != 0 || ktoa % sizeof(abi::nm_csb_ktoa) != 0)
    return Status::csb_unaligned;
  std::vector<abi::nm_csb_atok> readable(rings);
  const std::vector<abi::nm_csb_ktoa> zeros(rings);
  if (!read_caller(readable.data(), atok, rings * sizeof(abi::nm_csb_atok)) ||
      !write_caller(ktoa, zeros.data(), rings * sizeof(abi::nm_csb_ktoa))) {
    return Status::bad_address;
  }
  uint32_t number = 0;
  bool written = true;
  for (const std::vector<BoundRing>* bound : {&tx, &rx}) {
    for (const BoundRing& ring : *bound) {
      const uint32_t hwcur = ring.state->hwcur;
      const uint32_t hwtail = ring.state->hwtail;
      const uint32_t its_words[] = {hwcur, hwcur, 1, 1};  // head, cur, appl_need_kick, sync_flags
      const uint32_t our_words[] = {hwcur, hwtail, 1};    // hwcur, hwtail, kern_need_kick
      written &= write_words(atok + uint64_t{number} * sizeof(abi::nm_csb_atok), its_words);
      written &= write_words(ktoa + uint64_t{number} * sizeof(abi::nm_csb_ktoa), our_words);
      number++;
    }
  }
  return written ? Status::ok : Status::bad_address;
}

}  // namespace nm::engine
