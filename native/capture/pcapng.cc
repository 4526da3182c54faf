#include "capture/pcapng.h"

#include <algorithm>

#include "bytes.h"

namespace nm {
namespace {

constexpr uint16_t kOptionEnd = 0;
constexpr uint16_t kOptionTimeResolution = 9;
constexpr uint16_t kOptionTimeOffset = 14;
constexpr uint64_t kSecond_ns = 1'000'000'000;

constexpr uint32_t padded(uint32_t length) { return (length + 3) & ~3u; }

int64_t to_ns(uint64_t ticks, uint64_t numerator, uint64_t denominator, int64_t offset_s) {
  const unsigned __int128 ns = static_cast<unsigned __int128>(ticks) * numerator / denominator;
  // What 64 bits cannot say is nonsense anyway; it must only not be undefined.
  return static_cast<int64_t>(static_cast<uint64_t>(ns) + static_cast<uint64_t>(offset_s) * kSecond_ns);
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
  interfaces_before_ += static_cast<uint32_t>(interfaces_.size());
  interfaces_.clear();
  return true;
}

bool Pcapng::read_interface(const Block& block, CaptureFault* fault) {
  constexpr uint32_t kLength = 8;
  if (block.length < kLength) {
    *fault = {CaptureFaultKind::bad_block_length, block.offset - 4, block.length + kBlockOverhead};
    return false;
  }
  if (interfaces_.size() + interfaces_before_ >= kMostInterfaces) {
    *fault = {CaptureFaultKind::too_many_interfaces, block.offset - 8, kMostInterfaces};
    return false;
  }
  constexpr uint64_t kMicrosecond_ns = 1000;
  Interface interface = {number16(block.body), number32(block.body + 4), kMicrosecond_ns, 1, 0};
  if (!read_options(block, kLength, &interface, fault)) return false;
  interfaces_.push_back(interface);
  return true;
}

bool Pcapng::read_options(const Block& block, uint32_t from, Interface* interface,
                          CaptureFault* fault) const {
  for (uint32_t at = from; block.length - at >= 4;) {
    const uint16_t code = number16(block.body + at);
    const uint16_t length = number16(block.body + at + 2);
    at += 4;
    if (code == kOptionEnd || padded(length) > block.length - at) break;
    const uint8_t* const value = block.body + at;
    if (code == kOptionTimeResolution && length >= 1) {
      // A power of 10, or of 2 when the highest bit is set.
      const uint32_t exponent = *value & 0x7f;
      const bool binary = (*value & 0x80) != 0;
      if (exponent > (binary ? 63 : 18)) {
        *fault = {CaptureFaultKind::bad_time_resolution, block.offset + at, *value};
        return false;
      }
      uint64_t units = 1;
      for (uint32_t i = 0; i < exponent; i++) units *= binary ? 2 : 10;
      interface->numerator = kSecond_ns;
      interface->denominator = units;
    } else if (code == kOptionTimeOffset && length >= 8) {
      interface->offset_s = static_cast<int64_t>(number64(value));
    }
    at += padded(length);
  }
  return true;
}

bool Pcapng::read_packet(uint32_t type, const Block& block, CapturedPacket* packet,
                         CaptureFault* fault) const {
  const uint32_t header = type == kSimplePacket ? 4 : 20;
  if (block.length < header) {
    *fault = {CaptureFaultKind::bad_block_length, block.offset - 4, block.length + kBlockOverhead};
    return false;
  }
  uint32_t number = 0;
  if (type == kEnhancedPacket) number = number32(block.body);
  if (type == kObsoletePacket) number = number16(block.body);
  if (number >= interfaces_.size()) {
    *fault = {CaptureFaultKind::no_such_interface, block.offset, number};
    return false;
  }
  const Interface& interface = interfaces_[number];
  packet->interface = interfaces_before_ + number;
  packet->link_type = interface.link_type;
  if (type == kSimplePacket) {
    packet->length = number32(block.body);
    // It does not say how much was captured: as much as snaplen allows.
    packet->captured = std::min(packet->length, block.length - header);
    if (interface.snaplen != 0) packet->captured = std::min(packet->captured, interface.snaplen);
    packet->time_ns = 0;
  } else {
    const uint64_t ticks = uint64_t{number32(block.body + 4)} << 32 | number32(block.body + 8);
    packet->captured = number32(block.body + 12);
    packet->length = std::max(packet->captured, number32(block.body + 16));
    packet->time_ns = to_ns(ticks, interface.numerator, interface.denominator, interface.offset_s);
    if (packet->captured > block.length - header) {
      *fault = {CaptureFaultKind::packet_too_large, block.offset + 12, packet->captured};
      return false;
    }
  }
  packet->bytes = block.body + header;
  return true;
}

}  // namespace nm
