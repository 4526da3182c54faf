// Capture files for tests, built number by number.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "bytes.h"
#include "capture/pcap.h"
#include "capture/pcapng.h"
#include "test/check.h"

namespace nm::check {

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

inline Bytes text(uint32_t length, uint8_t fill) { return Bytes(length, fill); }

inline Writer pcap(bool swapped, uint32_t magic) {
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

inline void add_record(Writer& file, uint32_t seconds, uint32_t fraction, const Bytes& packet,
                       uint32_t length) {
  file.put(seconds).put(fraction).put(static_cast<uint32_t>(packet.size())).put(length).put(packet);
}

inline void add_block(Writer& file, uint32_t type, const Writer& body) {
  Writer padded = body;
  padded.pad();
  const uint32_t length = static_cast<uint32_t>(padded.bytes.size()) + Pcapng::kBlockOverhead;
  file.put(type).put(length).put(padded.bytes).put(length);
}

inline Writer pcapng(bool swapped) {
  Writer file{swapped};
  Writer section{swapped};
  section.put<uint32_t>(Pcapng::kByteOrderMagic).put<uint16_t>(1).put<uint16_t>(0).put<uint64_t>(UINT64_MAX);
  add_block(file, Pcapng::kSection, section);
  return file;
}

inline void add_interface(Writer& file, uint32_t snaplen, const Bytes& options) {
  Writer body{file.swapped};
  body.put<uint16_t>(1).put<uint16_t>(0).put(snaplen).put(options);
  add_block(file, Pcapng::kInterface, body);
}

inline Bytes time_resolution(bool swapped, uint8_t value) {
  Writer option{swapped};
  option.put<uint16_t>(9).put<uint16_t>(1).put(Bytes{value, 0, 0, 0}).put<uint16_t>(0).put<uint16_t>(0);
  return option.bytes;
}

inline void add_enhanced(Writer& file, uint32_t interface, uint64_t ticks, const Bytes& packet,
                         uint32_t length) {
  Writer body{file.swapped};
  body.put(interface).put(static_cast<uint32_t>(ticks >> 32)).put(static_cast<uint32_t>(ticks));
  body.put(static_cast<uint32_t>(packet.size())).put(length).put(packet);
  add_block(file, Pcapng::kEnhancedPacket, body);
}

// A descriptor of a file that holds these bytes, at its beginning.
inline int file_of(const Bytes& bytes) {
  const int descriptor = memfd_create("capture", MFD_CLOEXEC);
  CHECK(write(descriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

}  // namespace nm::check
