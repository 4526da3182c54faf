#include "device/embedded.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "device/open.h"
#include "device/switch_worker.h"
#include "device/worker_log.h"
#include "engine/attachment.h"
#include "engine/persistent.h"
#include "engine/ring_counters.h"
#include "engine/transparent.h"
#include "engine/wake.h"

namespace nm {

using engine::BoundRing;
using engine::PortRecord;
using engine::SyncBegin;
using engine::UserView;

namespace {

// Spinning longer than a wake-up takes (20 us here) costs more than it saves.
constexpr int64_t kSpinNs = 30'000;
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

EmbeddedDevice::EmbeddedDevice(std::shared_ptr<engine::Namespace> space) : space_(std::move(space)) {
  const char* const driver = getenv("NM_DRIVER");
  if (driver != nullptr) driver_.wanted = driver;
}

EmbeddedDevice::~EmbeddedDevice() { unregister(); }

DriverReport EmbeddedDevice::driver_report() const {
  if (!is_bound() && driver_.attempts.empty()) return worker_report_;
  DriverReport report;
  for (const nic::Attempt& attempt : driver_.attempts) {
    report.attempts.push_back({attempt.driver, static_cast<uint32_t>(attempt.refusal), attempt.error});
  }
  report.mode = driver_.mode;
  return report;
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
          request, [&](const std::string& name, auto* body) { return attach_port(name, body); });
    case abi::NETMAP_REQ_VALE_DETACH:
      return serve<abi::nmreq_vale_detach>(
          request, [&](const std::string& name, auto* body) { return detach_port(name, body); });
    case abi::NETMAP_REQ_VALE_POLLING_ENABLE:
      return serve<abi::nmreq_vale_polling>(request, [&](const std::string& name, auto* body) {
        return engine::enable_polling(space_, name, *body);
      });
    case abi::NETMAP_REQ_VALE_POLLING_DISABLE:
      return serve<abi::nmreq_vale_polling>(
          request, [&](const std::string& name, auto*) { return engine::disable_polling(space_, name); });
    case abi::NETMAP_REQ_CSB_ENABLE:
      return serve_csb_enable(request);
    case abi::NETMAP_REQ_SYNC_KLOOP_START:
      return serve_kloop_start(request);
    case abi::NETMAP_REQ_SYNC_KLOOP_STOP:
      return serve_kloop_stop(request);
    default:
      return Status::bad_request;
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
  const engine::RegisterOptions options = {request->find<abi::nmreq_opt_offsets>(),
                                           request->find<abi::nmreq_opt_extmem>(), attached_};
  const Status status = engine::register_port(space_, request->name(), options, body, &driver_, &binding_);
  if (status != Status::ok) return status;
  flags_ = body->nr_flags;
  granted_ = *body;
  bind_rings();
  auto* const csb = request->take<abi::nmreq_opt_csb>();
  if (csb == nullptr) return Status::ok;
  const Status enabled = enable_csb(*csb);
  csb->nro_opt.nro_status = static_cast<uint32_t>(status_errno(enabled));
  return enabled;
}

Status EmbeddedDevice::serve_csb_enable(abi::nmreq_header* header) {
  Request request;
  Status status = request.read<NoBody>(header);
  auto* const csb = status == Status::ok ? request.take<abi::nmreq_opt_csb>() : nullptr;
  if (status == Status::ok && csb == nullptr) status = Status::csb_missing;
  if (status == Status::ok) status = request.check_options();
  if (status == Status::ok) {
    status = enable_csb(*csb);
    csb->nro_opt.nro_status = static_cast<uint32_t>(status_errno(status));
  }
  return request.write_back(status);
}

Status EmbeddedDevice::enable_csb(const abi::nmreq_opt_csb& csb) {
  // Nothing can be done for no rings, and netmap says so to nobody.
  if (tx_.empty() && rx_.empty()) return Status::ok;
  if (engine::kloop_runs(*client_)) return Status::kloop_running;
  if ((flags_ & abi::NR_EXCLUSIVE) == 0) return Status::csb_not_exclusive;
  const Status status = engine::start_csb(csb.csb_atok, csb.csb_ktoa, tx_, rx_);
  if (status != Status::ok) return status;
  client_->csb_ktoa = csb.csb_ktoa;
  client_->csb_atok = csb.csb_atok;
  return Status::ok;
}

Status EmbeddedDevice::attach_port(const std::string& name, abi::nmreq_vale_attach* request) {
  std::string interface;
  const Status status = engine::attach(space_, name, request, &interface);
  if (status != Status::ok || interface.empty()) return status;
  return attach_interface(space_->directory(), name, driver_.wanted, request, &worker_report_);
}

Status EmbeddedDevice::detach_port(const std::string& name, abi::nmreq_vale_detach* request) {
  engine::Registration worker;
  const Status status = engine::detach(space_, name, request, &worker);
  // Whoever asked is told that nothing is there any more.
  if (status == Status::no_such_port && name.find('/') == std::string::npos) {
    WorkerLog::forget(space_->directory(), name);
  }
  return status == Status::ok && worker.client != 0 ? engine::wait_for_end(space_, worker) : status;
}

engine::Polling EmbeddedDevice::polling() const {
  return engine::Polling::unpack(space_->client(binding_.client).polling.load(std::memory_order_relaxed));
}

bool EmbeddedDevice::wait_to_be_asked(int64_t timeout_ns) {
  return is_bound() && engine::wait_to_be_asked(space_->client(binding_.client), timeout_ns);
}

Status EmbeddedDevice::serve_kloop_start(abi::nmreq_header* header) {
  Request request;
  Status status = request.read<abi::nmreq_sync_kloop_start>(header);
  if (status == Status::ok) status = run_kloop(&request);
  return request.write_back(status);
}

Status EmbeddedDevice::run_kloop(Request* request) {
  const uint32_t sleep_us = request->body<abi::nmreq_sync_kloop_start>()->sleep_us;
  if (sleep_us > Kloop::kMaxSleepUs) return Status::kloop_sleep_too_long;
  const KloopSettings settings = {sleep_us, request->take<abi::nmreq_opt_sync_kloop_mode>(),
                                  request->take<abi::nmreq_opt_sync_kloop_eventfds>()};
  // Before the loop: what it does cannot be undone.
  const Status understood = request->check_options();
  if (understood != Status::ok) return understood;
  if (!is_bound()) return Status::not_registered;
  if (!in_csb_mode()) return Status::csb_missing;
  const engine::KloopRun run(*client_);
  if (!run.is_mine()) return Status::kloop_running;
  Kloop loop(*this, *space_, binding_.client, tx_, rx_);
  const Status status = loop.prepare(settings);
  return status == Status::ok ? loop.loop(run) : status;
}

Status EmbeddedDevice::serve_kloop_stop(abi::nmreq_header* header) {
  Request request;
  Status status = request.read<NoBody>(header);
  if (status == Status::ok) status = request.check_options();
  if (status == Status::ok && !is_bound()) status = Status::not_registered;
  if (status == Status::ok) engine::stop_kloop(*space_, binding_.client);
  return request.write_back(status);
}

int EmbeddedDevice::bell() {
  Status status;
  return poll_descriptor(&status);
}

int64_t EmbeddedDevice::lie_down() {
  client_->sleeping.store(engine::Sleep::on_fifo, std::memory_order_relaxed);
  announce(kReadable | kWritable);
  engine::sleep_fence();
  const int64_t until_looked = listen(kReadable | kWritable);
  return std::min(until_looked, must_look_again_soon() ? kUnfinishedSleepNs : kLongestSleepNs);
}

void EmbeddedDevice::unregister() {
  tx_.clear();
  rx_.clear();
  paths_ = {};
  bell_ = Bell();
  engine::release(&binding_);
}

Status EmbeddedDevice::keep(int keeper) {
  return !is_bound() ? Status::not_registered : engine::keep(binding_, keeper);
}

Status EmbeddedDevice::join(int keeper) {
  if (is_bound()) return Status::already_registered;
  const Status status = engine::join(space_, keeper, &driver_, &binding_);
  if (status != Status::ok) return status;
  flags_ = binding_.space->client(binding_.client).flags;
  joined_ = true;
  bind_rings();
  return Status::ok;
}

void EmbeddedDevice::bind_rings() {
  paths_ = engine::make_data_paths(binding_);
  polls_ = engine::needs_polling(binding_);
  client_ = &space_->client(binding_.client);
  for (uint32_t i = client_->first_tx; i < client_->end_tx; i++) tx_.push_back(bind_ring(true, i));
  for (uint32_t i = client_->first_rx; i < client_->end_rx; i++) rx_.push_back(bind_ring(false, i));
}

BoundRing EmbeddedDevice::bind_ring(bool is_tx, uint32_t number) const {
  const PortRecord& record = binding_.record();
  BoundRing ring = engine::bound_ring(*binding_.region, record, is_tx, number);
  ring.path = engine::is_host_ring(record, is_tx, number) ? paths_.host.get() : paths_.hardware.get();
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

void EmbeddedDevice::note_reset(const BoundRing& ring) {
  ring_error_ = true;
  Device::note_reset({ring.is_tx, ring.number, ring.refused.head, ring.refused.cur});
}

Status EmbeddedDevice::sync_one_tx(BoundRing& ring) {
  UserView user;
  const SyncBegin begin = engine::sync_begin(*space_, ring, binding_.client, &user);
  if (begin == SyncBegin::busy) return Status::ok;
  Status status = Status::ok;
  if (begin == SyncBegin::reset) {
    note_reset(ring);
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
  if (begin == SyncBegin::reset) note_reset(ring);
  BoundRing* fed = nullptr;
  if (engine::is_transparent(ring)) [[unlikely]]
    fed = engine::pass_on(binding_, ring, user.head, tx_);
  const Status status = ring.path->rx_sync(ring, user.head);
  stamp(ring.shared);
  engine::sync_end(ring);
  if (fed != nullptr) sync_one_tx(*fed);
  return status;
}

Status EmbeddedDevice::tx_sync() {
  if (!is_bound()) return Status::not_registered;
  if (in_csb_mode()) return Status::csb_mode;
  Status worst = Status::ok;
  for (BoundRing& ring : tx_) {
    const Status status = sync_one_tx(ring);
    if (status != Status::ok) worst = status;
  }
  give_way();
  return worst;
}

void EmbeddedDevice::give_way() {
  paths_.hardware->give_way();
  paths_.host->give_way();
}

Status EmbeddedDevice::rx_sync() {
  if (!is_bound()) return Status::not_registered;
  if (in_csb_mode()) return Status::csb_mode;
  Status worst = Status::ok;
  for (BoundRing& ring : rx_) {
    const Status status = sync_one_rx(ring);
    if (status != Status::ok) worst = status;
  }
  return worst;
}

// One pass of poll(2): pushes what is to be sent, looks at what came, says what of `events` is so.
uint32_t EmbeddedDevice::poll_once(uint32_t events) {
  if (in_csb_mode()) return kRingError;
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

// Waits for news without sleeping.
bool EmbeddedDevice::spin(uint32_t events, int64_t until_ns) {
  for (;;) {
    if (yielder_.spin([&] { return has_news(events); })) return true;
    if (stopping_.load(std::memory_order_relaxed) || engine::monotonic_ns() >= until_ns) return false;
    if (!yielder_.gives_way()) return has_news(events);
  }
}

// Whether somebody owes us a reservation. The next sync then sees whether that somebody still lives.
bool EmbeddedDevice::must_look_again_soon() {
  bool unfinished = false;
  for (BoundRing& ring : rx_) unfinished |= ring.path->rx_unfinished(ring);
  return unfinished;
}

// Calls `visit` with each ring that is waited for.
template <typename Visit>
void EmbeddedDevice::for_each_ring(uint32_t events, Visit visit) {
  if ((events & kReadable) != 0) {
    for (BoundRing& ring : rx_) visit(ring);
  }
  if ((events & kWritable) != 0) {
    for (BoundRing& ring : tx_) visit(ring);
  }
}

void EmbeddedDevice::announce(uint32_t events) {
  for_each_ring(events, [&](BoundRing& ring) {
    engine::announce(ring.state->waiter, binding_.client);
    ring.path->announce(ring);
  });
}

// Has the kernel ring the bell, where it brings the packets. Returns how many nanoseconds a sleep may last.
int64_t EmbeddedDevice::listen(uint32_t events) {
  int64_t longest = INT64_MAX;
  if (!polls_) return longest;
  std::vector<nic::Notice> notices;
  for_each_ring(events, [&](BoundRing& ring) {
    longest = std::min(longest, ring.path->before_sleep(ring));
    const nic::Notice notice = ring.path->notice(ring);
    if (notice.descriptor >= 0) notices.push_back(notice);
  });
  bell_.listen(notices, longest);
  return longest;
}

Status EmbeddedDevice::open_bell() {
  return bell_.open(engine::wake_path(*space_, binding_.client), joined_, polls_);
}

void EmbeddedDevice::sleep(engine::Client& client, uint32_t ticket, int64_t timeout_ns) {
  if (!polls_) return engine::sleep_on_futex(client, ticket, timeout_ns);
  bell_.sleep(timeout_ns);
  bell_.silence();
}

Status EmbeddedDevice::wait(uint32_t events, int64_t timeout_ns, uint32_t* ready) {
  *ready = 0;
  if (!is_bound()) return Status::not_registered;
  *ready = poll_once(events);
  if (*ready != 0) return Status::ok;
  const Status opened = polls_ ? open_bell() : Status::ok;
  if (opened != Status::ok) return opened;
  engine::Client& client = *client_;
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
    client.sleeping.store(polls_ ? engine::Sleep::on_fifo : engine::Sleep::on_futex,
                          std::memory_order_relaxed);
    announce(events);
    engine::sleep_fence();
    const int64_t until_looked = listen(events);
    *ready = poll_once(events);
    if (*ready == 0 && !stopping_.load(std::memory_order_acquire)) {
      const int64_t longest = must_look_again_soon() ? kUnfinishedSleepNs : kLongestSleepNs;
      const int64_t left = std::min({longest, until_looked, deadline - engine::monotonic_ns()});
      if (left > 0) sleep(client, ticket, left);
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
  *status = is_bound() ? open_bell() : Status::not_registered;
  return *status == Status::ok ? bell_.descriptor() : -1;
}

Status EmbeddedDevice::arm(uint32_t events, uint32_t* ready) {
  *ready = 0;
  if (!is_bound()) return Status::not_registered;
  *ready = poll_once(events);
  if (*ready != 0) return Status::ok;
  engine::Client& client = *client_;
  client.sleeping.store(engine::Sleep::on_fifo, std::memory_order_relaxed);
  announce(events);
  engine::sleep_fence();
  listen(events);
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
  if (!bell_.is_open()) return;
  client_->sleeping.store(engine::Sleep::awake, std::memory_order_relaxed);
  bell_.silence();
}

Status EmbeddedDevice::tx_counters(uint32_t number, Counters* result) {
  if (!is_bound()) return Status::not_registered;
  for (BoundRing& ring : tx_) {
    if (ring.number == number) ring.path->count(ring);
  }
  const PortRecord& record = binding_.record();
  if (number >= record.all_tx()) return Status::bad_ring;
  *result = engine::ring_counters(binding_.region->ring(record.first_ring + number), true);
  return Status::ok;
}

Status EmbeddedDevice::rx_counters(uint32_t number, Counters* result) {
  if (!is_bound()) return Status::not_registered;
  for (BoundRing& ring : rx_) {
    if (ring.number == number) ring.path->count(ring);
  }
  const PortRecord& record = binding_.record();
  if (number >= record.all_rx()) return Status::bad_ring;
  *result = engine::ring_counters(binding_.region->ring(record.first_ring + record.all_tx() + number), false);
  return Status::ok;
}

}  // namespace nm
