// Numbered slots, and packets of a recording, through a generator and what a wire got of it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "bytes.h"
#include "checksum.h"
#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/generator.h"
#include "traffic/numbers.h"
#include "traffic/recording.h"

namespace nm {
namespace {

using check::fake_port;
using check::FakeSlot;
using check::FakeWire;

std::vector<FakeSlot> all_of(FakeWire& wire) {
  std::vector<FakeSlot> slots;
  for (FakeSlot slot; wire.receive(&slot);) slots.push_back(std::move(slot));
  return slots;
}

// What a generator with this filler sends.
template <typename MakeFiller>
std::vector<FakeSlot> sent(uint64_t count, MakeFiller make_filler) {
  auto wire = std::make_shared<FakeWire>(1 << 16);
  auto port = fake_port(wire, nullptr);
  GeneratorOptions options;
  options.count = count;
  Generator generator(*port, options, make_filler(*port));
  CHECK_EQUAL(generator.run(), Status::ok);
  CHECK_EQUAL(generator.progress().packets.load(), count);
  return all_of(*wire);
}

bool udp_checksum_holds(const std::vector<uint8_t>& bytes, FrameLayout layout) {
  const uint32_t udp_length = static_cast<uint32_t>(bytes.size()) - layout.udp;
  const uint32_t addresses = 2 * (layout.to_address - layout.from_address);
  return fold(17 + udp_length + sum_words(&bytes[layout.from_address], addresses) +
              sum_words(&bytes[layout.udp], udp_length)) == 0xffff;
}

TEST(
    "numbered slots count from 0, each a whole frame with a right checksum, whatever the family and the "
    "range") {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    FrameFillerOptions options;
    options.frame.family = family;
    if (family == Family::ipv6) {
      // One group of each address.
      options.frame.from = {.first_address = 1, .last_address = 1};
      options.frame.to = {.first_address = 2, .last_address = 2};
    }
    options.frame.length = 70;
    options.frame.from.last_port = 1239;
    options.fragments = 3;
    const auto slots = sent(1000, [&](Port& port) { return std::make_unique<NumberFiller>(port, options); });
    CHECK_EQUAL(slots.size(), 3000u);
    const FrameLayout layout = layout_of(family);
    for (uint32_t i = 0; i < slots.size(); i++) {
      CHECK_EQUAL(slots[i].bytes.size(), 70u);
      CHECK_EQUAL(load_big<uint32_t>(&slots[i].bytes[layout.payload]), i);
      CHECK_EQUAL((slots[i].flags & abi::NS_MOREFRAG) != 0, i % 3 < 2);
      CHECK_EQUAL(load_big<uint16_t>(&slots[i].bytes[layout.udp]), 1234 + i / 3 % 6);
      CHECK(udp_checksum_holds(slots[i].bytes, layout));
    }
  }
}

TEST("numbers that arrive in order fit, also when they wrap; others are counted and told once") {
  FrameFillerOptions options;
  const auto slots = sent(5, [&](Port& port) { return std::make_unique<NumberFiller>(port, options); });
  Numbers numbers(2, 0);
  std::vector<uint8_t> slot = slots[0].bytes;
  const auto arrive = [&](size_t ring, uint32_t number) {
    store_big(&slot[layout_of(Family::ipv4).payload], number);
    numbers.arrived(ring, slot.data(), static_cast<uint32_t>(slot.size()), false);
  };
  arrive(0, UINT32_MAX - 1);
  arrive(0, UINT32_MAX);
  arrive(0, 0);
  arrive(1, 77);
  arrive(1, 78);
  CHECK_EQUAL(numbers.gaps(), 0u);
  CHECK(!numbers.take_number_mismatch());
  arrive(0, 5);
  CHECK_EQUAL(numbers.gaps(), 1u);
  const auto mismatch = numbers.take_number_mismatch();
  CHECK(mismatch && mismatch->expected == 1 && mismatch->found == 5);
  CHECK(!numbers.take_number_mismatch());
  arrive(0, 4);
  CHECK_EQUAL(numbers.backward(), 1u);
  arrive(0, 5);
  CHECK_EQUAL(numbers.gaps(), 1u);
  numbers.arrived(0, slot.data(), 45, false);
  numbers.arrived(0, slot.data(), 0, false);
  CHECK_EQUAL(numbers.too_short(), 2u);
}

TEST("packets with another count of slots than the one before are counted") {
  FrameFillerOptions options;
  const auto slots = sent(1, [&](Port& port) { return std::make_unique<NumberFiller>(port, options); });
  Numbers numbers(1, 0);
  const auto arrive = [&](bool more) {
    numbers.arrived(0, slots[0].bytes.data(), static_cast<uint32_t>(slots[0].bytes.size()), more);
  };
  for (const bool more : {true, false, true, false, false}) arrive(more);
  CHECK_EQUAL(numbers.odd_packets(), 1u);
  const auto mismatch = numbers.take_slots_mismatch();
  CHECK(mismatch && mismatch->expected == 2 && mismatch->found == 1);
}

// A classic capture whose packet number i is `captured` bytes of value i, of `length` on the wire.
std::shared_ptr<const Recording> recording(const std::vector<std::pair<uint32_t, uint32_t>>& packets,
                                           uint32_t link_type, Recording::Outcome outcome) {
  std::vector<uint8_t> file(24);
  const uint32_t header[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, link_type};
  std::memcpy(file.data(), header, sizeof(header));
  for (uint32_t i = 0; i < packets.size(); i++) {
    const auto [captured, length] = packets[i];
    const uint32_t record[] = {i, 0, captured, length};
    const auto* const bytes = reinterpret_cast<const uint8_t*>(record);
    file.insert(file.end(), bytes, bytes + sizeof(record));
    file.insert(file.end(), captured, static_cast<uint8_t>(i));
  }
  const int descriptor = memfd_create("capture", MFD_CLOEXEC);
  CHECK(write(descriptor, file.data(), file.size()) == static_cast<ssize_t>(file.size()));
  lseek(descriptor, 0, SEEK_SET);
  auto read = std::make_shared<Recording>();
  CaptureFault fault;
  CHECK_EQUAL(read->read(descriptor, &fault), outcome);
  close(descriptor);
  return read;
}

TEST("the packets of a recording are sent in order, again and again, what was not captured as zeros") {
  const std::vector<std::pair<uint32_t, uint32_t>> packets = {{60, 60}, {50, 100}, {1500, 1500}, {14, 14}};
  RecordingFillerOptions options;
  options.recording = recording(packets, kLinkTypeEthernet, Recording::Outcome::whole);
  CHECK_EQUAL(options.recording->longest(), 1500u);
  CHECK_EQUAL(options.recording->length(), 1674u);
  options.header_length = 12;
  const auto slots = sent(1001, [&](Port& port) { return std::make_unique<RecordingFiller>(port, options); });
  CHECK_EQUAL(slots.size(), 1001u);
  for (uint32_t i = 0; i < slots.size(); i++) {
    const auto [captured, length] = packets[i % packets.size()];
    std::vector<uint8_t> expected(12 + captured, static_cast<uint8_t>(i % packets.size()));
    std::fill_n(expected.begin(), 12, uint8_t{0});
    expected.resize(12 + length);
    CHECK(slots[i].bytes == expected);
  }
}

TEST("a recorded packet that is longer than a buffer, or than a fragment may be, takes several slots") {
  RecordingFillerOptions options;
  options.recording = recording({{5000, 5000}, {10, 10}}, kLinkTypeEthernet, Recording::Outcome::whole);
  options.longest_fragment = 1000;
  options.header_length = 10;
  const auto slots = sent(2, [&](Port& port) { return std::make_unique<RecordingFiller>(port, options); });
  CHECK_EQUAL(slots.size(), 7u);
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < 6; i++) {
    bytes += slots[i].bytes.size();
    CHECK_EQUAL((slots[i].flags & abi::NS_MOREFRAG) != 0, i < 5);
  }
  CHECK_EQUAL(bytes, 5010u);
  CHECK_EQUAL(slots[6].bytes.size(), 20u);
}

TEST(
    "a recording refuses packets that are no Ethernet frames, and those that no slot could tell the length "
    "of") {
  recording({{60, 60}}, 101, Recording::Outcome::not_ethernet);
  recording({{60, 60}, {60, 65536}}, kLinkTypeEthernet, Recording::Outcome::too_long);
}

}  // namespace
}  // namespace nm
