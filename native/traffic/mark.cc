#include "traffic/mark.h"

#include <cassert>

namespace nm {

Marker::Marker(const Frame& frame, uint16_t stream) : stream_(stream) {
  const FrameLayout& at = frame.layout();
  assert(frame.length() >= at.payload + kMarkLength);
  crc_before_ = crc32c(0, frame.bytes(), frame.varies() ? frame.first_varying() : at.udp_checksum);
  if (frame.varies()) return;
  crc_before_ = crc32c(crc_before_, frame.bytes() + at.payload, frame.length() - at.payload - kMarkLength);
}

Marker::Rest Marker::rest(const Frame& frame, const uint8_t* copy) const {
  const FrameLayout& at = frame.layout();
  uint32_t crc = crc_before_;
  if (frame.varies()) {
    crc = crc32c(crc, copy + frame.first_varying(), at.udp_checksum - frame.first_varying());
    crc = crc32c(crc, frame.bytes() + at.payload, frame.length() - at.payload - kMarkLength);
  }
  const uint16_t sum = fold(frame.udp_sum());
  const bool odd = (frame.length() & 1) != 0;
  return {crc, odd ? sum : swap_bytes(sum), odd, at.udp_checksum, frame.length() - kMarkLength};
}

}  // namespace nm
