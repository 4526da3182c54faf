#include "nic/tap_driver.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <vector>

#include "engine/tap_port.h"
#include "nic/gather.h"
#include "nic/intake.h"
#include "nic/link_watch.h"
#include "nic/shared_descriptor.h"
#include "nic/tap.h"
#include "nic/write_batch.h"

namespace nm::nic {

namespace {

using engine::BoundRing;
using engine::kVnetHeader;

constexpr uint32_t kLargestPacket = 256 << 10;
constexpr uint32_t kMostPerSync = 4096;

// Of a ring's driver words, and of the port's.
constexpr uint32_t kSharedWord = 0;
constexpr uint32_t kLostWord = 0;

Refusal refusal_of(int error) {
  switch (error) {
    case 0:
      return Refusal::none;
    case EPERM:
    case EACCES:
      return Refusal::no_net_admin;
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return Refusal::kernel_lacks_it;
    case EBUSY:
    case E2BIG:
      return Refusal::queue_taken;
    case EINVAL:
      return Refusal::not_a_tap;
    default:
      return Refusal::system_refused;
  }
}

// What an errno of the device means, in those that sockets have for it.
int as_socket_error(int error) { return error == EIO ? ENETDOWN : error == EBADFD ? ENODEV : error; }

// One queue of the device, for the TX and the RX ring of its number.
class TapQueue {
 public:
  TapQueue(const Target& target, engine::DriverWords& words)
      : sharing_(words, kSharedWord, tap_identity),
        intake_(target.region->buffer_stride(), kLargestPacket),
        pieces_(WriteBatch::kMost * (1 + abi::NETMAP_MAX_FRAGS)),
        packet_(kVnetHeader + kLargestPacket) {}
  ~TapQueue() {
    if (tap_.is_open()) sharing_.withdraw(tap_.descriptor());
  }

  Refusal open(const std::string& name, bool has_many_queues, int* error);

  Status send(BoundRing& ring, uint32_t head);
  Status receive(BoundRing& ring, uint32_t head);

  const Tap& tap() const { return tap_; }
  bool sends_in_batches() const { return batch_.has_ring(); }

 private:
  // A packet of the batch: where its slots end, and how long it is.
  struct Packet {
    uint32_t end;
    uint32_t bytes;
  };

  uint32_t gather(BoundRing& ring, uint32_t first, uint32_t head);
  bool finish(BoundRing& ring, uint32_t end);
  bool receive_packet(BoundRing& ring);
  bool show_waiting(BoundRing& ring);

  SharedDescriptor sharing_;
  Tap tap_;
  LinkWatch link_;
  Intake intake_;
  WriteBatch batch_;
  Packet sent_[WriteBatch::kMost];
  std::vector<iovec> pieces_;
  std::vector<uint8_t> packet_;  // one that cannot be shown as it came: its header, and the frame
  uint32_t waiting_ = 0;         // bytes of it, while the ring has no room
};

Refusal TapQueue::open(const std::string& name, bool has_many_queues, int* error) {
  FileDescriptor present;
  Refusal refusal = sharing_.join(&present, error);
  if (refusal != Refusal::none) return refusal;
  const bool is_fresh = !present.is_open();
  *error = is_fresh ? tap_.open(name, has_many_queues) : tap_.adopt(std::move(present));
  if (*error != 0) return refusal_of(*error);
  link_ = LinkWatch(tap_.index());
  return sharing_.offer(tap_.descriptor(), is_fresh);
}

Status TapQueue::send(BoundRing& ring, uint32_t head) {
  ring.state->hwcur = head;
  for (;;) {
    const uint32_t first = ring_next(ring.state->hwtail, ring.slots);
    if (first == head) return link_.status();
    batch_.clear();
    const uint32_t end = gather(ring, first, head);
    if (end == first) return link_.status();
    batch_.run(tap_.descriptor());
    if (!finish(ring, end)) return link_.status();
  }
}

// Adds packets of the slots [first, head) to the batch. Returns where the slots end that were looked at.
uint32_t TapQueue::gather(BoundRing& ring, uint32_t first, uint32_t head) {
  // Nothing is left to do: what comes from a wire is whole.
  static constexpr uint8_t kHeader[kVnetHeader] = {};
  iovec* pieces = pieces_.data();
  uint32_t at = first;
  while (!batch_.is_full() && at != head) {
    const Gathered packet = gather_packet(ring, at, head, pieces + 1);
    if (packet.outcome == Gathered::Outcome::unfinished) break;
    at = packet.end;
    if (packet.outcome == Gathered::Outcome::unfit) continue;
    pieces[0] = {const_cast<uint8_t*>(kHeader), sizeof(kHeader)};
    sent_[batch_.count()] = {packet.end, packet.bytes};
    batch_.add(pieces, 1 + packet.pieces);
    pieces += 1 + packet.pieces;
  }
  return at;
}

// Gives back the slots up to `end`, and counts what became of their packets. False: the device takes nothing now, and the slots
// of what it did not take stay.
bool TapQueue::finish(BoundRing& ring, uint32_t end) {
  engine::RingState& state = *ring.state;
  for (uint32_t i = 0; i < batch_.count(); i++) {
    const int error = batch_.error(i);
    if (error == 0) {
      ++state.packets;
      state.bytes += sent_[i].bytes;
    } else if (link_.tell(as_socket_error(error)) != Status::ok) {
      return false;
    } else {
      ++state.drops_refused;
    }
    state.hwtail = ring_previous(sent_[i].end, ring.slots);
  }
  state.hwtail = ring_previous(end, ring.slots);
  return true;
}

Status TapQueue::receive(BoundRing& ring, uint32_t head) {
  ring.state->hwcur = head;
  for (uint32_t i = 0; i < kMostPerSync && receive_packet(ring); i++) {
  }
  return link_.status();
}

// False: there is no packet, or no room for it.
bool TapQueue::receive_packet(BoundRing& ring) {
  if (waiting_ != 0) return show_waiting(ring);
  if (Intake::room(ring) == 0) return false;
  const uint32_t stride = ring.region->buffer_stride();
  const uint32_t buffer = Descriptor::load(ring.shared->slot[ring.state->hwtail]).buf_idx;
  const bool is_in_place = ring.region->buffer_valid(buffer);
  uint8_t* const header = packet_.data();
  uint8_t* const frame = header + kVnetHeader;
  // What does not fit into the buffer goes to where it would follow, were the buffer here.
  const iovec pieces[] = {{header, kVnetHeader},
                          {is_in_place ? ring.region->buffer(buffer) : frame, stride},
                          {frame + stride, kLargestPacket - stride}};
  const ssize_t read = readv(tap_.descriptor(), pieces, 3);
  if (read <= static_cast<ssize_t>(kVnetHeader)) {
    if (read < 0 && errno != EAGAIN && errno != EINTR) link_.tell(as_socket_error(errno));
    return false;
  }
  const auto length = static_cast<uint32_t>(read) - kVnetHeader;
  if (is_in_place && length <= stride && Intake::is_plain(header)) {
    Intake::show(ring, buffer, length);
    return true;
  }
  if (is_in_place) memcpy(frame, ring.region->buffer(buffer), std::min(length, stride));
  waiting_ = static_cast<uint32_t>(read);
  return show_waiting(ring);
}

bool TapQueue::show_waiting(BoundRing& ring) {
  if (!intake_.put(ring, {packet_.data(), waiting_, 0})) return false;
  waiting_ = 0;
  return true;
}

class TapDriver final : public Driver {
 public:
  explicit TapDriver(const Target& target) : target_(target) {}

  std::string mode() const override {
    const bool batches = !queues_.empty() && queues_.begin()->second->sends_in_batches();
    return batches ? "io_uring" : "a system call for each packet";
  }

  Refusal open(const BoundRing& ring, int* error) override;

  Status send(BoundRing& ring, uint32_t head) override { return queue(ring).send(ring, head); }
  Status receive(BoundRing& ring, uint32_t head) override { return queue(ring).receive(ring, head); }
  Notice notice(const BoundRing& ring) const override {
    return ring.is_tx ? Notice{} : Notice{queue(ring).tap().descriptor(), POLLIN};
  }
  // The host counts what it lost for the device as a whole; ring 0 tells it.
  void count(BoundRing& ring) override;

 private:
  TapQueue& queue(const BoundRing& ring) const { return *queues_.find(ring.number)->second; }

  const Target target_;
  std::map<uint32_t, std::unique_ptr<TapQueue>> queues_;
};

Refusal TapDriver::open(const BoundRing& ring, int* error) {
  std::unique_ptr<TapQueue>& queue = queues_[ring.number];
  if (queue != nullptr) return Refusal::none;
  engine::PortRecord& record = target_.record();
  // A TX and an RX ring of one number share the queue; whose it is is written down with the RX ring where there is one.
  const uint32_t index =
      record.first_ring + (ring.number < record.rx_rings ? record.all_tx() : 0) + ring.number;
  queue = std::make_unique<TapQueue>(target_, target_.region->ring(index).driver_words);
  const bool has_many_queues = std::max(record.tx_rings, record.rx_rings) > 1;
  const Refusal refusal = queue->open(target_.interface.name, has_many_queues, error);
  if (refusal == Refusal::none && record.interface_index != queue->tap().index()) {
    record.interface_index = queue->tap().index();
    record.driver_words.word[kLostWord] = queue->tap().lost();
  }
  return refusal;
}

void TapDriver::count(BoundRing& ring) {
  if (ring.is_tx || ring.number != 0) return;
  engine::Relaxed<uint64_t>& counted = target_.record().driver_words.word[kLostWord];
  const uint64_t lost = queue(ring).tap().lost();
  const uint64_t before = counted;
  counted = lost;
  if (lost > before) ring.state->drops_full.fetch_add(lost - before, std::memory_order_relaxed);
}

}  // namespace

std::unique_ptr<Driver> make_tap_driver(const Target& target) { return std::make_unique<TapDriver>(target); }

}  // namespace nm::nic
