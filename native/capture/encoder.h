// Turns packets into the bytes of a capture file: pcapng, or classic pcap, both with nanoseconds and in the machine's
// byte order.
//
// The bytes go where the caller wants them: into the buffer of a writer, or into a piece of memory that a thread hands
// on. A file is opening(), then records, then, if there is something to tell, statistics() of each interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "capture/reader.h"

namespace nm {

// name, meaning
#define NM_CAPTURE_KINDS(row)                                              \
  row(pcapng, "interfaces, directions and drops are told too")             \
  row(pcap, "packets only, those of all interfaces on one")

enum class CaptureKind : uint8_t {
#define row(name, text) name,
  NM_CAPTURE_KINDS(row)
#undef row
};

// Where packets were captured, as a pcapng file tells it. What is empty or 0 is not told.
struct CaptureInterface {
  std::string name;
  std::string description;
  // The expression that chose the packets.
  std::string filter;
  // Most bytes of a packet that are kept.
  uint32_t snaplen = 0;
};

enum class CaptureDirection : uint8_t { unknown, received, sent };

// A packet without its bytes.
struct CaptureRecord {
  uint32_t interface = 0;
  CaptureDirection direction = CaptureDirection::unknown;
  // Nanoseconds since 1970.
  int64_t time_ns = 0;
  // Bytes that are kept, and bytes that the packet had.
  uint32_t captured = 0;
  uint32_t length = 0;
};

struct CaptureStatistics {
  uint32_t interface = 0;
  int64_t time_ns = 0;
  uint64_t received = 0;
  uint64_t dropped = 0;
};

class CaptureEncoder {
 public:
  // `application` is who writes the file.
  CaptureEncoder(CaptureKind kind, std::string application, std::vector<CaptureInterface> interfaces);

  // What a file begins with.
  const std::vector<uint8_t>& opening() const { return opening_; }

  // Bytes of the record, with those that are kept.
  size_t size(const CaptureRecord& record) const;
  // Writes the record to `to`, which has room for size(). Returns where the caller puts the bytes that are kept.
  uint8_t* put(const CaptureRecord& record, uint8_t* to) const;

  // What is told of an interface at the end; nothing in classic pcap, which has no place for it.
  std::vector<uint8_t> statistics(const CaptureStatistics& statistics) const;

  // Of a record that put() wrote: its bytes altogether, and its time.
  size_t size_at(const uint8_t* record) const;
  int64_t time_at(const uint8_t* record) const;

 private:
  const CaptureKind kind_;
  std::vector<uint8_t> opening_;
};

}  // namespace nm
