// Capture files that are written, and read back.
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "capture/reader.h"
#include "capture/writer.h"
#include "test/check.h"

namespace nm {
namespace {

using Bytes = std::vector<uint8_t>;

const std::vector<CaptureInterface> kTwo = {{"vale0:a", "a port", "udp port 53", 96}, {"p{1", "", "", 0}};

struct Packet {
  CaptureRecord record;
  Bytes bytes;
};

std::vector<Packet> random_packets(check::Random& random, uint32_t interfaces) {
  std::vector<Packet> packets;
  int64_t time_ns = 1'700'000'000'000'000'000;
  for (uint32_t i = 0; i < 2000; i++) {
    CaptureRecord record;
    record.interface = static_cast<uint32_t>(random.below(interfaces));
    record.direction = static_cast<CaptureDirection>(random.below(3));
    record.time_ns = time_ns += static_cast<int64_t>(random.below(3'000'000'000));
    record.captured = static_cast<uint32_t>(random.below(i % 50 == 0 ? 66000 : 200));
    record.length = record.captured + static_cast<uint32_t>(random.below(2) * 1000);
    Bytes bytes(record.captured);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
    packets.push_back({record, std::move(bytes)});
  }
  return packets;
}

TEST("a capture that was written has every packet with its bytes, lengths, nanoseconds and interface") {
  check::Random random;
  for (const CaptureKind kind : {CaptureKind::pcapng, CaptureKind::pcap}) {
    const uint32_t interfaces = kind == CaptureKind::pcap ? 1 : 2;
    const std::vector<Packet> packets = random_packets(random, interfaces);
    const int file = memfd_create("capture", MFD_CLOEXEC);
    CaptureWriter writer(file, CaptureEncoder(kind, "a test", kTwo));
    for (const Packet& packet : packets) CHECK(writer.put(packet.record, packet.bytes.data()));
    CHECK(writer.put(CaptureStatistics{0, 1, 2, 3}));
    CHECK(writer.flush());

    lseek(file, 0, SEEK_SET);
    CaptureReader reader(file);
    CapturedPacket read;
    for (const Packet& packet : packets) {
      CHECK(reader.next(&read));
      CHECK_EQUAL(read.time_ns, packet.record.time_ns);
      CHECK_EQUAL(read.captured, packet.record.captured);
      CHECK_EQUAL(read.length, packet.record.length);
      CHECK_EQUAL(read.interface, packet.record.interface);
      CHECK_EQUAL(read.link_type, kLinkTypeEthernet);
      CHECK(Bytes(read.bytes, read.bytes + read.captured) == packet.bytes);
    }
    CHECK(!reader.next(&read));
    CHECK_EQUAL(reader.fault().kind, CaptureFaultKind::none);
    close(file);
  }
}

TEST("an encoder knows size and time of the records that it put") {
  check::Random random;
  for (const CaptureKind kind : {CaptureKind::pcapng, CaptureKind::pcap}) {
    const CaptureEncoder encoder(kind, "a test", kTwo);
    for (const Packet& packet : random_packets(random, 2)) {
      Bytes record(encoder.size(packet.record), 0xaa);
      const uint8_t* const bytes = encoder.put(packet.record, record.data());
      CHECK(bytes > record.data() && bytes + packet.record.captured <= record.data() + record.size());
      CHECK_EQUAL(encoder.size_at(record.data()), record.size());
      CHECK_EQUAL(encoder.time_at(record.data()), packet.record.time_ns);
    }
  }
}

TEST("a writer says what the system said when nothing more can be written") {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  CaptureWriter writer(full, CaptureEncoder(CaptureKind::pcapng, "", kTwo));
  const Bytes bytes(60);
  CHECK(writer.put(CaptureRecord{0, CaptureDirection::unknown, 0, 60, 60}, bytes.data()));
  CHECK(!writer.flush());
  CHECK_EQUAL(writer.error(), ENOSPC);
  CHECK(!writer.put(CaptureRecord{0, CaptureDirection::unknown, 0, 60, 60}, bytes.data()));
  close(full);
}

}  // namespace
}  // namespace nm
