// The monitors of one ring, as the process that syncs the ring feeds them.
//
//                       copy monitors                         zero-copy monitors
//   sent                copied before the sync sends          their buffer swapped for ours when a sync gives
//                                                             the slot back to its user
//   received            copied as the packet is brought       swapped when the user gives the slot back
//
// All copy monitors of a ring see all its packets. Of the zero-copy ones the first does, the second gets what the
// first has given back, and so on. What arrives is copied by whoever puts it into the ring, before anybody is shown it
// (WatchedReceivers): the port's user may look much later. Both kinds have an RX ring that is filled through reservation.h: the port's TX and
// RX ring of one number, synced in different processes, feed the same ring. A monitor that is full loses packets,
// counted in its ring, and holds nobody up.
//
// Failure   A feeder that dies leaves a hole in the monitor's ring, which the monitor closes as any receiver does. Between
//           the two stores of a swap one buffer would be in both slots and one in none: the ring's `swap` word says
//           which, and finish_swap() does the rest.
#pragma once

#include <memory>
#include <vector>

#include "engine/namespace.h"
#include "engine/region.h"

namespace nm::engine {

struct BoundRing;

// A swap of buffers between a slot of the ring that has it in `swap` and one of a monitor's ring.
struct Swap {
  uint32_t monitor_ring;
  uint32_t monitor_slot;
  uint32_t own_slot;
  uint32_t buffer;  // that the monitor's slot had. 2 or more, so that no swap is 0

  uint64_t pack() const {
    return uint64_t{buffer} | uint64_t{own_slot} << 24 | uint64_t{monitor_slot} << 36 |
           uint64_t{monitor_ring} << 48;
  }
  static Swap unpack(uint64_t word) {
    return {static_cast<uint32_t>(word >> 48), static_cast<uint32_t>(word >> 36 & 0xfff),
            static_cast<uint32_t>(word >> 24 & 0xfff), static_cast<uint32_t>(word & 0xffffff)};
  }
};
static_assert(kMaxRegionBuffers <= 1 << 24 && kMaxSlots <= 1 << 12 && kRegionRings <= 1 << 16);

// Finishes the swap that whoever synced `ring` died in, if there is one. The caller holds the ring's `busy`.
void finish_swap(const Region& region, uint32_t ring);

// Which RX ring of a monitor sees ring `number` of the port `record`.
inline uint32_t monitor_ring(const PortRecord& record, bool is_tx, uint32_t number) {
  const uint32_t hardware = is_tx ? record.tx_rings : record.rx_rings;
  const uint32_t monitors = record.tx_rings > record.rx_rings ? record.tx_rings : record.rx_rings;
  return number < hardware ? number : monitors + number - hardware;
}

// Whether a watch is for what `port` sends, or else receives, and for the monitor's RX ring `ring`.
inline bool sees(const Watch& watch, uint32_t port, bool sent, uint32_t ring) {
  return watch.generation.load(std::memory_order_acquire) % 2 == 1 && watch.port == port &&
         (watch.flags & (sent ? abi::NR_MONITOR_TX : abi::NR_MONITOR_RX)) != 0 && ring >= watch.first_bound &&
         ring < watch.end_bound;
}

class Watchers {
 public:
  // For a ring of `port` of `region`, synced by `client`. `reads_indirect`: slots may point to memory of this process.
  Watchers(std::shared_ptr<Namespace> space, std::shared_ptr<Region> region, uint32_t port, uint32_t client,
           bool reads_indirect);

  // Looks who watches `ring` now. False: nobody any more.
  bool look(const BoundRing& ring);

  // Copies the slots [first, end) for the copy monitors.
  void copy(const BoundRing& ring, uint32_t first, uint32_t end);
  // Swaps the buffers of the slots [first, end), which are done with, for those of the zero-copy monitor.
  void swap(const BoundRing& ring, uint32_t first, uint32_t end);

 private:
  // A ring of a monitor.
  struct Watcher {
    const Watch* watch;
    uint32_t generation;
    std::shared_ptr<Region> region;
    uint32_t ring;
    uint32_t slots;

    bool is_still_there() const { return watch->generation.load(std::memory_order_acquire) == generation; }
  };
  // Slots of a monitor's ring that we have reserved: room for the slots chosen_[first] and on.
  struct Room {
    RingState* state;
    abi::netmap_slot* slots;
    LeaseTable leases;
    Position start;
    uint32_t granted;
    uint32_t first;
  };
  struct Fed {
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };

  bool find(const Watch& watch, uint32_t number, Watcher* found) const;
  void choose(const BoundRing& ring, uint32_t first, uint32_t end);
  void choose(const BoundRing& ring, uint32_t first, uint32_t end, bool sent);
  bool reserve_newest(const BoundRing& ring, const Watcher& to, Room* room) const;
  uint32_t whole_from(const BoundRing& ring, uint32_t at) const;
  void finish(const Watcher& to, const Room& room, uint32_t filled, Fed fed) const;
  void copy_to(const BoundRing& ring, const Watcher& to) const;
  void swap_with(const BoundRing& ring, const Watcher& to) const;

  std::shared_ptr<Namespace> space_;
  std::shared_ptr<Region> region_;
  uint32_t port_;
  uint32_t client_;
  bool reads_indirect_;

  uint32_t known_ = 0;  // what `watched` was when we looked
  std::vector<Watcher> copies_;
  std::vector<Watcher> sent_to_;      // the zero-copy monitor of what is sent, and
  std::vector<Watcher> received_to_;  // of what is received: none or one
  std::vector<uint32_t> chosen_;      // slots of the ring
};

// The RX rings that a sender fills while monitors watch them.
class WatchedReceivers {
 public:
  WatchedReceivers(std::shared_ptr<Namespace> space, uint32_t client);
  ~WatchedReceivers();

  // Copies the slots [first, end) of RX ring `index` of `region` for its copy monitors. The sender has filled them and
  // not published them yet: as long as it has not, nobody else touches them and the ring stays what it is.
  void show(const std::shared_ptr<Region>& region, uint32_t index, uint32_t first, uint32_t end);
  // Lets go of rings that nobody watches any more.
  void forget_unwatched();

 private:
  struct Receiver;
  Receiver& find(const std::shared_ptr<Region>& region, uint32_t index);

  std::shared_ptr<Namespace> space_;
  uint32_t client_;
  std::vector<std::unique_ptr<Receiver>> receivers_;
};

}  // namespace nm::engine
