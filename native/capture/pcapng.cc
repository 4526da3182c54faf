#include "capture/pcapng.h"

#include <algorithm>

#include "bytes.h"
#include "clock.h"

namespace nm {
namespace {

constexpr uint16_t kOptionEnd = 0;
constexpr uint16_t kOptionComment = 1;
constexpr uint16_t kOptionName = 2;
constexpr uint16_t kOptionTimeResolution = 9;
constexpr uint16_t kOptionTimeOffset = 14;

constexpr uint32_t padded(uint32_t length) { return (length + 3) & ~3u; }

int64_t to_ns(uint64_t ticks, uint64_t units_per_second, int64_t offset_s) {
  // What most files count in needs no division.
  constexpr uint64_t kMicroseconds = 1'000'000;
  uint64_t ns = 0;
  if (units_per_second == kMicroseconds) {
    ns = ticks * (kSecond_ns / kMicroseconds);
  } else if (units_per_second == kSecond_ns) {
    ns = ticks;
  } else {
    ns = static_cast<uint64_t>(static_cast<unsigned __int128>(ticks) * kSecond_ns / units_per_second);
  }
  // What 64 bits cannot say is nonsense anyway; it must only not be undefined.
  return static_cast<int64_t>(ns + static_cast<uint64_t>(offset_s) * kSecond_ns);
}

}  // namespace

std::unique_ptr<CaptureFormat> Pcapng::recognize(const uint8_t* magic) {
  // The same in both byte orders.
  if (load_big<uint32_t>(magic) != kSection) return nullptr;
  return std::make_unique<Pcapng>();
}

uint16_t Pcapng::number16(const uint8_t* from) const {
  uint16_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return swapped_ ? swap_bytes(value) : value;
}
uint32_t Pcapng::number32(const uint8_t* from) const {
  uint32_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return swapped_ ? swap_bytes(value) : value;
}
uint64_t Pcapng::number64(const uint8_t* from) const {
  uint64_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return swapped_ ? swap_bytes(value) : value;
}

bool Pcapng::next(ByteSource& source, CapturedPacket* packet, CaptureFault* fault) {
  for (;;) {
    source.take(shown_);
    shown_ = 0;
    uint32_t type = 0;
    Block block{};
    if (!read_block(source, &type, &block, fault)) return false;
    switch (type) {
      case kSection:
        if (!read_section(block, fault)) return false;
        break;
      case kInterface:
        if (!read_interface(block, fault)) return false;
        break;
      case kEnhancedPacket:
      case kSimplePacket:
      case kObsoletePacket:
        return read_packet(type, block, packet, fault);
      default:
        break;
    }
  }
}

// The next block, whole in the source's buffer; false at the end of the file or at a fault.
bool Pcapng::read_block(ByteSource& source, uint32_t* type, Block* block, CaptureFault* fault) {
  const uint8_t* bytes = source.peek(kBlockOverhead);
  if (bytes == nullptr) {
    if (source.left() > 0 || source.error() != 0)
      *fault = shortage(source, CaptureFaultKind::truncated_packet);
    return false;
  }
  const uint64_t offset = source.offset();
  if (load_big<uint32_t>(bytes) == kSection) {
    // Its length is in the byte order that only the word after it tells.
    uint32_t order = 0;
    std::memcpy(&order, bytes + 8, sizeof(order));
    if (order != kByteOrderMagic && order != swap_bytes(kByteOrderMagic)) {
      *fault = {CaptureFaultKind::not_a_capture, offset + 8, load_big<uint32_t>(bytes + 8)};
      return false;
    }
    swapped_ = order != kByteOrderMagic;
  }
  *type = number32(bytes);
  const uint32_t length = number32(bytes + 4);
  if (length < kBlockOverhead || length % 4 != 0 || length > kLargestCaptured) {
    *fault = {CaptureFaultKind::bad_block_length, offset + 4, length};
    return false;
  }
  bytes = source.peek(length);
  if (bytes == nullptr) {
    *fault = shortage(source, CaptureFaultKind::truncated_packet);
    return false;
  }
  const uint32_t again = number32(bytes + length - 4);
  if (again != length) {
    *fault = {CaptureFaultKind::block_lengths_differ, offset + length - 4, again};
    return false;
  }
  *block = {offset + 8, bytes + 8, length - kBlockOverhead};
  shown_ = length;
  return true;
}

bool Pcapng::read_section(const Block& block, CaptureFault* fault) {
  constexpr uint32_t kLength = 16;
  if (block.length < kLength) {
    *fault = {CaptureFaultKind::bad_block_length, block.offset - 4, block.length + kBlockOverhead};
    return false;
  }
  const uint16_t major = number16(block.body + 4);
  if (major != 1) {
    *fault = {CaptureFaultKind::unsupported_version, block.offset + 4, major};
    return false;
  }
  first_interface_ = static_cast<uint32_t>(interfaces_.size());
  return true;
}

bool Pcapng::read_interface(const Block& block, CaptureFault* fault) {
  constexpr uint32_t kLength = 8;
  if (block.length < kLength) {
    *fault = {CaptureFaultKind::bad_block_length, block.offset - 4, block.length + kBlockOverhead};
    return false;
  }
  if (interfaces_.size() >= kMostInterfaces) {
    *fault = {CaptureFaultKind::too_many_interfaces, block.offset - 8, kMostInterfaces};
    return false;
  }
  CapturedInterface interface = {{}, number16(block.body), number32(block.body + 4), 1'000'000};
  int64_t offset_s = 0;
  const bool good = read_options(block, kLength, [&](uint16_t code, const uint8_t* value, uint16_t length) {
    if (code == kOptionName) {
      interface.name.assign(reinterpret_cast<const char*>(value),
                            std::min<size_t>(length, CapturedInterface::kLongestName));
    } else if (code == kOptionTimeOffset && length >= 8) {
      offset_s = static_cast<int64_t>(number64(value));
    } else if (code == kOptionTimeResolution && length >= 1) {
      // A power of 10, or of 2 when the highest bit is set.
      const uint32_t exponent = *value & 0x7f;
      const bool binary = (*value & 0x80) != 0;
      if (exponent > (binary ? 63 : 18)) {
        *fault = {CaptureFaultKind::bad_time_resolution,
                  block.offset + static_cast<uint64_t>(value - block.body), *value};
        return false;
      }
      interface.units_per_second = 1;
      for (uint32_t i = 0; i < exponent; i++) interface.units_per_second *= binary ? 2 : 10;
    }
    return true;
  });
  if (!good) return false;
  times_.push_back({offset_s, interface.units_per_second});
  interfaces_.push_back(std::move(interface));
  return true;
}

template <typename Read>
bool Pcapng::read_options(const Block& block, uint32_t from, Read read) const {
  for (uint32_t at = from; block.length - at >= 4;) {
    const uint16_t code = number16(block.body + at);
    const uint16_t length = number16(block.body + at + 2);
    at += 4;
    if (code == kOptionEnd || padded(length) > block.length - at) break;
    if (!read(code, block.body + at, length)) return false;
    at += padded(length);
  }
  return true;
}

bool Pcapng::read_packet(uint32_t type, const Block& block, CapturedPacket* packet, CaptureFault* fault) {
  const uint32_t header = type == kSimplePacket ? 4 : 20;
  if (block.length < header) {
    *fault = {CaptureFaultKind::bad_block_length, block.offset - 4, block.length + kBlockOverhead};
    return false;
  }
  uint32_t number = 0;
  if (type == kEnhancedPacket) number = number32(block.body);
  if (type == kObsoletePacket) number = number16(block.body);
  if (number >= interfaces_.size() - first_interface_) {
    *fault = {CaptureFaultKind::no_such_interface, block.offset, number};
    return false;
  }
  packet->interface = first_interface_ + number;
  const CapturedInterface& interface = interfaces_[packet->interface];
  packet->link_type = interface.link_type;
  packet->timed = type != kSimplePacket;
  packet->comment = {};
  if (type == kSimplePacket) {
    packet->length = number32(block.body);
    // It does not say how much was captured: as much as snaplen allows.
    packet->captured = std::min(packet->length, block.length - header);
    if (interface.snaplen != 0) packet->captured = std::min(packet->captured, interface.snaplen);
  } else {
    const uint64_t ticks = uint64_t{number32(block.body + 4)} << 32 | number32(block.body + 8);
    packet->captured = number32(block.body + 12);
    packet->length = std::max(packet->captured, number32(block.body + 16));
    const TimeBase& times = times_[packet->interface];
    last_time_ns_ = to_ns(ticks, times.units_per_second, times.offset_s);
    if (packet->captured > block.length - header) {
      *fault = {CaptureFaultKind::packet_too_large, block.offset + 12, packet->captured};
      return false;
    }
    read_options(block, header + padded(packet->captured),
                 [&](uint16_t code, const uint8_t* value, uint16_t length) {
                   if (code == kOptionComment)
                     packet->comment = {reinterpret_cast<const char*>(value), length};
                   return code != kOptionComment;
                 });
  }
  packet->time_ns = last_time_ns_;
  packet->bytes = block.body + header;
  return true;
}

}  // namespace nm
