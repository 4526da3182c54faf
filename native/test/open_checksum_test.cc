// Checksums that a sender left open: which frames have one, and what they become.
#include "nic/open_checksum.h"

#include <cstring>
#include <vector>

#include "bytes.h"
#include "checksum.h"
#include "test/check.h"

using namespace nm;

namespace {

using Frame = std::vector<uint8_t>;

constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;

struct Parts {
  uint32_t tags = 0;
  bool is_ipv6 = false;
  bool has_extension = false;
  uint8_t protocol = kTcp;
  uint32_t payload = 100;
  uint32_t padding = 0;  // behind the IP packet
};

uint32_t field_of(uint8_t protocol) { return protocol == kTcp ? 16 : 6; }

// A frame with random addresses and payload, its checksum field 0; `*segment` is where the transport header begins.
Frame build(const Parts& parts, check::Random& random, uint32_t* segment, uint64_t* pseudo) {
  const uint32_t extension = parts.has_extension ? 16 : 0;
  const uint32_t ip_header = parts.is_ipv6 ? 40 + extension : 20;
  const uint32_t transport = (parts.protocol == kTcp ? 20 : 8) + parts.payload;
  const uint32_t ip = 14 + 4 * parts.tags;
  Frame frame(ip + ip_header + transport + parts.padding);
  for (uint8_t& byte : frame) byte = static_cast<uint8_t>(random.next());
  for (uint32_t i = 0; i < parts.tags; i++) store_big<uint16_t>(&frame[12 + 4 * i], i == 0 ? 0x88a8 : 0x8100);
  store_big<uint16_t>(&frame[ip - 2], parts.is_ipv6 ? 0x86dd : 0x0800);
  if (parts.is_ipv6) {
    frame[ip] = 0x60;
    store_big<uint16_t>(&frame[ip + 4], static_cast<uint16_t>(extension + transport));
    frame[ip + 6] = parts.has_extension ? 60 : parts.protocol;
    if (parts.has_extension) {
      frame[ip + 40] = parts.protocol;
      frame[ip + 41] = 1;
    }
    *pseudo = sum_words(&frame[ip + 8], 32);
  } else {
    frame[ip] = 0x45;
    store_big<uint16_t>(&frame[ip + 2], static_cast<uint16_t>(ip_header + transport));
    store_big<uint16_t>(&frame[ip + 6], 0x4000);
    frame[ip + 9] = parts.protocol;
    *pseudo = sum_words(&frame[ip + 12], 8);
  }
  *pseudo += parts.protocol + sum_words(transport);
  *segment = ip + ip_header;
  store_big<uint16_t>(&frame[*segment + field_of(parts.protocol)], 0);
  return frame;
}

// What a receiver does: the sum over pseudo header and segment is all ones.
bool is_right(const Frame& frame, uint32_t segment, uint64_t pseudo, uint32_t padding) {
  return fold(pseudo + sum_words(&frame[segment], frame.size() - segment - padding)) == 0xffff;
}

}  // namespace

TEST("an open checksum is completed, whatever the packet") {
  check::Random random;
  for (const uint8_t protocol : {kTcp, kUdp}) {
    for (uint32_t shape = 0; shape < 12; shape++) {
      for (uint32_t round = 0; round < 200; round++) {
        Parts parts;
        parts.tags = shape % 3;
        parts.is_ipv6 = shape >= 3;
        parts.has_extension = shape >= 6 && parts.is_ipv6;
        parts.padding = shape >= 9 ? 6 : 0;
        parts.protocol = protocol;
        parts.payload = static_cast<uint32_t>(random.below(1400));
        uint32_t segment;
        uint64_t pseudo;
        Frame frame = build(parts, random, &segment, &pseudo);
        store_big<uint16_t>(&frame[segment + field_of(protocol)], fold(pseudo));
        nic::complete_checksum(frame.data(), static_cast<uint32_t>(frame.size()));
        CHECK(is_right(frame, segment, pseudo, parts.padding));
      }
    }
  }
}

TEST("an open checksum is completed in a frame that lies in pieces, wherever it is cut behind the headers") {
  check::Random random;
  for (uint32_t round = 0; round < 2000; round++) {
    Parts parts;
    parts.is_ipv6 = round % 2 != 0;
    parts.protocol = round % 4 < 2 ? kTcp : kUdp;
    parts.payload = static_cast<uint32_t>(random.between(10, 9000));
    parts.padding = round % 8 < 4 ? 0 : 6;
    uint32_t segment;
    uint64_t pseudo;
    Frame frame = build(parts, random, &segment, &pseudo);
    store_big<uint16_t>(&frame[segment + field_of(parts.protocol)], fold(pseudo));
    std::vector<iovec> pieces;
    for (size_t at = 0, end; at < frame.size(); at = end) {
      const size_t least = at == 0 ? segment + field_of(parts.protocol) + 2 : at + 1;
      end = random.between(least, frame.size());
      pieces.push_back({&frame[at], end - at});
    }
    nic::complete_checksum(pieces.data(), static_cast<uint32_t>(pieces.size()));
    CHECK(is_right(frame, segment, pseudo, parts.padding));
  }
}

TEST("a checksum that is complete stays as it is, right or wrong") {
  check::Random random;
  for (uint32_t round = 0; round < 20000; round++) {
    Parts parts;
    parts.is_ipv6 = round % 2 != 0;
    parts.protocol = round % 4 < 2 ? kTcp : kUdp;
    uint32_t segment;
    uint64_t pseudo;
    Frame frame = build(parts, random, &segment, &pseudo);
    uint8_t* const field = &frame[segment + field_of(parts.protocol)];
    const uint64_t sum = pseudo + sum_words(&frame[segment], frame.size() - segment);
    const auto wrong = static_cast<uint16_t>(random.next());
    store_big<uint16_t>(field, round % 8 < 6 ? udp_checksum(sum) : wrong);
    if (round % 8 >= 6 && wrong == fold(pseudo)) continue;
    const Frame before = frame;
    nic::complete_checksum(frame.data(), static_cast<uint32_t>(frame.size()));
    CHECK(frame == before);
  }
}

TEST("a datagram without a checksum keeps none, and a fragment its bytes") {
  check::Random random;
  uint32_t segment;
  uint64_t pseudo;
  Parts parts;
  parts.protocol = kUdp;
  Frame frame = build(parts, random, &segment, &pseudo);
  Frame before = frame;
  nic::complete_checksum(frame.data(), static_cast<uint32_t>(frame.size()));
  CHECK(frame == before);

  store_big<uint16_t>(&frame[segment + 6], fold(pseudo));
  store_big<uint16_t>(&frame[14 + 6], 0x2000);  // more fragments
  before = frame;
  nic::complete_checksum(frame.data(), static_cast<uint32_t>(frame.size()));
  CHECK(frame == before);
}

TEST("frames of random bytes and lengths are only ever read within their length") {
  check::Random random;
  for (uint32_t round = 0; round < 100000; round++) {
    Parts parts;
    parts.tags = static_cast<uint32_t>(random.below(3));
    parts.is_ipv6 = random.below(2) != 0;
    parts.has_extension = random.below(2) != 0;
    uint32_t segment;
    uint64_t pseudo;
    Frame frame = build(parts, random, &segment, &pseudo);
    for (uint32_t i = 0; i < 4; i++) frame[12 + random.below(60)] = static_cast<uint8_t>(random.next());
    // In memory of exactly that size, where the sanitizer sees a byte too far.
    const Frame cut(frame.begin(), frame.begin() + static_cast<int64_t>(random.below(frame.size())));
    Frame given = cut;
    given.shrink_to_fit();
    nic::complete_checksum(given.data(), static_cast<uint32_t>(given.size()));
  }
}
