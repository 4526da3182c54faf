// Capturers: what arrives at ports is in the capture, or was counted where it had no room.
#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "test/engine_rig.h"
#include "traffic/capturer.h"

namespace nm {
namespace {

using test::kBroadcast;
using test::put;
using test::Rig;
using test::station;

std::shared_ptr<Recorder> recorder_to(const std::string& path, size_t interfaces, int descriptor = -1) {
  RecorderOptions options;
  options.interfaces.resize(interfaces);
  options.path = path;
  options.descriptor = descriptor;
  options.memory = 2 * Recorder::kPieceBytes;
  int error = 0;
  std::shared_ptr<Recorder> recorder = Recorder::start(options, &error);
  CHECK_EQUAL(error, 0);
  return recorder;
}

struct Captured {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t by_interface[2] = {0, 0};
};

Captured read_back(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  CaptureReader reader(file);
  Captured captured;
  uint32_t next[2] = {0, 0};
  for (CapturedPacket packet; reader.next(&packet);) {
    captured.packets++;
    captured.bytes += packet.length;
    captured.by_interface[packet.interface]++;
    uint32_t tag = 0;
    memcpy(&tag, packet.bytes + 14, sizeof(tag));
    CHECK(tag >= next[packet.interface]);
    next[packet.interface] = tag + 1;
  }
  CHECK_EQUAL(reader.fault().kind, CaptureFaultKind::none);
  close(file);
  return captured;
}

TEST("everything that arrives at two ports is captured, in order, and told apart") {
  Rig rig;
  std::unique_ptr<Port> left = rig.open("a{1"), right = rig.open("b{1");
  std::unique_ptr<Port> left_end = rig.open("a}1"), right_end = rig.open("b}1");
  const std::string path = rig.directory + "/two.pcapng";
  CapturerOptions options;
  options.recorder = recorder_to(path, 2);
  Capturer capturer({left_end.get(), right_end.get()}, options);
  std::thread thread([&] { CHECK_EQUAL(capturer.run(), Status::ok); });
  for (uint32_t i = 0; i < 20000; i++) {
    for (Port* port : {left.get(), right.get()}) {
      while (!put(*port, kBroadcast, station(1), i, 60 + i % 500)) port->device().tx_sync();
    }
    if (i % 64 == 0) usleep(10);
  }
  for (Port* port : {left.get(), right.get()}) {
    do {
      port->device().tx_sync();
    } while (port->tx_rings()[0].pending());
  }
  capturer.stop();
  thread.join();
  const Captured captured = read_back(path);
  CHECK_EQUAL(captured.by_interface[0], 20000u);
  CHECK_EQUAL(captured.by_interface[1], 20000u);
}

TEST("a packet of several slots is one packet of the capture, and snaplen cuts what is kept of it") {
  Rig rig;
  std::unique_ptr<Port> sender = rig.open("a{1"), end = rig.open("a}1");
  for (uint32_t i = 0; i < 3; i++) {
    put(*sender, kBroadcast, station(1), i, 500, i < 2 ? abi::NS_MOREFRAG : 0);
  }
  sender->device().tx_sync();
  const std::string path = rig.directory + "/long.pcapng";
  CapturerOptions options;
  options.recorder = recorder_to(path, 1);
  options.count = 1;
  options.snaplen = 700;
  Capturer capturer({end.get()}, options);
  CHECK_EQUAL(capturer.run(), Status::ok);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  CaptureReader reader(file);
  CapturedPacket packet;
  CHECK(reader.next(&packet));
  CHECK_EQUAL(packet.length, 1500u);
  CHECK_EQUAL(packet.captured, 700u);
  uint32_t tag = 0;
  memcpy(&tag, packet.bytes + 500 + 14, sizeof(tag));
  CHECK_EQUAL(tag, 1u);
  close(file);
}

TEST("while nobody takes the capture, a switch port drops and counts, and nothing is lost besides") {
  Rig rig;
  std::unique_ptr<Port> sender = rig.open("vale0:a"), watched = rig.open("vale0:b");
  int ends[2];
  CHECK_EQUAL(pipe2(ends, O_CLOEXEC), 0);
  CapturerOptions options;
  options.recorder = recorder_to("", 1, ends[1]);
  Capturer capturer({watched.get()}, options);
  std::thread thread([&] { CHECK_EQUAL(capturer.run(), Status::ok); });
  constexpr uint32_t kSent = 60000;
  for (uint32_t i = 0; i < kSent; i++) {
    while (!put(*sender, kBroadcast, station(1), i, 1000)) sender->device().tx_sync();
    if (i % 256 == 0) sender->device().tx_sync();
  }
  sender->device().tx_sync();
  const std::string path = rig.directory + "/piped.pcapng";
  std::thread reader([&] {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    std::vector<uint8_t> bytes(1 << 16);
    for (ssize_t got; (got = read(ends[0], bytes.data(), bytes.size())) > 0;) {
      CHECK_EQUAL(write(file, bytes.data(), static_cast<size_t>(got)), got);
    }
    close(file);
  });
  usleep(100'000);
  capturer.stop();
  thread.join();
  close(ends[1]);
  reader.join();
  close(ends[0]);

  Counters counters;
  watched->device().rx_counters(0, &counters);
  const uint64_t captured = read_back(path).packets;
  const uint64_t left = watched->rx_rings()[0].space();
  CHECK(counters.drops_full > 0);
  CHECK_EQUAL(captured + left + counters.drops_full, kSent);
}

}  // namespace
}  // namespace nm
