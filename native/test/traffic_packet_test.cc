// The frame that the generator sends, against netmap's own bytes and a checksum written down a second time.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bytes.h"
#include "test/check.h"
#include "traffic/packet.h"

namespace nm {
namespace {

std::string hex(const uint8_t* bytes, size_t length) {
  std::string text;
  char digits[3];
  for (size_t i = 0; i < length; i++) {
    snprintf(digits, sizeof(digits), "%02x", bytes[i]);
    text += digits;
  }
  return text;
}

std::vector<uint8_t> written(const Frame& frame) {
  std::vector<uint8_t> bytes(std::max(frame.length(), frame.layout().payload), 0xee);
  frame.write(bytes.data());
  return bytes;
}

// The checksum over `bytes` and `more`, as RFC 1071 explains it: 0 when the checksum within is right.
uint16_t plain_checksum(const uint8_t* bytes, size_t length, uint32_t more) {
  uint32_t sum = more;
  for (size_t i = 0; i < length; i++) {
    sum += i % 2 == 0 ? uint32_t{bytes[i]} << 8 : bytes[i];
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(~sum);
}

void check_checksums(const std::vector<uint8_t>& frame) {
  CHECK_EQUAL(plain_checksum(frame.data() + 14, 20, 0), 0);
  const uint32_t udp_length = static_cast<uint32_t>(frame.size()) - 34;
  CHECK_EQUAL(load_big<uint16_t>(frame.data() + 38), udp_length);
  uint32_t pseudo = 17 + udp_length;
  for (int i = 26; i < 34; i += 2) pseudo += load_big<uint16_t>(frame.data() + i);
  CHECK_EQUAL(plain_checksum(frame.data() + 34, udp_length, pseudo), 0);
  CHECK(load_big<uint16_t>(frame.data() + 40) != 0);
}

TEST("frame has pkt-gen's bytes when nothing is asked for") {
  const Frame frame{FrameSpec{}};
  CHECK_EQUAL(frame.length(), 60);
  CHECK(!frame.varies());
  CHECK_EQUAL(hex(written(frame).data(), 60),
              "ffffffffffff00000000000008004510002e0000400040"
              "1126ad0a0000010a01000104d204d2001a15806e65746d617020706b742d67656e20444952");
}

TEST("frame carries the addresses of its spec") {
  FrameSpec spec;
  spec.to_mac = {0x02, 0, 0, 0, 0, 0x01};
  spec.from_mac = {0x02, 0, 0, 0, 0, 0x02};
  spec.from = {0xc0a80001, 0xc0a80001, 7, 7};
  spec.to = {0xc0a80002, 0xc0a80002, 9, 9};
  const std::vector<uint8_t> bytes = written(Frame{spec});
  CHECK_EQUAL(hex(bytes.data(), 14), "0200000000010200000000020800");
  CHECK_EQUAL(hex(bytes.data() + 26, 12), "c0a80001c0a8000200070009");
  check_checksums(bytes);
}

TEST("frame repeats pkt-gen's text up to its end") {
  FrameSpec spec;
  spec.length = 42 + 70 + 6;
  const std::vector<uint8_t> bytes = written(Frame{spec});
  CHECK_EQUAL(std::string(bytes.begin() + 42, bytes.end()),
              "netmap pkt-gen DIRECT payload\nhttp://info.iet.unipi.it/~luigi/netmap/ netmap");
}

TEST("frame has right checksums at any length") {
  for (uint32_t length = 42; length <= 65535; length = length < 300 ? length + 1 : length + 977) {
    FrameSpec spec;
    spec.length = length;
    check_checksums(written(Frame{spec}));
  }
  FrameSpec longest;
  longest.length = kLongestFrame;
  check_checksums(written(Frame{longest}));
}

TEST("frame that is too short for its headers has their first part") {
  FrameSpec spec;
  spec.length = 16;
  const Frame frame{spec};
  CHECK_EQUAL(frame.length(), 16);
  FrameSpec headers;
  headers.length = 42;
  CHECK_EQUAL(hex(written(frame).data(), 16), hex(written(Frame{headers}).data(), 16));
}

TEST("frame walks its ranges like an odometer, from's port fastest, with right checksums") {
  FrameSpec spec;
  spec.from = {0x0a000001, 0x0a000002, 1, 2};
  spec.to = {0x0a010001, 0x0a010001, 7, 8};
  Frame frame{spec};
  CHECK(frame.varies());

  struct Row {
    uint32_t from_last;
    uint32_t from_port;
    uint32_t to_port;
    uint32_t ip_checksum;
    uint32_t udp_checksum;
  };
  const Row rows[] = {
      {1, 1, 7, 0x26ad, 0x1f1c}, {1, 2, 7, 0x26ad, 0x1f1b}, {2, 1, 7, 0x26ac, 0x1f1b},
      {2, 2, 7, 0x26ac, 0x1f1a}, {1, 1, 8, 0x26ad, 0x1f1b}, {1, 2, 8, 0x26ad, 0x1f1a},
      {2, 1, 8, 0x26ac, 0x1f1a}, {2, 2, 8, 0x26ac, 0x1f19}, {1, 1, 7, 0x26ad, 0x1f1c},
      {1, 2, 7, 0x26ad, 0x1f1b},
  };
  for (const Row& row : rows) {
    const std::vector<uint8_t> bytes = written(frame);
    CHECK_EQUAL(load_big<uint32_t>(bytes.data() + 26), 0x0a000000 + row.from_last);
    CHECK_EQUAL(load_big<uint16_t>(bytes.data() + 34), row.from_port);
    CHECK_EQUAL(load_big<uint16_t>(bytes.data() + 36), row.to_port);
    CHECK_EQUAL(load_big<uint16_t>(bytes.data() + 24), row.ip_checksum);
    CHECK_EQUAL(load_big<uint16_t>(bytes.data() + 40), row.udp_checksum);
    frame.step();
  }
}

TEST("frame keeps right checksums all through wide ranges, rewritten in place") {
  check::Random random;
  for (int round = 0; round < 50; round++) {
    FrameSpec spec;
    spec.length = static_cast<uint32_t>(random.between(42, 200));
    const uint32_t from = static_cast<uint32_t>(random.next());
    const uint32_t to = static_cast<uint32_t>(random.next());
    spec.from = {std::min(from, from ^ 7), std::max(from, from ^ 7), 0,
                 static_cast<uint16_t>(random.below(5))};
    spec.to = {std::min(to, to ^ 0x100), std::max(to, to ^ 0x100), 0xfffe, 0xffff};
    Frame frame{spec};
    std::vector<uint8_t> in_place = written(frame);
    for (int step = 0; step < 500; step++) {
      frame.write_varying(in_place.data());
      CHECK(in_place == written(frame));
      check_checksums(in_place);
      frame.step();
    }
  }
}

TEST("frame comes back to its beginning after the whole range") {
  FrameSpec spec;
  spec.from = {1, 3, 10, 13};
  spec.to = {5, 6, 20, 24};
  Frame frame{spec};
  std::vector<std::string> seen;
  for (int i = 0; i < 3 * 4 * 2 * 5; i++) {
    seen.push_back(hex(written(frame).data() + 26, 12));
    frame.step();
  }
  CHECK_EQUAL(hex(written(frame).data() + 26, 12), seen.front());
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}

TEST("frame of a full range of addresses wraps without leaving it") {
  FrameSpec spec;
  spec.from = {0xfffffffe, 0xffffffff, 65535, 65535};
  Frame frame{spec};
  const uint32_t expected[] = {0xfffffffe, 0xffffffff, 0xfffffffe};
  for (const uint32_t address : expected) {
    CHECK_EQUAL(load_big<uint32_t>(written(frame).data() + 26), address);
    frame.step();
  }
}

// As compiled for any processor: fillers use what is compiled for the one that they run on.
TEST("headers written many at a time are those written one by one") {
  check::Random random;
  for (int round = 0; round < 200; round++) {
    FrameSpec spec;
    spec.family = random.below(2) == 0 ? Family::ipv4 : Family::ipv6;
    spec.length = static_cast<uint32_t>(random.between(62, 200));
    const uint32_t from = static_cast<uint32_t>(random.below(0xff00));
    const uint32_t to = static_cast<uint32_t>(random.below(0xff00));
    spec.from = {from, from + static_cast<uint32_t>(random.below(40)), 65500,
                 static_cast<uint16_t>(random.between(65500, 65535))};
    spec.to = {to, to + static_cast<uint32_t>(random.below(3)), 1,
               static_cast<uint16_t>(random.between(1, 3))};
    Frame frame{spec};
    Headers headers = frame.headers();
    std::vector<std::vector<uint8_t>> copies(40, std::vector<uint8_t>(spec.length));
    for (int turn = 0; turn < 30; turn++) {
      for (std::vector<uint8_t>& copy : copies) frame.write_longest(copy.data());
      const uint32_t most = static_cast<uint32_t>(random.between(1, copies.size()));
      const uint32_t some = headers.write_some(most, [&](uint32_t i) { return copies[i].data(); });
      CHECK(some >= 1 && some <= most);
      for (uint32_t i = 0; i < some; i++, frame.step()) CHECK(copies[i] == written(frame));
    }
  }
}

}  // namespace
}  // namespace nm
