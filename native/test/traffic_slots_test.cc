// Packets of one slot that are copied from ring to ring: their bytes, and nobody else's.
#include <cstdlib>
#include <cstring>
#include <memory>

#include "test/check.h"
#include "traffic/slots.h"

namespace nm {
namespace {

constexpr uint32_t kSlots = 4;
constexpr uint8_t kUntouched = 0xee;

struct Free {
  void operator()(void* memory) const { free(memory); }
};

// A ring whose buffers end where their memory does, so that the address sanitizer sees who goes on. Slot i has buffer
// kSlots - 1 - i: the first packet lies in the last buffer.
struct Rings {
  Rings(uint32_t size, uint32_t most_offset = 0, uint64_t mask = 0) {
    const size_t bytes = sizeof(abi::netmap_ring) + kSlots * sizeof(abi::netmap_slot);
    shared.reset(static_cast<abi::netmap_ring*>(aligned_alloc(128, (bytes + 127) / 128 * 128)));
    memset(static_cast<void*>(shared.get()), 0, bytes);
    shared->offset_mask = mask;
    buffers = std::make_unique<uint8_t[]>(size_t{kSlots} * size);
    memset(buffers.get(), kUntouched, size_t{kSlots} * size);
    for (uint32_t i = 0; i < kSlots; i++) shared->slot[i].buf_idx = kSlots - 1 - i;
    ring = Ring(shared.get(), kSlots, buffers.get(), kSlots, size, nullptr, most_offset);
  }

  std::unique_ptr<abi::netmap_ring, Free> shared;
  std::unique_ptr<uint8_t[]> buffers;
  Ring ring;
};

void fill(const Rings& from) {
  for (uint32_t i = 0; i < kSlots * from.ring.stride(); i++) {
    from.buffers[i] = static_cast<uint8_t>(1 + i % 199);
  }
}

uint64_t copy(const Rings& from, const Rings& to, uint32_t most) {
  uint32_t received = 0, sent = 0;
  const SlotsPassed passed = copy_single_slots(from.ring, &received, to.ring, &sent, most);
  CHECK_EQUAL(received, passed.packets % kSlots);
  CHECK_EQUAL(sent, passed.packets % kSlots);
  return passed.packets;
}

// Packets of one size, each in a slot.
void check_copies(const Rings& from, const Rings& to, uint32_t length, uint32_t offset) {
  fill(from);
  memset(to.buffers.get(), kUntouched, size_t{kSlots} * to.ring.stride());
  for (uint32_t i = 0; i < kSlots; i++) {
    from.ring.put(i, {from.ring.slot(i).buf_idx, static_cast<uint16_t>(length), 0});
    from.ring.set_offset(i, offset);
  }
  CHECK_EQUAL(copy(from, to, 2), 2u);
  for (uint32_t i = 0; i < kSlots; i++) {
    const uint8_t* const buffer = to.ring.buffer(to.ring.slot(i).buf_idx);
    if (i >= 2) {
      for (uint32_t j = 0; j < to.ring.stride(); j++) CHECK_EQUAL(buffer[j], kUntouched);
      continue;
    }
    const Ring::Piece piece = to.ring.piece(i, to.ring.descriptor(i));
    CHECK_EQUAL(piece.length, length);
    const uint8_t* const source = from.ring.packet(i, from.ring.slot(i).buf_idx);
    CHECK(memcmp(piece.bytes, source, length) == 0);
    // Up to the end of the last line at most.
    const uint8_t* const begin = piece.bytes;
    for (const uint8_t* byte = buffer; byte < begin; byte++) CHECK_EQUAL(*byte, kUntouched);
    const uint32_t lines = (length + kCacheLine - 1) / kCacheLine * kCacheLine;
    for (const uint8_t* byte = begin + lines; byte < buffer + to.ring.stride(); byte++)
      CHECK_EQUAL(*byte, kUntouched);
  }
}

TEST("copied packets are whole, whatever their length and the buffers' size, and stay within their buffers") {
  for (const uint32_t from_size : {60u, 64u, 100u, 192u, 250u, 256u, 320u, 2112u}) {
    for (const uint32_t to_size : {60u, 64u, 100u, 192u, 250u, 256u, 320u, 2048u}) {
      const Rings from(from_size);
      const Rings to(to_size);
      for (uint32_t length = 0; length <= std::min(from_size, to_size); length++) {
        if (length <= 330 || length > 2040) check_copies(from, to, length, 0);
      }
    }
  }
}

TEST("copied packets are whole wherever they begin at either end") {
  for (const uint32_t from_offset : {0u, 1u, 64u, 100u}) {
    for (const uint32_t to_offset : {0u, 30u, 64u}) {
      const Rings from(256, 100, from_offset == 0 ? 0 : 0xffff);
      const Rings to(256, to_offset, to_offset == 0 ? 0 : 0xffff);
      for (uint32_t length = 0; length <= 256 - std::max(from_offset, to_offset); length++) {
        check_copies(from, to, length, from_offset);
      }
    }
  }
}

TEST("a length that no buffer has is cut to the buffer, and an index that no buffer has is buffer 0") {
  for (const uint32_t size : {64u, 100u, 320u}) {
    const Rings from(size);
    const Rings to(size);
    fill(from);
    from.ring.put(0, {kSlots - 1, 0xffff, 0});
    from.ring.put(1, {0xffffffff, 0xffff, 0});
    to.ring.put(1, {0x80000000, 0, 0});
    CHECK_EQUAL(copy(from, to, 2), 2u);
    CHECK_EQUAL(to.ring.slot(0).len, size);
    CHECK(memcmp(to.ring.buffer(kSlots - 1), from.ring.buffer(kSlots - 1), size) == 0);
    CHECK(memcmp(to.ring.buffer(0), from.ring.buffer(0), size) == 0);
  }
}

TEST(
    "copying stops before a packet of several slots, and before one that is longer than the other's "
    "buffers") {
  const Rings from(320);
  const Rings to(128);
  fill(from);
  for (const Descriptor odd : {Descriptor{1, 60, abi::NS_MOREFRAG}, Descriptor{1, 129, 0}}) {
    from.ring.put(0, {3, 128, 0});
    from.ring.put(1, {2, 60, 0});
    from.ring.put(2, odd);
    CHECK_EQUAL(copy(from, to, 3), 2u);
    CHECK_EQUAL(to.ring.slot(0).len, 128);
  }
}

}  // namespace
}  // namespace nm
