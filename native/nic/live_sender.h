// The sending side of the live driver: copies packets into a LiveRing and has the kernel run an XDP program on as many frames,
// which fills each from the ring and redirects it to the interface. No skb is made.
//
// One call takes 10 us and then 0.07 to 0.15 us for each packet on veth, what the other side does with it included. [measured]
//
// An interface takes redirected frames when its driver says so. Of a veth it depends on the other side, and may change at any
// time: while the other side has neither GRO on nor an XDP program, packets go through a packet socket. Frames that the
// kernel drops behind the program are counted (redirect_losses.h); when all of a call are lost they are sent again so.
//
// Which of the interface's queues a packet takes is the kernel's choice, by the processor that the call runs on.
#pragma once

#include <cstdint>

#include "nic/bpf/object.h"
#include "nic/departures.h"
#include "nic/driver.h"
#include "nic/link_watch.h"
#include "nic/live_ring.h"
#include "nic/packet_sender.h"
#include "nic/program_anchor.h"
#include "nic/redirect_losses.h"

namespace nm::nic {

class LiveSender {
 public:
  explicit LiveSender(const Target& target);

  Refusal open(const Target& target, int* error);

  Status send(engine::BoundRing& ring, uint32_t head);

  // Whether frames go out live now.
  bool is_live() const { return is_live_; }
  // Of packets that the packet socket has no room for.
  Notice notice() const { return is_live_ ? Notice{} : fallback_.notice(); }
  int64_t longest_sleep() const { return is_live_ ? INT64_MAX : fallback_.longest_sleep(); }

 private:
  Status look_at_interface();
  uint32_t stage(engine::BoundRing& ring, uint32_t first, uint32_t head);
  bool stage_slowly(engine::BoundRing& ring, uint32_t* at, uint32_t head);
  uint32_t run(uint32_t count);
  void count(engine::RingState& state, uint32_t sent, uint32_t lost);

  LiveRing& live() const { return *reinterpret_cast<LiveRing*>(value_.bytes()); }

  const Interface interface_;
  const uint32_t plain_limit_;  // bytes of a frame that needs no second look
  LiveShape shape_;
  bpf::MappedValue value_;
  FileDescriptor program_;
  ProgramAnchor anchor_;
  RedirectLosses losses_;
  bool counts_losses_ = false;
  PacketSender fallback_;
  LinkWatch link_;
  bool is_live_ = false;
  int64_t next_look_ns_ = 0;          // at what the interface can do
  int64_t next_look_at_link_ns_ = 0;  // at whether it is up

  // Of each staged packet: the slot past it.
  uint32_t staged_ = 0;
  std::vector<uint32_t> ends_;
  Departure departure_;
};

}  // namespace nm::nic
