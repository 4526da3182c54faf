#include "nic/intake.h"

#include <algorithm>
#include <cstring>

#include "bytes.h"

namespace nm::nic {

namespace {

using engine::BoundRing;
using engine::kVnetHeader;
using engine::VnetPacket;

constexpr uint32_t kMacs = 12;
constexpr uint32_t kTag = 4;

// Makes room for the tag in a frame that lies kTag bytes after `to`, and writes it.
void insert_tag(uint8_t* to, uint32_t tag) {
  memmove(to, to + kTag, kMacs);
  store_big(to + kMacs, tag);
}

}  // namespace

void Intake::fill(BoundRing& ring, const uint8_t* bytes, uint32_t length, uint16_t flags) {
  engine::RingState& state = *ring.state;
  abi::netmap_slot& slot = ring.shared->slot[state.hwtail];
  const uint32_t buffer = Descriptor::load(slot).buf_idx;
  if (ring.region->buffer_valid(buffer)) {
    memcpy(ring.region->buffer(buffer), bytes, length);
  } else {
    ++state.drops_bad_slot;
    length = 0;
  }
  Descriptor{buffer, static_cast<uint16_t>(length), flags}.store(slot);
  state.hwtail = ring_next(state.hwtail, ring.slots);
}

void Intake::show(BoundRing& ring, uint32_t buffer, uint32_t length) {
  engine::RingState& state = *ring.state;
  Descriptor{buffer, static_cast<uint16_t>(length), 0}.store(ring.shared->slot[state.hwtail]);
  state.hwtail = ring_next(state.hwtail, ring.slots);
  count(ring, length);
}

void Intake::count(BoundRing& ring, uint32_t bytes) {
  // One descriptor syncs the ring at a time, so nobody else writes here.
  engine::RingState& state = *ring.state;
  state.delivered_packets.store(state.delivered_packets.load(std::memory_order_relaxed) + 1,
                                std::memory_order_relaxed);
  state.delivered_bytes.store(state.delivered_bytes.load(std::memory_order_relaxed) + bytes,
                              std::memory_order_relaxed);
}

bool Intake::put_slowly(BoundRing& ring, const KernelPacket& packet) {
  const uint32_t tag_bytes = packet.tag != 0 ? kTag : 0;
  const VnetPacket read = engine::read_vnet(packet.bytes, packet.length, kVnetHeader, 0,
                                            std::max(longest_frame_, kTag) - tag_bytes);
  if (read.fate == VnetPacket::Fate::malformed) {
    ++ring.state->drops_bad_header;
    return true;
  }
  const bool is_cut = read.fate == VnetPacket::Fate::cut;
  const uint32_t longest = (is_cut ? read.frame_length(0) : read.length) + tag_bytes;
  const uint32_t slots = read.frames() * slots_of(longest);
  if (read.fate == VnetPacket::Fate::too_long || slots_of(longest) > abi::NETMAP_MAX_FRAGS ||
      slots >= ring.slots) {
    ring.state->drops_too_long.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  if (slots > room(ring)) return false;

  const uint8_t* const from = packet.bytes + kVnetHeader;
  frame_.resize(std::max<size_t>(frame_.size(), longest));
  uint8_t* const frame = frame_.data() + tag_bytes;
  for (uint32_t i = 0; i < read.frames(); i++) {
    const uint32_t length = is_cut ? read.frame_length(i) : read.length;
    if (is_cut) {
      engine::write_vnet_frame(read, from, i, frame);
    } else {
      memcpy(frame, from, length);
      engine::finish_vnet(read, frame);
    }
    if (tag_bytes != 0) insert_tag(frame_.data(), packet.tag);
    spread(ring, frame_.data(), length + tag_bytes);
  }
  return true;
}

void Intake::spread(BoundRing& ring, const uint8_t* bytes, uint32_t length) const {
  for (uint32_t done = 0; done < length;) {
    const uint32_t part = std::min(stride_, length - done);
    const bool is_last = done + part == length;
    fill(ring, bytes + done, part, is_last ? 0 : abi::NS_MOREFRAG);
    done += part;
  }
  count(ring, length);
}

}  // namespace nm::nic
