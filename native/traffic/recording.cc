#include "traffic/recording.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace nm {

Recording::Outcome Recording::read(int descriptor, CaptureFault* fault) {
  constexpr uint32_t kLongestPacket = UINT16_MAX;
  CaptureReader reader(descriptor);
  for (CapturedPacket packet; reader.next(&packet);) {
    if (packet.link_type != kLinkTypeEthernet) {
      *fault = {CaptureFaultKind::none, reader.offset(), packet.link_type};
      return Outcome::not_ethernet;
    }
    if (packet.length > kLongestPacket) {
      *fault = {CaptureFaultKind::none, reader.offset(), packet.length};
      return Outcome::too_long;
    }
    if (bytes_.size() + packet.captured > kMostBytes) return Outcome::too_large;
    packets_.push_back({bytes_.size(), packet.captured, packet.length});
    bytes_.insert(bytes_.end(), packet.bytes, packet.bytes + packet.captured);
    longest_ = std::max(longest_, packet.length);
    length_ += packet.length;
  }
  *fault = reader.fault();
  return fault->kind == CaptureFaultKind::none ? Outcome::whole : Outcome::faulty;
}

RecordingFiller::RecordingFiller(Port& port, const RecordingFillerOptions& options)
    : options_(options), rings_(port.tx_rings()) {
  const size_t packets = options.recording->packets().size();
  assert(packets > 0);
  next_ = options.first % packets;
  const uint32_t buffer_size = rings_.front().buffer_size();
  assert(options.header_length < buffer_size);
  longest_fragment_ =
      options.longest_fragment == 0 ? buffer_size : std::min(options.longest_fragment, buffer_size);
  // The header goes into the first slot whole.
  longest_fragment_ = std::max(longest_fragment_, options.header_length + 1);
  const uint32_t longest = options.header_length + options.recording->longest();
  slots_per_packet_ = std::max(1u, (longest + longest_fragment_ - 1) / longest_fragment_);
}

Filled RecordingFiller::fill(size_t lane, uint32_t packets, uint64_t) {
  const Ring& ring = rings_[lane];
  const std::vector<Recording::Packet>& all = options_.recording->packets();
  Filled filled;
  uint32_t slot = ring.head_in_range();
  for (uint32_t i = 0; i < packets; i++) {
    const Recording::Packet& packet = all[next_];
    next_ = (next_ + options_.step) % all.size();
    slot = put(ring, slot, packet, i + 1 == packets ? abi::NS_REPORT : 0);
    filled.packets++;
    filled.bytes += options_.header_length + packet.length;
  }
  ring.advance(slot);
  return filled;
}

// Puts one packet into slots from `slot` on. Returns the slot after them.
uint32_t RecordingFiller::put(const Ring& ring, uint32_t slot, const Recording::Packet& packet,
                              uint16_t report) {
  const uint8_t* const bytes = options_.recording->bytes(packet);
  uint32_t done = 0;
  uint32_t header = options_.header_length;
  do {
    const uint32_t some = std::min(packet.length - done, longest_fragment_ - header);
    const uint32_t captured = done < packet.captured ? std::min(some, packet.captured - done) : 0;
    const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
    uint8_t* const to = ring.start(buf_idx);
    std::memset(to, 0, header);
    std::memcpy(to + header, bytes + done, captured);
    std::memset(to + header + captured, 0, some - captured);
    done += some;
    const uint16_t flags = done < packet.length ? abi::NS_MOREFRAG : report;
    const Descriptor descriptor = {buf_idx, static_cast<uint16_t>(header + some), flags};
    ring.put(slot, descriptor);
    if (options_.dump != nullptr) options_.dump->put(ring, slot, descriptor);
    slot = ring.next(slot);
    header = 0;
  } while (done < packet.length);
  return slot;
}

}  // namespace nm
