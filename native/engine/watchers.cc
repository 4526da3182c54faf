#include "engine/watchers.h"

#include <algorithm>
#include <cstring>

#include "engine/bound_ring.h"
#include "engine/caller_memory.h"
#include "engine/offsets.h"
#include "engine/wake.h"

namespace nm::engine {

namespace {

constexpr uint16_t kFragments = 0xff00;  // how many slots a packet has, as a switch writes it

void add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

bool ends_packet(Descriptor slot) { return (slot.flags & abi::NS_MOREFRAG) == 0; }

// The compiler keeps the stores before and after in their order. The processor's order does not matter: whoever reads
// them waits until the process that wrote them is dead.
void order_stores() { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace

void finish_swap(const Region& region, uint32_t ring) {
  RingState& state = region.ring(ring);
  const uint64_t word = state.swap;
  if (word == 0) return;
  const Swap swap = Swap::unpack(word);
  const bool in_range = swap.monitor_ring < region.pools().rings && swap.own_slot < state.slots &&
                        swap.monitor_slot < region.ring(swap.monitor_ring).slots;
  if (in_range) {
    abi::netmap_slot& slot = region.netmap_ring(ring)->slot[swap.own_slot];
    Descriptor own = Descriptor::load(slot);
    const Descriptor its = Descriptor::load(region.netmap_ring(swap.monitor_ring)->slot[swap.monitor_slot]);
    if (own.buf_idx == its.buf_idx && own.buf_idx != swap.buffer) {
      own.buf_idx = swap.buffer;
      own.flags |= abi::NS_BUF_CHANGED;
      own.store(slot);
    }
  }
  order_stores();
  state.swap = 0;
}

Watchers::Watchers(std::shared_ptr<Namespace> space, std::shared_ptr<Region> region, uint32_t port,
                   uint32_t client, bool reads_indirect)
    : space_(std::move(space)),
      region_(std::move(region)),
      port_(port),
      client_(client),
      reads_indirect_(reads_indirect) {}

bool Watchers::look(const BoundRing& ring) {
  // Pairs with the release in watch_again(): the watches are as that left them, or newer.
  const uint32_t watched = ring.state->watched.load(std::memory_order_acquire);
  if (watched == known_) return watched != 0;
  copies_.clear();
  sent_to_.clear();
  received_to_.clear();
  known_ = watched;
  if (watched == 0) return false;

  const PortRecord& record = region_->port(port_);
  const bool is_monitor = record.kind == PortKind::monitor;
  const uint32_t port = is_monitor ? record.parent : port_;
  const uint32_t number = is_monitor ? ring.number : monitor_ring(record, ring.is_tx, ring.number);
  // A zero-copy monitor passes on what it has seen to those that came after it.
  const uint64_t after = is_monitor ? uint64_t{region_->watch(record.peer % kRegionWatches).order} : 0;
  uint64_t nearest_sent = UINT64_MAX;
  uint64_t nearest_received = UINT64_MAX;
  const auto take_nearest = [&](const Watcher& watcher, uint64_t* nearest, std::vector<Watcher>* to) {
    const uint64_t order = watcher.watch->order;
    if (order <= after || order >= *nearest) return;
    *nearest = order;
    to->assign(1, watcher);
  };
  for (uint32_t i = 0; i < kRegionWatches; i++) {
    const Watch& watch = region_->watch(i);
    const bool sent = (is_monitor || ring.is_tx) && sees(watch, port, true, number);
    const bool received = (is_monitor || !ring.is_tx) && sees(watch, port, false, number);
    Watcher watcher;
    if ((!sent && !received) || !find(watch, number, &watcher)) continue;
    if ((watch.flags & abi::NR_ZCOPY_MON) == 0) {
      if (!is_monitor) copies_.push_back(std::move(watcher));
    } else if (watcher.region == region_) {
      if (sent) take_nearest(watcher, &nearest_sent, &sent_to_);
      if (received) take_nearest(watcher, &nearest_received, &received_to_);
    }
  }
  chosen_.reserve(ring.slots);
  // If we die while we fill one of these rings, its hole is ours.
  space_->client(client_).owes_elsewhere = 1;
  return true;
}

bool Watchers::find(const Watch& watch, uint32_t number, Watcher* found) const {
  const uint32_t generation = watch.generation.load(std::memory_order_acquire);
  const uint64_t nonce = watch.monitor_nonce;
  std::shared_ptr<Region> region;
  if (generation % 2 == 0 || Region::open(*space_, watch.monitor_region, &region) != Status::ok) return false;
  if (region->is_lost()) return false;
  *found = {&watch, generation, std::move(region), watch.first_ring + number, watch.slots};
  // The watch may have become another's while we read: then the generation has moved on.
  std::atomic_thread_fence(std::memory_order_acquire);
  return found->is_still_there() && found->region->nonce() == nonce &&
         found->ring < found->region->pools().rings && found->slots != 0 && found->slots <= kMaxSlots;
}

void Watchers::copy(const BoundRing& ring, uint32_t first, uint32_t end) {
  if (copies_.empty() || first == end) return;
  choose(ring, first, end);
  for (const Watcher& watcher : copies_) copy_to(ring, watcher);
}

void Watchers::swap(const BoundRing& ring, uint32_t first, uint32_t end) {
  if ((sent_to_.empty() && received_to_.empty()) || first == end) return;
  if (region_->port(port_).kind != PortKind::monitor) {
    choose(ring, first, end);
    swap_with(ring, (ring.is_tx ? sent_to_ : received_to_).front());
    return;
  }
  for (const bool sent : {true, false}) {
    const std::vector<Watcher>& to = sent ? sent_to_ : received_to_;
    if (to.empty()) continue;
    choose(ring, first, end, sent);
    if (!chosen_.empty()) swap_with(ring, to.front());
  }
}

void Watchers::choose(const BoundRing& ring, uint32_t first, uint32_t end) {
  chosen_.clear();
  for (uint32_t i = first; i != end; i = ring_next(i, ring.slots)) chosen_.push_back(i);
}

// Only what was sent, or only what was received, as the slots of a monitor say.
void Watchers::choose(const BoundRing& ring, uint32_t first, uint32_t end, bool sent) {
  chosen_.clear();
  for (uint32_t i = first; i != end; i = ring_next(i, ring.slots)) {
    const bool is_sent = (Descriptor::load(ring.shared->slot[i]).flags & abi::NS_TXMON) != 0;
    if (is_sent == sent) chosen_.push_back(i);
  }
}

// The first place in chosen_ from `at` on where a packet begins.
uint32_t Watchers::whole_from(const BoundRing& ring, uint32_t at) const {
  const uint32_t total = static_cast<uint32_t>(chosen_.size());
  while (at != 0 && at < total && !ends_packet(Descriptor::load(ring.shared->slot[chosen_[at - 1]]))) at++;
  return at;
}

// Reserves slots for as many of the newest packets as there is room for, and counts the others as lost.
bool Watchers::reserve_newest(const BoundRing& ring, const Watcher& to, Room* room) const {
  RingState& state = to.region->ring(to.ring);
  const LeaseTable leases = to.region->leases(to.ring);
  const uint32_t total = static_cast<uint32_t>(chosen_.size());
  const uint32_t free = reservable(state, to.slots);
  uint32_t first = whole_from(ring, total > free ? total - free : 0);
  Position start{0, 0};
  uint32_t granted = 0;
  if (first != total) {
    granted =
        reserve(state, leases, to.slots, total - first, client_, &start, [&] { return to.is_still_there(); });
  }
  // Whoever syncs the port's other ring of this number may have been faster.
  if (granted < total - first) first = whole_from(ring, total - granted);

  uint64_t lost = 0;
  for (uint32_t i = 0; i < first; i++) lost += ends_packet(Descriptor::load(ring.shared->slot[chosen_[i]]));
  if (lost != 0 && to.is_still_there()) add(state.drops_full, lost);
  *room = {&state, to.region->netmap_ring(to.ring)->slot, leases, start, granted, first};
  return granted != 0;
}

// Leaves what was not filled empty, and shows all of it to the monitor.
void Watchers::finish(const Watcher& to, const Room& room, uint32_t filled, Fed fed) const {
  for (uint32_t i = filled; i < room.granted; i++) {
    abi::netmap_slot& slot = room.slots[room.start.plus(i, to.slots).index];
    Descriptor{Descriptor::load(slot).buf_idx, 0, 0}.store(slot);
  }
  publish(room.leases, room.start, room.granted, client_);
  add(room.state->delivered_packets, fed.packets);
  add(room.state->delivered_bytes, fed.bytes);
  notify(*space_, *room.state, to.region->id());
}

void Watchers::copy_to(const BoundRing& ring, const Watcher& to) const {
  Room room;
  if (!reserve_newest(ring, to, &room)) return;
  const Offsets offsets(*ring.state, region_->buffer_stride());
  const Offsets its_offsets(*room.state, to.region->buffer_stride());
  const uint16_t mark = ring.is_tx ? abi::NS_TXMON : 0;
  Fed fed;
  uint32_t filled = 0;
  for (uint32_t i = room.first; i < chosen_.size(); i++, filled++) {
    const abi::netmap_slot& slot = ring.shared->slot[chosen_[i]];
    const Descriptor from = Descriptor::load(slot);
    abi::netmap_slot& its_slot = room.slots[room.start.plus(filled, to.slots).index];
    // Read once: the monitor could change it between the check and the copy.
    const uint32_t buffer = Descriptor::load(its_slot).buf_idx;
    const uint32_t offset = offsets.of(slot);
    const uint32_t its_offset = its_offsets.settle(its_slot);
    uint32_t length = std::min<uint32_t>(from.len, its_offsets.room(its_offset));
    if (!to.region->buffer_valid(buffer)) {
      add(room.state->drops_bad_receiver_slot, 1);
      length = 0;
    } else if (reads_indirect_ && ring.is_tx && (from.flags & abi::NS_INDIRECT) != 0) {
      if (!read_caller(to.region->buffer(buffer) + its_offset, slot.ptr, length)) length = 0;
    } else if (region_->buffer_valid(from.buf_idx) && from.len <= offsets.left(offset)) {
      memcpy(to.region->buffer(buffer) + its_offset, region_->buffer(from.buf_idx) + offset, length);
    } else {
      length = 0;
    }
    const uint16_t flags = static_cast<uint16_t>((from.flags & (abi::NS_MOREFRAG | kFragments)) | mark);
    Descriptor{buffer, static_cast<uint16_t>(length), flags}.store(its_slot);
    fed.packets += ends_packet(from);
    fed.bytes += length;
  }
  finish(to, room, filled, fed);
}

void Watchers::swap_with(const BoundRing& ring, const Watcher& to) const {
  Room room;
  if (!reserve_newest(ring, to, &room)) return;
  RingState& state = *ring.state;
  const Offsets offsets(state, region_->buffer_stride());
  Fed fed;
  uint32_t filled = 0;
  for (uint32_t i = room.first; i < chosen_.size(); i++, filled++) {
    const uint32_t own_slot = chosen_[i];
    const uint32_t its_index = room.start.plus(filled, to.slots).index;
    abi::netmap_slot& slot = ring.shared->slot[own_slot];
    abi::netmap_slot& its_slot = room.slots[its_index];
    const Descriptor own = Descriptor::load(slot);
    const uint32_t buffer = Descriptor::load(its_slot).buf_idx;
    const uint16_t mark = ring.is_tx ? abi::NS_TXMON : own.flags & abi::NS_TXMON;
    const uint16_t flags = static_cast<uint16_t>((own.flags & (abi::NS_MOREFRAG | kFragments)) | mark);
    const bool can_be = region_->buffer_valid(own.buf_idx) && region_->buffer_valid(buffer);
    if (!can_be) {
      if (!region_->buffer_valid(buffer)) add(room.state->drops_bad_receiver_slot, 1);
      Descriptor{buffer, 0, flags}.store(its_slot);
      continue;
    }
    const bool is_indirect = reads_indirect_ && ring.is_tx && (own.flags & abi::NS_INDIRECT) != 0;
    // Its ptr is an address.
    const uint32_t offset = is_indirect ? 0 : offsets.of(slot);
    const uint16_t length = static_cast<uint16_t>(std::min<uint32_t>(own.len, offsets.left(offset)));
    if (is_indirect) read_caller(region_->buffer(own.buf_idx), slot.ptr, length);
    if (offsets.exist()) offsets.put(its_slot, offset);
    state.swap = Swap{to.ring, its_index, own_slot, buffer}.pack();
    order_stores();
    Descriptor{own.buf_idx, length, flags}.store(its_slot);
    order_stores();
    Descriptor{buffer, own.len, static_cast<uint16_t>(own.flags | abi::NS_BUF_CHANGED)}.store(slot);
    order_stores();
    fed.packets += ends_packet(own);
    fed.bytes += length;
  }
  state.swap = 0;
  finish(to, room, filled, fed);
}

// A ring of another port, as Watchers read it.
struct WatchedReceivers::Receiver {
  std::shared_ptr<Region> region;
  uint32_t port;
  BoundRing ring;
};

WatchedReceivers::WatchedReceivers(std::shared_ptr<Namespace> space, uint32_t client)
    : space_(std::move(space)), client_(client) {}

WatchedReceivers::~WatchedReceivers() = default;

void WatchedReceivers::show(const std::shared_ptr<Region>& region, uint32_t index, uint32_t first,
                            uint32_t end) {
  BoundRing& ring = find(region, index).ring;
  if (ring.watchers->look(ring)) ring.watchers->copy(ring, first, end);
}

WatchedReceivers::Receiver& WatchedReceivers::find(const std::shared_ptr<Region>& region, uint32_t index) {
  RingState& state = region->ring(index);
  const uint32_t port = state.port;
  const PortRecord& record = region->port(port);
  const uint32_t number = index - record.first_ring - record.all_tx();
  const auto known = std::find_if(receivers_.begin(), receivers_.end(), [&](const auto& one) {
    return one->region == region && one->ring.index == index;
  });
  // The ring's memory may have become another port's since.
  if (known != receivers_.end()) {
    Receiver& receiver = **known;
    if (receiver.port == port && receiver.ring.number == number && receiver.ring.slots == state.slots) {
      return receiver;
    }
    receivers_.erase(known);
  }
  auto receiver = std::make_unique<Receiver>();
  receiver->region = region;
  receiver->port = port;
  receiver->ring.region = region.get();
  receiver->ring.index = index;
  receiver->ring.state = &state;
  receiver->ring.shared = region->netmap_ring(index);
  receiver->ring.slots = state.slots;
  receiver->ring.number = number;
  receiver->ring.watchers = std::make_unique<Watchers>(space_, region, port, client_, false);
  receivers_.push_back(std::move(receiver));
  return *receivers_.back();
}

void WatchedReceivers::forget_unwatched() {
  std::erase_if(receivers_, [](const auto& receiver) {
    return receiver->ring.state->watched.load(std::memory_order_relaxed) == 0;
  });
}

}  // namespace nm::engine
