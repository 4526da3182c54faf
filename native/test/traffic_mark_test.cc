// Marks: what a receiver can tell from them, and the checksums they must not break.
#include <algorithm>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "checksum.h"
#include "test/check.h"
#include "traffic/crc32c.h"
#include "traffic/mark.h"

namespace nm {
namespace {

FrameSpec markable(uint32_t length) {
  FrameSpec spec;
  spec.length = length;
  spec.reserved_at_end = kMarkLength;
  return spec;
}

std::vector<uint8_t> marked(const Frame& frame, uint16_t stream, uint64_t sequence, uint64_t sent_ns) {
  std::vector<uint8_t> bytes(frame.length());
  frame.write(bytes.data());
  Marker(frame, stream).write(frame, bytes.data(), sequence, sent_ns);
  return bytes;
}

bool has_right_udp_checksum(const std::vector<uint8_t>& frame) {
  const size_t udp_length = frame.size() - 34;
  return fold(17 + udp_length + sum_words(frame.data() + 26, 8) + sum_words(frame.data() + 34, udp_length)) ==
         0xffff;
}

MarkState state_of(const std::vector<uint8_t>& bytes) {
  Mark mark;
  return read_mark(bytes.data(), static_cast<uint32_t>(bytes.size()), &mark);
}

const uint8_t* bytes_of(std::string_view text) { return reinterpret_cast<const uint8_t*>(text.data()); }

TEST("crc32c gives the check value of the standard") {
  CHECK_EQUAL(crc32c(0, bytes_of("123456789"), 9), 0xe3069283u);
  CHECK_EQUAL(crc32c_by_table(0, bytes_of("123456789"), 9), 0xe3069283u);
  CHECK_EQUAL(crc32c(0, nullptr, 0), 0u);
}

TEST("crc32c is the same by instruction, by table, and in parts") {
  check::Random random;
  std::vector<uint8_t> bytes(300);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  for (size_t length = 0; length < bytes.size(); length++) {
    const uint32_t whole = crc32c_by_table(0, bytes.data(), length);
    CHECK_EQUAL(crc32c(0, bytes.data(), length), whole);
    const size_t cut = random.below(length + 1);
    CHECK_EQUAL(crc32c(crc32c(0, bytes.data(), cut), bytes.data() + cut, length - cut), whole);
  }
}

TEST("mark has the layout of its drawing") {
  const std::vector<uint8_t> bytes = marked(Frame{markable(60)}, 0x0201, 0x05'0403'0201, 0x0e0d'0c0b'0a09);
  const uint8_t* const mark = bytes.data() + 42;
  const std::vector<uint8_t> expected{'n', 'm', 1, 2, 1, 2, 3, 4, 5, 9, 0x0a, 0x0b, 0x0c, 0x0d};
  CHECK(std::equal(expected.begin(), expected.end(), mark));
  std::vector<uint8_t> covered(bytes.begin(), bytes.begin() + 40);
  covered.insert(covered.end(), bytes.begin() + 42, bytes.end() - 4);
  CHECK_EQUAL(load_little<uint32_t>(mark + 14), crc32c_by_table(0, covered.data(), covered.size()));
}

TEST("mark is read as it was written, at any length") {
  check::Random random;
  for (uint32_t length = shortest_marked(Family::ipv4); length <= 65535;
       length = length < 200 ? length + 1 : length + 1999) {
    const Frame frame{markable(length)};
    const uint16_t stream = static_cast<uint16_t>(random.next());
    const uint64_t sequence = random.next() >> (64 - kSequenceBits);
    const uint64_t sent_ns = random.next() & kStampMask_ns;
    const std::vector<uint8_t> bytes = marked(frame, stream, sequence, sent_ns);
    Mark mark;
    CHECK(read_mark(bytes.data(), length, &mark) == MarkState::whole);
    CHECK_EQUAL(mark.stream, stream);
    CHECK_EQUAL(mark.sequence, sequence);
    CHECK_EQUAL(mark.sent_ns, sent_ns);
    CHECK(has_right_udp_checksum(bytes));
  }
}

TEST("mark keeps the checksums of a range right") {
  FrameSpec spec = markable(77);
  spec.from = {0x0a000001, 0x0a000003, 65530, 65535};
  spec.to = {0x0a010001, 0x0a010002, 1, 3};
  Frame frame{spec};
  const Marker marker(frame, 5);
  std::vector<uint8_t> bytes(frame.length());
  frame.write(bytes.data());
  for (uint64_t sequence = 0; sequence < 3000; sequence++) {
    frame.write_varying(bytes.data());
    marker.write(frame, bytes.data(), sequence, sequence * 977);
    CHECK(state_of(bytes) == MarkState::whole);
    CHECK(has_right_udp_checksum(bytes));
    frame.step();
  }
}

TEST("mark shows every single bit that was changed, but for the UDP checksum") {
  const std::vector<uint8_t> good = marked(Frame{markable(64)}, 1, 2, 3);
  for (size_t bit = 0; bit < good.size() * 8; bit++) {
    std::vector<uint8_t> bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const bool in_udp_checksum = bit / 8 == 40 || bit / 8 == 41;
    CHECK((state_of(bad) == MarkState::whole) == in_udp_checksum);
  }
}

TEST("mark is found in frames that are not IPv4, and not where there is none") {
  std::vector<uint8_t> bytes(100, 0x55);
  CHECK(state_of(bytes) == MarkState::none);
  bytes[82] = 'n';
  bytes[83] = 'm';
  CHECK(state_of(bytes) == MarkState::damaged);
  store_little<uint32_t>(bytes.data() + 96, crc32c(0, bytes.data(), 96));
  CHECK(state_of(bytes) == MarkState::whole);
  CHECK(state_of({}) == MarkState::none);
  CHECK(state_of(std::vector<uint8_t>(17)) == MarkState::none);
}

TEST("mark reads frames of any bytes and lengths without leaving them") {
  check::Random random;
  for (int i = 0; i < 20000; i++) {
    std::vector<uint8_t> bytes(random.below(100));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
    if (bytes.size() >= kMarkLength) {
      bytes[bytes.size() - 18] = 'n';
      bytes[bytes.size() - 17] = 'm';
    }
    CHECK(state_of(bytes) != MarkState::whole);
  }
}

}  // namespace
}  // namespace nm
