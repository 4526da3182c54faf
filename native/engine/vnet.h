// virtio-net headers: what a packet becomes on its way between switch ports whose headers differ in length.
//
//   from       to         becomes
//   none       10 or 12   a header of zeros, and the frame
//   10 or 12   12 or 10   the first 10 bytes of the header, and the frame
//   10 or 12   none       the frame, with the checksum that the header asks for; a large TCP or UDP packet
//                         becomes frames of the size that it asks for
//
// Pure functions over bytes. A packet is given in one piece that nobody changes meanwhile. Virtual machines
// write these headers, so nothing that they say is believed.
#pragma once

#include <cstdint>

namespace nm::engine {

// Bytes of a header, which some call the basic one, and with the number of buffers at its end.
inline constexpr uint32_t kVnetHeader = 10;
inline constexpr uint32_t kLongVnetHeader = 12;
constexpr bool is_vnet_header(uint32_t bytes) {
  return bytes == 0 || bytes == kVnetHeader || bytes == kLongVnetHeader;
}

// A flag of the header's first byte: the checksum is to be completed. [virtio 1.2, 5.1.6]
inline constexpr uint8_t kVnetNeedsChecksum = 1;

// The longest frame that a large packet for a switch port is cut into, whatever size it asks for: that of Ethernet.
inline constexpr uint32_t kVnetFrameLimit = 1514;
// All headers of a large packet lie in its first bytes, this many.
inline constexpr uint32_t kVnetLook = 256;

struct VnetPacket {
  enum class Fate : uint8_t {
    whole,      // one frame
    cut,        // frames() of them, each with a copy of the packet's headers
    malformed,  // its header says what cannot be
    too_long,   // no frame would have room for its headers
  };
  Fate fate = Fate::malformed;
  bool needs_checksum = false;
  bool is_ipv6 = false;
  bool is_tcp = false;
  uint8_t from = 0;  // length of its virtio-net header, and of the one that it gets
  uint8_t to = 0;
  uint16_t checksum_start = 0;  // these and the following count from the beginning of the frame
  uint16_t checksum_at = 0;
  uint16_t ip_at = 0;
  uint16_t transport_at = 0;
  uint16_t payload_at = 0;
  uint16_t payload_each = 0;  // of the frames, except for the last
  uint32_t length = 0;        // of the frame, without a virtio-net header

  uint32_t payload() const { return length - payload_at; }
  uint32_t frames() const {
    return fate != Fate::cut || payload() == 0 ? 1 : (payload() + payload_each - 1) / payload_each;
  }
  // Bytes of the whole packet with its new header.
  uint32_t whole_length() const { return length + to; }
  // Bytes of frame `number` of one that is cut.
  uint32_t frame_length(uint32_t number) const {
    const uint32_t before = number * payload_each;
    const uint32_t left = payload() - before;
    return payload_at + (left < payload_each ? left : payload_each);
  }
};

// Looks at a packet of `length` bytes with a virtio-net header of `from` bytes that is to get one of `to`
// bytes, another length. `packet` are its first bytes: all of them, or at least kVnetLook. A large packet is cut into
// frames of at most `frame_limit` bytes.
VnetPacket read_vnet(const uint8_t* packet, uint32_t length, uint32_t from, uint32_t to,
                     uint32_t frame_limit);

// Completes a packet that stays whole, in place. `frame` is what follows its virtio-net header; the longest
// one there is fits in before it. Returns where the packet begins now.
uint8_t* finish_vnet(const VnetPacket& packet, uint8_t* frame);

// Writes frame `number` of a packet that is cut to `to`, frame_length(number) bytes.
void write_vnet_frame(const VnetPacket& packet, const uint8_t* frame, uint32_t number, uint8_t* to);

}  // namespace nm::engine
