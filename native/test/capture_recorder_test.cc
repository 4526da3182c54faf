// Recorders: captures written by a thread, in one file or many, and what happens when a disk is slow or full.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "capture/reader.h"
#include "capture/recorder.h"
#include "clock.h"
#include "test/check.h"

namespace nm {
namespace {

namespace fs = std::filesystem;

// A directory that lives as long as the test.
struct Directory {
  Directory() : path("/tmp/nm-test-XXXXXX") { CHECK(mkdtemp(path.data()) != nullptr); }
  ~Directory() { fs::remove_all(path); }
  std::string path;
};

RecorderOptions options_for(const std::string& path, CaptureKind kind = CaptureKind::pcapng) {
  RecorderOptions options;
  options.kind = kind;
  options.interfaces = {{"vale0:a", "", "", 0}, {"vale0:b", "", "", 0}};
  options.path = path;
  return options;
}

std::shared_ptr<Recorder> start(const RecorderOptions& options) {
  int error = 0;
  std::shared_ptr<Recorder> recorder = Recorder::start(options, &error);
  CHECK_EQUAL(error, 0);
  return recorder;
}

constexpr int64_t kBegin_ns = 1'700'000'000'000'000'000;

// Packet number `number`, a microsecond after the one before.
bool put(Recorder::Input& input, uint64_t number, uint32_t interface = 0) {
  const uint32_t length = 60 + static_cast<uint32_t>(number * 31 % 1400);
  uint8_t* const bytes = input.put({interface, CaptureDirection::received,
                                    kBegin_ns + static_cast<int64_t>(number * 1000), length, length});
  if (bytes == nullptr) return false;
  for (uint32_t i = 0; i < length; i++) bytes[i] = static_cast<uint8_t>(number + i);
  return true;
}

struct ReadBack {
  std::vector<uint64_t> numbers;
  std::vector<uint32_t> interfaces;
};

ReadBack read_back(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  CHECK(file >= 0);
  CaptureReader reader(file);
  ReadBack read;
  for (CapturedPacket packet; reader.next(&packet);) {
    const auto number = static_cast<uint64_t>((packet.time_ns - kBegin_ns) / 1000);
    CHECK_EQUAL(packet.length, 60 + number * 31 % 1400);
    for (uint32_t i = 0; i < packet.captured; i++) CHECK_EQUAL(packet.bytes[i], (number + i) & 0xff);
    read.numbers.push_back(number);
    read.interfaces.push_back(packet.interface);
  }
  CHECK_EQUAL(reader.fault().kind, CaptureFaultKind::none);
  close(file);
  return read;
}

TEST("everything that was put is in the file when the last input is closed, in order") {
  const Directory directory;
  for (const CaptureKind kind : {CaptureKind::pcapng, CaptureKind::pcap}) {
    const std::string path = directory.path + "/capture";
    const std::shared_ptr<Recorder> recorder = start(options_for(path, kind));
    {
      Recorder::Input input(recorder);
      for (uint64_t i = 0; i < 20000; i++) {
        while (!put(input, i)) usleep(100);
        if (i % 777 == 0) input.flush();
      }
      input.note(0, 20000, 5);
    }
    const ReadBack read = read_back(path);
    CHECK_EQUAL(read.numbers.size(), 20000u);
    for (uint64_t i = 0; i < 20000; i++) CHECK_EQUAL(read.numbers[i], i);
    CHECK_EQUAL(recorder->written(), fs::file_size(path));
    CHECK_EQUAL(recorder->discarded(), 0u);
  }
}

TEST("several threads bring packets to one capture, each in its order") {
  const Directory directory;
  RecorderOptions options = options_for(directory.path + "/two");
  options.inputs = 2;
  const std::shared_ptr<Recorder> recorder = start(options);
  const auto bring = [&](uint32_t interface) {
    Recorder::Input input(recorder);
    for (uint64_t i = 0; i < 10000; i++) {
      while (!put(input, i, interface)) usleep(100);
    }
  };
  std::thread other([&] { bring(1); });
  bring(0);
  other.join();
  uint64_t next[2] = {0, 0};
  const ReadBack read = read_back(options.path);
  for (size_t i = 0; i < read.numbers.size(); i++) CHECK_EQUAL(read.numbers[i], next[read.interfaces[i]]++);
  CHECK_EQUAL(next[0] + next[1], 20000u);
}

TEST("files rotate by size, by packets and by the packets' time, and lose none between them") {
  const Directory directory;
  const auto files_of = [&](const char* name, Rotation rotation) {
    RecorderOptions options = options_for(directory.path + "/" + name);
    options.path_end = ".pcapng";
    options.rotation = rotation;
    const std::shared_ptr<Recorder> recorder = start(options);
    {
      Recorder::Input input(recorder);
      for (uint64_t i = 0; i < 5000; i++) {
        while (!put(input, i)) usleep(100);
      }
    }
    std::vector<ReadBack> files;
    uint64_t next = 0;
    for (uint64_t number = 1; number <= recorder->files(); number++) {
      char digits[16];
      snprintf(digits, sizeof(digits), "_%05u", static_cast<unsigned>(number));
      const std::string path = options.path + digits + ".pcapng";
      if (rotation.bytes != 0) CHECK(fs::file_size(path) <= rotation.bytes + 200);
      files.push_back(read_back(path));
      for (const uint64_t packet : files.back().numbers) CHECK_EQUAL(packet, next++);
    }
    CHECK_EQUAL(next, 5000u);
    return files;
  };
  CHECK(files_of("size", {.bytes = 500'000, .time_ns = 0, .packets = 0, .files = 0}).size() >= 8);
  const std::vector<ReadBack> hundreds =
      files_of("count", {.bytes = 0, .time_ns = 0, .packets = 700, .files = 0});
  CHECK_EQUAL(hundreds.size(), 8u);
  CHECK_EQUAL(hundreds.back().numbers.size(), 100u);
  // 5000 packets in 5 ms.
  const std::vector<ReadBack> milliseconds =
      files_of("time", {.bytes = 0, .time_ns = 1'000'000, .packets = 0, .files = 0});
  CHECK_EQUAL(milliseconds.size(), 5u);
  for (const ReadBack& file : milliseconds) CHECK_EQUAL(file.numbers.size(), 1000u);
}

TEST("only the last files are kept, when so many are to be kept") {
  const Directory directory;
  RecorderOptions options = options_for(directory.path + "/ring");
  options.rotation = {.bytes = 0, .time_ns = 0, .packets = 100, .files = 3};
  const std::shared_ptr<Recorder> recorder = start(options);
  {
    Recorder::Input input(recorder);
    for (uint64_t i = 0; i < 1000; i++) {
      while (!put(input, i)) usleep(100);
    }
  }
  CHECK_EQUAL(recorder->files(), 10u);
  CHECK_EQUAL(std::distance(fs::directory_iterator(directory.path), fs::directory_iterator()), 3);
  CHECK_EQUAL(read_back(options.path + "_00008").numbers.front(), 700u);
}

TEST("while nobody takes what is written there is no room, and then there is again") {
  int ends[2];
  CHECK_EQUAL(pipe2(ends, O_CLOEXEC), 0);
  RecorderOptions options = options_for("");
  options.descriptor = ends[1];
  options.memory = 4 * Recorder::kPieceBytes;
  const std::shared_ptr<Recorder> recorder = start(options);
  std::thread reader;
  {
    Recorder::Input input(recorder);
    uint64_t number = 0;
    while (put(input, number)) number++;
    CHECK(number > 1000);
    reader = std::thread([&] {
      std::vector<char> buffer(1 << 16);
      while (read(ends[0], buffer.data(), buffer.size()) > 0) continue;
    });
    while (!put(input, number)) usleep(100);
  }
  close(ends[1]);
  reader.join();
  close(ends[0]);
}

TEST("a full disk ends the writing, and what comes after it is counted") {
  RecorderOptions options = options_for("/dev/full");
  int error = 0;
  CHECK(Recorder::start(options, &error) == nullptr);
  CHECK_EQUAL(error, ENOSPC);

  int ends[2];
  CHECK_EQUAL(pipe2(ends, O_CLOEXEC), 0);
  signal(SIGPIPE, SIG_IGN);
  options.path.clear();
  options.descriptor = ends[1];
  const std::shared_ptr<Recorder> recorder = start(options);
  close(ends[0]);
  {
    Recorder::Input input(recorder);
    for (uint64_t i = 0; i < 3000; i++) {
      while (!put(input, i)) usleep(100);
    }
  }
  CHECK_EQUAL(recorder->error(), EPIPE);
  CHECK_EQUAL(recorder->discarded(), 3000u);
  close(ends[1]);
}

TEST("a file that cannot be made is told before anything starts") {
  int error = 0;
  CHECK(Recorder::start(options_for("/nowhere/capture"), &error) == nullptr);
  CHECK_EQUAL(error, ENOENT);
}

}  // namespace
}  // namespace nm
