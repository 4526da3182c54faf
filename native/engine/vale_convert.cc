// The slow way between ports whose virtio-net headers differ in length: each packet is put together in one
// piece, made into what its receiver takes (vnet.h), and copied from there.
#include <algorithm>
#include <cstring>

#include "engine/vale.h"

namespace nm::engine {

namespace {

// Slots that a packet takes in buffers of `size` bytes; 0 when it goes nowhere.
uint32_t slots_of(const VnetPacket& packet, uint32_t size) {
  switch (packet.fate) {
    case VnetPacket::Fate::whole:
      return (packet.whole_length() + size - 1) / size;
    case VnetPacket::Fate::cut:
      return packet.frames();
    case VnetPacket::Fate::malformed:
    case VnetPacket::Fate::too_long:
      break;
  }
  return 0;
}

bool has_too_many_slots(const VnetPacket& packet, uint32_t slots) {
  return packet.fate == VnetPacket::Fate::whole && slots > abi::NETMAP_MAX_FRAGS;
}

}  // namespace

// Copies up to `most` bytes of the packet into flat(), with room before them for a header. Returns its whole
// length.
uint32_t ValeSender::flatten(uint32_t packet, uint32_t most) {
  if (flat_.empty()) {
    flat_.resize(kLongVnetHeader + uint64_t{abi::NETMAP_MAX_FRAGS} * region_->buffer_stride());
  }
  uint32_t length = 0;
  uint32_t copied = 0;
  for (uint32_t i = 0; i < entries_[packet].slots; i++) {
    const Entry& entry = entries_[packet + i];
    const uint32_t bytes = std::min<uint32_t>(entry.length, most - copied);
    memcpy(flat() + copied, entry.data, bytes);
    copied += bytes;
    length += entry.length;
  }
  return length;
}

VnetPacket ValeSender::read_converted(uint32_t packet, uint32_t most, const Destination& to,
                                      uint32_t frame_limit) {
  const uint32_t length = flatten(packet, most);
  VnetPacket read = read_vnet(flat(), length, header_, to.header, std::min(frame_limit, kVnetFrameLimit));
  if (frame_limit == 0) read.fate = VnetPacket::Fate::too_long;
  return read;
}

// How many slots the packet will take, as it looks now. Another one may be there when it is copied.
uint32_t ValeSender::slots_converted(uint32_t packet, const Destination& to, uint32_t frame_limit) {
  const VnetPacket look = read_converted(packet, kVnetLook, to, frame_limit);
  const uint32_t slots = slots_of(look, frame_limit);
  return has_too_many_slots(look, slots) ? 0 : slots;
}

// Converts packets of both queues in order of arrival. One that does not fit as a whole is left out.
ValeSender::Copied ValeSender::convert_packets(BoundRing& ring, Room& room, Queue unicast, Queue broadcast) {
  Copied copied;
  while (unicast.packets != 0 || broadcast.packets != 0) {
    const uint32_t frame_limit = room.offsets.least_room();
    const VnetPacket packet = read_converted(take_next(unicast, broadcast), UINT32_MAX, room.to, frame_limit);
    const uint32_t slots = slots_of(packet, frame_limit);
    if (packet.fate == VnetPacket::Fate::malformed) {
      ++ring.state->drops_bad_header;
      copied.lost++;
    } else if (packet.fate == VnetPacket::Fate::too_long) {
      count_unfit(room, true);
      copied.lost++;
    } else if (has_too_many_slots(packet, slots)) {
      ++ring.state->drops_too_many_slots;
      copied.lost++;
    } else if (slots <= room.size - room.filled) {
      const uint32_t first = room.filled;
      if (write_converted(room, packet, slots)) {
        copied.packets++;
        if (packet.fate == VnetPacket::Fate::cut) copied.cut += slots - 1;
        for (uint32_t i = first; i < room.filled; i++) copied.bytes += filled_[i].len;
      } else {
        for (room.filled = first; room.filled != first + slots;) leave_empty(room);
        copied.lost++;
      }
    }
  }
  while (room.filled != room.size) leave_empty(room);
  return copied;
}

// Writes the packet in flat() into its slots. False when one of them cannot take it.
bool ValeSender::write_converted(Room& room, const VnetPacket& packet, uint32_t slots) {
  uint8_t* const frame = flat() + packet.from;
  if (packet.fate == VnetPacket::Fate::cut) {
    for (uint32_t i = 0; i < slots; i++) {
      uint8_t* const to = fill_slot(room, packet.frame_length(i), 1, false);
      if (to == nullptr) return false;
      write_vnet_frame(packet, frame, i, to);
    }
    return true;
  }
  const uint8_t* from = finish_vnet(packet, frame);
  uint32_t left = packet.whole_length();
  for (uint32_t i = 0; i < slots; i++) {
    const uint32_t length = std::min(left, room.offsets.least_room());
    uint8_t* const to = fill_slot(room, length, slots, i + 1 < slots);
    if (to == nullptr) return false;
    memcpy(to, from, length);
    from += length;
    left -= length;
  }
  return true;
}

}  // namespace nm::engine
