// Capture files, built byte by byte and read back.
#include <unistd.h>

#include <string>
#include <vector>

#include "capture/reader.h"
#include "clock.h"
#include "test/capture_builder.h"
#include "test/check.h"

namespace nm {
namespace {

using namespace check;

struct Read {
  std::vector<Bytes> packets;
  std::vector<int64_t> times_ns;
  std::vector<uint32_t> lengths;
  std::vector<uint32_t> interfaces;
  CaptureFault fault;
};

Read read_all(const Bytes& file) {
  const int descriptor = file_of(file);
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
    add_interface(file, 0, time_resolution(swapped, 12));
    add_interface(file, 0, time_resolution(swapped, 18));
    add_interface(file, 0, time_resolution(swapped, 0x80 | 63));
    add_interface(file, 0, time_resolution(swapped, 0));
    add_enhanced(file, 0, 1'500'000, text(60, 1), 60);
    add_enhanced(file, 1, 1'500'000'001, text(61, 2), 61);
    add_enhanced(file, 2, 1536, text(62, 3), 62);
    add_enhanced(file, 3, 1'700'000'000'123'456'789, text(62, 3), 62);
    add_enhanced(file, 4, 5'123'456'789'000'000'000, text(62, 3), 62);
    add_enhanced(file, 5, uint64_t{3} << 62, text(62, 3), 62);
    add_enhanced(file, 6, 1'700'000'000, text(62, 3), 62);
    const Read read = read_all(file.bytes);
    CHECK_EQUAL(read.fault.kind, CaptureFaultKind::none);
    CHECK_EQUAL(read.packets.size(), 7u);
    CHECK_EQUAL(read.times_ns[0], 1'500'000'000);
    CHECK_EQUAL(read.times_ns[1], 1'500'000'001);
    CHECK_EQUAL(read.times_ns[2], 1'500'000'000);
    CHECK_EQUAL(read.times_ns[3], 1'700'000'000'123'456);
    CHECK_EQUAL(read.times_ns[4], 5'123'456'789);
    CHECK_EQUAL(read.times_ns[5], 1'500'000'000);
    CHECK_EQUAL(read.times_ns[6], 1'700'000'000 * kSecond_ns);
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

TEST("what pcapng tells of interfaces and packets besides bytes and times is kept") {
  for (const bool swapped : {false, true}) {
    Writer options{swapped};
    options.put<uint16_t>(2).put<uint16_t>(4).put(Bytes{'e', 't', 'h', '0'});
    options.put<uint16_t>(14).put<uint16_t>(8).put<uint64_t>(100);
    options.put(time_resolution(swapped, 9));
    Writer file = pcapng(swapped);
    add_interface(file, 96, options.bytes);

    Writer body{swapped};
    body.put<uint32_t>(0).put<uint32_t>(0).put<uint32_t>(5).put<uint32_t>(14).put<uint32_t>(14);
    body.put(text(14, 1)).pad().put<uint16_t>(1).put<uint16_t>(5).put(Bytes{'h', 'e', 'l', 'l', 'o'});
    body.pad().put<uint32_t>(0);
    add_block(file, Pcapng::kEnhancedPacket, body);
    Writer simple{swapped};
    simple.put<uint32_t>(14).put(text(14, 2));
    add_block(file, Pcapng::kSimplePacket, simple);

    const int descriptor = file_of(file.bytes);
    CaptureReader reader(descriptor);
    CapturedPacket packet;
    CHECK(reader.next(&packet));
    CHECK_EQUAL(packet.time_ns, 100'000'000'005);
    CHECK_EQUAL(packet.comment, "hello");
    CHECK_EQUAL(reader.interfaces().size(), 1u);
    CHECK_EQUAL(reader.interfaces()[0].name, "eth0");
    CHECK_EQUAL(reader.interfaces()[0].snaplen, 96u);
    CHECK_EQUAL(reader.interfaces()[0].units_per_second, 1'000'000'000u);
    CHECK(reader.next(&packet));
    CHECK(!packet.timed && packet.time_ns == 100'000'000'005 && packet.comment.empty());
    close(descriptor);
  }
}

TEST("packets that were read already can be had without waiting for those that were not") {
  Writer file = pcap(false, Pcap::kMicroseconds);
  for (uint8_t i = 0; i < 3; i++) add_record(file, 0, i, text(60, i), 60);
  // All but the last byte.
  int ends[2];
  CHECK(pipe(ends) == 0);
  const auto size = static_cast<ssize_t>(file.bytes.size());
  CHECK(write(ends[1], file.bytes.data(), file.bytes.size() - 1) == size - 1);

  CaptureReader reader(ends[0]);
  CapturedPacket packet;
  CHECK(reader.next_at_hand(&packet) == CaptureReader::AtHand::unread);
  CHECK(reader.next(&packet) && packet.bytes[0] == 0);
  CHECK(reader.next_at_hand(&packet) == CaptureReader::AtHand::packet && packet.bytes[0] == 1);
  CHECK(reader.next_at_hand(&packet) == CaptureReader::AtHand::unread);
  CHECK(write(ends[1], &file.bytes.back(), 1) == 1);
  close(ends[1]);
  CHECK(reader.next(&packet) && packet.bytes[0] == 2);
  CHECK(!reader.next(&packet));
  CHECK(reader.next_at_hand(&packet) == CaptureReader::AtHand::nothing_more);
  CHECK_EQUAL(reader.fault().kind, CaptureFaultKind::none);
  close(ends[0]);
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
  Random random;
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
