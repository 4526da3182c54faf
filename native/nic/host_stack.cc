#include "nic/host_stack.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "nic/bpf/assembler.h"
#include "nic/drivers.h"

namespace nm::nic {

namespace {

using namespace bpf;
using engine::BoundRing;

// Marks what the host sent and the interface's program redirected.
constexpr int32_t kDownwardMark = 0x4e4d646e;

constexpr uint32_t kLargestPacket = 256 << 10;
constexpr uint32_t kEthernetHeader = 14;
constexpr uint32_t kMostPerSync = 4096;

// Redirects a share of what the host sends to the TAP. Packets of one flow go to one share.
std::vector<Instruction> downward_program(uint32_t tap, uint32_t number, uint32_t count) {
  Assembler code;
  const Label other = code.label();
  code.move(r6, r1);
  if (count > 1) {
    code.call(Helper::get_hash_recalc);
    code.move32(r0, r0);
    code.modulo(r0, static_cast<int32_t>(count));
    code.jump_if(r0 != static_cast<int32_t>(number), other);
  }
  code.move(r2, kDownwardMark);
  code.store<uint32_t>(r6[kSkbMark], r2);
  code.move(r1, static_cast<int32_t>(tap));
  code.move(r2, 0);
  code.call(Helper::redirect);
  code.exit();
  if (count > 1) {
    code.place(other);
    code.exit_with(kTcxNext);
  }
  return code.finish();
}

// On the TAP's way out: only what was redirected.
std::vector<Instruction> guard_program() {
  Assembler code;
  const Label ours = code.label();
  code.load<uint32_t>(r2, r1[kSkbMark]);
  code.jump_if32(r2 == kDownwardMark, ours);
  code.exit_with(kTcxDrop);
  code.place(ours);
  code.exit_with(kTcxNext);
  return code.finish();
}

// What we write to the TAP becomes what the interface receives.
std::vector<Instruction> upward_program(uint32_t interface) {
  Assembler code;
  code.move(r2, kUpwardMark);
  code.store<uint32_t>(r1[kSkbMark], r2);
  code.move(r1, static_cast<int32_t>(interface));
  code.move(r2, kRedirectToIngress);
  code.call(Helper::redirect);
  code.exit();
  return code.finish();
}

}  // namespace

HostLink::HostLink(const Target& target, engine::DriverWords* words)
    : words_(words), intake_(target.region->buffer_stride(), target.interface.longest_frame()) {
  packet_.resize(engine::kVnetHeader + kLargestPacket);
}

HostLink::~HostLink() {
  if (words_ != nullptr && tap_.is_open()) {
    SharedDescriptor(*words_, kSharedWord, tap_identity).withdraw(tap_.descriptor());
  }
}

Refusal HostLink::open(const Target& target, int* error) {
  const Refusal refusal = make_tap(target, error);
  if (refusal != Refusal::none) return refusal;
  return attach_tcx(upward_program(target.interface.index), "nm_host_up", AttachType::tcx_ingress,
                    tap_.index(), 0, &links_.emplace_back(), error);
}

Refusal HostLink::make_tap(const Target& target, int* error) {
  FileDescriptor present;
  if (words_ != nullptr) {
    const Refusal refusal = SharedDescriptor(*words_, kSharedWord, tap_identity).join(&present, error);
    if (refusal != Refusal::none) return refusal;
  }
  const bool is_fresh = !present.is_open();
  *error = is_fresh ? tap_.create("nm" + std::to_string(target.interface.index) + "h%d", target.interface.mtu)
                    : tap_.adopt(std::move(present));
  if (*error != 0) {
    return *error == EPERM || *error == EACCES                       ? Refusal::no_net_admin
           : *error == ENOENT || *error == ENODEV || *error == ENXIO ? Refusal::kernel_lacks_it
                                                                     : Refusal::system_refused;
  }
  if (words_ == nullptr) return Refusal::none;
  if (is_fresh) words_->word[kLostWord] = 0;
  return SharedDescriptor(*words_, kSharedWord, tap_identity).offer(tap_.descriptor(), is_fresh);
}

Refusal HostLink::lead_down(const Target& target, uint32_t number, uint32_t count, int* error) {
  const Refusal refusal = attach_tcx(guard_program(), "nm_host_guard", AttachType::tcx_egress, tap_.index(),
                                     0, &links_.emplace_back(), error);
  if (refusal != Refusal::none) return refusal;
  return attach_tcx(downward_program(tap_.index(), number, count), "nm_host_down", AttachType::tcx_egress,
                    target.interface.index, kTcxBefore, &links_.emplace_back(), error);
}

int HostLink::send(iovec* pieces, int count) const {
  // Nothing is left to do: what comes from a wire is whole.
  static constexpr uint8_t kHeader[engine::kVnetHeader] = {};
  pieces[0] = {const_cast<uint8_t*>(kHeader), sizeof(kHeader)};
  return tap_.write(pieces, count);
}

void HostLink::receive(BoundRing& ring) {
  for (uint32_t i = 0; i < kMostPerSync; i++) {
    if (packet_length_ == 0) {
      const ssize_t length = tap_.read(packet_.data(), packet_.size());
      if (length <= static_cast<ssize_t>(engine::kVnetHeader)) return;
      packet_length_ = static_cast<uint32_t>(length);
    }
    if (!intake_.put(ring, {packet_.data(), packet_length_, 0})) return;
    packet_length_ = 0;
  }
}

void HostLink::count_lost(BoundRing& ring) {
  if (words_ == nullptr) return;
  const uint64_t lost = tap_.lost();
  const uint64_t counted = words_->word[kLostWord];
  if (lost <= counted) return;
  ring.state->drops_full.fetch_add(lost - counted, std::memory_order_relaxed);
  words_->word[kLostWord] = lost;
}

uint32_t HostStack::place_of(const BoundRing& ring) const {
  return ring.number - (ring.is_tx ? target_.record().tx_rings : target_.record().rx_rings);
}

Refusal HostStack::open(const BoundRing& ring, int* error) {
  const engine::PortRecord& record = target_.record();
  const uint32_t place = place_of(ring);
  std::unique_ptr<HostLink>& link = links_[place];
  // A TX and an RX ring of one number share what they have; it is written down with the RX ring where there is one.
  const uint32_t index = place < record.host_rx_rings
                             ? record.first_ring + record.all_tx() + record.rx_rings + place
                             : record.first_ring + record.tx_rings + place;
  Refusal refusal = Refusal::none;
  if (link == nullptr) refusal = open_link(&link, &target_.region->ring(index).driver_words, error);
  if (refusal != Refusal::none || ring.is_tx) return refusal;
  return link->lead_down(target_, place, record.host_rx_rings, error);
}

Refusal HostStack::open_link(std::unique_ptr<HostLink>* link, engine::DriverWords* words, int* error) {
  const DriverKind* const driver = find_driver(target_.record().driver);
  if (driver != nullptr && driver->takes_upward) return Refusal::host_rings_unfit;
  *link = std::make_unique<HostLink>(target_, words);
  const Refusal refusal = (*link)->open(target_, error);
  return refusal != Refusal::none ? refusal : let_through_.receiving(target_.interface, {}, error);
}

Status HostStack::send(BoundRing& ring, uint32_t head) {
  engine::RingState& state = *ring.state;
  const HostLink& to = link(ring);
  state.hwcur = head;
  uint32_t first = ring_next(state.hwtail, ring.slots);
  while (first != head) {
    uint32_t end = first;
    bool more = true;
    for (; more && end != head; end = ring_next(end, ring.slots)) {
      more = (Descriptor::load(ring.shared->slot[end]).flags & abi::NS_MOREFRAG) != 0;
    }
    if (more && ring_distance(first, end, ring.slots) < ring.slots - 1) break;  // Its end has not come.
    const int error = send_packet(to, ring, first, end);
    if (error == EAGAIN) break;
    state.hwtail = ring_previous(end, ring.slots);
    first = end;
  }
  return Status::ok;
}

// Gives the host the packet of the slots [first, end). Counts what becomes of it, unless there is no room for it: EAGAIN.
int HostStack::send_packet(const HostLink& to, BoundRing& ring, uint32_t first, uint32_t end) {
  engine::RingState& state = *ring.state;
  const uint32_t stride = ring.region->buffer_stride();
  iovec pieces[1 + abi::NETMAP_MAX_FRAGS];
  uint32_t count = 1;
  uint32_t bytes = 0;
  if (ring_distance(first, end, ring.slots) > abi::NETMAP_MAX_FRAGS) {
    ++state.drops_too_many_slots;
    return EINVAL;
  }
  for (uint32_t i = first; i != end; i = ring_next(i, ring.slots)) {
    const Descriptor slot = Descriptor::load(ring.shared->slot[i]);
    if (!ring.region->buffer_valid(slot.buf_idx) || slot.len > stride ||
        (slot.flags & abi::NS_INDIRECT) != 0) {
      ++state.drops_bad_slot;
      return EINVAL;
    }
    pieces[count++] = {ring.region->buffer(slot.buf_idx), slot.len};
    bytes += slot.len;
  }
  if (bytes < kEthernetHeader) {
    ++state.drops_too_short;
    return EINVAL;
  }
  const int error = to.send(pieces, static_cast<int>(count));
  if (error == 0 && ring.is_tx) {
    ++state.packets;
    state.bytes += bytes;
  } else if (error != 0 && error != EAGAIN) {
    ++state.drops_refused;
  }
  return error;
}

Status HostStack::receive(BoundRing& ring, uint32_t head) {
  ring.state->hwcur = head;
  link(ring).receive(ring);
  return Status::ok;
}

Notice HostStack::notice(const BoundRing& ring) const {
  if (!ring.is_tx) return {link(ring).descriptor(), POLLIN};
  const bool is_pending = ring_next(ring.state->hwtail, ring.slots) != ring.state->hwcur;
  return is_pending ? Notice{link(ring).descriptor(), POLLOUT} : Notice{};
}

void HostStack::count(BoundRing& ring) {
  if (!ring.is_tx) link(ring).count_lost(ring);
}

void HostStack::pass_up(BoundRing& ring, uint32_t first, uint32_t end) {
  if (links_.empty() && upward_ == nullptr) {
    int error = 0;
    if (open_link(&upward_, nullptr, &error) != Refusal::none) upward_.reset();
  }
  const HostLink* const to = !links_.empty() ? links_.begin()->second.get() : upward_.get();
  if (to == nullptr) {
    ++ring.state->drops_refused;
  } else if (send_packet(*to, ring, first, end) == EAGAIN) {
    ring.state->drops_full.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace nm::nic
