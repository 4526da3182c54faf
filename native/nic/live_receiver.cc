#include "nic/live_receiver.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "nic/bpf/btf.h"
#include "nic/live_programs.h"
#include "nic/open_checksum.h"
#include "nic/xdp_refusal.h"
#include "nic/xdp_support.h"

namespace nm::nic {

namespace {

using engine::BoundRing;
using engine::DriverWords;

// Of a ring's driver words.
constexpr uint32_t kRingWord = 0;
constexpr uint32_t kBellWord = 1;

constexpr int64_t kLookEachNs = 1'000;
constexpr int64_t kLookEachBusyNs = 10'000;
constexpr uint32_t kIdleLooksPerCheck = 4096;
// A packet for which the program did not see that somebody waits. Far longer than a store takes to be seen.
constexpr int64_t kOverlookedNs = 1'000'000;
constexpr uint32_t kShortestCapacity = 2048;

// Maps of the attachment, arrays of maps by queue.
constexpr uint32_t kRings = 0;
constexpr uint32_t kBells = 1;

uint64_t pack(const LiveShape& shape) { return uint64_t{shape.frame} << 32 | shape.slots; }
LiveShape unpack(uint64_t note) {
  return LiveShape(static_cast<uint32_t>(note >> 32), static_cast<uint32_t>(note));
}

bool open_map(uint64_t id, FileDescriptor* map) {
  return id != 0 && bpf::open_object(bpf::ObjectKind::map, static_cast<uint32_t>(id), map) == 0;
}

}  // namespace

Refusal LiveAttachment::open(const Target& target, int* error) {
  if (!attachment_.join(target)) return make(target, error);
  shape_ = unpack(attachment_.note());
  return Refusal::none;
}

Refusal LiveAttachment::make(const Target& target, int* error) {
  const Interface& interface = target.interface;
  shape_ = LiveShape(std::max(interface.longest_frame(), kShortestCapacity), engine::kDefaultSlots);
  const bool many_pieces = shape_.frame > kShortestCapacity;
  // Maps of maps are made after the likeness of one.
  bpf::MappedValue ring;
  bpf::Doorbell bell;
  *error = ring.create("nm_rx_ring", shape_.size());
  if (*error == 0) *error = bell.create("nm_rx_bell");
  std::array<FileDescriptor, 2> maps;
  bpf::MapShape by_queue = {bpf::MapType::array_of_maps, "nm_rx_rings", sizeof(uint32_t), sizeof(uint32_t),
                            interface.rx_queues};
  by_queue.inner = ring.map();
  if (*error == 0) *error = bpf::create_map(by_queue, &maps[kRings]);
  by_queue.name = "nm_rx_bells";
  by_queue.inner = bell.descriptor();
  if (*error == 0) *error = bpf::create_map(by_queue, &maps[kBells]);

  const uint32_t vlan_function = xdp_support(interface.index).tells_vlan_tag
                                     ? bpf::Btf::of_kernel().function(kVlanFunction).value_or(0)
                                     : 0;
  bpf::ProgramShape program_shape = {bpf::ProgramType::xdp, "nm_receive"};
  if (many_pieces) program_shape.flags |= bpf::kProgramHasFrags;
  if (vlan_function != 0) {
    program_shape.flags |= bpf::kProgramDeviceBound;
    program_shape.interface = interface.index;
  }
  FileDescriptor program;
  std::string log;
  if (*error == 0) {
    const LiveMaps used = {maps[kRings].number(), maps[kBells].number()};
    *error = bpf::load_program(program_shape, live_receiver(used, shape_, many_pieces, vlan_function),
                               &program, &log);
  }
  if (*error != 0) return bpf_refusal(*error);
  return attachment_.attach(target, program.number(), bpf::kXdpNative, std::move(maps), pack(shape_), error);
}

int LiveAttachment::set(uint32_t queue, int ring, int bell) {
  const int error = bpf::update_map(attachment_.map(kBells), &queue, &bell);
  return error != 0 ? error : bpf::update_map(attachment_.map(kRings), &queue, &ring);
}

void LiveAttachment::clear(uint32_t queue) {
  bpf::delete_from_map(attachment_.map(kRings), &queue);
  bpf::delete_from_map(attachment_.map(kBells), &queue);
}

LiveReceiver::LiveReceiver(const Target& target, const BoundRing& ring,
                           std::shared_ptr<LiveAttachment> attachment)
    : attachment_(std::move(attachment)),
      state_(*ring.state),
      queue_(ring.number),
      completes_checksums_(leaves_checksums_open(target.interface)),
      shape_(attachment_->shape()),
      intake_(target.region->buffer_stride(), target.interface.longest_frame()),
      link_(target.interface.index) {}

LiveReceiver::~LiveReceiver() {
  // The last one who has the ring gives the queue back to the host.
  if (value_.bytes() != nullptr && state_.users.load() <= 1) attachment_->clear(queue_);
}

Refusal LiveReceiver::open(const BoundRing& ring, int* error) {
  DriverWords& words = ring.state->driver_words;
  if (ring.state->users.load() > 1) {
    FileDescriptor map;
    FileDescriptor bell;
    if (open_map(words.word[kRingWord], &map) && open_map(words.word[kBellWord], &bell)) {
      *error = value_.open(std::move(map), shape_.size());
      if (*error == 0) *error = bell_.open(std::move(bell));
      return *error == 0 ? Refusal::none : Refusal::owner_unreachable;
    }
  }
  *error = value_.create("nm_rx_ring", shape_.size());
  if (*error == 0) *error = bell_.create("nm_rx_bell");
  if (*error == 0) *error = attachment_->set(queue_, value_.map(), bell_.descriptor());
  if (*error != 0) return bpf_refusal(*error);
  uint32_t id = 0;
  bpf::object_id(value_.map(), &id);
  words.word[kRingWord] = id;
  bpf::object_id(bell_.descriptor(), &id);
  words.word[kBellWord] = id;
  return Refusal::none;
}

// Where the program is, or where we are when it is not yet time to look.
uint64_t LiveReceiver::look(uint64_t at) const {
  const int64_t now = engine::monotonic_ns();
  if (now < next_look_ns_) return at;
  const uint64_t produced = live().produced.load(std::memory_order_acquire);
  const bool is_idle = produced == at;
  next_look_ns_ = now + (is_idle ? kLookEachNs : kLookEachBusyNs);
  idle_looks_ = is_idle ? idle_looks_ + 1 : 0;
  return produced;
}

Status LiveReceiver::receive(BoundRing& ring, uint32_t head) {
  ring.state->hwcur = head;
  if (idle_looks_ >= kIdleLooksPerCheck) {
    idle_looks_ = 0;
    link_.look();
  }
  LiveRing& from = live();
  const uint64_t first = from.consumed.load(std::memory_order_relaxed);
  const uint64_t produced = look(first);
  // Whoever synced before us may have left garbage.
  uint64_t at = produced - first <= shape_.slots ? first : produced;
  for (; at != produced; at++) {
    const uint64_t descriptor = shape_.descriptor(&from, at);
    const uint32_t length = std::min(live_length(descriptor), shape_.frame);
    uint8_t* const frame = shape_.frame_of(&from, at);
    if (completes_checksums_) complete_checksum(frame, length);
    const bool has_room = intake_.put(ring, {.bytes = frame - engine::kVnetHeader,
                                             .length = length + engine::kVnetHeader,
                                             .tag = live_tag(descriptor)});
    if (!has_room) break;
  }
  if (at != first) from.consumed.store(at, std::memory_order_release);
  return link_.status();
}

bool LiveReceiver::has_news(const BoundRing& ring) const {
  const uint64_t at = live().consumed.load(std::memory_order_relaxed);
  if (look(at) == at || Intake::room(ring) == 0) return false;
  next_look_ns_ = 0;
  return true;
}

Notice LiveReceiver::notice() const { return {bell_.descriptor(), POLLIN}; }

int64_t LiveReceiver::before_sleep() {
  const int64_t now = engine::monotonic_ns();
  next_look_ns_ = 0;
  link_.look();
  std::atomic<uint64_t>& waiting = live().waiting;
  if (waiting.load(std::memory_order_relaxed) == 0) {
    bell_.silence();
    // The caller looks again after this, with a fence in between.
    waiting.store(1, std::memory_order_seq_cst);
    waits_since_ns_ = now;
  }
  return now - waits_since_ns_ < kOverlookedNs ? kOverlookedNs : INT64_MAX;
}

void LiveReceiver::count(BoundRing& ring) {
  LiveRing& from = live();
  const auto bring = [](const std::atomic<uint64_t>& counted, uint64_t& known, std::atomic<uint64_t>& total) {
    const uint64_t now = counted.load(std::memory_order_relaxed);
    total.fetch_add(now - known, std::memory_order_relaxed);
    known = now;
  };
  bring(from.drops_full, from.counted_full, ring.state->drops_full);
  bring(from.drops_too_long, from.counted_too_long, ring.state->drops_too_long);
}

}  // namespace nm::nic
