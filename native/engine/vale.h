// VALE's data path: packets from a port's TX ring into the RX rings of other ports of the switch.
//
// The thread that syncs the TX ring does all the work (vale.cc, forward):
//
//   gather    read the slots of a batch once, check them, keep copies
//   look up   learn the source, find the destination, queue the packet for it
//   deliver   per destination: reserve slots of its ring, copy, publish, wake    <- packets are copied here
//
// Where a port of the switch wants more than that (policy.h), vale_policy.cc looks at the packets before.
//
// A receiver's sync only moves its tail over what was published (receiver.h).
//
// Threads   Senders to one ring meet in reservation.h and nowhere else. A ValeSender belongs to one
//           descriptor.
// Failure   A receiver whose ring is full loses packets, counted; the sender is not held up, unless packets wait for that
//           port. A sender that dies between reserve and publish leaves a hole that the receiver closes.
#pragma once

#include <memory>
#include <vector>

#include "engine/bound_ring.h"
#include "engine/indirect.h"
#include "engine/offsets.h"
#include "engine/switch.h"
#include "engine/vnet.h"

namespace nm::engine {

class ValeSender {
 public:
  // Sends for `port` of `region`, through client `client`. `vale` is null for a port that is on no switch: what that
  // sends is discarded and counted, as it is from when the port is taken off its switch.
  ValeSender(std::shared_ptr<Namespace> space, std::shared_ptr<Switch> vale, std::shared_ptr<Region> region,
             uint32_t port, uint32_t client);
  ~ValeSender();

  // Sends the slots [ring.state->hwcur, head) and takes all of them back. Returns whether it went faster than
  // receivers that are reading: a ring got full just now, or nothing got through at all. They need the
  // processor more than we do. A ring that was full before while others take packets is a stuck receiver, and
  // holds nobody up.
  bool tx_sync(BoundRing& ring, uint32_t head);

  // Whether a sync of the TX ring would get on with packets that the last one left in it for want of room.
  bool has_room_now(const BoundRing& ring) const;
  // Says that somebody is about to sleep for that room.
  void announce(const BoundRing& ring);
  // Whether packets wait for our own port.
  bool is_waited_for() const {
    return place_ < kMaxSwitchPorts && (vale_->place(place_).policy & kWaits) != 0;
  }
  uint32_t switch_index() const { return vale_->index(); }

 private:
  // One slot of the batch. `slots` is only set in the first one of a packet, 0 in one that goes nowhere.
  struct Entry {
    const uint8_t* data;
    uint16_t length;
    uint16_t slots;
    uint16_t next;
  };
  // Packets for one destination, linked through Entry::next in order of arrival.
  struct Queue {
    uint16_t first = kNone;
    uint16_t last = kNone;
    uint16_t packets = 0;
    uint16_t slots = 0;

    void append(Entry* entries, uint32_t packet);
  };
  static constexpr uint16_t kNone = 0xffff;
  static constexpr uint32_t kBatch = 1024;
  static constexpr uint32_t kBatchesPerForget = 1024;

  // A port of the switch as this process knows it, valid while `generation` is what the switch says.
  struct Destination {
    uint32_t generation = 0;
    uint32_t header = 0;  // bytes of its packets' virtio-net header
    std::shared_ptr<Region> region;
    uint32_t first_rx_ring = 0;
    uint32_t rx_rings = 0;
    uint32_t slots = 0;
    // Where the port joins this switch to another: that one's number and 1, and the sender that goes on there.
    uint32_t leads_to = 0;
    std::unique_ptr<ValeSender> beyond;
    uint32_t policy = 0;
  };

  // Slots of a destination that we have reserved: `size` of them, from `first` on.
  struct Room {
    const Destination& to;
    RingState& state;
    Offsets offsets;
    abi::netmap_slot* slots;
    uint32_t first;
    uint32_t size;
    uint32_t filled;  // how many have their descriptor in filled_

    // The first slot that is not filled.
    abi::netmap_slot& next() const {
      const uint32_t index = first + filled;
      return slots[index < to.slots ? index : index - to.slots];
    }
    // Its buffer. Read once: the receiver could change it any time.
    uint32_t next_buffer() const { return Descriptor::load(next()).buf_idx; }
  };
  // Packets and bytes that were taken from a ring.
  struct Taken {
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };
  // Slots of a port that packets wait for, reserved before those are queued; none once they are used.
  struct Held {
    uint32_t place = Switch::kNowhere;
    Position start{0, 0};
    uint32_t granted = 0;
    uint32_t ring_index = 0;
  };
  // A ring for which the last sync of one of ours left packets behind.
  struct Awaited {
    std::shared_ptr<Region> region;
    RingState* state = nullptr;
    uint32_t slots = 0;
  };
  // What becomes of packets of the batch that are for no port: a number in places_ that is no place.
  enum Fate : uint16_t { kFlood = kMaxSwitchPorts, kNobody, kTooFast, kStranger, kTooManySlots };
  // What became of the packets for one destination.
  struct Copied {
    uint32_t packets = 0;
    uint64_t bytes = 0;
    uint32_t lost = 0;  // not for want of room
    uint32_t cut = 0;   // frames of large packets, beside the first of each
  };

  // Goes on where `before` came to port `port` of `region`, which is on `vale` too.
  ValeSender(const ValeSender& before, std::shared_ptr<Switch> vale, const Region& region, uint32_t port);

  bool is_on_switch() const {
    return place_ != Switch::kNowhere &&
           vale_->place(place_).generation.load(std::memory_order_relaxed) == generation_;
  }
  // Reads what holds for the whole sync.
  void look_around();
  bool is_careful() const {
    return (policy_ & (kLimitsRate | kLimitsMacs)) != 0 || vale_->has_waiting_places();
  }
  void discard(BoundRing& ring, uint32_t head);
  uint32_t gather(BoundRing& ring, uint32_t from, uint32_t head, uint32_t most_packets, uint32_t* entries,
                  Taken* taken);
  uint32_t gather_plain(const BoundRing& ring, uint32_t from, uint32_t head, uint64_t* bytes);

  // vale_policy.cc
  void send_carefully(BoundRing& ring, uint32_t head);
  uint32_t send_plain(BoundRing& ring, uint32_t head);
  uint32_t send_odd(BoundRing& ring, uint32_t head);
  uint32_t send_settled(BoundRing& ring, uint32_t count);
  uint32_t settle(uint32_t first, uint32_t end, uint32_t* waits);
  uint16_t place_for(Mac to) const;
  bool is_waited_for(uint32_t place);
  bool may_speak(Mac from);
  void spend(uint32_t first, uint32_t end);
  void unspend(uint32_t first, uint32_t end);
  uint64_t units_of(uint32_t packet, bool is_bits) const;
  uint32_t hold(BoundRing& ring, uint32_t place, uint32_t first, uint32_t end);
  void abandon_held();
  void queue_settled(BoundRing& ring, uint32_t first, uint32_t end);
  void mirror(BoundRing& ring, uint32_t place, Queue unicast);
  uint32_t mirror_of(uint32_t place) const;

  void look_up(BoundRing& ring, uint32_t count);
  Queue* queue_for(Mac to);
  void deliver_all(BoundRing& ring);
  void deliver(BoundRing& ring, uint32_t place, uint32_t ring_number, Queue unicast, Queue broadcast);
  void pass_on(BoundRing& ring, uint32_t place, Queue unicast, Queue broadcast);
  ValeSender* sender_beyond(uint32_t place);
  template <typename Slots>
  uint32_t slots_that_fit(Queue unicast, Queue broadcast, uint32_t room, Slots slots_of) const;
  uint16_t take_next(Queue& unicast, Queue& broadcast) const;
  template <bool kWholeLines>
  Copied copy_list(Room& room, Queue queue);
  Copied copy_packets(Room& room, Queue unicast, Queue broadcast);
  bool copy_packet(Room& room, uint32_t packet);
  Copied convert_packets(BoundRing& ring, Room& room, Queue unicast, Queue broadcast);
  bool write_converted(Room& room, const VnetPacket& packet, uint32_t slots);
  VnetPacket read_converted(uint32_t packet, uint32_t most, const Destination& to, uint32_t frame_limit);
  uint32_t slots_converted(uint32_t packet, const Destination& to, uint32_t frame_limit);
  uint32_t flatten(uint32_t packet, uint32_t most);
  uint8_t* flat() { return flat_.data() + kLongVnetHeader; }
  // Whether packets lie at the beginning of their buffers, ours and the receiver's.
  bool from_the_beginning(const Room& room) const { return !begins_anywhere_ && !room.offsets.exist(); }
  void leave_empty(Room& room);
  static void count_unfit(const Room& room, bool too_long);
  uint8_t* fill_slot(Room& room, uint32_t length, uint32_t slots, bool more);
  void store_descriptors(const Room& room) const;
  Destination* destination(uint32_t place);
  uint32_t header_length(uint32_t place) const;
  bool refresh(Destination& known, uint32_t place, uint32_t generation);
  void forget_gone();

  std::shared_ptr<Namespace> space_;
  std::shared_ptr<Switch> vale_;
  std::shared_ptr<Region> region_;
  uint32_t place_ = Switch::kNowhere;
  uint32_t generation_ = 0;  // of the place, while it is ours
  uint32_t client_;
  // During a sync:
  uint32_t header_ = 0;  // bytes of the virtio-net header of what we send
  uint32_t policy_ = 0;  // our own, as in SwitchPort
  uint32_t group_ = 0;
  uint32_t now_s_ = 0;
  uint32_t oldest_s_ = 0;  // stations that were not heard since are forgotten
  Held held_;
  bool is_copy_ = false;  // what is delivered is for a mirror: nobody misses what has no room there

  std::vector<Entry> entries_;
  std::vector<Descriptor> filled_;  // of the slots of a Room
  std::vector<Queue> queues_;       // per place
  std::vector<uint32_t> touched_;
  Queue broadcast_;
  bool has_fragments_ = false;
  bool begins_anywhere_ = false;  // packets of this sync, in their buffers
  std::vector<Destination> destinations_;
  WatchedReceivers watched_;
  IndirectPackets indirect_;
  std::vector<uint16_t> places_;  // of each entry of the batch, or its Fate, where is_careful()
  std::vector<Awaited> awaited_;  // of each TX ring
  std::vector<uint8_t> flat_;     // a packet in one piece, see flatten()
  uint32_t batches_ = 0;
  uint32_t switches_before_ = 0;  // that a packet has come through
  uint64_t delivered_ = 0;
  uint64_t lost_full_ = 0;
  bool overran_ = false;
};

}  // namespace nm::engine
