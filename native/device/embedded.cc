#include "device/embedded.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "device/open.h"
#include "engine/attachment.h"
#include "engine/persistent.h"
#include "engine/wake.h"
#include "spin_pause.h"

namespace nm {

using engine::BoundRing;
using engine::PortRecord;
using engine::SyncBegin;
using engine::UserView;

namespace {

// Spinning longer than a wake-up takes (20 us here) costs more than it saves.
constexpr int64_t kSpinNs = 30'000;
constexpr uint32_t kPausesBeforeYield = 32;
// How long a sleep may last while somebody owes us a reservation: that somebody may have died.
constexpr int64_t kUnfinishedSleepNs = 2'000'000;
// How long any sleep may last. A sender that is killed after it took our name down and before it woke us
// wakes nobody, and those behind it find no name to wake.
constexpr int64_t kLongestSleepNs = 250'000'000;

// Serves a request with a body of type Body that takes no options: hands name and body to `use`. With an
// option it is refused before that, for what is done might not be undone.
template <typename Body, typename Use>
Status serve(abi::nmreq_header* header, Use use) {
  Request request;
  Status status = request.read<Body>(header);
  if (status == Status::ok) status = request.check_options();
  if (status == Status::ok) status = use(request.name(), request.body<Body>());
  return request.write_back(status);
}

// The user wants more than it has: cur is at the tail.
bool is_ready(const BoundRing& ring) {
  return __atomic_load_n(&ring.shared->cur, __ATOMIC_RELAXED) != ring.state->hwtail;
}

// Says when the program last looked for packets.
void stamp(abi::netmap_ring* ring) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  ring->ts_sec = now.tv_sec;
  ring->ts_usec = now.tv_nsec / 1000;
}

}  // namespace

Status open_embedded_device(const std::string& directory, std::unique_ptr<Device>* device) {
  std::shared_ptr<engine::Namespace> space;
  const Status status = engine::Namespace::open(directory, &space);
  if (status == Status::ok) *device = std::make_unique<EmbeddedDevice>(std::move(space));
  return status;
}

EmbeddedDevice::EmbeddedDevice(std::shared_ptr<engine::Namespace> space) : space_(std::move(space)) {}

EmbeddedDevice::~EmbeddedDevice() {
  engine::release(&binding_);
  if (fifo_ >= 0) close(fifo_);
}

Status EmbeddedDevice::control(abi::nmreq_header* request) {
  switch (request->nr_reqtype) {
    case abi::NETMAP_REQ_REGISTER:
      return serve_register(request);
    case abi::NETMAP_REQ_PORT_INFO_GET:
      return serve<abi::nmreq_port_info_get>(request, [&](const std::string& name, auto* body) {
        return engine::port_info(space_, name, body);
      });
    case abi::NETMAP_REQ_POOLS_INFO_GET:
      return serve<abi::nmreq_pools_info>(request, [&](const std::string& name, auto* body) {
        return name.empty() ? Status::no_such_port : engine::pools_info(space_, name, body);
      });
    case abi::NETMAP_REQ_PORT_HDR_GET:
      return serve<abi::nmreq_port_hdr>(request, [&](const std::string& name, auto* body) {
        return engine::port_header(space_, name, body);
      });
    case abi::NETMAP_REQ_PORT_HDR_SET:
      return serve<abi::nmreq_port_hdr>(request, [&](const std::string& name, auto* body) {
        return engine::set_port_header(space_, name, *body);
      });
    case abi::NETMAP_REQ_VALE_LIST:
      return serve<abi::nmreq_vale_list>(request, [&](std::string name, auto* body) {
        const Status status = engine::list_switch_port(space_, &name, body);
        if (status == Status::ok) {
          memset(request->nr_name, 0, sizeof(request->nr_name));
          memcpy(request->nr_name, name.data(), std::min(name.size(), sizeof(request->nr_name) - 1));
        }
        return status;
      });
    case abi::NETMAP_REQ_VALE_NEWIF:
      return serve<abi::nmreq_vale_newif>(request, [&](const std::string& name, auto* body) {
        return engine::new_interface(space_, name, body);
      });
    case abi::NETMAP_REQ_VALE_DELIF:
      return serve<NoBody>(
          request, [&](const std::string& name, auto*) { return engine::delete_interface(space_, name); });
    case abi::NETMAP_REQ_VALE_ATTACH:
      return serve<abi::nmreq_vale_attach>(
          request, [&](const std::string& name, auto* body) { return engine::attach(space_, name, body); });
    case abi::NETMAP_REQ_VALE_DETACH:
      return serve<abi::nmreq_vale_detach>(
          request, [&](const std::string& name, auto* body) { return engine::detach(space_, name, body); });
    case abi::NETMAP_REQ_VALE_POLLING_ENABLE:
    case abi::NETMAP_REQ_VALE_POLLING_DISABLE:
      return serve<abi::nmreq_vale_polling>(
          request, [&](const std::string& name, auto*) { return engine::set_polling(space_, name); });
    default:
      return request->nr_reqtype > 0 && request->nr_reqtype <= abi::NETMAP_REQ_CSB_ENABLE
                 ? Status::unsupported_request
                 : Status::bad_request;
  }
}

Status EmbeddedDevice::serve_register(abi::nmreq_header* header) {
  Request request;
  Status status = request.read<abi::nmreq_register>(header);
  const bool is_new = !is_bound();
  if (status == Status::ok) status = do_register(&request);
  if (status == Status::ok) status = request.check_options();
  status = request.write_back(status);
  if (status != Status::ok && is_new) unregister();
  return status;
}

Status EmbeddedDevice::do_register(Request* request) {
  if (is_bound()) return Status::already_registered;
  auto* body = request->body<abi::nmreq_register>();
  const Status status = engine::register_port(space_, request->name(), body, &binding_);
  if (status != Status::ok) return status;
  flags_ = body->nr_flags;
  granted_ = *body;
  bind_rings();
  return Status::ok;
}

void EmbeddedDevice::unregister() {
  tx_.clear();
  rx_.clear();
  paths_ = {};
  engine::release(&binding_);
}

Status EmbeddedDevice::keep(int keeper) {
  return !is_bound() ? Status::not_registered : engine::keep(binding_, keeper);
}

Status EmbeddedDevice::join(int keeper) {
  if (is_bound()) return Status::already_registered;
  const Status status = engine::join(space_, keeper, &binding_);
  if (status != Status::ok) return status;
  flags_ = space_->client(binding_.client).flags;
  joined_ = true;
  bind_rings();
  return Status::ok;
}

void EmbeddedDevice::bind_rings() {
  paths_ = engine::make_data_paths(binding_);
  const PortRecord& record = binding_.record();
  const engine::Client& client = space_->client(binding_.client);
  for (uint32_t i = client.first_tx; i < client.end_tx; i++) tx_.push_back(bound_ring(record, true, i));
  for (uint32_t i = client.first_rx; i < client.end_rx; i++) rx_.push_back(bound_ring(record, false, i));
}

BoundRing EmbeddedDevice::bound_ring(const PortRecord& record, bool is_tx, uint32_t number) const {
  engine::Region& region = *binding_.region;
  const uint32_t index = record.first_ring + (is_tx ? 0 : record.all_tx()) + number;
  BoundRing ring;
  ring.region = &region;
  ring.index = index;
  ring.state = &region.ring(index);
  ring.shared = region.netmap_ring(index);
  ring.leases = region.leases(index);
  ring.slots = ring.state->slots;
  ring.number = number;
  ring.is_tx = is_tx;
  const bool is_host = number >= (is_tx ? record.tx_rings : record.rx_rings);
  ring.path = is_host ? paths_.host.get() : paths_.hardware.get();
  ring.path->bind(ring);
  return ring;
}

Status EmbeddedDevice::map(Mapping* mapping) {
  if (!is_bound()) return Status::not_registered;
  const engine::Region& region = *binding_.region;
  *mapping = {region.visible(), region.visible_size(), region.buffers_reserved(),
              &region.header().buffers_reserved};
  return Status::ok;
}

Status EmbeddedDevice::sync_one_tx(BoundRing& ring) {
  UserView user;
  const SyncBegin begin = engine::sync_begin(*space_, ring, binding_.client, &user);
  if (begin == SyncBegin::busy) return Status::ok;
  Status status = Status::ok;
  if (begin == SyncBegin::reset) {
    ring_error_ = true;
  } else {
    status = ring.path->tx_sync(ring, user.head);
  }
  engine::sync_end(ring);
  return status;
}

Status EmbeddedDevice::sync_one_rx(BoundRing& ring) {
  UserView user;
  const SyncBegin begin = engine::sync_begin(*space_, ring, binding_.client, &user);
  if (begin == SyncBegin::busy) return Status::ok;
  if (begin == SyncBegin::reset) ring_error_ = true;
  const Status status = ring.path->rx_sync(ring, user.head);
  stamp(ring.shared);
  engine::sync_end(ring);
  return status;
}

Status EmbeddedDevice::tx_sync() {
  if (!is_bound()) return Status::not_registered;
  Status worst = Status::ok;
  for (BoundRing& ring : tx_) {
    const Status status = sync_one_tx(ring);
    if (status != Status::ok) worst = status;
  }
  give_way();
  return worst;
}

void EmbeddedDevice::give_way() const {
  paths_.hardware->give_way();
  paths_.host->give_way();
}

Status EmbeddedDevice::rx_sync() {
  if (!is_bound()) return Status::not_registered;
  Status worst = Status::ok;
  for (BoundRing& ring : rx_) {
    const Status status = sync_one_rx(ring);
    if (status != Status::ok) worst = status;
  }
  return worst;
}

// One pass of poll(2): pushes what is to be sent, looks at what came, says what of `events` is so.
uint32_t EmbeddedDevice::poll_once(uint32_t events) {
  uint32_t ready = 0;
  const bool want_tx = (events & kWritable) != 0;
  if (want_tx || (flags_ & abi::NR_NO_TX_POLL) == 0) {
    for (BoundRing& ring : tx_) {
      if (!want_tx && __atomic_load_n(&ring.shared->head, __ATOMIC_RELAXED) == ring.state->hwcur) continue;
      if (sync_one_tx(ring) != Status::ok) ready |= kRingError;
      if (want_tx && is_ready(ring)) ready |= kWritable;
    }
    give_way();
  }
  if ((events & kReadable) != 0) {
    for (BoundRing& ring : rx_) {
      if (sync_one_rx(ring) != Status::ok) ready |= kRingError;
      if (is_ready(ring)) ready |= kReadable;
    }
  }
  if (ring_error_) ready |= kRingError;
  ring_error_ = false;
  return ready;
}

// Whether a sync would show something new. Reads one word per ring.
bool EmbeddedDevice::has_news(uint32_t events) const {
  if ((events & kReadable) != 0) {
    for (const BoundRing& ring : rx_) {
      if (ring.path->rx_has_news(ring)) return true;
    }
  }
  if ((events & kWritable) != 0) {
    for (const BoundRing& ring : tx_) {
      if (ring.path->tx_has_news(ring)) return true;
    }
  }
  return false;
}

// Waits for news without sleeping. Where a yield shows that somebody else runs on this core, it may be the
// other side: then we yield at once instead of spinning in its way.
bool EmbeddedDevice::spin(uint32_t events, int64_t until_ns) {
  for (;;) {
    for (uint32_t i = 0; i < (yielder_.core_is_shared() ? 1 : kPausesBeforeYield); i++) {
      if (has_news(events)) return true;
      spin_pause();
    }
    if (stopping_.load(std::memory_order_relaxed) || engine::monotonic_ns() >= until_ns) return false;
    if (!yielder_.is_wise() || yielder_.yield() == engine::Yielder::Outcome::lost) return has_news(events);
  }
}

// Whether somebody owes us a reservation. The next sync then sees whether that somebody still lives.
bool EmbeddedDevice::must_look_again_soon() {
  bool unfinished = false;
  for (BoundRing& ring : rx_) unfinished |= ring.path->rx_unfinished(ring);
  return unfinished;
}

void EmbeddedDevice::announce(uint32_t events) {
  if ((events & kReadable) != 0) {
    for (BoundRing& ring : rx_) engine::announce(*ring.state, binding_.client);
  }
  if ((events & kWritable) != 0) {
    for (BoundRing& ring : tx_) engine::announce(*ring.state, binding_.client);
  }
}

Status EmbeddedDevice::wait(uint32_t events, int64_t timeout_ns, uint32_t* ready) {
  *ready = 0;
  if (!is_bound()) return Status::not_registered;
  *ready = poll_once(events);
  if (*ready != 0) return Status::ok;
  engine::Client& client = space_->client(binding_.client);
  const int64_t start = engine::monotonic_ns();
  const bool for_ever = timeout_ns < 0 || timeout_ns > INT64_MAX - start;
  const int64_t deadline = for_ever ? INT64_MAX : start + timeout_ns;

  while (!stopping_.load(std::memory_order_acquire)) {
    const int64_t now = engine::monotonic_ns();
    if (now >= deadline) return Status::ok;
    if (spin(events, std::min(now + kSpinNs, deadline))) {
      *ready = poll_once(events);
      if (*ready != 0) return Status::ok;
    }

    const uint32_t ticket = client.wake_word.load(std::memory_order_acquire);
    client.sleeping.store(engine::Sleep::on_futex, std::memory_order_relaxed);
    announce(events);
    engine::sleep_fence();
    *ready = poll_once(events);
    if (*ready == 0 && !stopping_.load(std::memory_order_acquire)) {
      const int64_t longest = must_look_again_soon() ? kUnfinishedSleepNs : kLongestSleepNs;
      const int64_t left = std::min(longest, deadline - engine::monotonic_ns());
      if (left > 0) engine::sleep_on_futex(client, ticket, left);
    }
    client.sleeping.store(engine::Sleep::awake, std::memory_order_relaxed);
    if (*ready == 0) *ready = poll_once(events);
    if (*ready != 0) return Status::ok;
  }
  return Status::interrupted;
}

void EmbeddedDevice::stop_waiting() {
  stopping_.store(true, std::memory_order_seq_cst);
  // Who arms now sees that we stop, or we see that it sleeps.
  engine::sleep_fence();
  if (binding_.client != 0) engine::wake_client(*space_, binding_.client);
}

int EmbeddedDevice::poll_descriptor(Status* status) {
  *status = Status::ok;
  if (fifo_ >= 0) return fifo_;
  if (!is_bound()) {
    *status = Status::not_registered;
    return -1;
  }
  const std::string path = engine::wake_path(*space_, binding_.client);
  // What lies there is a dead client's, or that of whom we joined.
  if (!joined_) unlink(path.c_str());
  if (mkfifo(path.c_str(), 0600) == 0 || (joined_ && errno == EEXIST)) {
    // Open for both, so that it never reads as ended and a waker always finds a reader.
    fifo_ = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
  }
  if (fifo_ < 0) *status = errno == ENOSPC ? Status::space_exhausted : Status::system_error;
  return fifo_;
}

Status EmbeddedDevice::arm(uint32_t events, uint32_t* ready) {
  *ready = 0;
  if (!is_bound()) return Status::not_registered;
  *ready = poll_once(events);
  if (*ready != 0) return Status::ok;
  engine::Client& client = space_->client(binding_.client);
  client.sleeping.store(engine::Sleep::on_fifo, std::memory_order_relaxed);
  announce(events);
  engine::sleep_fence();
  *ready = poll_once(events);
  const bool stopping = stopping_.load(std::memory_order_relaxed);
  if (*ready != 0 || stopping) {
    client.sleeping.store(engine::Sleep::awake, std::memory_order_relaxed);
  } else {
    must_look_again_soon();
  }
  return stopping ? Status::interrupted : Status::ok;
}

void EmbeddedDevice::disarm() {
  if (fifo_ < 0) return;
  space_->client(binding_.client).sleeping.store(engine::Sleep::awake, std::memory_order_relaxed);
  char notices[64];
  while (read(fifo_, notices, sizeof(notices)) > 0) {
  }
}

Status EmbeddedDevice::counters(uint32_t ring_index, bool is_tx, Counters* counters) const {
  const engine::RingState& ring = binding_.region->ring(ring_index);
  *counters = Counters{};
  // What arrives is counted by who brings it, what is sent by who sends it.
  counters->packets = is_tx ? uint64_t{ring.packets} : ring.delivered_packets.load(std::memory_order_relaxed);
  counters->bytes = is_tx ? uint64_t{ring.bytes} : ring.delivered_bytes.load(std::memory_order_relaxed);
  counters->syncs = ring.syncs;
  counters->ring_resets = ring.ring_resets;
  counters->drops_full = ring.drops_full.load(std::memory_order_relaxed);
  counters->drops_too_long = ring.drops_too_long.load(std::memory_order_relaxed);
  counters->drops_no_destination = ring.drops_no_destination;
  counters->drops_bad_slot =
      ring.drops_bad_slot + ring.drops_bad_receiver_slot.load(std::memory_order_relaxed);
  counters->drops_too_short = ring.drops_too_short;
  counters->drops_too_many_slots = ring.drops_too_many_slots;
  counters->drops_bad_header = ring.drops_bad_header;
  counters->drops_dead_sender = ring.drops_dead_sender.load(std::memory_order_relaxed);
  counters->wakeups = ring.wakeups.load(std::memory_order_relaxed);
  return Status::ok;
}

Status EmbeddedDevice::tx_counters(uint32_t number, Counters* result) {
  if (!is_bound()) return Status::not_registered;
  const PortRecord& record = binding_.record();
  if (number >= record.all_tx()) return Status::bad_ring;
  return counters(record.first_ring + number, true, result);
}

Status EmbeddedDevice::rx_counters(uint32_t number, Counters* result) {
  if (!is_bound()) return Status::not_registered;
  const PortRecord& record = binding_.record();
  if (number >= record.all_rx()) return Status::bad_ring;
  return counters(record.first_ring + record.all_tx() + number, false, result);
}

}  // namespace nm
