// The numbers of txseq: each slot begins its payload with how many slots were sent before it, as a u32 in network order.
//
// NumberFiller sends them, Numbers checks them in what arrives, ring by ring. Both do as netmap's pkt-gen does, so that
// either side may be that one: a packet of several slots carries a whole frame, and a number, in each of them.
// [pkt-gen(8), txseq and rxseq]
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "traffic/frame_filler.h"

namespace nm {

inline constexpr uint32_t kNumberLength = 4;

class NumberFiller final : public Filler {
 public:
  // The frame has room for a number after its headers and fits one buffer; it is of one length. Of the other options
  // the header, the fragments and the dump are used.
  NumberFiller(Port& port, const FrameFillerOptions& options);

  uint32_t slots_per_packet() const override { return options_.fragments; }
  Filled fill(size_t lane, uint32_t packets, uint64_t now_ns) override;

 private:
  struct Lane {
    Ring ring;
    std::vector<uint32_t> written;
    uint32_t number = 0;
  };

  void write(Lane& lane, uint32_t slot, uint8_t* to, uint32_t buf_idx);

  const FrameFillerOptions options_;
  Frame frame_;
  // Takes the payload's first bytes, whose place the number takes, out of a sum: the complement of theirs.
  uint16_t without_replaced_;
  std::vector<Lane> lanes_;
};

// What did not fit: the number that was due and the one that came, or so for slots of a packet.
struct Mismatch {
  uint32_t expected;
  uint32_t found;
};

class Numbers {
 public:
  // For slots that begin with `header_length` bytes before the frame, in `rings` rings.
  Numbers(size_t rings, uint32_t header_length);

  // A slot arrived; `more` follow in its packet. For one thread.
  void arrived(size_t ring, const uint8_t* slot, uint32_t length, bool more);

  // Of any thread. Numbers that were jumped over to a greater one, and to a smaller; slots without room for a number;
  // packets with another count of slots than the one before.
  uint64_t gaps() const { return load(gaps_); }
  uint64_t backward() const { return load(backward_); }
  uint64_t too_short() const { return load(too_short_); }
  uint64_t odd_packets() const { return load(odd_packets_); }

  // The last of each, once.
  std::optional<Mismatch> take_number_mismatch() { return take(last_number_); }
  std::optional<Mismatch> take_slots_mismatch() { return take(last_slots_); }

 private:
  static constexpr uint64_t kNothing = UINT64_MAX;

  static uint64_t load(const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  }
  static void bump(std::atomic<uint64_t>& counter) {
    counter.store(load(counter) + 1, std::memory_order_relaxed);
  }
  static void note(std::atomic<uint64_t>& last, Mismatch mismatch);
  static std::optional<Mismatch> take(std::atomic<uint64_t>& last);

  void check_number(size_t ring, uint32_t number);
  void check_slots(bool more);

  const uint32_t header_length_;
  // Of each ring, once it began.
  std::vector<std::optional<uint32_t>> expected_;
  uint32_t slots_ = 0;
  uint32_t slots_before_ = 0;

  std::atomic<uint64_t> gaps_{0};
  std::atomic<uint64_t> backward_{0};
  std::atomic<uint64_t> too_short_{0};
  std::atomic<uint64_t> odd_packets_{0};
  // Expected in the upper half, found in the lower.
  std::atomic<uint64_t> last_number_{kNothing};
  std::atomic<uint64_t> last_slots_{kNothing};
};

}  // namespace nm
