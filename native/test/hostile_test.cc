// Programs that write nonsense into the memory they share with the engine. They may lose their own packets;
// nobody else may lose any, and nobody may crash.
//
// The fuzzers overwrite that memory from a process of its own while its owner goes on syncing and polling.
// NM_SEED repeats their choices, NM_FUZZ_SECONDS says how long each goes on.
#include <sched.h>
#include <sys/mman.h>

#include <new>
#include <vector>

#include "test/child.h"
#include "test/inside.h"
#include "test/stamped.h"

using namespace nm;
using namespace nm::test;

namespace {

Counters sent_by(Port& port, uint32_t ring = 0) {
  Counters counters;
  CHECK_EQUAL(port.device().tx_counters(ring, &counters), Status::ok);
  return counters;
}

Counters received_by(Port& port, uint32_t ring = 0) {
  Counters counters;
  CHECK_EQUAL(port.device().rx_counters(ring, &counters), Status::ok);
  return counters;
}

// A slot as a broken program may leave it.
struct BadSlot {
  uint32_t buf_idx;
  uint32_t length;
};

std::vector<BadSlot> bad_slots(const Ring& ring) {
  const uint32_t good = ring.slot(0).buf_idx;
  return {{0, 60},   {1, 60},        {ring.buffer_count(), 60},      {ring.buffer_count() + 1, 60},
          {~0u, 60}, {1u << 31, 60}, {good, ring.buffer_size() + 1}, {good, 65535}};
}

constexpr uint32_t kBatch = 5;
constexpr uint32_t kPlaces[] = {0, 2, 4};  // first, in the middle, last

}  // namespace

TEST("vale drops a slot with a wrong index or length, wherever in a batch, and sends the others") {
  Rig rig;
  auto sender = rig.open("vale0:sender");
  auto receiver = rig.open("vale0:receiver");
  const Ring& ring = sender->tx_rings()[0];
  uint64_t bad = 0;
  for (const BadSlot& slot : bad_slots(ring)) {
    for (const uint32_t place : kPlaces) {
      const uint32_t first = ring.head();
      for (uint32_t i = 0; i < kBatch; i++) CHECK(put(*sender, kBroadcast, station(1), i));
      abi::netmap_slot& broken = ring.slot((first + place) % ring.slots());
      const uint32_t good = broken.buf_idx;
      broken.buf_idx = slot.buf_idx == ring.slot(0).buf_idx ? good : slot.buf_idx;
      broken.len = static_cast<uint16_t>(slot.length);
      CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
      broken.buf_idx = good;
      for (uint32_t i = 0; i < kBatch; i++) {
        if (i != place) CHECK_EQUAL(take(*receiver), i);
      }
      CHECK_EQUAL(take(*receiver), -1);
      CHECK_EQUAL(sent_by(*sender).drops_bad_slot, ++bad);
    }
  }
}

TEST("vale drops packets too short for an Ethernet header, wherever in a batch, and sends the others") {
  Rig rig;
  auto sender = rig.open("vale0:sender");
  auto receiver = rig.open("vale0:receiver");
  const Ring& ring = sender->tx_rings()[0];
  uint64_t too_short = 0;
  for (const uint32_t length : {0u, 1u, 13u}) {
    for (const uint32_t place : kPlaces) {
      const uint32_t first = ring.head();
      for (uint32_t i = 0; i < kBatch; i++) CHECK(put(*sender, kBroadcast, station(1), i));
      ring.slot((first + place) % ring.slots()).len = static_cast<uint16_t>(length);
      CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
      for (uint32_t i = 0; i < kBatch; i++) {
        if (i != place) CHECK_EQUAL(take(*receiver), i);
      }
      CHECK_EQUAL(take(*receiver), -1);
      CHECK_EQUAL(sent_by(*sender).drops_too_short, ++too_short);
    }
  }
}

TEST("vale delivers past slots of a receiver whose index is wrong, and counts what they lost") {
  Rig rig;
  auto sender = rig.open("vale0:sender");
  auto receiver = rig.open("vale0:receiver");
  const Ring& ring = receiver->rx_rings()[0];
  uint64_t bad = 0;
  for (const uint32_t index : {0u, 1u, ring.buffer_count(), ~0u, 1u << 31}) {
    for (const uint32_t place : kPlaces) {
      abi::netmap_slot& broken = ring.slot((ring.head() + place) % ring.slots());
      const uint32_t good = broken.buf_idx;
      broken.buf_idx = index;
      for (uint32_t i = 0; i < kBatch; i++) CHECK(put(*sender, kBroadcast, station(1), i));
      CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
      CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
      CHECK_EQUAL(ring.space(), kBatch);
      for (uint32_t i = 0; i < kBatch; i++) {
        const uint32_t at = (ring.head() + i) % ring.slots();
        CHECK_EQUAL(ring.slot(at).len, i == place ? 0 : 60);
      }
      broken.buf_idx = good;
      ring.advance(ring.tail());
      CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
      CHECK_EQUAL(received_by(*receiver).drops_bad_slot, ++bad);
    }
  }
}

TEST("a pipe passes an empty slot for one with a wrong index or length, and stays in step") {
  Rig rig;
  auto sender = rig.open("pipe{1");
  auto receiver = rig.open("pipe}1");
  const Ring& ring = sender->tx_rings()[0];
  const Ring& to = receiver->rx_rings()[0];
  uint64_t bad = 0;
  for (const BadSlot& slot : bad_slots(ring)) {
    if (slot.buf_idx < 2) continue;  // nobody's buffers, which everybody may read
    for (const uint32_t place : kPlaces) {
      const uint32_t first = ring.head();
      for (uint32_t i = 0; i < kBatch; i++) CHECK(put(*sender, 0, station(1), i));
      abi::netmap_slot& broken = ring.slot((first + place) % ring.slots());
      const uint32_t good = broken.buf_idx;
      broken.buf_idx = slot.buf_idx == ring.slot(0).buf_idx ? good : slot.buf_idx;
      broken.len = static_cast<uint16_t>(slot.length);
      CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
      broken.buf_idx = good;
      CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
      CHECK_EQUAL(to.space(), kBatch);
      for (uint32_t i = 0; i < kBatch; i++) {
        const abi::netmap_slot& got = to.slot(to.head());
        CHECK(got.buf_idx < to.buffer_count());
        CHECK_EQUAL(got.len, i == place ? 0 : 60);
        if (i != place) CHECK_EQUAL(to.buffer(got.buf_idx)[14], i);
        to.advance(to.next(to.head()));
      }
      CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
      CHECK_EQUAL(sent_by(*sender).drops_bad_slot, ++bad);
    }
  }
}

TEST("a pipe's sender keeps its buffer when the receiver gives back one that cannot be") {
  Rig rig;
  auto sender = rig.open("pipe{1");
  auto receiver = rig.open("pipe}1");
  const Ring& ring = sender->tx_rings()[0];
  const Ring& to = receiver->rx_rings()[0];
  uint64_t bad = 0;
  for (const uint32_t index : {0u, 1u, ring.buffer_count(), ~0u}) {
    const uint32_t at = ring.head();
    const uint32_t mine = ring.slot(at).buf_idx;
    send(*sender, 0, 0, 1);
    CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
    to.slot(at).buf_idx = index;
    to.slot(at).flags = abi::NS_BUF_CHANGED;
    to.advance(to.tail());
    CHECK_EQUAL(receiver->device().rx_sync(), Status::ok);
    CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
    CHECK_EQUAL(ring.slot(at).buf_idx, mine);
    CHECK_EQUAL(received_by(*receiver).drops_bad_slot, ++bad);
  }
}

// --- fuzzers -----------------------------------------------------------------------------------------------

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kLongestStall_ns = 8 * kSecond_ns;
#else
constexpr int64_t kLongestStall_ns = 3 * kSecond_ns;
#endif

int64_t fuzz_ns() {
  const char* seconds = getenv("NM_FUZZ_SECONDS");
  return (seconds != nullptr ? strtoll(seconds, nullptr, 10) : 2) * kSecond_ns;
}

// Overwrites what a port shares with the engine.
class Scribbler {
 public:
  Scribbler(Port& port, check::Random random) : port_(port), random_(random) {
    for (const Ring& ring : port.tx_rings()) rings_.push_back(ring);
    for (const Ring& ring : port.rx_rings()) rings_.push_back(ring);
  }

  void scribble() {
    const Ring& ring = rings_[random_.below(rings_.size())];
    abi::netmap_ring* shared = ring.shared();
    const uint32_t index = static_cast<uint32_t>(random_.below(ring.slots()));
    abi::netmap_slot& slot = shared->slot[index];
    switch (random_.below(16)) {
      case 0:
        anything(port_.interface(), 256);
        break;
      case 1:
        anything(shared, sizeof(*shared));
        break;
      case 2:
      case 3:
        anything(&slot, sizeof(slot));
        break;
      case 4:
        anything(ring.buffer(2 + static_cast<uint32_t>(random_.below(ring.buffer_count() - 2))),
                 ring.buffer_size());
        break;
      case 5:
      case 6:
        word(&shared->head, position(ring));
        break;
      case 7:
        word(&shared->cur, position(ring));
        break;
      case 8:
        word(&shared->tail, position(ring));
        break;
      case 9:
      case 10:
        word(&slot.buf_idx, plausible_index(ring));
        break;
      case 11:
      case 12:
        half(&slot.len, plausible_length(ring));
        break;
      case 13:
        half(&slot.flags, static_cast<uint16_t>(random_.next()) & (random_.below(2) == 0 ? 0xffff : 0x3f));
        break;
      case 14:
        half(&slot.flags, abi::NS_INDIRECT);
        __atomic_store_n(&slot.ptr, plausible_pointer(shared), __ATOMIC_RELAXED);
        break;
      default:
        chain(ring, index);
    }
  }

 private:
  void word(uint32_t* where, uint32_t value) { __atomic_store_n(where, value, __ATOMIC_RELAXED); }
  void half(uint16_t* where, uint32_t value) {
    __atomic_store_n(where, static_cast<uint16_t>(value), __ATOMIC_RELAXED);
  }

  // A random word, or a wrong bit, anywhere in these bytes.
  void anything(void* memory, uint32_t size) {
    uint32_t* where = static_cast<uint32_t*>(memory) + random_.below(size / 4);
    if (random_.below(2) == 0) {
      word(where, static_cast<uint32_t>(random_.next()));
    } else {
      __atomic_fetch_xor(where, 1u << random_.below(32), __ATOMIC_RELAXED);
    }
  }

  uint32_t position(const Ring& ring) {
    const uint32_t near[] = {0, ring.slots() - 1, ring.slots(), ring.slots() + 1, ~0u};
    return random_.below(3) == 0 ? near[random_.below(5)]
                                 : static_cast<uint32_t>(random_.below(ring.slots()));
  }
  uint32_t plausible_index(const Ring& ring) {
    const uint32_t near[] = {0, 1, ring.buffer_count() - 1, ring.buffer_count(), 163839, 163840, ~0u};
    return random_.below(2) == 0 ? near[random_.below(7)]
                                 : static_cast<uint32_t>(random_.below(ring.buffer_count()));
  }
  uint32_t plausible_length(const Ring& ring) {
    const uint32_t near[] = {0, 1, 13, 14, 60, ring.buffer_size(), ring.buffer_size() + 1, 65535};
    return random_.below(2) == 0 ? near[random_.below(8)] : static_cast<uint32_t>(random_.below(1600));
  }
  uint64_t plausible_pointer(void* shared) {
    const uint64_t near[] = {
        0, 1, reinterpret_cast<uint64_t>(shared), reinterpret_cast<uint64_t>(this), ~0ull, 1ull << 63};
    return random_.below(2) == 0 ? near[random_.below(6)] : random_.next();
  }
  // A packet of many slots, perhaps without an end.
  void chain(const Ring& ring, uint32_t from) {
    for (uint64_t slots = random_.between(1, 100); slots > 0; slots--, from = ring.next(from)) {
      half(&ring.slot(from).flags, abi::NS_MOREFRAG);
    }
  }

  Port& port_;
  check::Random random_;
  std::vector<Ring> rings_;
};

// What the honest and the hostile tell each other.
struct Board {
  std::atomic<uint32_t> here{0};
  std::atomic<bool> over{false};
  std::atomic<uint64_t> sent[2] = {};
  std::atomic<bool> sent_all[2] = {};
  std::atomic<uint64_t> received[2] = {};
  std::atomic<uint64_t> turns[2] = {};
};

Board* new_board() {
  return new (mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Board;
}

constexpr uint32_t kHonestSlots = 4096;
constexpr uint32_t kHostileSlots = 128;
constexpr uint64_t kWindow = 256;

abi::nmreq_register with_slots(uint32_t slots, uint16_t rings = 1) {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = wanted.nr_rx_slots = slots;
  wanted.nr_tx_rings = wanted.nr_rx_rings = rings;
  return wanted;
}

PortOptions with_offsets() {
  abi::nmreq_opt_offsets offsets = {};
  offsets.nro_max_offset = 1500;
  offsets.nro_initial_offset = 64;
  return {offsets};
}

// One of two that exchange packets, never more at a time than their rings hold. Every one must come, whole
// and in turn. What the hostile one sends in their name, from what it heard, does not count.
void be_honest(Port& port, Board& board, uint32_t me) {
  const uint32_t other = 1 - me;
  const Ring& ring = port.rx_rings()[0];
  board.here.fetch_add(1);
  while (board.here.load() != 2) sched_yield();
  int64_t last_ns = engine::monotonic_ns();
  uint64_t sent = 0;
  uint64_t received = 0;
  do {
    CHECK_EQUAL(port.device().rx_sync(), Status::ok);
    for (; ring.space() != 0; ring.advance(ring.next(ring.head()))) {
      const Descriptor slot = ring.descriptor(ring.head());
      uint64_t sequence = 0;
      if (!is_stamped(ring.buffer(slot.buf_idx), slot.len, station(other), &sequence)) continue;
      CHECK(sequence <= received);
      if (sequence == received) {
        received++;
        last_ns = engine::monotonic_ns();
      }
    }
    CHECK_EQUAL(port.device().rx_sync(), Status::ok);
    board.received[me].store(received);
    board.turns[me].fetch_add(1);

    for (uint32_t batch = 0; batch < 16 && !board.over.load(); batch++) {
      if (sent - board.received[other].load() >= kWindow) break;
      if (put_stamped(port, kBroadcast, station(me), sent)) sent++;
    }
    CHECK_EQUAL(port.device().tx_sync(), Status::ok);
    board.sent[me].store(sent);
    if (board.over.load()) board.sent_all[me].store(true);
    CHECK(received == board.sent[other].load() || engine::monotonic_ns() - last_ns < kLongestStall_ns);
    sched_yield();
  } while (!board.sent_all[other].load() || received != board.sent[other].load() ||
           !board.sent_all[me].load() || sent != board.received[other].load());
}

// Syncs, polls and moves on, in any order, while somebody else writes over its memory.
void be_hostile(Port& port, Board& board, check::Random random) {
  Child scribbling([&] {
    Scribbler scribbler(port, random);
    for (;;) {
      for (int i = 0; i < 64; i++) scribbler.scribble();
      usleep(static_cast<useconds_t>(random.below(100)));
    }
  });
  Device& device = port.device();
  Status status = Status::ok;
  CHECK(device.poll_descriptor(&status) >= 0);
  while (!board.over.load()) {
    // No more at a time than the honest ones can take: they have looked into their rings since.
    for (uint32_t one = 0; one < 2; one++) {
      const uint64_t turn = board.turns[one].load() + 2;
      while (board.turns[one].load() < turn && !board.over.load()) sched_yield();
    }
    uint32_t ready = 0;
    switch (random.below(8)) {
      case 0:
        CHECK_EQUAL(device.wait(kReadable | kWritable, 50'000, &ready), Status::ok);
        break;
      case 1:
        CHECK_EQUAL(device.arm(kReadable, &ready), Status::ok);
        device.disarm();
        break;
      case 2:
      case 3:
        CHECK_EQUAL(device.rx_sync(), Status::ok);
        break;
      default:
        CHECK_EQUAL(device.tx_sync(), Status::ok);
    }
    for (const auto* rings : {&port.tx_rings(), &port.rx_rings()}) {
      for (const Ring& ring : *rings) {
        if (random.below(2) == 0)
          ring.advance(random.below(3) == 0 ? ring.tail()
                                            : static_cast<uint32_t>(random.below(ring.slots())));
      }
    }
  }
  scribbling.kill();

  uint64_t resets = 0;
  uint64_t bad_slots = 0;
  for (uint32_t i = 0; i < port.tx_rings().size(); i++) {
    const Counters counters = sent_by(port, i);
    resets += counters.ring_resets;
    bad_slots += counters.drops_bad_slot;
  }
  printf("    the bad rings were reset %lu times and had %lu bad slots\n", resets, bad_slots);
  CHECK(resets > 0);
  CHECK(bad_slots > 0);
}

// Takes what comes and sends something, as the other end of a hostile one's pipe.
void be_its_peer(Port& port, Board& board) {
  const Ring& ring = port.rx_rings()[0];
  while (!board.over.load()) {
    uint32_t ready = 0;
    CHECK_EQUAL(port.device().wait(kReadable | kWritable, 1'000'000, &ready), Status::ok);
    CHECK((ready & kRingError) == 0);
    for (; ring.space() != 0; ring.advance(ring.next(ring.head()))) {
      const Descriptor slot = ring.descriptor(ring.head());
      CHECK(slot.buf_idx < ring.buffer_count());
      CHECK(slot.len <= ring.room(ring.head()));
    }
    for (uint32_t batch = 0; batch < 20 && put(port, 0, 0, batch); batch++) {
    }
  }
}

void run_for_a_while(Board& board) {
  usleep(static_cast<useconds_t>(fuzz_ns() / 1000));
  board.over.store(true);
}

}  // namespace

TEST("vale ports exchange every packet while another port's memory is overwritten at random") {
  check::Random random;
  Rig rig;
  Board* board = new_board();
  std::vector<Child> children;
  for (uint32_t me = 0; me < 2; me++) {
    children.emplace_back([&] {
      auto port = rig.open("vale0:honest" + std::to_string(me), with_slots(kHonestSlots));
      be_honest(*port, *board, me);
    });
  }
  children.emplace_back([&] {
    auto port = rig.open("vale0:hostile", with_slots(kHostileSlots, 2));
    be_hostile(*port, *board, random);
  });
  children.emplace_back([&] {
    auto port = rig.open("vale0:offsets", with_slots(kHostileSlots), with_offsets());
    be_hostile(*port, *board, random);
  });
  run_for_a_while(*board);
  for (Child& child : children) child.join();
  printf("    the honest ones exchanged %lu packets\n",
         board->received[0].load() + board->received[1].load());
  CHECK(board->received[0].load() > 1000);
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
  CHECK_EQUAL(rig.files(), "namespace");
  munmap(board, sizeof(Board));
}

// Pipes of one parent lie in one memory, so that buffers can be exchanged between them: who uses it trusts
// the others.
TEST("pipes pass every packet while the memory of another parent's pipe is overwritten at random") {
  check::Random random;
  Rig rig;
  Board* board = new_board();
  std::vector<Child> children;
  for (uint32_t me = 0; me < 2; me++) {
    children.emplace_back([&] {
      auto port = rig.open(me == 0 ? "honest{1" : "honest}1");
      be_honest(*port, *board, me);
    });
  }
  for (const PortOptions& options : {PortOptions{}, with_offsets()}) {
    const std::string parent = options.offsets ? "offsets" : "hostile";
    children.emplace_back([&] {
      auto port = rig.open(parent + "{1", with_slots(kHostileSlots), options);
      be_hostile(*port, *board, random);
    });
    children.emplace_back([&] {
      auto port = rig.open(parent + "}1", with_slots(kHostileSlots), options);
      be_its_peer(*port, *board);
    });
  }
  run_for_a_while(*board);
  for (Child& child : children) child.join();
  printf("    the honest ones exchanged %lu packets\n",
         board->received[0].load() + board->received[1].load());
  CHECK(board->received[0].load() > 1000);
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
  CHECK_EQUAL(rig.files(), "namespace");
  munmap(board, sizeof(Board));
}

TEST("a null port stands anything in its memory") {
  check::Random random;
  Rig rig;
  abi::nmreq_register wanted = with_slots(64, 2);
  wanted.nr_mode = abi::NR_REG_NULL;
  wanted.nr_mem_id = 1;
  auto port = rig.open("", wanted);
  Scribbler scribbler(*port, random);
  for (uint32_t i = 0; i < 20000; i++) {
    uint32_t ready = 0;
    scribbler.scribble();
    CHECK_EQUAL(port->device().tx_sync(), Status::ok);
    CHECK_EQUAL(port->device().rx_sync(), Status::ok);
    CHECK_EQUAL(port->device().wait(kReadable | kWritable, 0, &ready), Status::ok);
  }
  CHECK(sent_by(*port).ring_resets > 0);
}
