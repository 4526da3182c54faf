// The host rings of an interface: the other side of them is the host's network stack.
//
//   host TX ring --> TAP ==> tcx ingress of the TAP: redirect into the interface, marked ==> host, as from the wire
//   host RX ring <-- TAP <== tcx egress of the interface: redirect to the TAP            <== what the host sends
//
// Every host ring has a TAP of its own. Where there are several, packets of one flow go to one of them.
//
// What the host sends reaches this TAP before the cut-off sees it, and only what was redirected comes through the TAP: the
// host, or a program that manages networks, has nothing to say on it. What goes up is marked, because the interface's
// programs and packet sockets see it once more and must not take it for a packet from the wire.
//
// Failure   TAP and programs hang on descriptors: when the process dies, the host sends on the interface again.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "nic/cut_off.h"
#include "nic/driver.h"
#include "nic/intake.h"
#include "nic/shared_descriptor.h"
#include "nic/tap.h"

namespace nm::nic {

// The host's side of one host ring, or of what is passed on to the host without one.
class HostLink {
 public:
  HostLink(const Target& target, engine::DriverWords* words);
  ~HostLink();

  // Makes the device, and the way up.
  Refusal open(const Target& target, int* error);
  // Makes the way down, for the share `number` of `count` of what the host sends.
  Refusal lead_down(const Target& target, uint32_t number, uint32_t count, int* error);

  // The host receives one packet that lies in pieces; pieces[0] is left free for its header. Returns 0 or an errno.
  int send(iovec* pieces, int count) const;
  // Fills the ring with what the host sent.
  void receive(engine::BoundRing& ring);
  void count_lost(engine::BoundRing& ring);
  int descriptor() const { return tap_.descriptor(); }

 private:
  static constexpr uint32_t kSharedWord = 0;
  static constexpr uint32_t kLostWord = kSharedWord + SharedDescriptor::kWords;

  Refusal make_tap(const Target& target, int* error);

  engine::DriverWords* words_;  // null: nobody shares it
  Tap tap_;
  std::vector<FileDescriptor> links_;
  Intake intake_;
  std::vector<uint8_t> packet_;
  uint32_t packet_length_ = 0;  // of one that found no room yet
};

class HostStack {
 public:
  explicit HostStack(const Target& target) : target_(target) {}

  // Makes a host ring ready, as Driver::open does for those of the hardware.
  Refusal open(const engine::BoundRing& ring, int* error);

  Status send(engine::BoundRing& ring, uint32_t head);
  Status receive(engine::BoundRing& ring, uint32_t head);
  Notice notice(const engine::BoundRing& ring) const;
  void count(engine::BoundRing& ring);

  // Gives the host the packet of the slots [first, end) of a hardware RX ring, or counts it as lost.
  void pass_up(engine::BoundRing& ring, uint32_t first, uint32_t end);

 private:
  uint32_t place_of(const engine::BoundRing& ring) const;
  HostLink& link(const engine::BoundRing& ring) const { return *links_.find(place_of(ring))->second; }
  Refusal open_link(std::unique_ptr<HostLink>* link, engine::DriverWords* words, int* error);
  int send_packet(const HostLink& link, engine::BoundRing& ring, uint32_t first, uint32_t end);

  const Target target_;
  CutOff let_through_;  // takes the mark off what goes up, where nothing is cut off
  std::map<uint32_t, std::unique_ptr<HostLink>> links_;  // by the number of the host ring
  std::unique_ptr<HostLink> upward_;                     // for what is passed up from hardware rings
};

}  // namespace nm::nic
