#include "nic/xsk_queue.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "nic/bpf/object.h"
#include "nic/open_checksum.h"
#include "nic/xdp_refusal.h"

namespace nm::nic {

namespace {

using engine::BoundRing;
using engine::RingState;

// Of a ring's driver words.
constexpr uint32_t kPositionWord = 0;  // `posted` of an RX ring, `submitted` of a TX ring
constexpr uint32_t kSocketWord = 1;    // of the ring that is the queue's home, here and in the next
constexpr uint32_t kSizeWord = kSocketWord + SharedDescriptor::kWords;
static_assert(kSizeWord < sizeof(engine::DriverWords) / sizeof(uint64_t));

// The kernel does not tell when packets have left.
constexpr int64_t kSentSleepNs = 50'000;
// Nor when it has let a queue go.
constexpr int64_t kReopenSleepNs = 1'000'000;
constexpr int64_t kPatienceToEmptyNs = 100'000'000;
constexpr int kTriesToBind = 500;
constexpr useconds_t kBindEachUs = 2'000;
constexpr uint32_t kIdleSyncsPerLook = 4096;

// What those who join must know of the socket.
struct Size {
  uint32_t places;   // of its rings, a power of two
  uint32_t buffers;  // that it knows
  uint32_t counted;  // packets that it dropped and a ring has counted

  uint64_t pack() const {
    return uint64_t{counted} << 32 | uint64_t{buffers} << 8 | static_cast<uint32_t>(std::countr_zero(places));
  }
  static Size unpack(uint64_t word) {
    return {1u << (word & 31), static_cast<uint32_t>(word >> 8 & 0xffffff),
            static_cast<uint32_t>(word >> 32)};
  }
};
static_assert(engine::kMaxRegionBuffers <= 1 << 24);

Refusal socket_refusal(int error, XskMode mode) {
  switch (error) {
    case EPERM:
    case EACCES:
      return Refusal::no_net_raw;
    case ENOBUFS:
      return Refusal::no_locked_memory;
    case EBUSY:
      return Refusal::queue_taken;
    case EOPNOTSUPP:
      return mode.zero_copy ? Refusal::interface_lacks_it : Refusal::kernel_lacks_it;
    case EAFNOSUPPORT:
      return Refusal::kernel_lacks_it;
    case EFAULT:
      return Refusal::buffers_unfit;
    default:
      return bpf_refusal(error);
  }
}

// A position from the ring's shared memory: within [first, end], or else `first`.
uint32_t position_in(const RingState& state, uint32_t first, uint32_t end) {
  const uint64_t at = state.driver_words.word[kPositionWord];
  if (at >= state.slots) return first;
  const auto position = static_cast<uint32_t>(at);
  const bool is_within =
      ring_distance(first, position, state.slots) <= ring_distance(first, end, state.slots);
  return is_within ? position : first;
}
// How far slots of an RX ring are given to the kernel.
uint32_t posted_in(const RingState& state) {
  return position_in(state, state.hwtail, ring_previous(state.hwcur, state.slots));
}
// How far slots of a TX ring are given to the kernel.
uint32_t submitted_in(const RingState& state) {
  return position_in(state, ring_next(state.hwtail, state.slots), state.hwcur);
}

void keep_position(RingState& state, uint32_t position) { state.driver_words.word[kPositionWord] = position; }

// The socket that had them is gone. What it was to send counts as sent, for some of it was; what it was to fill is to be
// given anew.
void forget_given(RingState& state, bool is_tx) {
  if (is_tx) {
    const uint32_t submitted = submitted_in(state);
    state.hwtail = ring_previous(submitted, state.slots);
    keep_position(state, submitted);
  } else {
    keep_position(state, state.hwtail);
  }
}

}  // namespace

XskQueue::XskQueue(const Target& target, uint32_t queue, XskMode mode)
    : target_(target),
      queue_(queue),
      mode_(mode),
      completes_checksums_(leaves_checksums_open(target.interface)),
      many_pieces_(target.interface.longest_frame() > XskSocket::kPiece),
      link_(target.interface.index) {}

XskQueue::~XskQueue() {
  if (sharing_ != nullptr && socket_.is_open()) sharing_->withdraw(socket_.descriptor());
}

// The driver words in which the socket is written down: those of the queue's RX ring, if it has one.
engine::DriverWords& XskQueue::words() const {
  const engine::PortRecord& record = target_.record();
  const uint32_t ring = queue_ < record.rx_rings ? record.all_tx() + queue_ : queue_;
  return target_.region->ring(record.first_ring + ring).driver_words;
}

Refusal XskQueue::open(int* error) {
  sharing_ = std::make_unique<SharedDescriptor>(words(), kSocketWord, socket_identity);
  FileDescriptor present;
  const Refusal refusal = sharing_->join(&present, error);
  if (refusal != Refusal::none) return refusal;
  if (!present.is_open()) return make(error);
  const Size size = Size::unpack(words().word[kSizeWord]);
  *error = socket_.join(std::move(present), size.places);
  if (*error != 0) return Refusal::owner_unreachable;
  buffers_ = size.buffers;
  return sharing_->offer(socket_.descriptor(), false);
}

Refusal XskQueue::make(int* error) {
  *error = prepare();
  if (*error == 0) *error = bind();
  for (int i = 0; i < kTriesToBind && *error == EBUSY; i++) {
    usleep(kBindEachUs);
    *error = bind();
  }
  return *error == 0 ? sharing_->offer(socket_.descriptor(), true) : socket_refusal(*error, mode_);
}

int XskQueue::prepare() {
  const engine::PortRecord& record = target_.record();
  // A packet of a slot may have two pieces.
  const uint32_t places = std::bit_ceil(std::max({record.tx_slots * 2, record.rx_slots, 64u}));
  buffers_ = target_.region->buffers_reserved();
  words().word[kSizeWord] = Size{places, buffers_, 0}.pack();
  return socket_.make(*target_.region, buffers_, places);
}

int XskQueue::bind() { return socket_.bind(target_.interface, queue_, mode_, many_pieces_); }

void XskQueue::start(const BoundRing& ring) {
  RingState& state = *ring.state;
  const bool is_idle = ring.is_tx ? socket_.tx.produced() == socket_.completion.consumed()
                                  : socket_.fill.produced() == socket_.rx.consumed();
  if (is_idle) forget_given(state, ring.is_tx);
  (ring.is_tx ? tx_ : rx_) = &state;
  if (!ring.is_tx) give_buffers(ring);
}

void XskQueue::listen(int sockets_by_queue) {
  const int socket = socket_.descriptor();
  sockets_by_queue_ = sockets_by_queue;
  bpf::update_map(sockets_by_queue, &queue_, &socket);
}

// --- TX

Status XskQueue::send(BoundRing& ring, uint32_t head) {
  RingState& state = *ring.state;
  state.hwcur = head;
  if (!is_ready()) return stage_ == Stage::broken ? Status::system_error : link_.status();
  for (;;) {
    finish_sent(ring);
    uint32_t submitted = submitted_in(state);
    if (submitted == head || stage_ == Stage::emptying || !submit(ring, &submitted)) break;
    keep_position(state, submitted);
    link_.tell(socket_.push());
  }
  if (socket_.tx.produced() != socket_.tx.consumed()) link_.tell(socket_.push());
  return link_.status();
}

// Gives back the slots whose packets have left.
void XskQueue::finish_sent(BoundRing& ring) {
  RingState& state = *ring.state;
  const uint32_t ready = socket_.completion.ready();
  if (ready == 0) return;
  const uint32_t at = socket_.completion.consumed();
  uint32_t slots = 0;
  for (uint32_t i = 0; i < ready; i++) {
    // The second piece of a slot begins where a chunk does.
    slots += socket_.completion.at(at + i) % XskSocket::kChunk != 0;
  }
  socket_.completion.consume(at + ready);
  const uint32_t given = ring_distance(ring_next(state.hwtail, ring.slots), submitted_in(state), ring.slots);
  slots = std::min(slots, given);
  const uint32_t tail = state.hwtail + slots;
  state.hwtail = tail < ring.slots ? tail : tail - ring.slots;
}

// Gives packets from slot *submitted on to the kernel, as many as it has room for, and moves on. False: none.
bool XskQueue::submit(BoundRing& ring, uint32_t* submitted) {
  RingState& state = *ring.state;
  const uint32_t head = state.hwcur;
  const uint32_t first = *submitted;
  uint32_t at = socket_.tx.produced();
  uint32_t room = socket_.tx.room();
  const auto put = [&](uint64_t address, uint32_t length, uint32_t options) {
    socket_.tx.at(at++) = {address, length, options};
    room--;
  };
  while (*submitted != head) {
    const Departing what = read_departure(ring, *submitted, head, &departure_);
    if (what == Departing::unfinished || room < 2 * departure_.pieces) break;
    bool good = what == Departing::ready;
    for (uint32_t i = 0; good && i < departure_.pieces; i++) {
      good = departure_.piece[i].buffer < buffers_ && departure_.piece[i].length != 0;
    }
    if (what == Departing::ready && !good) ++state.drops_bad_slot;
    if (good && !fits(target_.interface, ring.region->buffer(departure_.piece[0].buffer), departure_.bytes)) {
      state.drops_too_long.fetch_add(1, std::memory_order_relaxed);
      good = false;
    }
    if (!good) {
      // Its slots can only go with those before it: they come back in order.
      if (at != socket_.tx.produced() || *submitted != ring_next(state.hwtail, ring.slots)) break;
      state.hwtail = ring_previous(departure_.end, ring.slots);
      *submitted = departure_.end;
      continue;
    }
    for (uint32_t i = 0; i < departure_.pieces; i++) {
      const Departure::Piece& piece = departure_.piece[i];
      const uint64_t address = uint64_t{piece.buffer} * XskSocket::kChunk + XskSocket::kHeadroom;
      const uint32_t more = i + 1 < departure_.pieces ? kXskMore : 0;
      const uint32_t here = std::min(piece.length, XskSocket::kPiece);
      const uint32_t beyond = piece.length - here;
      put(address, here, beyond != 0 ? kXskMore : more);
      if (beyond != 0) put(address + here, beyond, more);
    }
    *submitted = departure_.end;
    ++state.packets;
    state.bytes += departure_.bytes;
  }
  socket_.tx.produce(at);
  return *submitted != first;
}

// --- RX

Status XskQueue::receive(BoundRing& ring, uint32_t head) {
  ring.state->hwcur = head;
  const uint32_t before = ring.state->hwtail;
  if (stage_ == Stage::open || stage_ == Stage::emptying) show_arrived(ring);
  if (!is_ready()) return stage_ == Stage::broken ? Status::system_error : link_.status();
  if (stage_ == Stage::open) give_buffers(ring);
  if (ring.state->hwtail == before && ++idle_syncs_ % kIdleSyncsPerLook == 0) look_around(ring);
  return link_.status();
}

void XskQueue::show_arrived(BoundRing& ring) {
  RingState& state = *ring.state;
  for (;;) {
    const uint32_t slots = slots_of_next();
    if (slots == 0 || ring_distance(state.hwtail, posted_in(state), ring.slots) < slots) return;
    const uint32_t at = socket_.rx.consumed();
    const uint32_t first = state.hwtail;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < slots; i++) {
      const XskDescriptor piece = socket_.rx.at(at + i);
      show(ring, piece, i + 1 < slots ? abi::NS_MOREFRAG : 0);
      bytes += piece.length;
    }
    if (completes_checksums_) complete(ring, first, slots);
    socket_.rx.consume(at + slots);
    state.delivered_packets.store(state.delivered_packets.load(std::memory_order_relaxed) + 1,
                                  std::memory_order_relaxed);
    state.delivered_bytes.store(state.delivered_bytes.load(std::memory_order_relaxed) + bytes,
                                std::memory_order_relaxed);
  }
}

// How many slots the next packet takes; 0: there is none, or its end has not come.
uint32_t XskQueue::slots_of_next() const {
  const uint32_t ready = socket_.rx.ready();
  const uint32_t at = socket_.rx.consumed();
  for (uint32_t i = 0; i < ready; i++) {
    if ((socket_.rx.at(at + i).options & kXskMore) == 0) return i + 1;
  }
  return 0;
}

// Shows a piece in the slot at hwtail.
void XskQueue::show(BoundRing& ring, const XskDescriptor& piece, uint16_t flags) {
  RingState& state = *ring.state;
  abi::netmap_slot* const slots = ring.shared->slot;
  const auto buffer = static_cast<uint32_t>(piece.address / XskSocket::kChunk);
  const uint32_t named = Descriptor::load(slots[state.hwtail]).buf_idx;
  if (named != buffer) {
    // It came before its turn. Of two processes' deaths in between, one loses a buffer, none has it in two slots.
    const uint32_t end = posted_in(state);
    for (uint32_t i = ring_next(state.hwtail, ring.slots); i != end; i = ring_next(i, ring.slots)) {
      const Descriptor other = Descriptor::load(slots[i]);
      if (other.buf_idx != buffer) continue;
      Descriptor{named, other.len, other.flags}.store(slots[i]);
      break;
    }
  }
  uint32_t length = piece.length;
  const bool is_good = ring.region->buffer_valid(buffer) && length <= ring.region->buffer_stride() &&
                       piece.address % XskSocket::kChunk == XskSocket::kHeadroom;
  if (!is_good) {
    ++state.drops_bad_slot;
    length = 0;
  }
  Descriptor{buffer, static_cast<uint16_t>(length), flags}.store(slots[state.hwtail]);
  state.hwtail = ring_next(state.hwtail, ring.slots);
}

// Completes the checksum of the packet in `count` slots from `first` on, which only we have until hwtail is told to the user.
void XskQueue::complete(BoundRing& ring, uint32_t first, uint32_t count) {
  iovec pieces[abi::NETMAP_MAX_FRAGS];
  if (count > abi::NETMAP_MAX_FRAGS) return;
  for (uint32_t i = 0; i < count; i++, first = ring_next(first, ring.slots)) {
    const Descriptor slot = Descriptor::load(ring.shared->slot[first]);
    const bool is_good = ring.region->buffer_valid(slot.buf_idx) && slot.len <= ring.region->buffer_stride();
    if (!is_good) return;
    pieces[i] = {ring.region->buffer(slot.buf_idx), slot.len};
  }
  complete_checksum(pieces, count);
}

// Gives the kernel the buffers of all slots that it has and does not know yet.
void XskQueue::give_buffers(const BoundRing& ring) {
  RingState& state = *ring.state;
  const uint32_t end = ring_previous(state.hwcur, ring.slots);
  const uint32_t first = posted_in(state);
  uint32_t posted = first;
  uint32_t at = socket_.fill.produced();
  for (uint32_t room = socket_.fill.room(); posted != end && room != 0;) {
    const Descriptor slot = Descriptor::load(ring.shared->slot[posted]);
    if (ring.region->buffer_valid(slot.buf_idx) && slot.buf_idx < buffers_) {
      socket_.fill.at(at++) = uint64_t{slot.buf_idx} * XskSocket::kChunk;
      room--;
    } else if (posted == state.hwtail) {
      // The kernel cannot have this one. When those before it are filled, the user gets it as it is.
      ++state.drops_bad_slot;
      Descriptor{slot.buf_idx, 0, 0}.store(ring.shared->slot[posted]);
      state.hwtail = ring_next(posted, ring.slots);
    } else {
      break;
    }
    posted = ring_next(posted, ring.slots);
  }
  if (posted == first) return;
  socket_.fill.produce(at);
  keep_position(state, posted);
  socket_.pull();
}

// --- both

bool XskQueue::has_news(const BoundRing& ring) const {
  if (!socket_.is_open()) return false;
  if (ring.is_tx) return socket_.completion.ready() != 0;
  // A ring without room would only be told again and again of what waits for it.
  return socket_.rx.ready() != 0 && ring_next(ring.state->hwtail, ring.slots) != ring.state->hwcur;
}

Notice XskQueue::notice(const BoundRing& ring) const {
  return ring.is_tx || !socket_.is_open() ? Notice{} : Notice{socket_.descriptor(), POLLIN};
}

int64_t XskQueue::before_sleep(BoundRing& ring) {
  if (stage_ != Stage::open) return kReopenSleepNs;
  if (ring.is_tx) return socket_.tx.produced() != socket_.completion.consumed() ? kSentSleepNs : INT64_MAX;
  look_around(ring);
  return INT64_MAX;
}

void XskQueue::look_around(BoundRing& ring) {
  link_.look();
  count(ring);
}

void XskQueue::count(BoundRing& ring) {
  if (ring.is_tx || stage_ != Stage::open) return;
  Size size = Size::unpack(words().word[kSizeWord]);
  const auto dropped = static_cast<uint32_t>(socket_.dropped());
  ring.state->drops_full.fetch_add(dropped - size.counted, std::memory_order_relaxed);
  size.counted = dropped;
  words().word[kSizeWord] = size.pack();
}

// Whether there is a socket that works. Other ports may have brought buffers to the region that it does not know: then one is
// made that does. Before that, what the old one has is sent and shown; until the queue is ours again, packets wait.
bool XskQueue::is_ready() {
  if (stage_ == Stage::open) [[likely]] {
    if (target_.region->buffers_reserved() <= buffers_ || sharing_->is_shared()) return true;
    stage_ = Stage::emptying;
    emptying_until_ns_ = engine::monotonic_ns() + kPatienceToEmptyNs;
  }
  if (stage_ == Stage::emptying) {
    const bool is_empty = socket_.tx.produced() == socket_.completion.consumed() && socket_.rx.ready() == 0;
    if (!is_empty && engine::monotonic_ns() < emptying_until_ns_) return true;
    close();
  }
  if (stage_ == Stage::closed) open_again();
  return stage_ == Stage::open;
}

void XskQueue::close() {
  if (rx_ != nullptr) rx_->drops_full.fetch_add(socket_.rx.ready(), std::memory_order_relaxed);
  if (tx_ != nullptr) forget_given(*tx_, true);
  if (rx_ != nullptr) forget_given(*rx_, false);
  sharing_->withdraw(socket_.descriptor());
  socket_.close();
  stage_ = Stage::closed;
  if (prepare() == 0) return;
  stage_ = Stage::broken;
  socket_.close();
}

void XskQueue::open_again() {
  const int error = bind();
  if (error == EBUSY) return;
  stage_ = Stage::broken;
  if (error != 0 || sharing_->offer(socket_.descriptor(), true) != Refusal::none) return;
  if (sockets_by_queue_ >= 0) listen(sockets_by_queue_);
  stage_ = Stage::open;
}

}  // namespace nm::nic
