// Puts packets into the slots of an RX ring that the kernel gives us as it carries them itself: with a virtio-net header that
// says what is left to do, and with the VLAN tag beside them.
//
//   checksum left open      completed
//   larger than a frame     cut into frames (segmentation, or what GRO put together)
//   VLAN tag beside it      put back behind the addresses
//   longer than a buffer    spread over slots with NS_MOREFRAG
//
// So what a program reads is what was, or would have been, on the wire.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "engine/bound_ring.h"
#include "engine/vnet.h"

namespace nm::nic {

struct KernelPacket {
  const uint8_t* bytes = nullptr;  // the virtio-net header, kVnetHeader bytes, and the frame behind it
  uint32_t length = 0;             // of both
  uint32_t tag = 0;                // TPID and TCI as a number, 0: none
};

class Intake {
 public:
  Intake() = default;
  // For rings whose buffers are `stride` bytes apart, and frames of at most `longest_frame` bytes.
  Intake(uint32_t stride, uint32_t longest_frame) : stride_(stride), longest_frame_(longest_frame) {}

  // Fills slots from hwtail on and moves it. A packet that cannot be shown is dropped and counted. False: the ring has no
  // room for the packet now.
  bool put(engine::BoundRing& ring, const KernelPacket& packet) {
    const uint32_t length = packet.length - engine::kVnetHeader;
    if (!is_plain(packet.bytes) || packet.tag != 0 || length > stride_) return put_slowly(ring, packet);
    if (room(ring) == 0) return false;
    fill(ring, packet.bytes + engine::kVnetHeader, length, 0);
    count(ring, length);
    return true;
  }

  // The same for a frame that lies in the buffer of the slot at hwtail already, whose index is `buffer`.
  static void show(engine::BoundRing& ring, uint32_t buffer, uint32_t length);
  // Whether nothing is left to do to a packet, by its virtio-net header.
  static bool is_plain(const uint8_t* header) {
    return (header[0] & engine::kVnetNeedsChecksum) == 0 && header[1] == 0;
  }

  // Slots that could be filled now.
  static uint32_t room(const engine::BoundRing& ring) {
    return ring.slots - 1 - ring_distance(ring.state->hwcur, ring.state->hwtail, ring.slots);
  }

 private:
  // Fills the slot at hwtail. One without a buffer is shown empty, and counted.
  static void fill(engine::BoundRing& ring, const uint8_t* bytes, uint32_t length, uint16_t flags);
  static void count(engine::BoundRing& ring, uint32_t bytes);
  bool put_slowly(engine::BoundRing& ring, const KernelPacket& packet);
  uint32_t slots_of(uint32_t length) const { return (length + stride_ - 1) / stride_; }
  void spread(engine::BoundRing& ring, const uint8_t* bytes, uint32_t length) const;

  uint32_t stride_ = 0;
  uint32_t longest_frame_ = 0;
  std::vector<uint8_t> frame_;  // one that is being put together
};

}  // namespace nm::nic
