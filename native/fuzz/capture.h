// What must hold for any bytes that somebody calls a capture: the readers, and what looks into packets and changes them.
//
//   memory -> reader -> each packet, in a block of its own -> headers, side, edit
//                 `---> the same packets once more: through a pipe, in two parts; written and read again
//
// capture_fuzzer.cc gives it what libFuzzer makes, test/capture_fuzz_test.cc the corpus and changes of it.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "capture/encoder.h"
#include "capture/reader.h"
#include "traffic/edit.h"
#include "traffic/header_places.h"
#include "traffic/sides.h"

namespace nm::fuzz {

[[noreturn]] inline void broken(const char* what, int line) {
  fprintf(stderr, "native/fuzz/capture.h:%d: this does not hold: %s\n", line, what);
  abort();
}
#define NM_HOLDS(condition) ((condition) ? void() : broken(#condition, __LINE__))

// The same for the same packets, from wherever they were read.
class Digest {
 public:
  void add(const CapturedPacket& packet, bool with_origin) {
    add(packet.captured);
    add(packet.length);
    add(static_cast<uint64_t>(packet.time_ns));
    if (with_origin) {
      add(packet.interface);
      add(packet.link_type);
      add(packet.timed);
      add(packet.comment.data(), packet.comment.size());
    }
    add(packet.bytes, packet.captured);
  }
  void add(const CaptureFault& fault) {
    add(static_cast<uint64_t>(fault.kind));
    add(fault.offset);
    add(fault.found);
  }
  bool operator==(const Digest&) const = default;

 private:
  void add(uint64_t number) { add(&number, sizeof(number)); }
  // [FNV-1a]
  void add(const void* bytes, size_t count) {
    for (size_t i = 0; i < count; i++) sum_ = (sum_ ^ static_cast<const uint8_t*>(bytes)[i]) * 0x100000001b3;
  }

  uint64_t sum_ = 0xcbf29ce484222325;
};

// Takes a packet apart as nmreplay does, where one byte too far is seen.
inline void use(const CapturedPacket& packet, Sides& sides, const Edit& edit) {
  const uint32_t room = edit.headroom();
  const std::unique_ptr<uint8_t[]> block(new uint8_t[room + packet.captured]);
  uint8_t* const bytes = block.get() + room;
  if (packet.captured > 0) std::memcpy(bytes, packet.bytes, packet.captured);

  const HeaderPlaces places = find_headers(bytes, packet.captured);
  NM_HOLDS(places.network_at <= packet.captured && places.transport_at <= packet.captured);
  if (places.has_addresses()) NM_HOLDS(places.to_at() + places.address_length() <= packet.captured);
  const uint32_t side = sides.of(bytes, packet.captured);
  NM_HOLDS(side < 2);

  // Feeds leave out what is longer.
  if (packet.length > UINT16_MAX) return;
  const Edit::Edited edited = edit.apply(bytes, packet.captured, packet.length, side);
  NM_HOLDS(edited.packet >= block.get() &&
           edited.captured <= static_cast<size_t>(bytes + packet.captured - edited.packet));
  NM_HOLDS(edited.captured <= edited.length);
}

inline EditSpec every_edit() {
  EditSpec spec;
  spec.to_mac[0] = spec.from_mac[1] = EditSpec::MacBytes{2, 0, 0, 0, 0, 1};
  spec.maps = {{{4, 8, {10}}, {4, 8, {172}}}, {{6, 16, {0x20, 1}}, {6, 16, {0xfd}}}};
  spec.random_seed = 7;
  spec.pop_vlan = true;
  spec.push_vlan = uint16_t{100};
  return spec;
}

// A pipe, which has room for so much, that gives a file in two parts.
inline Digest read_in_parts(const uint8_t* bytes, size_t count) {
  int ends[2];
  NM_HOLDS(pipe(ends) == 0);
  const size_t half = count / 2;
  NM_HOLDS(write(ends[1], bytes, half) == static_cast<ssize_t>(half));
  CaptureReader reader(ends[0]);
  Digest digest;
  CapturedPacket packet;
  bool written = false;
  for (bool more = true; more;) {
    switch (reader.next_at_hand(&packet)) {
      case CaptureReader::AtHand::packet:
        digest.add(packet, true);
        break;
      case CaptureReader::AtHand::nothing_more:
        more = false;
        break;
      case CaptureReader::AtHand::unread:
        if (!written)
          NM_HOLDS(write(ends[1], bytes + half, count - half) == static_cast<ssize_t>(count - half));
        if (!written) close(ends[1]);
        written = true;
        more = reader.next(&packet);
        if (more) digest.add(packet, true);
    }
  }
  if (!written) close(ends[1]);
  digest.add(reader.fault());
  close(ends[0]);
  return digest;
}

// Packets as our own encoder writes them, and the digest of what is read of that.
class Rewriting {
 public:
  Rewriting() : file_(encoder_.opening()) {}
  void add(const CapturedPacket& packet) {
    const CaptureRecord record = {0, CaptureDirection::unknown, packet.time_ns, packet.captured,
                                  packet.length};
    const size_t at = file_.size();
    file_.resize(at + encoder_.size(record));
    uint8_t* const to = encoder_.put(record, &file_[at]);
    if (packet.captured > 0) std::memcpy(to, packet.bytes, packet.captured);
  }
  Digest read_again() const {
    CaptureReader reader(file_.data(), file_.size());
    Digest digest;
    for (CapturedPacket packet; reader.next(&packet);) digest.add(packet, false);
    NM_HOLDS(reader.fault().kind == CaptureFaultKind::none);
    return digest;
  }

 private:
  CaptureEncoder encoder_{CaptureKind::pcapng, "fuzzer", {{}}};
  std::vector<uint8_t> file_;
};

inline void capture(const uint8_t* bytes, size_t count) {
  // Bounds that a pipe keeps, too.
  constexpr size_t kMost = 60'000;
  if (count > kMost) return;
  static const Edit edit(every_edit());
  Sides sides({SideRule::learned, {}, {}});
  CaptureReader reader(bytes, count);
  Digest whole;
  Digest without_origin;
  Rewriting rewriting;
  uint64_t offset = 0;
  for (CapturedPacket packet; reader.next(&packet);) {
    NM_HOLDS(packet.captured <= packet.length && packet.captured <= kLargestCaptured);
    NM_HOLDS(packet.bytes >= bytes && packet.captured <= static_cast<size_t>(bytes + count - packet.bytes));
    NM_HOLDS(packet.interface < reader.interfaces().size());
    NM_HOLDS(packet.link_type == reader.interfaces()[packet.interface].link_type);
    NM_HOLDS(reader.offset() >= offset && reader.offset() <= count);
    offset = reader.offset();
    whole.add(packet, true);
    without_origin.add(packet, false);
    rewriting.add(packet);
    use(packet, sides, edit);
  }
  NM_HOLDS(reader.fault().offset <= count);
  whole.add(reader.fault());

  // System calls take longer than all the rest: not each time.
  if (count % 8 == 0) NM_HOLDS(read_in_parts(bytes, count) == whole);
  NM_HOLDS(rewriting.read_again() == without_origin);
}

}  // namespace nm::fuzz
