#include "device/kloop.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "engine/data_path.h"
#include "engine/fault_guard.h"

namespace nm {

using engine::BoundRing;
using engine::UserView;

namespace {

// Rounds on a receive ring that bring nothing before it is left.
constexpr uint32_t kDryRounds = 2;
// Rounds on a ring of a program that goes on and on, before the others have their turn.
constexpr uint32_t kMostRounds = 64;

// System calls as they are: the C library's are places where a thread can be cancelled, and a request is none.
void sleep_ns(int64_t ns) {
  const timespec time = {ns / 1'000'000'000, ns % 1'000'000'000};
  syscall(SYS_nanosleep, &time, nullptr);
}

void poll_now(std::vector<pollfd>& fds, int64_t timeout_ns) {
  timespec time = {timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  syscall(SYS_ppoll, fds.data(), fds.size(), &time, nullptr, _NSIG / 8);
}

// Takes the kicks out of an eventfd, whether or not its owner lets reads wait.
void drain(int eventfd) {
  uint64_t count;
  const iovec part = {&count, sizeof(count)};
  constexpr long kHere = -1;
  if (syscall(SYS_preadv2, eventfd, &part, 1, kHere, kHere, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP) {
    [[maybe_unused]] const long read = syscall(SYS_read, eventfd, &count, sizeof(count));
  }
}

// Rings an eventfd that has room for it. One that is full rings already.
void ring_eventfd(int eventfd) {
  std::vector<pollfd> room = {{eventfd, POLLOUT, 0}};
  poll_now(room, 0);
  const uint64_t one = 1;
  if ((room[0].revents & POLLOUT) != 0) {
    [[maybe_unused]] const long written = syscall(SYS_write, eventfd, &one, sizeof(one));
  }
}

bool is_eventfd(int number) {
  char target[32] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(number);
  // Without /proc it is believed.
  return readlink(link.c_str(), target, sizeof(target) - 1) < 0 ||
         strcmp(target, "anon_inode:[eventfd]") == 0;
}

// A descriptor of our own for the program's eventfd, out of the way of its numbers: it may close its own and use the
// number for something else.
Status hold(int number, FileDescriptor* held) {
  rlimit limit;
  const int from = getrlimit(RLIMIT_NOFILE, &limit) == 0
                       ? static_cast<int>(std::min<rlim_t>(limit.rlim_cur / 4 * 3, FD_SETSIZE))
                       : 0;
  *held = FileDescriptor(fcntl(number, F_DUPFD_CLOEXEC, from));
  if (!held->is_open()) return errno == EBADF ? Status::bad_descriptor : Status::system_error;
  return is_eventfd(held->number()) ? Status::ok : Status::not_an_eventfd;
}

}  // namespace

Kloop::Kloop(KloopHost& host, const engine::Namespace& space, uint32_t client, std::vector<BoundRing>& tx,
             std::vector<BoundRing>& rx)
    : host_(host), space_(space), client_(client) {
  const engine::Client& shared = space.client(client);
  for (std::vector<BoundRing>* bound : {&tx, &rx}) {
    for (BoundRing& ring : *bound) {
      const engine::RingCsb csb(shared.csb_atok, shared.csb_ktoa, static_cast<uint32_t>(rings_.size()));
      rings_.push_back({&ring, csb, {}, {}, ring.state->hwtail});
    }
  }
}

Status Kloop::prepare(const KloopSettings& settings) {
  sleep_us_ = settings.sleep_us;
  bool direct_tx = false;
  bool direct_rx = false;
  Status status = Status::ok;
  if (settings.mode != nullptr) status = check_mode(settings.mode, &direct_tx, &direct_rx);
  if (status == Status::ok && settings.eventfds != nullptr) status = hold_descriptors(settings.eventfds);
  if (status != Status::ok) return status;

  sleeps_by_time_ = !has_all_kicks();
  if (sleeps_by_time_ && (direct_tx || direct_rx)) {
    settings.mode->nro_opt.nro_status = EINVAL;
    if (settings.eventfds != nullptr) settings.eventfds->nro_opt.nro_status = EINVAL;
    return Status::direct_needs_eventfds;
  }
  for (RingLoop& one : rings_) one.direct = one.ring->is_tx ? direct_tx : direct_rx;
  if (!sleeps_by_time_ && host_.bell() < 0) return Status::system_error;
  return Status::ok;
}

Status Kloop::check_mode(abi::nmreq_opt_sync_kloop_mode* mode, bool* direct_tx, bool* direct_rx) {
  constexpr uint32_t kKnown = abi::NM_OPT_SYNC_KLOOP_DIRECT_TX | abi::NM_OPT_SYNC_KLOOP_DIRECT_RX;
  const bool known = (mode->mode & ~kKnown) == 0;
  mode->nro_opt.nro_status = known ? 0 : EINVAL;
  *direct_tx = (mode->mode & abi::NM_OPT_SYNC_KLOOP_DIRECT_TX) != 0;
  *direct_rx = (mode->mode & abi::NM_OPT_SYNC_KLOOP_DIRECT_RX) != 0;
  return known ? Status::ok : Status::bad_kloop_mode;
}

Status Kloop::hold_descriptors(abi::nmreq_opt_sync_kloop_eventfds* given) {
  const uint64_t size = sizeof(*given) + rings_.size() * sizeof(given->eventfds[0]);
  given->nro_opt.nro_status = given->nro_opt.nro_size == size ? 0 : EINVAL;
  if (given->nro_opt.nro_size != size) return Status::eventfds_mismatch;
  const auto* const pairs = given->eventfds;
  const bool all_kick =
      std::all_of(pairs, pairs + rings_.size(), [](const auto& pair) { return pair.ioeventfd >= 0; });
  Status status = Status::ok;
  for (uint32_t i = 0; i < rings_.size() && status == Status::ok; i++) {
    if (pairs[i].irqfd >= 0) status = hold(pairs[i].irqfd, &rings_[i].call);
    // With one missing nobody waits for the others.
    if (all_kick && status == Status::ok) status = hold(pairs[i].ioeventfd, &rings_[i].kick);
  }
  return status;
}

bool Kloop::has_all_kicks() const {
  return !rings_.empty() &&
         std::all_of(rings_.begin(), rings_.end(), [](const RingLoop& one) { return one.kick.is_open(); });
}

Status Kloop::loop(const engine::KloopRun& run) {
  const engine::FaultGuard guard;
  while (!run.is_to_stop() && !host_.is_closing()) {
    moved_ = again_ = false;
    for (RingLoop& one : rings_) {
      if (!one.direct && !turn(one)) return Status::bad_address;
    }
    host_.give_way();
    if (!rest(run)) return Status::bad_address;
  }
  return Status::ok;
}

// A ring's turn. False: its control block is gone.
bool Kloop::turn(RingLoop& one) {
  one.called = false;
  UserView user;
  if (!one.direct && !one.csb.want_kick(false)) return false;
  if (!one.csb.read(&user)) return false;
  bool news = false;
  uint32_t dry = 0;
  Round outcome = Round::again;
  for (uint32_t i = 0; i < kMostRounds && outcome == Round::again; i++) {
    outcome = round(one, &user, &news, &dry);
  }
  if (outcome == Round::gone) return false;
  again_ |= outcome == Round::again;
  return call_if_wanted(one, &news);
}

// One sync, and what there is to say after it. `user` is what the program said before, and then what it says now.
Kloop::Round Kloop::round(RingLoop& one, UserView* user, bool* news, uint32_t* dry) {
  const engine::RingState& state = *one.ring->state;
  const uint32_t head = user->head;
  if (!sync(one, *user)) {
    if (sleeps_by_time_) return Round::stop;
    return one.csb.want_kick(true) ? Round::stop : Round::gone;
  }
  const uint32_t tail = state.hwtail;
  if (!one.csb.show(state.hwcur, tail)) return Round::gone;
  *dry = tail != one.shown_tail ? 0 : *dry + 1;
  *news |= tail != one.shown_tail;
  one.shown_tail = tail;
  if (!call_if_wanted(one, news) || !one.csb.read(user)) return Round::gone;

  if (one.ring->is_tx) {
    if (user->head == head) return ask_for_kick(one, user, head);
    // No room is left: the other side will have news when there is.
    return tail == head ? Round::stop : Round::again;
  }
  const bool is_full = user->head < one.ring->slots && tail == ring_previous(user->head, one.ring->slots);
  if (is_full) return ask_for_kick(one, user, user->head);
  return tail == head || *dry >= kDryRounds ? Round::stop : Round::again;
}

// Syncs a ring whose program said `said`.
bool Kloop::sync(RingLoop& one, UserView said) {
  BoundRing& ring = *one.ring;
  UserView user;
  const engine::SyncBegin begin = engine::sync_begin(space_, ring, client_, said, &user);
  one.stuck = true;
  if (begin == engine::SyncBegin::busy) return false;
  const uint32_t hwcur = ring.state->hwcur;
  const uint32_t hwtail = ring.state->hwtail;
  if (begin == engine::SyncBegin::ready) {
    const Status status =
        ring.is_tx ? ring.path->tx_sync(ring, user.head) : ring.path->rx_sync(ring, user.head);
    one.stuck = status != Status::ok;
  }
  moved_ |= hwcur != ring.state->hwcur || hwtail != ring.state->hwtail;
  engine::sync_release(ring);
  return !one.stuck;
}

// The program's head is where it was when there was no more to do: it shall kick us when that changes. Unless it has
// meanwhile.
Kloop::Round Kloop::ask_for_kick(RingLoop& one, UserView* user, uint32_t head) {
  if (sleeps_by_time_) return Round::stop;
  if (!one.csb.want_kick(true)) return Round::gone;
  // The program writes its head, then looks whether we want a kick; we the other way round.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!one.csb.read(user)) return Round::gone;
  if (user->head == head) return Round::stop;
  return one.csb.want_kick(false) ? Round::again : Round::gone;
}

// Tells the program of news, if it wants to be told.
bool Kloop::call_if_wanted(RingLoop& one, bool* news) {
  if (!*news || one.direct || !one.call.is_open()) return true;
  bool wanted = false;
  // The program looks at hwtail after it says what it wants.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!one.csb.is_kick_wanted(&wanted)) return false;
  if (!wanted) return true;
  ring_eventfd(one.call.number());
  *news = false;
  return true;
}

bool Kloop::rest(const engine::KloopRun& run) {
  if (!sleeps_by_time_) return await_kicks(run);
  if (sleep_us_ != 0) {
    sleep_ns(sleep_us_ * 1000ll);
  } else if (!moved_) {
    sched_yield();
  }
  return true;
}

// Sleeps until the program kicks a ring or the other side has news. False: a control block is gone.
bool Kloop::await_kicks(const engine::KloopRun& run) {
  std::vector<pollfd> fds;
  for (const RingLoop& one : rings_) fds.push_back({one.kick.number(), POLLIN, 0});
  fds.push_back({host_.bell(), POLLIN, 0});
  const int64_t longest = host_.lie_down();
  const bool awake =
      again_ || run.is_to_stop() || host_.is_closing() ||
      std::any_of(rings_.begin(), rings_.end(), [&](const RingLoop& one) { return has_news(one); });
  poll_now(fds, awake ? 0 : longest);
  host_.get_up();

  for (uint32_t i = 0; i < rings_.size(); i++) {
    if ((fds[i].revents & POLLIN) == 0) continue;
    drain(fds[i].fd);
    if (rings_[i].direct && !turn(rings_[i])) return false;
  }
  pass_on_news(true);
  pass_on_news(false);
  return true;
}

bool Kloop::has_news(const RingLoop& one) const {
  if (one.called || one.stuck) return false;
  return one.ring->is_tx ? one.ring->path->tx_has_news(*one.ring) : one.ring->path->rx_has_news(*one.ring);
}

// Of the rings of a direction in direct mode: all are called when one has news.
void Kloop::pass_on_news(bool is_tx) {
  const auto is_meant = [&](const RingLoop& one) { return one.direct && one.ring->is_tx == is_tx; };
  const bool news = std::any_of(rings_.begin(), rings_.end(),
                                [&](const RingLoop& one) { return is_meant(one) && has_news(one); });
  if (!news) return;
  for (RingLoop& one : rings_) {
    if (!is_meant(one)) continue;
    one.called = true;
    if (one.call.is_open()) ring_eventfd(one.call.number());
  }
}

}  // namespace nm
