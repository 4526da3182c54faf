// Marks: what a receiver can tell from them, and the checksums they must not break.
#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "bytes.h"
#include "checksum.h"
#include "test/check.h"
#include "traffic/crc32c.h"
#include "traffic/known_frame.h"
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

// Four frames of a length with marks in a row, and how they are read as frames like the first.
struct Four {
  explicit Four(uint32_t length, uint64_t first = 1000) {
    const Frame frame{markable(length)};
    for (uint64_t i = 0; i < kMarksAtOnce; i++) frames.push_back(marked(frame, 7, first + i, 555));
    known.learn(frames[0].data(), length);
  }
  bool are_whole() {
    FrameBytes bytes[kMarksAtOnce];
    for (uint32_t i = 0; i < kMarksAtOnce; i++) {
      bytes[i] = {frames[i].data(), static_cast<uint32_t>(frames[i].size())};
    }
    const bool by_known = known.read_marks(bytes, words);
    MarkWords by_crc[kMarksAtOnce];
    CHECK_EQUAL(read_marks(bytes, by_crc), by_known);
    for (uint32_t i = 0; by_known && i < kMarksAtOnce; i++) {
      CHECK(by_crc[i].first == words[i].first && by_crc[i].second == words[i].second);
      CHECK(state_of(frames[i]) == MarkState::whole);
    }
    return by_known;
  }

  std::vector<std::vector<uint8_t>> frames;
  KnownFrame known;
  MarkWords words[kMarksAtOnce];
};

TEST("marks are read four at a time by CRC, and by comparing frames with one known before, alike") {
  for (uint32_t length = shortest_marked(Family::ipv4); length <= 300; length++) {
    Four four(length);
    CHECK(four.are_whole());
    CHECK(are_in_a_row(four.words));
    const Mark last = four.words[3].mark();
    CHECK_EQUAL(last.stream, 7);
    CHECK_EQUAL(last.sequence, 1003);
    CHECK_EQUAL(last.sent_ns, 555);
  }
}

TEST("marks read by comparing show every single bit that was changed in any of four frames") {
  for (const uint32_t length : {60u, 61u, 75u, 92u}) {
    Four four(length);
    for (size_t bit = 0; bit < kMarksAtOnce * length * 8; bit++) {
      uint8_t& byte = four.frames[bit / 8 / length][bit / 8 % length];
      byte ^= static_cast<uint8_t>(1 << bit % 8);
      const bool in_udp_checksum = bit / 8 % length == 40 || bit / 8 % length == 41;
      CHECK_EQUAL(four.are_whole(), in_udp_checksum);
      byte ^= static_cast<uint8_t>(1 << bit % 8);
    }
    CHECK(four.are_whole());
  }
}

TEST("marks of frames that are longer than can be known, or of different lengths, are read otherwise") {
  Four four(64);
  MarkWords words[kMarksAtOnce];
  FrameBytes bytes[kMarksAtOnce];
  for (uint32_t i = 0; i < kMarksAtOnce; i++) bytes[i] = {four.frames[i].data(), 64};
  CHECK(four.known.read_marks(bytes, words));
  bytes[2].length = 63;
  CHECK(!four.known.read_marks(bytes, words) && !read_marks(bytes, words));

  Four longest(KnownFrame::kLongest);
  CHECK(longest.are_whole());
  KnownFrame nothing;
  const std::vector<uint8_t> longer = marked(Frame{markable(KnownFrame::kLongest + 1)}, 1, 2, 3);
  nothing.learn(longer.data(), KnownFrame::kLongest + 1);
  for (FrameBytes& one : bytes) one = {longer.data(), KnownFrame::kLongest + 1};
  CHECK(!nothing.read_marks(bytes, words));
  CHECK(read_marks(bytes, words));
}

TEST("marks are in a row if they are of one stream and one stamp, and their numbers follow each other") {
  const Frame frame{markable(60)};
  const auto words_of = [&](uint16_t stream, uint64_t sequence, uint64_t sent_ns) {
    const std::vector<uint8_t> bytes = marked(frame, stream, sequence, sent_ns);
    return MarkWords{load_little<uint64_t>(bytes.data() + 42), load_little<uint64_t>(bytes.data() + 50)};
  };
  const uint64_t first = (uint64_t{1} << 33) - 9;
  MarkWords marks[kMarksAtOnce];
  for (uint64_t i = 0; i < kMarksAtOnce; i++) marks[i] = words_of(3, first + i, 77);
  CHECK(are_in_a_row(marks));
  for (uint32_t i = 0; i < kMarksAtOnce; i++) {
    for (const MarkWords& other : {words_of(4, first + i, 77), words_of(3, first + i, 78),
                                   words_of(3, first + i + 1, 77), words_of(3, first + i - 1, 77)}) {
      const MarkWords was = std::exchange(marks[i], other);
      CHECK(!are_in_a_row(marks));
      marks[i] = was;
    }
  }
  // Where the lower 32 bits start over they are not taken for one, and are read one by one.
  for (uint64_t i = 0; i < kMarksAtOnce; i++) marks[i] = words_of(3, (uint64_t{1} << 32) - 2 + i, 77);
  CHECK(!are_in_a_row(marks));
}

TEST("marks of a run are what they are one by one") {
  check::Random random;
  for (int round = 0; round < 300; round++) {
    const uint32_t length = static_cast<uint32_t>(random.between(60, 140));
    const Frame frame{markable(length)};
    const uint16_t stream = static_cast<uint16_t>(random.next());
    const Marker marker(frame, stream);
    const Marker::Rest rest = marker.rest(frame, nullptr);
    const uint64_t sequence = random.next() >> random.between(20, 63);
    const uint64_t sent_ns = random.next();
    const Marker::Run run = marker.run(rest, sequence, sent_ns);
    const uint64_t first = sequence / Marker::kRun * Marker::kRun;
    const uint32_t from = static_cast<uint32_t>(random.below(Marker::kRun));
    const uint32_t end = static_cast<uint32_t>(random.between(from + 1, Marker::kRun));
    Marker::RunSums sums;
    marker.sums(rest, run, from, end, &sums);
    for (uint32_t place = from; place < end; place++) {
      std::vector<uint8_t> bytes(length);
      frame.write(bytes.data());
      Marker::write(rest, run, bytes.data(), place, sums.at(place));
      CHECK(bytes == marked(frame, stream, first + place, sent_ns));
      CHECK(has_right_udp_checksum(bytes));
      Mark mark;
      CHECK(read_mark(bytes.data(), length, &mark) == MarkState::whole);
      CHECK_EQUAL(mark.sequence, (first + place) & ((uint64_t{1} << kSequenceBits) - 1));
      CHECK_EQUAL(mark.sent_ns, sent_ns & kStampMask_ns);
    }
  }
}

}  // namespace
}  // namespace nm
