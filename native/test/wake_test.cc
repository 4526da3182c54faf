// The wake-up protocol (engine/wake.h): nobody sleeps while there is something for it.
//
// The first tests drive the protocol's own steps millions of times, so close together that the order in which
// two processors see each other's stores matters: they fail when the fences are taken out
// (-DNM_TEST_WITHOUT_WAKE_FENCE). The others send single packets at random gaps through real ports.
#include "engine/wake.h"

#include <poll.h>
#include <sched.h>
#include <sys/mman.h>

#include <array>
#include <new>
#include <thread>

#include "test/child.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::engine;
using namespace nm::test;

namespace {

constexpr int64_t kRace_ns = 3 * kSecond_ns / 2;
constexpr int64_t kLongestStall_ns = 2 * kSecond_ns;

void pause_a_little() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  sched_yield();
#endif
}

// Two threads leave it at about the same moment.
class Gate {
 public:
  void pass() {
    const uint32_t round = round_.load(std::memory_order_acquire);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) == 1) {
      waiting_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (uint32_t spins = 1; round_.load(std::memory_order_acquire) == round; spins++) {
      pause_a_little();
      if (spins % 1024 == 0) sched_yield();
    }
  }

 private:
  alignas(kCacheLine) std::atomic<uint32_t> waiting_{0};
  alignas(kCacheLine) std::atomic<uint32_t> round_{0};
};

// A publication that takes a while to leave the processor: it stands in the queue behind the packets.
class Publication {
 public:
  void publish(uint32_t round) {
    for (auto& line : packets_) line.word.store(round, std::memory_order_relaxed);
    published_.word.store(round, std::memory_order_release);
  }
  bool is_there(uint32_t round) const { return published_.word.load(std::memory_order_acquire) == round; }
  // Takes the lines away from the publisher's cache.
  void touch() {
    for (auto& line : packets_) line.word.store(0, std::memory_order_relaxed);
  }

 private:
  struct alignas(kCacheLine) Line {
    std::atomic<uint32_t> word{0};
  };
  std::array<Line, 32> packets_;
  Line published_;
};

void stay_on_processor(uint32_t wanted) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) < 2) return;
  uint32_t number = 0;
  for (uint32_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed) || number++ != wanted) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof(one), &one);
    return;
  }
}

// One round: the sleeper goes through its steps while the waker goes through its own. Afterwards either the
// sleeper has seen the publication or somebody has woken it.
struct Race {
  Race(Namespace& its_space, uint32_t its_client)
      : space(its_space), id(its_client), client(space.client(id)) {}

  Namespace& space;
  const uint32_t id;
  Client& client;
  RingState ring{};
  Publication publication;
  Gate start, finish, next;
  std::atomic<bool> over{false};
  std::atomic<uint32_t> looked_in_vain{0};
  uint32_t wakes = 0;
  uint32_t sleeps = 0;

  void sleeper_side(check::Random random) {
    stay_on_processor(1);
    for (uint32_t round = 1;; round++) {
      publication.touch();
      const uint32_t ticket = client.wake_word.load(std::memory_order_acquire);
      start.pass();
      if (over.load()) return;
      for (uint64_t i = random.below(16); i > 0; i--) pause_a_little();

      client.sleeping.store(Sleep::on_futex, std::memory_order_relaxed);
      announce(ring.waiter, id);
      sleep_fence();
      const bool sleeps_now = !publication.is_there(round);

      finish.pass();
      const bool woken = client.wake_word.load(std::memory_order_acquire) != ticket;
      CHECK(!sleeps_now || woken);
      sleeps += sleeps_now;
      wakes += woken;
      client.sleeping.store(Sleep::awake);
      ring.waiter.store(0);
      next.pass();
    }
  }

  void waker_side(check::Random random) {
    stay_on_processor(0);
    const int64_t end = engine::monotonic_ns() + kRace_ns;
    for (uint32_t round = 1;; round++) {
      over.store(engine::monotonic_ns() > end);
      // So that the word is at hand when it is looked at: nothing else delays that look.
      CHECK_EQUAL(ring.waiter.load(std::memory_order_acquire), 0u);
      start.pass();
      if (over.load()) return;
      for (uint64_t i = random.below(16); i > 0; i--) pause_a_little();

      publication.publish(round);
      notify(space, ring, 0);

      finish.pass();
      next.pass();
    }
  }
};

}  // namespace

TEST("notify and announce never miss each other, however close together they run") {
  Rig rig;
  auto port = rig.open("vale0:sleeper");
  const Inside inside(rig, *port);
  check::Random random;
  Race race(inside.space(), inside.client());
  std::thread sleeper([&race, random] { race.sleeper_side(random); });
  random.next();
  race.waker_side(random);
  sleeper.join();
  printf("    slept %u times, woken %u times\n", race.sleeps, race.wakes);
  CHECK(race.wakes > 0);
}

namespace {

struct Shared {
  std::atomic<uint32_t> sent{0};
  std::atomic<uint32_t> received{0};
};

// Sleeps until one of `events` is so, as programs do: in wait(), or in poll(2) on the descriptor. Returns
// whether it came about in the longest time that a stall may take.
bool sleep_for(Port& port, uint32_t events, bool by_descriptor) {
  uint32_t ready = 0;
  if (!by_descriptor) {
    CHECK_EQUAL(port.device().wait(events, kLongestStall_ns, &ready), Status::ok);
    return (ready & events) != 0;
  }
  Status status = Status::ok;
  pollfd descriptor = {port.device().poll_descriptor(&status), POLLIN, 0};
  CHECK_EQUAL(status, Status::ok);
  const int64_t deadline = engine::monotonic_ns() + kLongestStall_ns;
  for (;;) {
    CHECK_EQUAL(port.device().arm(events, &ready), Status::ok);
    if ((ready & events) != 0) break;
    const int64_t left_ns = deadline - engine::monotonic_ns();
    if (left_ns <= 0) break;
    poll(&descriptor, 1, static_cast<int>(left_ns / 1'000'000 + 1));
    port.device().disarm();
  }
  port.device().disarm();
  return (ready & events) != 0;
}

void send_at_random(Port& port, Shared& shared, uint32_t packets, bool by_descriptor) {
  check::Random random;
  for (uint32_t i = 0; i < packets; i++) {
    while (!put(port, kBroadcast, station(1), i)) CHECK(sleep_for(port, kWritable, by_descriptor));
    CHECK_EQUAL(port.device().tx_sync(), Status::ok);
    shared.sent.store(i + 1);
    const uint64_t dice = random.below(100);
    if (dice < 20) continue;
    if (dice < 98) {
      for (uint64_t pauses = random.below(2000); pauses > 0; pauses--) pause_a_little();
    } else {
      usleep(static_cast<useconds_t>(random.below(1000)));
    }
    // A switch would drop what a slow receiver has no room for.
    while (i - shared.received.load() > 500 && i > shared.received.load()) sched_yield();
  }
}

void receive_all(Port& port, Shared& shared, uint32_t packets, bool by_descriptor) {
  for (uint32_t received = 0; received < packets;) {
    const int64_t tag = take(port);
    if (tag >= 0) {
      CHECK_EQUAL(tag, received);
      shared.received.store(++received);
      port.device().rx_sync();
    } else if (!sleep_for(port, kReadable, by_descriptor)) {
      CHECK_EQUAL(shared.sent.load(), received);
    }
  }
}

constexpr uint32_t kPackets = 6000;

void check_ports(const std::string& from, const std::string& to, bool by_descriptor, bool in_processes) {
  auto* shared =
      new (mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared;
  Rig rig;
  abi::nmreq_register small = {};
  small.nr_tx_slots = small.nr_rx_slots = from.find('{') != std::string::npos ? 4 : 1024;
  auto receiver = rig.open(to, small);
  if (in_processes) {
    Child sender([&] { send_at_random(*rig.open(from, small), *shared, kPackets, by_descriptor); });
    receive_all(*receiver, *shared, kPackets, by_descriptor);
    sender.join();
  } else {
    auto port = rig.open(from, small);
    std::thread sender([&] { send_at_random(*port, *shared, kPackets, by_descriptor); });
    receive_all(*receiver, *shared, kPackets, by_descriptor);
    sender.join();
  }
  munmap(shared, sizeof(Shared));
}

}  // namespace

TEST("wait sleeps no longer than there is nothing, between threads") {
  check_ports("vale0:from", "vale0:to", false, false);
  check_ports("pipe{1", "pipe}1", false, false);
}

TEST("wait sleeps no longer than there is nothing, between processes") {
  check_ports("vale0:from", "vale0:to", false, true);
  check_ports("pipe{1", "pipe}1", false, true);
}

TEST("a descriptor becomes readable as soon as there is something, between threads") {
  check_ports("vale0:from", "vale0:to", true, false);
  check_ports("pipe{1", "pipe}1", true, false);
}

TEST("a descriptor becomes readable as soon as there is something, between processes") {
  check_ports("vale0:from", "vale0:to", true, true);
  check_ports("pipe{1", "pipe}1", true, true);
}

TEST("stop_waiting ends a wait that has no end, and all later ones") {
  Rig rig;
  auto port = rig.open("vale0:idle");
  for (int round = 0; round < 2; round++) {
    std::thread stopper([&] {
      usleep(20'000);
      port->device().stop_waiting();
    });
    uint32_t ready = 0;
    const int64_t start = engine::monotonic_ns();
    CHECK_EQUAL(port->device().wait(kReadable, -1, &ready), Status::interrupted);
    CHECK(engine::monotonic_ns() - start < kLongestStall_ns);
    stopper.join();
  }
}

TEST("wait wakes every descriptor that shares a ring") {
  Rig rig;
  auto sender = rig.open("vale0:from");
  auto one = rig.open("vale0:to");
  auto other = rig.open("vale0:to");
  const Inside inside(rig, *one);
  std::atomic<uint32_t> woken{0};
  const auto sleep = [&](Port& port) {
    uint32_t ready = 0;
    while (ready == 0) CHECK_EQUAL(port.device().wait(kReadable, -1, &ready), Status::ok);
    woken.fetch_add(1);
  };
  std::thread first([&] { sleep(*one); });
  std::thread second([&] { sleep(*other); });
  while (inside.rx_state().waiter.load() != kManyWaiters) usleep(100);
  const int64_t start = engine::monotonic_ns();
  send(*sender, kBroadcast, station(1), 1);
  first.join();
  second.join();
  CHECK_EQUAL(woken.load(), 2u);
  CHECK(engine::monotonic_ns() - start < kLongestStall_ns);
}
