// Reads capture files: classic pcap with microseconds or nanoseconds, and pcapng, each in both byte orders.
//
//   pcap      header  record  record  ...          [draft-ietf-opsawg-pcap]
//   pcapng    section  { interface | packet | other block } ...  section ...      [draft-ietf-opsawg-pcapng]
//
// Times of all interfaces come out on one clock, nanoseconds since 1970. Blocks that carry no packet are passed over. A
// file may be truncated, broken or hostile: next() then gives every packet before the fault, and fault() says where it
// is and what was expected there.
//
// This file joins the two formats; each has a file of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "capture/byte_source.h"

namespace nm {

struct CapturedPacket {
  // `captured` bytes, valid until the next next().
  const uint8_t* bytes = nullptr;
  uint32_t captured = 0;
  // Bytes that the packet had on the wire, at least `captured`.
  uint32_t length = 0;
  // Nanoseconds since 1970. Of a packet without a time, which pcapng has, that of the packet before it.
  int64_t time_ns = 0;
  bool timed = true;
  // In order of appearance in the file; 0 in classic pcap.
  uint32_t interface = 0;
  uint16_t link_type = 0;
  // What somebody wrote beside it, which pcapng can keep: UTF-8 as the file has it, valid as long as `bytes`.
  std::string_view comment;
};

// Where packets were captured.
struct CapturedInterface {
  // Empty when the file does not tell, and cut after kLongestName.
  std::string name;
  uint16_t link_type = 0;
  // Bytes that are kept of a packet, 0 for all.
  uint32_t snaplen = 0;
  uint64_t units_per_second = 0;

  static constexpr size_t kLongestName = 64;
};

inline constexpr uint16_t kLinkTypeEthernet = 1;

// Packets and blocks larger than this are taken for nonsense.
inline constexpr uint32_t kLargestCaptured = 16 << 20;

// name, what was expected where the fault is. The words are completed in lib/capture.ts.
#define NM_CAPTURE_FAULTS(row)                                                         \
  row(none, "")                                                                        \
  row(unreadable, "bytes that can be read")                                            \
  row(empty, "a pcap or pcapng header")                                                \
  row(not_a_capture, "the magic number of a pcap or pcapng file")                      \
  row(unsupported_version, "version 2 of pcap, or 1 of pcapng")                        \
  row(truncated_header, "24 bytes of header")                                          \
  row(truncated_packet, "a whole packet or block")                                     \
  row(packet_too_large, "a packet that fits what is around it, of 16 MiB at most")     \
  row(bad_block_length, "the length of a block: a multiple of 4 that holds its fields") \
  row(block_lengths_differ, "the length of the block again")                           \
  row(no_such_interface, "the number of an interface described before")                \
  row(bad_time_resolution, "a resolution down to 10^-18 or 2^-63 seconds")             \
  row(too_many_interfaces, "at most 65536 interfaces")

enum class CaptureFaultKind : uint32_t {
#define row(name, expected) name,
  NM_CAPTURE_FAULTS(row)
#undef row
};

struct CaptureFault {
  CaptureFaultKind kind = CaptureFaultKind::none;
  // Byte of the file that it is at.
  uint64_t offset = 0;
  // What was there: a length, a number, bytes that are left, errno.
  uint64_t found = 0;
};

// One of the two formats, behind the header that tells them apart.
class CaptureFormat {
 public:
  virtual ~CaptureFormat() = default;
  // Whether there is another packet. When there is none, *fault says why, or is none at the end of the file.
  virtual bool next(ByteSource& source, CapturedPacket* packet, CaptureFault* fault) = 0;
  // Those that the file has described so far.
  virtual const std::vector<CapturedInterface>& interfaces() const = 0;
};

class CaptureReader {
 public:
  // Reads from `descriptor` from where it stands, until its end or until `stop_descriptor` becomes readable. Both stay the
  // caller's.
  explicit CaptureReader(int descriptor, int stop_descriptor = -1);
  // Reads a file that is in memory, and stays there as long as the reader is used.
  CaptureReader(const uint8_t* bytes, uint64_t count);

  // Whether there is another packet; false at the end and at a fault.
  bool next(CapturedPacket* packet);
  // The same without reading any more from the descriptor.
  enum class AtHand { packet, nothing_more, unread };
  AtHand next_at_hand(CapturedPacket* packet);

  // none while all is well, also at the end of a whole file.
  const CaptureFault& fault() const { return fault_; }
  // Bytes of the file before the packet that was given last.
  uint64_t offset() const { return source_.offset(); }
  const std::vector<CapturedInterface>& interfaces() const;

 private:
  void open();

  ByteSource source_;
  std::unique_ptr<CaptureFormat> format_;
  CaptureFault fault_;
};

// For the formats: what is missing, a fault of reading or of the file.
CaptureFault shortage(const ByteSource& source, CaptureFaultKind kind);

}  // namespace nm
