// The reservation protocol (engine/reservation.h): several senders, one receiver, and senders that stop or
// die between any two steps of theirs.
#include <poll.h>
#include <sched.h>

#include <functional>
#include <thread>
#include <vector>

#include "engine/receiver.h"
#include "test/child.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::engine;
using namespace nm::test;

namespace {

// The rings of these tests stay what they are.
bool always() { return true; }

// A ring without the rest of the engine. What a slot holds says where it lies, so that a slot which was not
// written in this lap is found out.
struct BareRing {
  explicit BareRing(uint32_t count) : slots(count), leases(count), contents(count) {
    state.ahead.store(Lease{{0, kFirstLap}, 0, 0, false}.pack());
  }

  static constexpr uint32_t kFirstLap = 0xfffff0;  // the count of laps wraps soon

  struct Content {
    Position at;
    uint32_t sender;
    uint32_t sequence;
  };

  uint32_t slots;
  RingState state{};
  std::vector<std::atomic<uint64_t>> leases;
  std::vector<Content> contents;
  Position tail{0, kFirstLap};

  void fill(Position start, uint32_t count, uint32_t sender, uint32_t first_sequence) {
    for (uint32_t i = 0; i < count; i++) {
      const Position at = start.plus(i, slots);
      contents[at.index] = {at, sender, first_sequence + i};
    }
  }
  // Collects what is there and gives it back at once.
  template <typename See>
  uint32_t take(See see) {
    const uint32_t fresh = collect(leases.data(), tail, slots, slots - 1);
    for (uint32_t i = 0; i < fresh; i++, tail = tail.plus(1, slots)) see(tail, contents[tail.index]);
    if (fresh != 0) state.released.store(tail.index, std::memory_order_release);
    return fresh;
  }
};

uint32_t random_number() {
  thread_local uint64_t state = check::seed() ^ reinterpret_cast<uint64_t>(&state);
  state = state * 6364136223846793005u + 1442695040888963407u;
  return static_cast<uint32_t>(state >> 33);
}

// A sender that loses the processor at any step, for a moment or for many laps.
struct Preempted {
  static void at(ReserveStep) { anywhere(); }
  static void anywhere() {
    const uint32_t dice = random_number() % 1024;
    if (dice < 64) sched_yield();
    if (dice == 0) usleep(200);
  }
};

// A sender to whom something else happens at one step, once.
struct Overtaken {
  static inline ReserveStep step;
  static inline std::function<void()> event;
  static void at(ReserveStep here) {
    if (here == step && event) std::exchange(event, nullptr)();
  }
};

void send_until(BareRing& ring, uint32_t sender, const std::atomic<bool>& stop, uint32_t* sent) {
  while (!stop.load(std::memory_order_relaxed)) {
    Position start{};
    const uint32_t wanted = 1 + random_number() % 7;
    const uint32_t got =
        reserve<Preempted>(ring.state, ring.leases.data(), ring.slots, wanted, sender, &start, always);
    if (got == 0) {
      sched_yield();
      continue;
    }
    Preempted::anywhere();
    ring.fill(start, got, sender, *sent);
    Preempted::anywhere();
    publish(ring.leases.data(), start, got, sender);
    *sent += got;
  }
}

void check_many_senders(uint32_t slots) {
  constexpr uint32_t kSenders = 4;
  BareRing ring(slots);
  std::atomic<bool> stop{false};
  std::vector<uint32_t> sent(kSenders + 1);
  std::vector<uint32_t> seen(kSenders + 1);
  const auto see = [&](Position at, const BareRing::Content& content) {
    CHECK(content.at == at);
    CHECK_EQUAL(content.sequence, seen[content.sender]++);
  };

  std::vector<std::thread> senders;
  for (uint32_t id = 1; id <= kSenders; id++) {
    senders.emplace_back([&ring, &stop, &sent, id] { send_until(ring, id, stop, &sent[id]); });
  }
  const int64_t start = engine::monotonic_ns();
  int64_t last_progress = start;
  while (engine::monotonic_ns() - start < kSecond_ns) {
    const int64_t now = engine::monotonic_ns();
    if (ring.take(see) != 0) last_progress = now;
    // A reservation that was lost leaves everybody waiting.
    CHECK(now - last_progress < 3 * kSecond_ns / 4);
    Preempted::anywhere();
  }
  stop.store(true);
  for (std::thread& sender : senders) sender.join();
  while (ring.take(see) != 0) {
  }
  for (uint32_t id = 1; id <= kSenders; id++) CHECK_EQUAL(seen[id], sent[id]);
  CHECK(Lease::unpack(ring.state.ahead.load()).position == ring.tail);
}

}  // namespace

TEST("reserve and publish deliver every slot once and in order, whoever is preempted where") {
  check::Random random;
  check_many_senders(8);
  check_many_senders(64);
}

TEST("reserve leaves alone what was published while its caller slept for a lap") {
  for (const ReserveStep step :
       {ReserveStep::read_ahead, ReserveStep::read_lease, ReserveStep::wrote_lease}) {
    BareRing ring(8);
    LeaseTable leases = ring.leases.data();
    Position first{};
    CHECK_EQUAL(reserve(ring.state, leases, ring.slots, 4, 1, &first, always), 4);
    uint32_t taken = 0;
    const auto see = [&](Position at, const BareRing::Content& content) {
      CHECK(content.at == at);
      taken++;
    };

    Overtaken::step = step;
    Overtaken::event = [&] {
      ring.fill(first, 4, 1, 0);
      publish(leases, first, 4, 1);
      CHECK_EQUAL(ring.take(see), 4);
      for (int i = 0; i < 2; i++) {
        Position next{};
        CHECK_EQUAL(reserve(ring.state, leases, ring.slots, 4, 2, &next, always), 4);
        ring.fill(next, 4, 2, 0);
        publish(leases, next, 4, 2);
        if (i == 0) CHECK_EQUAL(ring.take(see), 4);
      }
    };
    Position start{};
    CHECK_EQUAL(reserve<Overtaken>(ring.state, leases, ring.slots, 2, 3, &start, always), 2);
    ring.fill(start, 2, 3, 0);
    publish(leases, start, 2, 3);
    CHECK_EQUAL(ring.take(see), 6);
    CHECK_EQUAL(taken, 14u);
  }
}

TEST("reserve takes nothing of a ring that became another one's while its caller slept, at whatever step") {
  for (const ReserveStep step : {ReserveStep::read_ahead, ReserveStep::wrote_lease}) {
    BareRing ring(8);
    bool ours = true;
    const uint64_t next_ring = Lease{{0, BareRing::kFirstLap + 1}, 0, 0, false}.pack();
    Overtaken::step = step;
    Overtaken::event = [&] {
      ours = false;
      ring.state.ahead.store(next_ring);
    };
    Position start{};
    CHECK_EQUAL(
        reserve<Overtaken>(ring.state, ring.leases.data(), ring.slots, 2, 3, &start, [&] { return ours; }),
        0);
    CHECK_EQUAL(ring.state.ahead.load(), next_ring);
  }
}

TEST("unfinished finds whose reservation holds the tail, before and after somebody reserved behind it") {
  BareRing ring(16);
  LeaseTable leases = ring.leases.data();
  CHECK_EQUAL(unfinished(ring.state, leases, ring.tail, ring.slots).count, 0u);
  Position first{};
  CHECK_EQUAL(reserve(ring.state, leases, ring.slots, 3, 7, &first, always), 3);
  Lease hole = unfinished(ring.state, leases, ring.tail, ring.slots);
  CHECK_EQUAL(hole.count, 3u);
  CHECK_EQUAL(hole.owner, 7u);
  Position second{};
  CHECK_EQUAL(reserve(ring.state, leases, ring.slots, 2, 9, &second, always), 2);
  publish(leases, second, 2, 9);
  CHECK_EQUAL(collect(leases, ring.tail, ring.slots, ring.slots - 1), 0u);
  hole = unfinished(ring.state, leases, ring.tail, ring.slots);
  CHECK_EQUAL(hole.count, 3u);
  CHECK_EQUAL(hole.owner, 7u);
  publish(leases, first, 3, 7);
  CHECK_EQUAL(collect(leases, ring.tail, ring.slots, ring.slots - 1), 5u);
}

namespace {

// Where a sender dies.
enum class Death { before_reserving, after_reserving, half_copied, before_publishing, after_publishing };

struct Dying {
  static inline ReserveStep step;
  static void at(ReserveStep here) {
    if (here == step) _exit(0);
  }
};

// A process with a port on the switch reserves `wanted` slots of the receiver's ring and dies.
void die_in(Rig& rig, const Port& receiver, uint32_t wanted, Death death) {
  Child child([&] {
    auto port = rig.open("vale0:dying");
    const Inside mine(rig, *port);
    const Inside ring(rig, receiver);
    const uint32_t slots = receiver.granted().nr_rx_slots;
    Position start{};
    CHECK_EQUAL(reserve(ring.rx_state(), ring.rx_leases(), slots, wanted, mine.client(), &start, always),
                wanted);
    if (death == Death::half_copied || death == Death::before_publishing) {
      abi::netmap_ring* shared = ring.region().netmap_ring(ring.rx_index());
      const uint32_t copied = death == Death::half_copied ? wanted / 2 : wanted;
      for (uint32_t i = 0; i < copied; i++) {
        abi::netmap_slot& slot = shared->slot[start.plus(i, slots).index];
        Descriptor{slot.buf_idx, 60, 0}.store(slot);
      }
    }
    if (death == Death::after_publishing) publish(ring.rx_leases(), start, wanted, mine.client());
    _exit(0);
  });
  child.join();
}

void die_before_reserving(Rig& rig, const Port& receiver, ReserveStep step) {
  Child child([&] {
    auto port = rig.open("vale0:dying");
    const Inside mine(rig, *port);
    const Inside ring(rig, receiver);
    Position start{};
    Dying::step = step;
    reserve<Dying>(ring.rx_state(), ring.rx_leases(), receiver.granted().nr_rx_slots, 5, mine.client(),
                   &start, always);
    CHECK(false);
  });
  child.join();
}

// Waits as a program does until the packet with this tag has come. Returns how many slots came before it.
uint32_t slots_before(Port& port, int64_t tag) {
  const int64_t deadline = engine::monotonic_ns() + 2 * kSecond_ns;
  for (uint32_t before = 0;;) {
    uint32_t ready = 0;
    CHECK_EQUAL(port.device().wait(kReadable, kSecond_ns, &ready), Status::ok);
    const Ring& ring = port.rx_rings()[0];
    while (ring.space() != 0) {
      const Descriptor slot = ring.descriptor(ring.head());
      uint32_t found;
      memcpy(&found, ring.buffer(slot.buf_idx) + 14, sizeof(found));
      ring.advance(ring.next(ring.head()));
      if (slot.len == 60 && found == tag) return before;
      before++;
    }
    CHECK(engine::monotonic_ns() < deadline);
  }
}

uint64_t dead_slots(Port& port) {
  Counters counters;
  CHECK_EQUAL(port.device().rx_counters(0, &counters), Status::ok);
  return counters.drops_dead_sender;
}

}  // namespace

TEST("vale receiver goes on after a sender that died between reserving and publishing") {
  for (const Death death : {Death::after_reserving, Death::half_copied, Death::before_publishing}) {
    Rig rig;
    auto receiver = rig.open("vale0:receiver");
    auto sender = rig.open("vale0:sender");
    die_in(rig, *receiver, 6, death);
    send(*sender, kBroadcast, station(1), 77);
    CHECK_EQUAL(slots_before(*receiver, 77), 6u);
    CHECK_EQUAL(dead_slots(*receiver), 6u);
  }
}

TEST("vale receiver goes on after several dead senders in a row, with living ones between") {
  Rig rig;
  auto receiver = rig.open("vale0:receiver");
  auto sender = rig.open("vale0:sender");
  for (uint32_t i = 0; i < 5; i++) {
    die_in(rig, *receiver, 3, Death::after_reserving);
    send(*sender, kBroadcast, station(1), i);
  }
  CHECK_EQUAL(slots_before(*receiver, 4), 5 * 3 + 4u);
  CHECK_EQUAL(dead_slots(*receiver), 15u);
}

TEST("vale receiver loses nothing of a sender that died before reserving or after publishing") {
  for (const ReserveStep step :
       {ReserveStep::read_ahead, ReserveStep::read_lease, ReserveStep::wrote_lease}) {
    Rig rig;
    auto receiver = rig.open("vale0:receiver");
    auto sender = rig.open("vale0:sender");
    send(*sender, kBroadcast, station(1), 1);
    die_before_reserving(rig, *receiver, step);
    send(*sender, kBroadcast, station(1), 2);
    CHECK_EQUAL(slots_before(*receiver, 2), 1u);
    CHECK_EQUAL(dead_slots(*receiver), 0u);
  }
  Rig rig;
  auto receiver = rig.open("vale0:receiver");
  auto sender = rig.open("vale0:sender");
  die_in(rig, *receiver, 6, Death::after_publishing);
  send(*sender, kBroadcast, station(1), 2);
  CHECK_EQUAL(slots_before(*receiver, 2), 6u);
  CHECK_EQUAL(dead_slots(*receiver), 0u);
}

TEST("vale receiver that sleeps is woken when a dead sender's reservation fills its ring") {
  Rig rig;
  auto receiver = rig.open("vale0:receiver");
  auto sender = rig.open("vale0:sender");
  std::thread sleeper([&] { CHECK_EQUAL(slots_before(*receiver, 5), 1023u); });
  const Inside inside(rig, *receiver);
  while (inside.rx_state().waiter.load() == 0) usleep(100);
  die_in(rig, *receiver, 1023, Death::after_reserving);
  for (const int64_t start = engine::monotonic_ns(); dead_slots(*receiver) == 0;) {
    CHECK(engine::monotonic_ns() - start < 2 * kSecond_ns);
    send(*sender, kBroadcast, station(1), 4);
    usleep(1000);
  }
  while (reservable(inside.rx_state(), 1024) == 0) usleep(100);
  send(*sender, kBroadcast, station(1), 5);
  sleeper.join();
}

TEST("vale receiver that waits with a descriptor goes on after a dead sender") {
  Rig rig;
  auto receiver = rig.open("vale0:receiver");
  auto sender = rig.open("vale0:sender");
  die_in(rig, *receiver, 6, Death::after_reserving);
  send(*sender, kBroadcast, station(1), 7);
  Status status = Status::ok;
  pollfd descriptor = {receiver->device().poll_descriptor(&status), POLLIN, 0};
  CHECK_EQUAL(status, Status::ok);
  // An event loop looks again now and then, because the dead wake nobody.
  uint32_t ready = 0;
  for (int looks = 0; ready == 0; looks++) {
    CHECK(looks < 5);
    CHECK_EQUAL(receiver->device().arm(kReadable, &ready), Status::ok);
    if (ready == 0) poll(&descriptor, 1, 20);
    receiver->device().disarm();
  }
  CHECK_EQUAL(slots_before(*receiver, 7), 6u);
}

TEST("reap keeps the number of a dead client while a ring awaits it") {
  Rig rig;
  auto receiver = rig.open("vale0:receiver");
  auto sender = rig.open("vale0:sender");
  die_in(rig, *receiver, 6, Death::after_reserving);
  const uint32_t dead = 3;
  CHECK_EQUAL(clients_after_reaping(rig), 3u);
  CHECK_EQUAL(open_space(rig)->client(dead).used.load(), kClientZombie);
  auto another = rig.open("vale0:another");
  CHECK_EQUAL(Inside(rig, *another).client(), dead + 1);

  send(*sender, kBroadcast, station(1), 8);
  CHECK_EQUAL(slots_before(*receiver, 8), 6u);
  CHECK_EQUAL(clients_after_reaping(rig), 3u);
  auto late = rig.open("vale0:late");
  CHECK_EQUAL(Inside(rig, *late).client(), dead);
}
