// Captures that were changed at random: what must hold for them is in fuzz/capture.h.
//
// NM_FUZZ_SECONDS says how long, NM_SEED repeats the changes. libFuzzer, which looks for changes that lead somewhere, is
// `make fuzz`; what it found to lead to different places is fuzz/corpus.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "clock.h"
#include "fuzz/capture.h"
#include "test/capture_builder.h"
#include "test/check.h"

namespace nm {
namespace {

using namespace check;

constexpr const char* kCorpus = "fuzz/corpus";

// Ethernet, a VLAN tag, IPv4 and UDP.
Bytes datagram() {
  Bytes frame = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x81, 0, 0, 5, 8, 0};
  const Bytes headers = {0x45, 0, 0,  32, 0, 1, 0,    0,    64, 17, 0, 0,  10, 0,
                         0,    1, 10, 0,  0, 2, 0x30, 0x39, 0,  53, 0, 12, 0,  0};
  frame.insert(frame.end(), headers.begin(), headers.end());
  frame.insert(frame.end(), 4, 'x');
  return frame;
}

// Ethernet, IPv6 with two extension headers, and TCP.
Bytes segment() {
  Bytes frame = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 36, 0, 64};
  for (const uint8_t host : {uint8_t{1}, uint8_t{2}}) {
    const Bytes address = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host};
    frame.insert(frame.end(), address.begin(), address.end());
  }
  const Bytes headers = {44, 0,    1,    4, 0,  0, 0, 0, 6, 0, 0, 0, 0, 0,    0,
                         1,  0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 2};
  frame.insert(frame.end(), headers.begin(), headers.end());
  frame.insert(frame.end(), 10, 0);
  return frame;
}

Bytes arp_request() {
  Bytes frame = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
  frame.insert(frame.end(), 20, 9);
  return frame;
}

// Each format in each byte order, with each kind of block.
std::vector<Bytes> built() {
  std::vector<Bytes> files;
  for (const bool swapped : {false, true}) {
    for (const uint32_t magic : {Pcap::kMicroseconds, Pcap::kNanoseconds}) {
      Writer file = pcap(swapped, magic);
      add_record(file, 1, 2, datagram(), 1500);
      add_record(file, 1, 3, segment(), 80);
      add_record(file, 1, 3, arp_request(), 42);
      files.push_back(file.bytes);
    }
    Writer file = pcapng(swapped);
    add_interface(file, 96, time_resolution(swapped, 9));
    add_interface(file, 0, time_resolution(swapped, 0x80 | 10));
    add_enhanced(file, 0, 1'700'000'000'000'000'000, segment(), 80);
    add_enhanced(file, 1, 5, arp_request(), 42);
    Writer simple{swapped};
    simple.put<uint32_t>(1500).put(datagram());
    add_block(file, Pcapng::kSimplePacket, simple);
    Writer obsolete{swapped};
    obsolete.put<uint16_t>(1)
        .put<uint16_t>(0)
        .put<uint32_t>(0)
        .put<uint32_t>(9)
        .put<uint32_t>(42)
        .put<uint32_t>(42);
    obsolete.put(arp_request());
    add_block(file, Pcapng::kObsoletePacket, obsolete);
    Writer commented{swapped};
    commented.put<uint32_t>(0).put<uint32_t>(0).put<uint32_t>(1).put<uint32_t>(4).put<uint32_t>(4);
    commented.put(text(4, 1)).put<uint16_t>(1).put<uint16_t>(5).put(text(5, 'c')).pad().put<uint32_t>(0);
    add_block(file, Pcapng::kEnhancedPacket, commented);
    add_block(file, Pcapng::kStatistics, Writer{swapped, text(12, 0)});
    const Writer next = pcapng(!swapped);
    file.put(next.bytes);
    files.push_back(file.bytes);
  }
  return files;
}

std::vector<Bytes> corpus() {
  std::vector<Bytes> files;
  for (const auto& entry : std::filesystem::directory_iterator(kCorpus)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return files;
}

// One thing is changed as such things go wrong: a byte, a number, a length, an end.
void change(Bytes& file, Random& random) {
  constexpr uint32_t kNumbers[] = {0,       1,          3,          4,          7,         8,
                                   12,      31,         32,         64,         0x7fff,    0xffff,
                                   0x10000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
  if (file.size() < 4) return file.push_back(static_cast<uint8_t>(random.next()));
  const size_t at = random.below(file.size() - 3);
  switch (random.below(6)) {
    case 0:
      file[at] = static_cast<uint8_t>(random.next());
      return;
    case 1:
      file[at] ^= static_cast<uint8_t>(1 << random.below(8));
      return;
    case 2: {
      uint32_t number = kNumbers[random.below(std::size(kNumbers))];
      if (random.below(2) == 0) number = swap_bytes(number);
      std::memcpy(&file[at], &number, sizeof(number));
      return;
    }
    case 3:
      file.resize(at);
      return;
    case 4:
      file.erase(file.begin() + static_cast<ptrdiff_t>(at),
                 file.begin() + static_cast<ptrdiff_t>(at + random.between(1, 3)));
      return;
    default:
      file.insert(file.begin() + static_cast<ptrdiff_t>(at), random.between(1, 9),
                  static_cast<uint8_t>(random.next()));
  }
}

TEST("each capture of the corpus is read or refused as it should be") {
  for (const Bytes& file : built()) fuzz::capture(file.data(), file.size());
  const std::vector<Bytes> files = corpus();
  CHECK(!files.empty());
  for (const Bytes& file : files) fuzz::capture(file.data(), file.size());
}

TEST("captures that were changed at random are read or refused as they should be") {
  Random random;
  std::vector<Bytes> files = built();
  std::ranges::copy(corpus(), std::back_inserter(files));
  const char* const seconds = getenv("NM_FUZZ_SECONDS");
  const uint64_t end_ns =
      seconds == nullptr ? 0 : monotonic_ns() + strtoull(seconds, nullptr, 10) * kSecond_ns;
  constexpr uint64_t kAtLeast = 4'000;
  uint64_t runs = 0;
  for (; runs < kAtLeast || monotonic_ns() < end_ns; runs++) {
    Bytes file = files[random.below(files.size())];
    for (uint64_t changes = random.between(1, 6); changes > 0; changes--) change(file, random);
    // As large as it is, so that one byte too far is seen.
    file.shrink_to_fit();
    fuzz::capture(file.data(), file.size());
  }
  printf("    %llu captures\n", static_cast<unsigned long long>(runs));
}

}  // namespace
}  // namespace nm
