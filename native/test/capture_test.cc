// Capture files, built byte by byte and read back.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "bytes.h"
#include "capture/pcap.h"
#include "capture/pcapng.h"
#include "capture/reader.h"
#include "test/check.h"

namespace nm {
namespace {

using Bytes = std::vector<uint8_t>;

// Appends numbers in one byte order.
struct Writer {
  bool swapped = false;
  Bytes bytes{};

  template <typename Number>
  Writer& put(Number number) {
    if (swapped) number = swap_bytes(number);
    const size_t at = bytes.size();
    bytes.resize(at + sizeof(number));
    std::memcpy(&bytes[at], &number, sizeof(number));
    return *this;
  }
  Writer& put(const Bytes& more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
    return *this;
  }
  Writer& pad() {
    while (bytes.size() % 4 != 0) bytes.push_back(0);
    return *this;
  }
};

struct Read {
  std::vector<Bytes> packets;
  std::vector<int64_t> times_ns;
  std::vector<uint32_t> lengths;
  std::vector<uint32_t> interfaces;
  CaptureFault fault;
};

Read read_all(const Bytes& file) {
  const int descriptor = memfd_create("capture", MFD_CLOEXEC);
  CHECK(write(descriptor, file.data(), file.size()) == static_cast<ssize_t>(file.size()));
  lseek(descriptor, 0, SEEK_SET);
  CaptureReader reader(descriptor);
  Read read;
  for (CapturedPacket packet; reader.next(&packet);) {
    read.packets.emplace_back(packet.bytes, packet.bytes + packet.captured);
    read.times_ns.push_back(packet.time_ns);
    read.lengths.push_back(packet.length);
    read.interfaces.push_back(packet.interface);
  }
  read.fault = reader.fault();
  CHECK(!reader.next(nullptr));
  close(descriptor);
  return read;
}

Bytes text(uint32_t length, uint8_t fill) { return Bytes(length, fill); }

Writer pcap(bool swapped, uint32_t magic) {
  Writer file{swapped};
  file.put(magic)
      .put<uint16_t>(2)
      .put<uint16_t>(4)
      .put<uint32_t>(0)
      .put<uint32_t>(0)
      .put<uint32_t>(262144)
      .put<uint32_t>(1);
  return file;
}

void add_record(Writer& file, uint32_t seconds, uint32_t fraction, const Bytes& packet, uint32_t length) {
  file.put(seconds).put(fraction).put(static_cast<uint32_t>(packet.size())).put(length).put(packet);
}

void add_block(Writer& file, uint32_t type, const Writer& body) {
  Writer padded = body;
  padded.pad();
  const uint32_t length = static_cast<uint32_t>(padded.bytes.size()) + Pcapng::kBlockOverhead;
  file.put(type).put(length).put(padded.bytes).put(length);
}

Writer pcapng(bool swapped) {
  Writer file{swapped};
  Writer section{swapped};
  section.put<uint32_t>(Pcapng::kByteOrderMagic).put<uint16_t>(1).put<uint16_t>(0).put<uint64_t>(UINT64_MAX);
  add_block(file, Pcapng::kSection, section);
  return file;
}

void add_interface(Writer& file, uint32_t snaplen, const Bytes& options) {
  Writer body{file.swapped};
  body.put<uint16_t>(1).put<uint16_t>(0).put(snaplen).put(options);
  add_block(file, Pcapng::kInterface, body);
}

Bytes time_resolution(bool swapped, uint8_t value) {
  Writer option{swapped};
  option.put<uint16_t>(9).put<uint16_t>(1).put(Bytes{value, 0, 0, 0}).put<uint16_t>(0).put<uint16_t>(0);
  return option.bytes;
}

void add_enhanced(Writer& file, uint32_t interface, uint64_t ticks, const Bytes& packet, uint32_t length) {
  Writer body{file.swapped};
  body.put(interface).put(static_cast<uint32_t>(ticks >> 32)).put(static_cast<uint32_t>(ticks));
  body.put(static_cast<uint32_t>(packet.size())).put(length).put(packet);
  add_block(file, Pcapng::kEnhancedPacket, body);
}

TEST("classic captures are read in both byte orders, in microseconds and in nanoseconds") {
  for (const bool swapped : {false, true}) {
    for (const uint32_t magic : {Pcap::kMicroseconds, Pcap::kNanoseconds}) {
      Writer file = pcap(swapped, magic);
      add_record(file, 1, 999, text(60, 1), 60);
      add_record(file, 4'000'000'000, 5, text(61, 2), 1500);
      const Read read = read_all(file.bytes);
      CHECK_EQUAL(read.fault.kind, CaptureFaultKind::none);
      CHECK_EQUAL(read.packets.size(), 2u);
      CHECK(read.packets[0] == text(60, 1) && read.packets[1] == text(61, 2));
      const int64_t unit = magic == Pcap::kMicroseconds ? 1000 : 1;
      CHECK_EQUAL(read.times_ns[0], 1'000'000'000 + 999 * unit);
      CHECK_EQUAL(read.times_ns[1], 4'000'000'000'000'000'000 + 5 * unit);
      CHECK_EQUAL(read.lengths[1], 1500u);
    }
  }
}

TEST("a pcapng capture's interfaces, each with its own resolution, come out on one clock") {
  for (const bool swapped : {false, true}) {
    Writer file = pcapng(swapped);
    add_interface(file, 0, {});
    add_interface(file, 0, time_resolution(swapped, 9));
    add_interface(file, 0, time_resolution(swapped, 0x80 | 10));
    add_enhanced(file, 0, 1'500'000, text(60, 1), 60);
    add_enhanced(file, 1, 1'500'000'001, text(61, 2), 61);
    add_enhanced(file, 2, 1536, text(62, 3), 62);
    const Read read = read_all(file.bytes);
    CHECK_EQUAL(read.fault.kind, CaptureFaultKind::none);
    CHECK_EQUAL(read.packets.size(), 3u);
    CHECK_EQUAL(read.times_ns[0], 1'500'000'000);
    CHECK_EQUAL(read.times_ns[1], 1'500'000'001);
    CHECK_EQUAL(read.times_ns[2], 1'500'000'000);
    CHECK_EQUAL(read.interfaces[2], 2u);
  }
}

TEST("a pcapng capture may hold simple and obsolete packets, unknown blocks and several sections") {
  Writer file = pcapng(false);
  add_interface(file, 50, {});
  Writer simple;
  simple.put<uint32_t>(60).put(text(50, 7));
  add_block(file, Pcapng::kSimplePacket, simple);
  Writer unknown;
  unknown.put(text(33, 9));
  add_block(file, 0x0bad, unknown);
  Writer obsolete;
  obsolete.put<uint16_t>(0)
      .put<uint16_t>(3)
      .put<uint32_t>(0)
      .put<uint32_t>(5)
      .put<uint32_t>(20)
      .put<uint32_t>(20);
  obsolete.put(text(20, 8));
  add_block(file, Pcapng::kObsoletePacket, obsolete);
  Writer second = pcapng(true);
  add_interface(second, 0, {});
  add_enhanced(second, 0, 3, text(14, 4), 14);
  file.put(second.bytes);

  const Read read = read_all(file.bytes);
  CHECK_EQUAL(read.fault.kind, CaptureFaultKind::none);
  CHECK_EQUAL(read.packets.size(), 3u);
  CHECK(read.packets[0] == text(50, 7) && read.lengths[0] == 60);
  CHECK(read.packets[1] == text(20, 8) && read.times_ns[1] == 5000);
  CHECK(read.packets[2] == text(14, 4) && read.interfaces[2] == 1);
}

TEST("a file that ends in the middle of a packet gives the packets before it, and the byte where it ended") {
  Writer whole = pcap(false, Pcap::kMicroseconds);
  add_record(whole, 1, 0, text(60, 1), 60);
  const size_t first = whole.bytes.size();
  add_record(whole, 2, 0, text(60, 2), 60);
  for (size_t length = first + 1; length < whole.bytes.size(); length++) {
    const Read read = read_all({whole.bytes.begin(), whole.bytes.begin() + static_cast<ptrdiff_t>(length)});
    CHECK_EQUAL(read.packets.size(), 1u);
    CHECK_EQUAL(read.fault.kind, CaptureFaultKind::truncated_packet);
    CHECK_EQUAL(read.fault.offset, first);
    CHECK_EQUAL(read.fault.found, length - first);
  }
}

TEST(
    "what is no capture is told from an empty file, and what claims too much is refused where it claims it") {
  CHECK_EQUAL(read_all({}).fault.kind, CaptureFaultKind::empty);
  CHECK_EQUAL(read_all(text(100, 'x')).fault.kind, CaptureFaultKind::not_a_capture);
  Writer cut = pcap(false, Pcap::kMicroseconds);
  cut.bytes.resize(20);
  CHECK_EQUAL(read_all(cut.bytes).fault.kind, CaptureFaultKind::truncated_header);

  Writer huge = pcap(false, Pcap::kMicroseconds);
  huge.put<uint32_t>(1).put<uint32_t>(0).put<uint32_t>(UINT32_MAX).put<uint32_t>(60);
  const Read claimed = read_all(huge.bytes);
  CHECK_EQUAL(claimed.fault.kind, CaptureFaultKind::packet_too_large);
  CHECK_EQUAL(claimed.fault.offset, 32u);

  Writer odd = pcapng(false);
  odd.put<uint32_t>(6).put<uint32_t>(13).put<uint32_t>(0);
  CHECK_EQUAL(read_all(odd.bytes).fault.kind, CaptureFaultKind::bad_block_length);

  Writer nowhere = pcapng(false);
  add_enhanced(nowhere, 0, 0, text(60, 1), 60);
  CHECK_EQUAL(read_all(nowhere.bytes).fault.kind, CaptureFaultKind::no_such_interface);

  Writer liar = pcapng(false);
  add_interface(liar, 0, {});
  const size_t at = liar.bytes.size();
  add_enhanced(liar, 0, 0, text(60, 1), 60);
  liar.bytes[at + 20]++;
  CHECK_EQUAL(read_all(liar.bytes).packets.size(), 0u);
  CHECK_EQUAL(read_all(liar.bytes).fault.kind, CaptureFaultKind::packet_too_large);
}

TEST("a capture whose bytes were changed at random is read or refused, and never read past its end") {
  check::Random random;
  Writer classic = pcap(false, Pcap::kNanoseconds);
  Writer sections = pcapng(true);
  add_interface(sections, 96, time_resolution(true, 9));
  for (uint32_t i = 0; i < 20; i++) {
    add_record(classic, i, i, text(static_cast<uint32_t>(random.below(100)), 1), 60);
    add_enhanced(sections, 0, i, text(static_cast<uint32_t>(random.below(100)), 2), 100);
  }
  for (uint32_t i = 0; i < 3000; i++) {
    Bytes file = i % 2 == 0 ? classic.bytes : sections.bytes;
    for (uint64_t change = random.below(8); change > 0; change--) {
      file[random.below(file.size())] = static_cast<uint8_t>(random.below(3) == 0 ? 0xff : random.next());
    }
    file.resize(random.below(file.size() + 1));
    uint64_t sum = 0;
    for (const Bytes& packet : read_all(file).packets) {
      for (const uint8_t byte : packet) sum += byte;
    }
    asm volatile("" : : "r"(sum));
  }
}

}  // namespace
}  // namespace nm
