#include "nic/live_sender.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "nic/live_programs.h"
#include "nic/xdp_refusal.h"
#include "nic/xdp_support.h"

namespace nm::nic {

namespace {

using engine::BoundRing;

constexpr int64_t kLookEachNs = 100'000'000;
constexpr int64_t kLookAtLinkEachNs = 1'000'000;
constexpr uint32_t kEthernetHeader = 14;
// What the program copies without asking for the length. Each slot and each buffer has as much.
constexpr uint32_t kSmall = 64;
static_assert(engine::kMinBufferStride >= kSmall);

// The frame that each packet is cut out of. Nobody sees its contents.
constexpr uint8_t kTemplate[kLiveTemplate] = {};

}  // namespace

LiveSender::LiveSender(const Target& target)
    : interface_(target.interface),
      plain_limit_(target.interface.mtu + kEthernetHeader),
      shape_(std::min(target.interface.longest_frame(), kLiveTemplate), engine::kDefaultSlots),
      fallback_(target),
      link_(target.interface.index) {
  ends_.resize(shape_.slots);
}

Refusal LiveSender::open(const Target& target, int* error) {
  if (target.interface.longest_frame() > kLiveTemplate) return Refusal::frames_too_long;
  *error = value_.create("nm_tx_ring", shape_.size());
  if (*error != 0) return bpf_refusal(*error);
  counts_losses_ = losses_.watch(value_.map());
  std::string log;
  *error =
      bpf::load_program({bpf::ProgramType::xdp, "nm_send"},
                        live_sender(value_.map(), shape_, interface_.index, counts_losses_), &program_, &log);
  if (*error != 0) return bpf_refusal(*error);
  // Also tells whether this kernel can run programs on live frames at all.
  *error = bpf::run_live(program_.number(), kTemplate, sizeof(kTemplate), 1, 1);
  if (*error != 0) return bpf_refusal(*error);
  *error = anchor_.attach(program_.number());
  if (*error != 0) return *error == EPERM ? Refusal::no_sys_admin : Refusal::system_refused;
  look_at_interface();
  return fallback_.open(target, error);
}

Status LiveSender::look_at_interface() {
  const int64_t now = engine::monotonic_ns();
  if (now >= next_look_at_link_ns_) {
    next_look_at_link_ns_ = now + kLookAtLinkEachNs;
    link_.look();
  }
  // Where losses are not counted, there must be none.
  if (now >= next_look_ns_ || !counts_losses_) {
    next_look_ns_ = now + kLookEachNs;
    is_live_ = xdp_support(interface_.index).takes_frames;
  }
  return link_.status();
}

Status LiveSender::send(BoundRing& ring, uint32_t head) {
  engine::RingState& state = *ring.state;
  const Status status = look_at_interface();
  if (!is_live_) return fallback_.send(ring, head);
  state.hwcur = head;
  while (status == Status::ok) {
    const uint32_t first = ring_next(state.hwtail, ring.slots);
    if (first == head) break;
    uint32_t end = stage(ring, first, head);
    if (staged_ != 0) {
      const uint32_t sent = run(staged_);
      const uint32_t lost =
          static_cast<uint32_t>(std::min<uint64_t>(live().lost.load(std::memory_order_relaxed), sent));
      if (lost != 0) next_look_ns_ = 0;
      if (lost == sent && sent != 0) {
        is_live_ = false;
        return fallback_.send(ring, head);
      }
      count(state, sent, lost);
      if (sent < staged_) end = sent == 0 ? first : ends_[sent - 1];
    }
    if (end == first) break;
    state.hwtail = ring_previous(end, ring.slots);
  }
  return status;
}

// Of `sent` staged packets `lost` did not leave. Which ones is not known.
void LiveSender::count(engine::RingState& state, uint32_t sent, uint32_t lost) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < sent; i++) bytes += live_length(shape_.descriptor(&live(), i));
  if (lost != 0) bytes = bytes / sent * (sent - lost);
  state.packets += sent - lost;
  state.bytes += bytes;
  state.drops_refused += lost;
}

// Copies packets of the slots [first, head) into our ring. Returns where the slots end that are dealt with.
uint32_t LiveSender::stage(BoundRing& ring, uint32_t first, uint32_t head) {
  const engine::Region& region = *ring.region;
  const uint32_t stride = region.buffer_stride();
  staged_ = 0;
  uint32_t at = first;
  while (at != head && staged_ < shape_.slots) {
    const Descriptor slot = Descriptor::load(ring.shared->slot[at]);
    const uint32_t length = slot.len;
    const bool is_plain = (slot.flags & (abi::NS_MOREFRAG | abi::NS_INDIRECT)) == 0 &&
                          length >= kEthernetHeader && length <= stride && length <= plain_limit_ &&
                          region.buffer_valid(slot.buf_idx);
    if (!is_plain) {
      if (!stage_slowly(ring, &at, head)) break;
      continue;
    }
    memcpy(shape_.frame_of(&live(), staged_), region.buffer(slot.buf_idx),
           length <= kSmall ? kSmall : length);
    shape_.descriptor(&live(), staged_) = pack_live(length, 0);
    at = ring_next(at, ring.slots);
    ends_[staged_++] = at;
  }
  return at;
}

// The same with one packet of any kind, and moves on to the next. False: its end has not come.
bool LiveSender::stage_slowly(BoundRing& ring, uint32_t* at, uint32_t head) {
  const Departing what = read_departure(ring, *at, head, &departure_);
  if (what == Departing::unfinished) return false;
  *at = departure_.end;
  if (what == Departing::left_out) return true;
  if (!fits(interface_, ring.region->buffer(departure_.piece[0].buffer), departure_.bytes)) {
    ring.state->drops_too_long.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  uint8_t* to = shape_.frame_of(&live(), staged_);
  for (uint32_t i = 0; i < departure_.pieces; i++) {
    memcpy(to, ring.region->buffer(departure_.piece[i].buffer), departure_.piece[i].length);
    to += departure_.piece[i].length;
  }
  shape_.descriptor(&live(), staged_) = pack_live(departure_.bytes, 0);
  ends_[staged_++] = *at;
  return true;
}

// Sends the first `count` packets of our ring. Returns how many the kernel has taken.
uint32_t LiveSender::run(uint32_t count) {
  live().consumed.store(0, std::memory_order_relaxed);
  live().lost.store(0, std::memory_order_relaxed);
  uint32_t taken = 0;
  int error = 0;
  // A signal ends the call early.
  while (taken < count && (error == 0 || error == EINTR)) {
    error = bpf::run_live(program_.number(), kTemplate, sizeof(kTemplate), count - taken, 0);
    taken = static_cast<uint32_t>(std::min<uint64_t>(live().consumed.load(std::memory_order_relaxed), count));
  }
  return taken;
}

}  // namespace nm::nic
