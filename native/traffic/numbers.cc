#include "traffic/numbers.h"

#include <cassert>
#include <cstring>

#include "bytes.h"
#include "checksum.h"
#include "traffic/header_places.h"

namespace nm {
namespace {

constexpr uint32_t kNothingWritten = UINT32_MAX;
constexpr uint32_t kEtherTypeAt = 12;

}  // namespace

NumberFiller::NumberFiller(Port& port, const FrameFillerOptions& options)
    : options_(options), frame_(options.frame) {
  const uint32_t payload = frame_.layout().payload;
  assert(!frame_.lengths_vary() && frame_.length() >= payload + kNumberLength && options.fragments > 0);
  without_replaced_ = static_cast<uint16_t>(~fold(sum_words(frame_.bytes() + payload, kNumberLength)));
  for (const Ring& ring : port.tx_rings()) {
    assert(options.header_length + frame_.length() <= ring.buffer_size());
    lanes_.push_back({ring, std::vector<uint32_t>(ring.slots(), kNothingWritten)});
  }
}

Filled NumberFiller::fill(size_t number, uint32_t packets, uint64_t) {
  Lane& lane = lanes_[number];
  const Ring& ring = lane.ring;
  const uint16_t length = static_cast<uint16_t>(options_.header_length + frame_.length());
  uint32_t slot = ring.head_in_range();
  for (uint32_t i = 0; i < packets; i++) {
    for (uint32_t left = options_.fragments; left > 0; left--) {
      const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
      write(lane, slot, ring.start(buf_idx), buf_idx);
      const uint16_t last = i + 1 == packets ? abi::NS_REPORT : 0;
      const Descriptor descriptor = {buf_idx, length, left > 1 ? abi::NS_MOREFRAG : last};
      ring.put(slot, descriptor);
      if (options_.dump != nullptr) options_.dump->put(ring, slot, descriptor);
      slot = ring.next(slot);
    }
    if (frame_.varies()) frame_.step();
  }
  ring.advance(slot);
  return {packets, uint64_t{packets} * options_.fragments * length};
}

void NumberFiller::write(Lane& lane, uint32_t slot, uint8_t* to, uint32_t buf_idx) {
  uint8_t* const frame = to + options_.header_length;
  if (lane.written[slot] != buf_idx) {
    lane.written[slot] = buf_idx;
    std::memset(to, 0, options_.header_length);
    frame_.write(frame);
  } else if (frame_.varies()) {
    frame_.write_varying(frame);
  }
  const uint32_t number = lane.number++;
  const FrameLayout& layout = frame_.layout();
  store_big(frame + layout.payload, number);
  store_big(frame + layout.udp_checksum,
            udp_checksum(uint64_t{frame_.udp_sum()} + without_replaced_ + sum_words(number)));
}

Numbers::Numbers(size_t rings, uint32_t header_length) : header_length_(header_length), expected_(rings) {}

void Numbers::arrived(size_t ring, const uint8_t* slot, uint32_t length, bool more) {
  check_slots(more);
  const uint32_t type_end = header_length_ + kEtherTypeAt + sizeof(uint16_t);
  const bool is_ipv4 =
      length >= type_end && load_big<uint16_t>(slot + type_end - sizeof(uint16_t)) == kEtherIpv4;
  const uint32_t at = header_length_ + headers_length(is_ipv4 ? Family::ipv4 : Family::ipv6);
  if (length < at + kNumberLength) return bump(too_short_);
  check_number(ring, load_big<uint32_t>(slot + at));
}

void Numbers::check_number(size_t ring, uint32_t number) {
  // The first one begins wherever its sender was.
  const uint32_t expected = expected_[ring].value_or(number);
  if (number != expected) {
    bump(number - expected < UINT32_MAX / 2 ? gaps_ : backward_);
    note(last_number_, {expected, number});
  }
  expected_[ring] = number + 1;
}

void Numbers::check_slots(bool more) {
  slots_++;
  if (more) return;
  if (slots_before_ != 0 && slots_ != slots_before_) {
    bump(odd_packets_);
    note(last_slots_, {slots_before_, slots_});
  }
  slots_before_ = slots_;
  slots_ = 0;
}

void Numbers::note(std::atomic<uint64_t>& last, Mismatch mismatch) {
  last.store(uint64_t{mismatch.expected} << 32 | mismatch.found, std::memory_order_relaxed);
}

std::optional<Mismatch> Numbers::take(std::atomic<uint64_t>& last) {
  const uint64_t taken = last.exchange(kNothing, std::memory_order_relaxed);
  if (taken == kNothing) return std::nullopt;
  return Mismatch{static_cast<uint32_t>(taken >> 32), static_cast<uint32_t>(taken)};
}

}  // namespace nm
