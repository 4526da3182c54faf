#include "engine/vale.h"

#include <algorithm>
#include <cstring>

#include "engine/wake.h"

namespace nm::engine {

namespace {

constexpr uint32_t kEthernetHeader = 14;
// Joined in a circle, switches would pass a packet on for ever.
constexpr uint32_t kMostSwitches = 8;

uint64_t load64(const void* from) {
  uint64_t value;
  memcpy(&value, from, sizeof(value));
  return value;
}

void add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.fetch_add(amount, std::memory_order_relaxed);
}

}  // namespace

ValeSender::ValeSender(std::shared_ptr<Namespace> space, std::shared_ptr<Switch> vale,
                       std::shared_ptr<Region> region, uint32_t port, uint32_t client)
    : space_(std::move(space)),
      vale_(std::move(vale)),
      region_(std::move(region)),
      client_(client),
      entries_(kBatch),
      filled_(kMaxSlots),
      queues_(kMaxSwitchPorts),
      destinations_(kMaxSwitchPorts),
      watched_(space_, client_),
      indirect_(kBatch, region_->buffer_stride()),
      places_(kBatch),
      awaited_(kMaxValeRings) {
  touched_.reserve(kMaxSwitchPorts);
  if (vale_) place_ = vale_->find(*region_, port, &generation_);
}

ValeSender::ValeSender(const ValeSender& before, std::shared_ptr<Switch> vale, const Region& region,
                       uint32_t port)
    : ValeSender(before.space_, nullptr, before.region_, port, before.client_) {
  vale_ = std::move(vale);
  place_ = vale_->find(region, port, &generation_);
  switches_before_ = before.switches_before_ + 1;
  // Of what we reserve on another switch than ours.
  space_->client(client_).owes_elsewhere = 1;
}

ValeSender::~ValeSender() = default;

void ValeSender::look_around() {
  const SwitchPort& place = vale_->place(place_);
  header_ = header_length(place_);
  policy_ = place.policy;
  group_ = place.group;
  now_s_ = monotonic_s();
  oldest_s_ = vale_->oldest_s(now_s_);
}

bool ValeSender::tx_sync(BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  delivered_ = 0;
  lost_full_ = 0;
  overran_ = false;
  if (!is_on_switch()) [[unlikely]] {
    header_ = 0;
    discard(ring, head);
    return false;
  }
  look_around();
  if (is_careful()) [[unlikely]]
    send_carefully(ring, head);
  while (!is_careful() && state.hwcur != head) {
    uint32_t entries = 0;
    Taken taken;
    const uint32_t end = gather(ring, state.hwcur, head, kBatch, &entries, &taken);
    state.packets += taken.packets;
    state.bytes += taken.bytes;
    look_up(ring, entries);
    deliver_all(ring);
    state.hwcur = end;
    if (++batches_ % kBatchesPerForget == 0) forget_gone();
  }
  // A switch takes everything at once: all slots but one are the user's again.
  state.hwtail = ring_previous(state.hwcur, ring.slots);
  return overran_ || (lost_full_ != 0 && delivered_ == 0);
}

// Takes the slots as a switch would, and brings their packets nowhere.
void ValeSender::discard(BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  while (state.hwcur != head) {
    uint32_t entries = 0;
    Taken taken;
    const uint32_t end = gather(ring, state.hwcur, head, kBatch, &entries, &taken);
    state.packets += taken.packets;
    state.bytes += taken.bytes;
    for (uint32_t i = 0; i < entries; i++) state.drops_no_destination += entries_[i].slots != 0;
    state.hwcur = end;
  }
  state.hwtail = ring_previous(state.hwcur, ring.slots);
}

// Reads slots from `from` on, up to `most_packets`, a batch or `head`, and never stops inside a packet. Returns where it
// stopped. Packets that are no good are counted; what the others are is in `taken`, for the caller to count.
uint32_t ValeSender::gather(BoundRing& ring, uint32_t from, uint32_t head, uint32_t most_packets,
                            uint32_t* entries, Taken* taken) {
  RingState& state = *ring.state;
  const uint32_t stride = region_->buffer_stride();
  const uint32_t buffers = region_->buffers_reserved();
  uint8_t* const base = region_->buffers();
  const Offsets offsets(state, stride);
  begins_anywhere_ = offsets.exist();
  uint64_t bytes = 0;
  uint32_t count = begins_anywhere_ || most_packets < kBatch ? 0 : gather_plain(ring, from, head, &bytes);
  uint32_t index = from + count < ring.slots ? from + count : from + count - ring.slots;
  uint64_t packets = count;
  uint32_t packet = count;  // entry of the first slot of the packet being read
  bool bad = false;
  bool oversized = false;
  has_fragments_ = false;
  indirect_.begin();

  while (packet != count ||
         (index != head && packets < most_packets && count + abi::NETMAP_MAX_FRAGS < kBatch)) {
    const abi::netmap_slot& slot = ring.shared->slot[index];
    const auto [buffer, length, flags] = Descriptor::load(slot);
    index = ring_next(index, ring.slots);

    Entry& entry = entries_[count];
    entry.length = length;
    entry.slots = 0;
    // The ptr of an indirect slot is an address.
    const bool is_indirect = (flags & abi::NS_INDIRECT) != 0;
    const uint32_t offset = is_indirect ? 0 : offsets.of(slot);
    if (buffer - 2 >= buffers - 2 || length > offsets.left(offset)) [[unlikely]] {
      bad = true;
    } else if (is_indirect) [[unlikely]] {
      entry.data = indirect_.read(slot.ptr, length, count, ring, index, head);
      bad |= entry.data == nullptr;
    } else {
      entry.data = base + uint64_t{buffer} * stride + offset;
    }
    count++;
    bytes += length;
    if (count - packet > abi::NETMAP_MAX_FRAGS) [[unlikely]] {
      oversized = true;
      count = packet + 1;
    }
    // A packet whose last slot has not come is sent as far as it goes, as netmap does.
    if ((flags & abi::NS_MOREFRAG) != 0 && index != head) continue;

    const uint32_t slots = count - packet;
    packets++;
    if (slots > 1) has_fragments_ = true;
    if (bad) [[unlikely]] {
      ++state.drops_bad_slot;
    } else if (oversized) [[unlikely]] {
      ++state.drops_too_many_slots;
    } else if (entries_[packet].length < header_ + kEthernetHeader) [[unlikely]] {
      ++state.drops_too_short;
    } else {
      entries_[packet].slots = static_cast<uint16_t>(slots);
    }
    packet = count;
    bad = false;
    oversized = false;
  }
  *taken = {packets, bytes};
  *entries = count;
  return index;
}

// Reads packets of one good slot each, up to the first other one: the loop that has to be fast. Returns how
// many.
uint32_t ValeSender::gather_plain(const BoundRing& ring, uint32_t from, uint32_t head, uint64_t* bytes) {
  constexpr uint32_t kOddFlags = abi::NS_INDIRECT | abi::NS_MOREFRAG;
  const abi::netmap_slot* const slots = ring.shared->slot;
  const uint32_t ring_slots = ring.slots;
  const uint32_t stride = region_->buffer_stride();
  const uint32_t buffers = region_->buffers_reserved();
  const uint32_t shortest = header_ + kEthernetHeader;
  uint8_t* const base = region_->buffers();
  Entry* const entries = entries_.data();
  const uint32_t most = std::min(ring_distance(from, head, ring_slots), kBatch - abi::NETMAP_MAX_FRAGS);
  uint64_t sum = 0;
  uint32_t index = from;
  uint32_t count = 0;
  for (; count < most; count++) {
    const auto [buffer, length, flags] = Descriptor::load(slots[index]);
    if (buffer - 2 >= buffers - 2 || length > stride || length < shortest || (flags & kOddFlags) != 0)
        [[unlikely]] {
      break;
    }
    entries[count] = {base + uint64_t{buffer} * stride, length, 1, kNone};
    sum += length;
    index = ring_next(index, ring_slots);
  }
  *bytes = sum;
  return count;
}

void ValeSender::look_up(BoundRing& ring, uint32_t count) {
  Entry* const entries = entries_.data();
  const uint32_t header = header_;
  Mac known_source = kMacMask;  // broadcast never is a source
  Mac known_destination = kMacMask;
  broadcast_ = Queue{};
  Queue* queue = &broadcast_;
  Queue run;  // what *queue becomes, while packets for it follow each other

  for (uint32_t i = 0; i < count; i++) {
    if (entries[i].slots == 0) continue;
    const Mac to = load64(entries[i].data + header) & kMacMask;
    const Mac from = load64(entries[i].data + header + 4) >> 16;
    // Once per run of packets from one source, so at least once per batch: a station is not forgotten because
    // another one met it in the table. [quirk 7]
    if (from != known_source) {
      known_source = from;
      if (!is_multicast(from)) vale_->learn(from, learning_bucket(from), place_, now_s_);
    }
    if (to != known_destination) {
      known_destination = to;
      if (queue != nullptr) *queue = run;
      queue = queue_for(to);
      if (queue != nullptr) run = *queue;
    }
    if (queue != nullptr) {
      run.append(entries, i);
    } else {
      ++ring.state->drops_no_destination;
    }
  }
  if (queue != nullptr) *queue = run;
}

// Where packets for this station wait to be delivered, nullptr when it is behind the port that sends them.
ValeSender::Queue* ValeSender::queue_for(Mac to) {
  const uint32_t place = is_multicast(to) ? Switch::kNowhere : vale_->lookup(to, oldest_s_);
  if (place == Switch::kNowhere) return &broadcast_;
  if (place == place_) return nullptr;
  if (queues_[place].packets == 0) touched_.push_back(place);
  return &queues_[place];
}

void ValeSender::Queue::append(Entry* entries, uint32_t packet) {
  entries[packet].next = kNone;
  if (packets == 0) {
    first = static_cast<uint16_t>(packet);
  } else {
    entries[last].next = static_cast<uint16_t>(packet);
  }
  last = static_cast<uint16_t>(packet);
  packets++;
  slots = static_cast<uint16_t>(slots + entries[packet].slots);
}

// Broadcasts go to ring 0 of every other port; a packet for one port goes to the ring with the number of the
// ring it came from, modulo. What meets in one ring keeps its order.
void ValeSender::deliver_all(BoundRing& ring) {
  if (broadcast_.packets != 0) {
    for (uint32_t word = 0; word < kMaxSwitchPorts / 64; word++) {
      for (uint64_t active = vale_->active_word(word); active != 0; active &= active - 1) {
        const uint32_t place = word * 64 + static_cast<uint32_t>(__builtin_ctzll(active));
        if (place == place_) continue;
        const Destination* to = destination(place);
        if (to == nullptr) continue;
        Queue unicast;
        if (queues_[place].packets != 0 && ring.number % to->rx_rings == 0) {
          std::swap(unicast, queues_[place]);
        }
        const bool is_mirrored = unicast.packets != 0 && ((policy_ | to->policy) & kMirrors) != 0;
        deliver(ring, place, 0, unicast, broadcast_);
        if (is_mirrored) [[unlikely]]
          mirror(ring, place, unicast);
      }
    }
  }
  for (const uint32_t place : touched_) {
    Queue unicast;
    std::swap(unicast, queues_[place]);
    if (unicast.packets == 0) continue;
    const Destination* to = destination(place);
    if (to == nullptr) {
      ring.state->drops_no_destination += unicast.packets;
    } else {
      const bool is_mirrored = ((policy_ | to->policy) & kMirrors) != 0;
      deliver(ring, place, ring.number % to->rx_rings, unicast, Queue{});
      if (is_mirrored) [[unlikely]]
        mirror(ring, place, unicast);
    }
  }
  touched_.clear();
}

void ValeSender::deliver(BoundRing& ring, uint32_t place, uint32_t ring_number, Queue unicast,
                         Queue broadcast) {
  const Destination& to = destinations_[place];
  if (group_ != 0 && !is_copy_ && vale_->place(place).group == group_) [[unlikely]] {
    ring.state->drops_isolated += unicast.packets;
    return;
  }
  if (to.leads_to != 0) [[unlikely]] {
    pass_on(ring, place, unicast, broadcast);
    return;
  }
  const uint32_t ring_index = to.first_rx_ring + ring_number;
  RingState& state = to.region->ring(ring_index);
  const auto is_still_there = [&] {
    return vale_->place(place).generation.load(std::memory_order_acquire) == to.generation;
  };
  if (state.users.load(std::memory_order_acquire) == 0) {
    if (!is_copy_) ring.state->drops_no_destination += unicast.packets;
    return;
  }

  const LeaseTable leases = to.region->leases(ring_index);
  const uint32_t packets = uint32_t{unicast.packets} + broadcast.packets;
  uint32_t wanted = uint32_t{unicast.slots} + broadcast.slots;
  const Offsets offsets(state, to.region->buffer_stride());
  const bool converts = to.header != header_;
  if (converts) [[unlikely]] {
    wanted = slots_that_fit(unicast, broadcast, reservable(state, to.slots), [&](uint32_t packet) {
      return slots_converted(packet, to, offsets.least_room());
    });
  } else if (has_fragments_) {
    wanted = slots_that_fit(unicast, broadcast, reservable(state, to.slots),
                            [&](uint32_t packet) { return entries_[packet].slots; });
  }
  Position start{0, 0};
  uint32_t granted = 0;
  if (held_.place == place) [[unlikely]] {
    start = held_.start;
    std::swap(granted, held_.granted);
  } else if (wanted != 0) {
    granted = reserve(state, leases, to.slots, wanted, client_, &start, is_still_there);
  }

  if (granted == 0 && !is_still_there()) {
    if (!is_copy_) ring.state->drops_no_destination += unicast.packets;
    return;
  }
  Copied copied;
  if (granted != 0 || converts) {
    Room room{to, state, offsets, to.region->netmap_ring(ring_index)->slot, start.index, granted, 0};
    const bool one_list = !has_fragments_ && (unicast.packets == 0 || broadcast.packets == 0);
    const Queue only = unicast.packets != 0 ? unicast : broadcast;
    copied = converts                   ? convert_packets(ring, room, unicast, broadcast)
             : !one_list                ? copy_packets(room, unicast, broadcast)
             : from_the_beginning(room) ? copy_list<true>(room, only)
                                        : copy_list<false>(room, only);
    store_descriptors(room);
    if (granted != 0 && state.watched.load(std::memory_order_relaxed) != 0) [[unlikely]] {
      watched_.show(to.region, ring_index, start.index, start.plus(granted, to.slots).index);
    }
  }
  if (granted != 0) {
    publish(leases, start, granted, client_);
    add(state.delivered_packets, uint64_t{copied.packets} + copied.cut);
    add(state.delivered_bytes, copied.bytes);
    notify(*space_, state, to.region->id());
  }
  const uint32_t full = packets - copied.packets - copied.lost;
  if (is_copy_) {
    add(state.drops_full, full);
    return;
  }
  delivered_ += copied.packets;
  if (full == 0) return;
  lost_full_ += full;
  overran_ |= copied.packets != 0;
  add(state.drops_full, full);
  add(ring.state->drops_full, full);
  // A ring that is full of a dead sender's reservation gives its receiver nothing to wake up for.
  if (copied.packets == 0 && state.waiter.load(std::memory_order_relaxed) != 0) {
    const Position tail{state.hwtail, state.lap};
    if (tail.index < to.slots && unfinished(state, leases, tail, to.slots).count != 0) {
      wake_waiters(*space_, state, to.region->id());
    }
  }
}

// Packets for a port that joins this switch to another go on there, as if it had sent them.
void ValeSender::pass_on(BoundRing& ring, uint32_t place, Queue unicast, Queue broadcast) {
  ValeSender* const far = switches_before_ + 1 < kMostSwitches ? sender_beyond(place) : nullptr;
  if (far == nullptr) {
    ring.state->drops_no_destination += unicast.packets;
    return;
  }
  uint32_t count = 0;
  while (unicast.packets != 0 || broadcast.packets != 0) {
    const uint32_t packet = take_next(unicast, broadcast);
    const uint32_t slots = entries_[packet].slots;
    std::copy_n(&entries_[packet], slots, &far->entries_[count]);
    count += slots;
  }
  far->look_around();
  far->header_ = header_;
  far->has_fragments_ = has_fragments_;
  far->delivered_ = 0;
  far->lost_full_ = 0;
  far->overran_ = false;
  far->look_up(ring, count);
  far->deliver_all(ring);
  delivered_ += far->delivered_;
  lost_full_ += far->lost_full_;
  overran_ |= far->overran_;
}

// Who sends on the switch that the port at `place` leads to, or nullptr when it no longer does.
ValeSender* ValeSender::sender_beyond(uint32_t place) {
  Destination& from = destinations_[place];
  if (from.beyond && from.beyond->is_on_switch() && from.beyond->vale_->index() + 1 == from.leads_to) {
    return from.beyond.get();
  }
  from.beyond.reset();
  std::shared_ptr<Switch> vale;
  if (from.leads_to > kMaxSwitches || Switch::open(*space_, from.leads_to - 1, &vale) != Status::ok) {
    return nullptr;
  }
  from.beyond.reset(new ValeSender(*this, std::move(vale), *from.region, vale_->place(place).port));
  if (!from.beyond->is_on_switch()) from.beyond.reset();
  return from.beyond.get();
}

// How many slots the packets take that fit into `room` one after the other. `slots_of` says how many one
// takes.
template <typename Slots>
uint32_t ValeSender::slots_that_fit(Queue unicast, Queue broadcast, uint32_t room, Slots slots_of) const {
  uint32_t taken = 0;
  while (taken < room && (unicast.packets != 0 || broadcast.packets != 0)) {
    const uint32_t slots = slots_of(take_next(unicast, broadcast));
    if (taken + slots <= room) taken += slots;
  }
  return taken;
}

// The packet of the two queues that arrived first.
uint16_t ValeSender::take_next(Queue& unicast, Queue& broadcast) const {
  Queue& queue = broadcast.packets == 0 || (unicast.packets != 0 && unicast.first < broadcast.first)
                     ? unicast
                     : broadcast;
  const uint16_t packet = queue.first;
  queue.first = entries_[packet].next;
  queue.packets--;
  return packet;
}

// Copies packets of one slot each, as many as there is room for: the loop that has to be fast. `kWholeLines`: packets
// lie at the beginning of their buffers, on both sides.
template <bool kWholeLines>
ValeSender::Copied ValeSender::copy_list(Room& room, Queue queue) {
  const Entry* const entries = entries_.data();
  Descriptor* const filled = filled_.data();
  abi::netmap_slot* const slots = room.slots;
  const Offsets offsets = room.offsets;
  const uint32_t ring_slots = room.to.slots;
  const uint32_t stride = room.to.region->buffer_stride();
  const uint32_t buffers = room.to.region->buffers_reserved();
  uint8_t* const base = room.to.region->buffers();
  const uint32_t size = room.size;
  uint32_t index = room.first;
  uint32_t packet = queue.first;
  uint32_t lost = 0;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < size; i++) {
    const Entry& entry = entries[packet];
    packet = entry.next;
    const uint32_t length = entry.length;
    // Read once: the receiver could change it between the check and the copy.
    const uint32_t buffer = Descriptor::load(slots[index]).buf_idx;
    const uint32_t offset = kWholeLines ? 0 : offsets.settle(slots[index]);
    const uint32_t most = kWholeLines ? stride : offsets.room(offset);
    index = ring_next(index, ring_slots);
    if (buffer - 2 >= buffers - 2 || length > most) [[unlikely]] {
      count_unfit(room, length > most);
      filled[i] = {buffer, 0, 0};
      lost++;
      continue;
    }
    uint8_t* const to = base + uint64_t{buffer} * stride + offset;
    if (kWholeLines) {
      copy_lines(to, entry.data, length);
    } else {
      memcpy(to, entry.data, length);
    }
    filled[i] = {buffer, static_cast<uint16_t>(length), 1 << 8};
    bytes += length;
  }
  room.filled = size;
  return {size - lost, bytes, lost};
}

// Copies packets of both queues in order of arrival, whatever number of slots they have.
ValeSender::Copied ValeSender::copy_packets(Room& room, Queue unicast, Queue broadcast) {
  Copied copied;
  while (room.filled != room.size && (unicast.packets != 0 || broadcast.packets != 0)) {
    const uint32_t packet = take_next(unicast, broadcast);
    const uint32_t slots = entries_[packet].slots;
    if (slots > room.size - room.filled) continue;
    if (!copy_packet(room, packet)) {
      copied.lost++;
      continue;
    }
    copied.packets++;
    for (uint32_t i = 0; i < slots; i++) copied.bytes += entries_[packet + i].length;
  }
  // Another sender may have taken room that a packet of several slots was to fill.
  while (room.filled != room.size) leave_empty(room);
  return copied;
}

// Copies one packet. False when it cannot lie there: then the slots are empty.
bool ValeSender::copy_packet(Room& room, uint32_t packet) {
  const uint32_t slots = entries_[packet].slots;
  const uint32_t first = room.filled;
  for (uint32_t i = 0; i < slots; i++) {
    const Entry& entry = entries_[packet + i];
    uint8_t* const to = fill_slot(room, entry.length, slots, i + 1 < slots);
    if (to == nullptr) [[unlikely]] {
      for (room.filled = first; room.filled != first + slots;) leave_empty(room);
      return false;
    }
    if (from_the_beginning(room)) {
      copy_lines(to, entry.data, entry.length);
    } else {
      memcpy(to, entry.data, entry.length);
    }
  }
  return true;
}

// Fills in the next slot of a packet of `slots`. Returns where its `length` bytes go; nullptr when they
// cannot lie there, which is counted.
uint8_t* ValeSender::fill_slot(Room& room, uint32_t length, uint32_t slots, bool more) {
  const uint32_t stride = room.to.region->buffer_stride();
  const uint32_t buffers = room.to.region->buffers_reserved();
  const uint32_t buffer = room.next_buffer();
  const uint32_t offset = room.offsets.settle(room.next());
  const bool too_long = length > room.offsets.room(offset);
  if (buffer - 2 >= buffers - 2 || too_long) [[unlikely]] {
    count_unfit(room, too_long);
    return nullptr;
  }
  filled_[room.filled++] = {buffer, static_cast<uint16_t>(length),
                            static_cast<uint16_t>(slots << 8 | (more ? abi::NS_MOREFRAG : 0))};
  return room.to.region->buffers() + uint64_t{buffer} * stride + offset;
}

void ValeSender::leave_empty(Room& room) {
  const uint32_t buffer = room.next_buffer();
  filled_[room.filled++] = {buffer, 0, 0};
}

void ValeSender::count_unfit(const Room& room, bool too_long) {
  add(too_long ? room.state.drops_too_long : room.state.drops_bad_receiver_slot, 1);
}

// Fills the slots that were copied to. All at once and not each after its packet: the receiver has read these
// lines, and a store that waits for a line from another core holds up all stores after it. In a row they wait
// together. [measured: 18 to 47 Mpps where the cores are far apart]
void ValeSender::store_descriptors(const Room& room) const {
  // In locals, because the compiler must assume that storing a descriptor changes everything else.
  const Descriptor* const filled = filled_.data();
  abi::netmap_slot* const slots = room.slots;
  const uint32_t size = room.size;
  const uint32_t first = room.first;
  const uint32_t before_wrap = std::min(size, room.to.slots - first);
  for (uint32_t i = 0; i < before_wrap; i++) filled[i].store(slots[first + i]);
  for (uint32_t i = before_wrap; i < size; i++) filled[i].store(slots[i - before_wrap]);
}

// What this process knows of the port at `place`, or nullptr when nobody is there.
ValeSender::Destination* ValeSender::destination(uint32_t place) {
  const uint32_t generation = vale_->place(place).generation.load(std::memory_order_acquire);
  Destination& known = destinations_[place];
  if (known.generation != generation || !known.region) [[unlikely]] {
    if (!refresh(known, place, generation)) return nullptr;
  }
  known.header = header_length(place);
  known.leads_to = vale_->place(place).leads_to;
  known.policy = vale_->place(place).policy;
  return &known;
}

uint32_t ValeSender::header_length(uint32_t place) const {
  const uint32_t length = vale_->place(place).header_length;
  return is_vnet_header(length) ? length : 0;
}

bool ValeSender::refresh(Destination& known, uint32_t place, uint32_t generation) {
  known = Destination{};
  if (generation % 2 == 0) return false;
  const SwitchPort& port = vale_->place(place);
  std::shared_ptr<Region> region;
  if (Region::open(*space_, port.region, &region) != Status::ok || region->is_lost()) return false;
  const uint64_t nonce = port.region_nonce;
  Destination found;
  found.generation = generation;
  found.region = std::move(region);
  found.first_rx_ring = port.first_rx_ring;
  found.rx_rings = port.rx_rings;
  found.slots = port.rx_slots;
  // The place may have become another's while we read: then the generation has moved on.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (port.generation.load(std::memory_order_relaxed) != generation || found.region->nonce() != nonce)
    return false;
  if (found.rx_rings == 0 || found.rx_rings > kMaxValeRings || found.slots == 0 || found.slots > kMaxSlots ||
      uint64_t{found.first_rx_ring} + found.rx_rings > found.region->pools().rings) {
    return false;
  }
  known = std::move(found);
  return true;
}

// Lets go of the memory of ports that went away.
void ValeSender::forget_gone() {
  for (uint32_t place = 0; place < vale_->places(); place++) {
    Destination& known = destinations_[place];
    if (known.region && known.generation != vale_->place(place).generation.load(std::memory_order_relaxed)) {
      known = Destination{};
    }
  }
  watched_.forget_unwatched();
}

}  // namespace nm::engine
