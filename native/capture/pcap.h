// Classic pcap: a header, then records. [draft-ietf-opsawg-pcap]
//
//   header  magic u32 | major u16 | minor u16 | zone i32 | accuracy u32 | snaplen u32 | link type u32
//   record  seconds u32 | fraction u32 | captured u32 | length u32 | bytes
//
// The magic gives the byte order of all of it and whether the fraction is in micro- or nanoseconds.
#pragma once

#include "capture/reader.h"

namespace nm {

class Pcap final : public CaptureFormat {
 public:
  // The reader of a file that begins with these four bytes, nullptr when it is no classic pcap.
  static std::unique_ptr<CaptureFormat> recognize(const uint8_t* magic);

  bool next(ByteSource& source, CapturedPacket* packet, CaptureFault* fault) override;
  const std::vector<CapturedInterface>& interfaces() const override { return interfaces_; }

  // Microseconds in the machine's byte order, and nanoseconds.
  static constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
  static constexpr uint32_t kNanoseconds = 0xa1b23c4d;
  static constexpr uint32_t kHeaderLength = 24;
  static constexpr uint32_t kRecordLength = 16;

 private:
  Pcap(bool swapped, uint32_t fraction_ns) : swapped_(swapped), fraction_ns_(fraction_ns) {}

  bool read_header(ByteSource& source, CaptureFault* fault);
  uint32_t number(const uint8_t* from) const;

  bool swapped_;
  uint32_t fraction_ns_;
  bool begun_ = false;
  // The one, once the header was read.
  std::vector<CapturedInterface> interfaces_;
  // Bytes of the packet that was given last; they are taken from the source with the next.
  uint64_t shown_ = 0;
};

}  // namespace nm
