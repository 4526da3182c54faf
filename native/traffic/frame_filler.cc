#include "traffic/frame_filler.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "cache_line.h"
#include "clock.h"
#include "traffic/slots_ahead.h"

namespace nm {
namespace {

// No buffer has this index, so a slot that remembers it is written.
constexpr uint32_t kNothingWritten = UINT32_MAX;

// How many packets share a time stamp, at most: reading the clock takes as long as marking some of them.
constexpr uint32_t kStampPackets = Marker::kRun;

// Fewer packets in a go are marked in their buffers: where there is time between them, what counts is when they arrive.
constexpr uint32_t kFewestStaged = 128;

// How far ahead of a buffer that is written whole others are asked for.
constexpr uint32_t kBuffersAhead = 24;

FrameSpec frame_for(const FrameFillerOptions& options) {
  FrameSpec frame = options.frame;
  if (options.mark) frame.reserved_at_end = kMarkLength;
  frame.indirect = options.indirect;
  return frame;
}

// How a packet is cut: `longer` slots of `bytes` + 1 bytes, then others of `bytes`; the last has what is left.
struct Cut {
  uint32_t slots;
  uint32_t bytes;
  uint32_t longer;
};

// Cuts as pkt-gen does: into `fragments` even parts, of which the last has the remainder too; into parts of `longest`
// bytes when those would be too long. Where only the last would be, the remainder is spread over the others.
Cut cut_of(uint32_t length, uint32_t fragments, uint32_t longest) {
  const uint32_t even = std::min(fragments, length);
  const uint32_t full = (length + longest - 1) / longest;
  if (full > even) return {full, longest, 0};
  const uint32_t bytes = length / even;
  const uint32_t remainder = length % even;
  return {even, bytes, bytes + remainder > longest ? remainder : 0};
}

// Writes headers into the buffers of `packets` slots from `slot` on, `at` bytes after where packets begin there. The ring is a copy:
// any store of a header could change another, and a tenth fewer packets are made then.
[[gnu::always_inline]] inline void write_headers_with(Headers& headers, Ring ring, uint32_t slot,
                                                      uint32_t packets, uint32_t at) {
  for (uint32_t left = packets; left > 0;) {
    const uint32_t some = headers.write_some(std::min(left, ring.slots() - slot), [&](uint32_t i) {
      return ring.start(ring.descriptor(slot + i).buf_idx) + at;
    });
    left -= some;
    slot = slot + some == ring.slots() ? 0 : slot + some;
  }
}

// The compiler makes eight headers at a time for a processor with AVX2, four for one without. That is a quarter of the
// time: 2.0 ns a packet, 2.6. [measured]
#if defined(__x86_64__)
[[gnu::target("avx2")]] void write_headers_by_eight(Headers& headers, const Ring& ring, uint32_t slot,
                                                    uint32_t packets, uint32_t at) {
  write_headers_with(headers, ring, slot, packets, at);
}
#endif

void write_headers(Headers& headers, Ring ring, uint32_t slot, uint32_t packets, uint32_t at) {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return write_headers_by_eight(headers, ring, slot, packets, at);
#endif
  write_headers_with(headers, ring, slot, packets, at);
}

}  // namespace

FrameFiller::FrameFiller(Port& port, const FrameFillerOptions& options)
    : options_(options),
      frame_(frame_for(options)),
      frame_lines_(size_t{lines_of(frame_.longest())} * kCacheLine) {
  assert(!port.tx_rings().empty() && options.fragments > 0);
  assert(options.header_length <= kLongestVirtioHeader);
  assert(!options.mark || options.contents != Contents::never);

  frame_.write_longest(frame_lines_.data());
  const uint32_t buffer_size = port.tx_rings().front().buffer_size();
  uint16_t stream = options.first_stream;
  for (const Ring& ring : port.tx_rings()) {
    Lane& lane = lanes_.emplace_back();
    lane.ring = ring;
    lane.written.assign(ring.slots(), kNothingWritten);
    if (options.indirect) lane.own.resize(size_t{ring.slots()} * buffer_size);
    if (!options.mark) continue;
    lane.marker.emplace(frame_, stream++);
    const bool stages = port.device().hands_over_buffers() && !frame_.varies() &&
                        options.header_length == 0 && StagedFrames::fit(frame_.length(), ring);
    if (stages) lane.staged = std::make_unique<StagedFrames>(frame_);
  }

  longest_fragment_ =
      options.longest_fragment == 0 ? buffer_size : std::min(options.longest_fragment, buffer_size);
  // No shorter packet takes more.
  slots_per_packet_ =
      cut_of(options.header_length + frame_.longest(), options.fragments, longest_fragment_).slots;
  // The headers are written whole, even when the frame is shorter.
  const uint32_t most = options.header_length + std::max(frame_.longest(), frame_.layout().payload);
  if (slots_per_packet_ > 1 || most > buffer_size) assembled_.resize(most);

  composes_ = options.contents != Contents::never &&
              (options.mark || frame_.varies() || options.contents == Contents::always);
  flags_ = options.indirect ? abi::NS_INDIRECT : 0;
}

Filled FrameFiller::fill(size_t lane, uint32_t packets, uint64_t now_ns) {
  Lane& to = lanes_[lane];
  if (!assembled_.empty()) return {packets, put_several(to, packets, now_ns)};
  const bool plain = !options_.indirect && options_.dump == nullptr;
  if (plain && !composes_ && !frame_.varies()) return {packets, put_same(to, packets)};
  if (plain && composes_ && options_.contents == Contents::once) {
    if (!frame_.varies()) return {packets, put_marked(to, packets, now_ns)};
    if (!frame_.lengths_vary() && !options_.mark) return {packets, put_ranged(to, packets)};
  }
  return {packets, put_differing(to, packets, now_ns)};
}

// Descriptors of packets of one slot and of one length, from head on: the loop that has to be fast. Returns the slot after
// them. What it uses is in locals, because the compiler must assume that storing a descriptor changes everything else.
[[gnu::always_inline]] inline uint32_t FrameFiller::put_descriptors(Lane& lane, uint32_t packets,
                                                                    bool staged) {
  const Ring ring = lane.ring;
  const bool writes = options_.contents != Contents::never;
  const uint16_t length = static_cast<uint16_t>(packet_length());
  uint32_t* const written = lane.written.data();

  uint32_t slot = ring.head_in_range();
  uint32_t last = slot;
  for (uint32_t left = packets; left > 0;) {
    const uint32_t run = std::min(left, ring.slots() - slot);
    for (const uint32_t end = slot + run; slot < end; slot++) {
      const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
      if (staged) {
        written[slot] = buf_idx;
      } else if (writes && written[slot] != buf_idx) [[unlikely]] {
        write_buffers(lane, slot, end);
      }
      ring.put(slot, {buf_idx, length, 0});
    }
    last = slot - 1;
    if (slot == ring.slots()) slot = 0;
    left -= run;
  }
  // A network card tells us only of slots with this flag that they were sent.
  ring.put(last, {ring.descriptor(last).buf_idx, length, abi::NS_REPORT});
  return slot;
}

uint64_t FrameFiller::put_same(Lane& lane, uint32_t packets) {
  lane.ring.advance(put_descriptors(lane, packets, false));
  return uint64_t{packets} * packet_length();
}

// Packets of one slot that differ by their marks alone.
uint64_t FrameFiller::put_marked(Lane& lane, uint32_t packets, uint64_t now_ns) {
  const uint32_t first = lane.ring.head_in_range();
  uint32_t end;
  if (lane.staged && packets >= kFewestStaged) {
    end = put_descriptors(lane, packets, true);
    mark_staged(lane, first, packets, now_ns);
  } else {
    end = put_descriptors(lane, packets, false);
    mark_in_place(lane, first, packets, now_ns);
  }
  lane.ring.advance(end);
  return uint64_t{packets} * packet_length();
}

// Marks the packets of slots from `slot` on in their buffers. Another core has read them: while those of one time stamp are marked,
// the lines of the next ones are on their way.
void FrameFiller::mark_in_place(Lane& lane, uint32_t slot, uint32_t packets, uint64_t now_ns) {
  struct Block {
    uint32_t frames = 0;
    uint8_t* frame[kStampPackets];
  };
  const Ring ring = lane.ring;
  const uint32_t header_length = options_.header_length;
  const Marker marker = *lane.marker;
  const Marker::Rest rest = marker.rest(frame_, nullptr);
  uint64_t sequence = lane.sequence;

  uint32_t left = packets;
  const auto gather = [&](Block* block, uint32_t most) {
    block->frames = std::min(left, most);
    for (uint32_t i = 0; i < block->frames; i++, slot = ring.next(slot)) {
      block->frame[i] = ring.start(ring.descriptor(slot).buf_idx) + header_length;
    }
    left -= block->frames;
  };
  Block blocks[2];
  gather(&blocks[0], kStampPackets - sequence % kStampPackets);
  for (uint32_t now = 0; blocks[now].frames > 0; now = 1 - now) {
    gather(&blocks[1 - now], kStampPackets);
    const Block& block = blocks[now];
    const Block& next = blocks[1 - now];
    if (sequence % kStampPackets == 0) now_ns = monotonic_ns();
    const Marker::Run run = marker.run(rest, sequence, now_ns);
    uint32_t place = sequence % Marker::kRun;
    Marker::RunSums sums;
    marker.sums(rest, run, place, place + block.frames, &sums);
    for (uint32_t i = 0; i < block.frames; i++, place++) {
      if (i < next.frames) prefetch_to_write(next.frame[i] + rest.mark);
      Marker::write(rest, run, block.frame[i], place, sums.at(place));
    }
    sequence += block.frames;
  }
  lane.sequence = sequence;
}

// The same in copies that are then stored whole.
void FrameFiller::mark_staged(Lane& lane, uint32_t slot, uint32_t packets, uint64_t now_ns) {
  static_assert(StagedFrames::kRun >= kStampPackets);
  StagedFrames& staged = *lane.staged;
  const Ring ring = lane.ring;
  const Marker marker = *lane.marker;
  const Marker::Rest rest = marker.rest(frame_, nullptr);
  for (uint32_t left = packets; left > 0;) {
    uint32_t place = lane.sequence % kStampPackets;
    if (place == 0) now_ns = monotonic_ns();
    const Marker::Run run = marker.run(rest, lane.sequence, now_ns);
    const uint32_t some = std::min(left, kStampPackets - place);
    Marker::RunSums sums;
    marker.sums(rest, run, place, place + some, &sums);
    for (uint32_t i = 0; i < some; i++, place++) {
      Marker::write(rest, run, staged.copy(i), place, sums.at(place));
    }
    staged.pass(ring, slot, some);
    slot = (slot + some) % ring.slots();
    lane.sequence += some;
    left -= some;
  }
  staged.finish();
}

// Packets of one slot and of one length, whose addresses and ports differ. They stay in their buffers: where nobody looks into them,
// a sixth more go so.
uint64_t FrameFiller::put_ranged(Lane& lane, uint32_t packets) {
  const uint32_t first = lane.ring.head_in_range();
  const uint32_t end = put_descriptors(lane, packets, false);
  // What changes is in a local, so that a store into a buffer does not change it.
  Headers headers = frame_.headers();
  write_headers(headers, lane.ring, first, packets, options_.header_length);
  frame_.resume(headers, frame_.lengths());
  lane.ring.advance(end);
  return uint64_t{packets} * packet_length();
}

// Packets of one slot that differ, or that somebody wants to see: first descriptors, then contents.
uint64_t FrameFiller::put_differing(Lane& lane, uint32_t packets, uint64_t now_ns) {
  const Ring ring = lane.ring;
  const bool writes = options_.contents != Contents::never;
  const uint32_t header_length = options_.header_length;
  const uint16_t flags = flags_;
  uint32_t* const written = lane.written.data();
  Lengths lengths = frame_.lengths();
  const bool lengths_vary = lengths.vary();
  uint64_t bytes = 0;

  const uint32_t first = ring.head_in_range();
  uint32_t slot = first;
  for (uint32_t left = packets; left > 0;) {
    const uint32_t run = std::min(left, ring.slots() - slot);
    left -= run;
    for (const uint32_t end = slot + run; slot < end; slot++) {
      const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
      if (writes && written[slot] != buf_idx) [[unlikely]] {
        write_buffers(lane, slot, end);
      }
      if (flags != 0) place(lane, slot, buf_idx);
      const uint32_t length = header_length + lengths.now();
      if (lengths_vary) lengths.step();
      bytes += length;
      const bool last = left == 0 && slot + 1 == end;
      ring.put(slot, {buf_idx, static_cast<uint16_t>(length),
                      static_cast<uint16_t>(last ? flags | abi::NS_REPORT : flags)});
    }
    if (slot == ring.slots()) slot = 0;
  }

  if (composes_) write_payloads(lane, first, packets, now_ns);
  if (lengths_vary) frame_.resume(frame_.headers(), lengths);
  if (options_.dump != nullptr) dump(lane, first, packets);
  ring.advance(slot);
  return bytes;
}

// Makes the contents of `packets` slots from `slot` on the next packets.
void FrameFiller::write_payloads(Lane& lane, uint32_t slot, uint32_t packets, uint64_t now_ns) {
  const Ring ring = lane.ring;
  const uint32_t header_length = options_.header_length;
  // A mark overwrites text that a longer frame needs.
  const bool whole = options_.contents == Contents::always || (options_.mark && frame_.lengths_vary());
  if (whole || options_.mark || options_.indirect) {
    for (uint32_t i = 0; i < packets; i++, slot = ring.next(slot)) {
      uint8_t* const frame = place(lane, slot, ring.descriptor(slot).buf_idx) + header_length;
      if (whole) {
        frame_.write(frame);
      } else if (frame_.varies()) {
        frame_.write_varying(frame);
      }
      if (lane.marker) mark(lane, frame, &now_ns);
      frame_.step();
    }
    return;
  }

  // Lengths: what changes is in a local, so that a store into a buffer does not change it.
  Headers headers = frame_.headers();
  for (uint32_t i = 0; i < packets; i++, slot = ring.next(slot)) {
    const Descriptor descriptor = ring.descriptor(slot);
    headers.set_length(descriptor.len - header_length);
    headers.write(ring.start(descriptor.buf_idx) + header_length);
    headers.step();
  }
  frame_.resume(headers, frame_.lengths());
}

// Marks the present frame. `*now_ns` is when its stamp says it was put into its slot, which is hardly before.
void FrameFiller::mark(Lane& lane, uint8_t* frame, uint64_t* now_ns) {
  if (lane.sequence % kStampPackets == 0) *now_ns = monotonic_ns();
  lane.marker->write(frame_, frame, lane.sequence++, *now_ns);
}

// Packets that are put together elsewhere and cut into slots.
uint64_t FrameFiller::put_several(Lane& lane, uint32_t packets, uint64_t now_ns) {
  const Ring& ring = lane.ring;
  uint64_t bytes = 0;
  const uint32_t first = ring.head_in_range();
  uint32_t slot = first;
  for (uint32_t i = 0; i < packets; i++) {
    bytes += packet_length();
    if (options_.contents != Contents::never) compose(lane, assembled_.data(), &now_ns);
    slot = put_cut(lane, slot, i + 1 == packets ? abi::NS_REPORT : 0);
    frame_.step();
  }
  if (options_.dump != nullptr) dump(lane, first, ring.distance(first, slot));
  ring.advance(slot);
  return bytes;
}

// Makes `to`, zeros at first, the present packet.
void FrameFiller::compose(Lane& lane, uint8_t* to, uint64_t* now_ns) {
  uint8_t* const frame = to + options_.header_length;
  frame_.write(frame);
  if (lane.marker) mark(lane, frame, now_ns);
}

// Cuts the assembled packet into slots from `slot` on. Returns the slot after them.
uint32_t FrameFiller::put_cut(Lane& lane, uint32_t slot, uint16_t report) {
  const Ring& ring = lane.ring;
  const uint32_t whole = packet_length();
  const Cut cut = cut_of(whole, options_.fragments, longest_fragment_);
  uint32_t offset = 0;
  for (uint32_t i = 0; i < cut.slots; i++) {
    const bool last = i + 1 == cut.slots;
    const uint32_t length = last ? whole - offset : cut.bytes + (i < cut.longer);
    const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
    uint8_t* const to = place(lane, slot, buf_idx);
    if (options_.contents != Contents::never) std::memcpy(to, assembled_.data() + offset, length);
    const uint16_t flags = last ? report : abi::NS_MOREFRAG;
    ring.put(slot, {buf_idx, static_cast<uint16_t>(length), static_cast<uint16_t>(flags | flags_)});
    offset += length;
    slot = ring.next(slot);
  }
  return slot;
}

// Writes what buffers that were not seen before in the slots [first, end) have to hold: any frame of the spec can be made of
// it. Where one buffer was exchanged others were, and another core has them and the slots that name them: they are asked for
// ahead. What frames differ in is written afterwards. Through a load balancer on a far core 13 million packets a second went with
// buffers asked for, 8 without; through a bridge 32 million go with slots too, 28 without. [measured]
void FrameFiller::write_buffers(Lane& lane, uint32_t first, uint32_t end) {
  const Ring ring = lane.ring;
  const uint32_t header_length = options_.header_length;
  const uint32_t longest = frame_.longest();
  const uint32_t few = few_lines_within(ring.buffer_size() - header_length);
  const uint8_t* const frame = frame_lines_.data();
  uint32_t* const written = lane.written.data();
  SlotsAhead ahead(ring, first, end - first, kBuffersAhead);
  for (uint32_t slot = first; slot < end; slot++) {
    ahead.reach_slots(slot - first, prefetch_to_write);
    ahead.reach(slot - first, prefetch_to_write,
                [&](uint32_t next) { return ring.start(ring.descriptor(next).buf_idx); });
    const uint32_t buf_idx = ring.descriptor(slot).buf_idx;
    if (written[slot] == buf_idx) continue;
    uint8_t* const to = options_.indirect ? place(lane, slot, buf_idx) : ring.start(buf_idx);
    if (header_length > 0) std::memset(to, 0, header_length);
    copy_lines(to + header_length, frame, longest, few);
    written[slot] = buf_idx;
  }
}

void FrameFiller::dump(Lane& lane, uint32_t slot, uint32_t slots) {
  for (uint32_t i = 0; i < slots; i++, slot = lane.ring.next(slot)) {
    const Descriptor descriptor = lane.ring.descriptor(slot);
    options_.dump->put(lane.ring, slot, descriptor, place(lane, slot, descriptor.buf_idx),
                       std::min<uint32_t>(descriptor.len, lane.ring.buffer_size()));
  }
}

// Where the bytes of a slot go: its buffer, or memory of ours that the slot is made to point to.
uint8_t* FrameFiller::place(Lane& lane, uint32_t slot, uint32_t buf_idx) {
  if (!options_.indirect) return lane.ring.start(buf_idx);
  uint8_t* const own = lane.own.data() + size_t{slot} * lane.ring.buffer_size();
  lane.ring.slot(slot).ptr = reinterpret_cast<uintptr_t>(own);
  return own;
}

}  // namespace nm
