#include "capture/pcap.h"

#include <algorithm>

#include "bytes.h"
#include "clock.h"

namespace nm {

std::unique_ptr<CaptureFormat> Pcap::recognize(const uint8_t* magic) {
  constexpr uint32_t kMicrosecond_ns = 1000;
  uint32_t value = 0;
  std::memcpy(&value, magic, sizeof(value));
  const bool swapped = value != kMicroseconds && value != kNanoseconds;
  if (swapped) value = swap_bytes(value);
  if (value == kMicroseconds) return std::unique_ptr<CaptureFormat>(new Pcap(swapped, kMicrosecond_ns));
  if (value == kNanoseconds) return std::unique_ptr<CaptureFormat>(new Pcap(swapped, 1));
  return nullptr;
}

uint32_t Pcap::number(const uint8_t* from) const {
  uint32_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return swapped_ ? swap_bytes(value) : value;
}

bool Pcap::read_header(ByteSource& source, CaptureFault* fault) {
  const uint8_t* const header = source.peek(kHeaderLength);
  if (header == nullptr) {
    *fault = shortage(source, CaptureFaultKind::truncated_header);
    return false;
  }
  uint16_t major = 0;
  std::memcpy(&major, header + 4, sizeof(major));
  if (swapped_) major = swap_bytes(major);
  if (major != 2) {
    *fault = {CaptureFaultKind::unsupported_version, source.offset() + 4, major};
    return false;
  }
  // The upper bits tell of a frame check sequence.
  interfaces_.push_back({{},
                         static_cast<uint16_t>(number(header + 20)),
                         number(header + 16),
                         static_cast<uint64_t>(kSecond_ns) / fraction_ns_});
  source.take(kHeaderLength);
  begun_ = true;
  return true;
}

bool Pcap::next(ByteSource& source, CapturedPacket* packet, CaptureFault* fault) {
  if (!begun_ && !read_header(source, fault)) return false;
  source.take(shown_);
  shown_ = 0;

  const uint8_t* record = source.peek(kRecordLength);
  if (record == nullptr) {
    if (source.left() > 0 || source.error() != 0)
      *fault = shortage(source, CaptureFaultKind::truncated_packet);
    return false;
  }
  const uint32_t captured = number(record + 8);
  if (captured > kLargestCaptured) {
    *fault = {CaptureFaultKind::packet_too_large, source.offset() + 8, captured};
    return false;
  }
  record = source.peek(kRecordLength + captured);
  if (record == nullptr) {
    *fault = shortage(source, CaptureFaultKind::truncated_packet);
    return false;
  }
  packet->bytes = record + kRecordLength;
  packet->captured = captured;
  packet->length = std::max(captured, number(record + 12));
  packet->time_ns = int64_t{number(record)} * kSecond_ns + int64_t{number(record + 4)} * fraction_ns_;
  packet->interface = 0;
  packet->link_type = interfaces_.front().link_type;
  packet->timed = true;
  packet->comment = {};
  shown_ = kRecordLength + captured;
  return true;
}

}  // namespace nm
