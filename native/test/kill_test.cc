// Processes are killed at random while they send, receive, wait, open and close. The survivors must not
// notice, and at the end the namespace must be as it was.
//
//   speaker ---- vale0 ----> listener   every packet arrives in order and unharmed, or is counted as dropped
//   writer ------ pipe ----> reader     every packet arrives in order and unharmed
//   relay ------- pipe ----> victims    whoever reads next goes on where the last one died
//   keeper                              opens and closes ports all the time: nothing is held for ever
//   victims                             on the same switch and in the same memory, killed one by one
//
// NM_KILLS says how many are killed; NM_SEED repeats a run's choices, though not its timing.
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>

#include <new>
#include <vector>

#include "engine/switch.h"
#include "test/child.h"
#include "test/region_census.h"
#include "test/stamped.h"

using namespace nm;
using namespace nm::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int64_t kLongestStall_ns = 8 * kSecond_ns;
constexpr uint32_t kUsualKills = 100;
#else
constexpr int64_t kLongestStall_ns = 2 * kSecond_ns;
constexpr uint32_t kUsualKills = 300;
#endif
constexpr uint32_t kVictims = 8;
constexpr uint32_t kSpeaker = 5001;
constexpr uint32_t kListener = 5002;

// What the survivors and the killer tell each other.
struct Board {
  enum Survivor { speaker, listener, writer, reader, keeper, kSurvivors };  // who must never stall

  std::atomic<bool> stop_keeper{false};
  std::atomic<bool> stop{false};
  std::atomic<bool> speaker_ready{false};
  std::atomic<uint64_t> said{0}, said_in_vain{0}, heard{0};
  std::atomic<uint64_t> written{0}, read{0}, relayed{0};
  std::atomic<bool> speaker_done{false}, writer_done{false};
  std::atomic<int64_t> progress_ns[kSurvivors] = {};

  void progress(Survivor survivor) { progress_ns[survivor].store(engine::monotonic_ns()); }
};

void sleep_at_random(check::Random& random, uint64_t most_us) {
  usleep(static_cast<useconds_t>(random.below(most_us)));
}

void wait_for(Port& port, uint32_t events) {
  uint32_t ready = 0;
  CHECK_EQUAL(port.device().wait(events, kSecond_ns / 50, &ready), Status::ok);
  CHECK((ready & kRingError) == 0);
}

void speak(Rig& rig, Board& board, check::Random random) {
  auto port = rig.open("vale0:speaker");
  uint64_t sequence = 0;
  // Until the switch has heard the listener, what is meant for it goes to everybody.
  for (bool heard = false; !heard;) {
    wait_for(*port, kReadable);
    const Ring& ring = port->rx_rings()[0];
    for (uint64_t ignored = 0; ring.space() != 0; ring.advance(ring.next(ring.head()))) {
      heard |= read_stamped(*port, station(kListener), &ignored);
    }
  }
  board.speaker_ready.store(true);
  while (!board.stop.load()) {
    for (uint64_t batch = random.between(1, 32);
         batch > 0 && put_stamped(*port, station(kListener), station(kSpeaker), sequence); batch--) {
      sequence++;
    }
    CHECK_EQUAL(port->device().tx_sync(), Status::ok);
    board.said.store(sequence);
    board.progress(Board::speaker);
    const Ring& ring = port->rx_rings()[0];
    port->device().rx_sync();
    ring.advance(ring.tail());
    sleep_at_random(random, 300);
  }
  Counters counters;
  CHECK_EQUAL(port->device().tx_counters(0, &counters), Status::ok);
  CHECK_EQUAL(counters.packets, sequence);
  board.said_in_vain.store(counters.drops_full);
  board.speaker_done.store(true);
}

void listen(Rig& rig, Board& board) {
  auto port = rig.open("vale0:listener");
  const Ring& ring = port->rx_rings()[0];
  uint64_t next = 0;
  uint64_t heard = 0;
  int64_t last_ns = 0;
  uint64_t hello = 0;
  while (!board.speaker_done.load() || engine::monotonic_ns() - last_ns < kSecond_ns / 2) {
    if (!board.speaker_ready.load()) {
      put_stamped(*port, kBroadcast, station(kListener), hello++);
      port->device().tx_sync();
    }
    wait_for(*port, kReadable);
    for (; ring.space() != 0; ring.advance(ring.next(ring.head()))) {
      uint64_t sequence;
      if (!read_stamped(*port, station(kSpeaker), &sequence)) continue;
      CHECK(sequence >= next);
      next = sequence + 1;
      heard++;
      last_ns = engine::monotonic_ns();
      board.progress(Board::listener);
    }
    port->device().rx_sync();
  }
  board.heard.store(heard);
}

void write_pipe(Rig& rig, Board& board, check::Random random) {
  auto port = rig.open("pipe{1");
  uint64_t sequence = 0;
  while (!board.stop.load()) {
    for (uint64_t batch = random.between(1, 64);
         batch > 0 && put_stamped(*port, 0, station(kSpeaker), sequence); batch--) {
      sequence++;
    }
    wait_for(*port, kWritable);
    board.written.store(sequence);
    board.progress(Board::writer);
    sleep_at_random(random, 200);
  }
  CHECK_EQUAL(port->device().tx_sync(), Status::ok);
  board.written.store(sequence);
  board.writer_done.store(true);
  while (board.read.load() != sequence) wait_for(*port, kWritable);
}

void read_pipe(Rig& rig, Board& board) {
  auto port = rig.open("pipe}1");
  const Ring& ring = port->rx_rings()[0];
  uint64_t next = 0;
  while (!board.writer_done.load() || next != board.written.load()) {
    wait_for(*port, kReadable);
    for (; ring.space() != 0; ring.advance(ring.next(ring.head()))) {
      uint64_t sequence;
      CHECK(read_stamped(*port, station(kSpeaker), &sequence));
      CHECK_EQUAL(sequence, next++);
      board.progress(Board::reader);
    }
    port->device().rx_sync();
    board.read.store(next);
  }
}

// Its readers come and go, so it may wait for long.
void relay(Rig& rig, Board& board) {
  auto port = rig.open("relay{1");
  for (uint64_t sequence = 0; !board.stop.load();) {
    while (put_stamped(*port, 0, station(kSpeaker), sequence)) sequence++;
    wait_for(*port, kWritable);
  }
}

// What may come of opening a port that others open and close, share or hold alone.
void check_opened(Status status) {
  if (status == Status::port_exclusive || status == Status::port_in_use) return;
  CHECK_EQUAL(status, Status::ok);
}

void open_and_close(Rig& rig, check::Random& random) {
  const std::string number = std::to_string(random.below(3));
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = wanted.nr_rx_slots = 1u << random.between(2, 7);
  if (random.below(3) == 0) wanted.nr_extra_bufs = static_cast<uint32_t>(random.below(40));
  if (random.below(4) == 0) wanted.nr_flags = abi::NR_EXCLUSIVE;
  std::string name;
  switch (random.below(5)) {
    case 0:
      name = "vale0:brief" + number;
      break;
    case 1:
      name = "valebrief" + number + ":p" + std::to_string(random.below(3));
      break;
    case 2:
      name = "pipe" + std::string(random.below(2) == 0 ? "{" : "}") + "brief" + number;
      break;
    case 3:
      name = "vale0:brief" + number + "{x";
      break;
    default:
      wanted.nr_mode = abi::NR_REG_NULL;
      wanted.nr_mem_id = 1;
      wanted.nr_tx_rings = wanted.nr_rx_rings = 2;
  }
  std::unique_ptr<Port> port;
  check_opened(rig.try_open(name, &port, wanted));
  Status status = Status::ok;
  if (port != nullptr && random.below(3) == 0) CHECK(port->device().poll_descriptor(&status) >= 0);
}

void keep_house(Rig& rig, Board& board, check::Random random) {
  while (!board.stop_keeper.load()) {
    open_and_close(rig, random);
    board.progress(Board::keeper);
    sleep_at_random(random, 3000);
  }
}

// --- victims -----------------------------------------------------------------------------------------------

// A station that does not push the survivors' out of the learning table.
uint64_t harmless_station(check::Random& random) {
  for (;;) {
    const uint64_t mac = station(static_cast<uint32_t>(random.between(1, 4000)));
    const uint32_t bucket = engine::learning_bucket(mac);
    if (bucket != engine::learning_bucket(station(kSpeaker)) &&
        bucket != engine::learning_bucket(station(kListener))) {
      return mac;
    }
  }
}

// Victims may share a ring, and then get into each other's way.
void wait_unchecked(Port& port, uint32_t events) {
  uint32_t ready = 0;
  CHECK_EQUAL(port.device().wait(events, -1, &ready), Status::ok);
}

[[noreturn]] void flood(Port& port, check::Random& random) {
  const uint64_t me = harmless_station(random);
  for (;;) {
    const uint64_t to[] = {kBroadcast, station(kListener), harmless_station(random)};
    for (uint64_t batch = random.between(1, 100); batch > 0; batch--) {
      const bool more = random.below(10) == 0;
      put(port, to[random.below(3)], me, 0, static_cast<uint32_t>(random.between(14, 1500)),
          more ? abi::NS_MOREFRAG : 0);
    }
    port.device().tx_sync();
    sleep_at_random(random, 400);
  }
}

[[noreturn]] void receive(Port& port) {
  const Ring& ring = port.rx_rings()[0];
  for (;;) {
    wait_unchecked(port, kReadable);
    ring.advance(ring.tail());
  }
}

[[noreturn]] void receive_by_descriptor(Port& port) {
  const Ring& ring = port.rx_rings()[0];
  Status status = Status::ok;
  pollfd descriptor = {port.device().poll_descriptor(&status), POLLIN, 0};
  CHECK_EQUAL(status, Status::ok);
  for (;;) {
    uint32_t ready = 0;
    CHECK_EQUAL(port.device().arm(kReadable, &ready), Status::ok);
    if (ready == 0) poll(&descriptor, 1, 100);
    port.device().disarm();
    ring.advance(ring.tail());
  }
}

[[noreturn]] void use_pipe(Port& port, check::Random& random) {
  const Ring& ring = port.rx_rings()[0];
  for (;;) {
    for (uint64_t batch = random.between(1, 50); batch > 0 && put(port, 0, 0, 0); batch--) {
    }
    wait_unchecked(port, kReadable | kWritable);
    ring.advance(ring.tail());
    if (random.below(10) == 0) sleep_at_random(random, 100);
  }
}

// Nothing that was sent is skipped; what the reader before us did not give back comes again.
[[noreturn]] void read_relay(Port& port, Board& board, check::Random& random) {
  const Ring& ring = port.rx_rings()[0];
  uint64_t next = 0;
  for (bool first = true;;) {
    wait_unchecked(port, kReadable);
    for (uint64_t batch = random.between(1, 100); batch > 0 && ring.space() != 0; batch--) {
      uint64_t sequence;
      CHECK(read_stamped(port, station(kSpeaker), &sequence));
      CHECK(first ? sequence <= board.relayed.load() : sequence == next);
      first = false;
      next = sequence + 1;
      if (next > board.relayed.load()) board.relayed.store(next);
      ring.advance(ring.next(ring.head()));
    }
    sleep_at_random(random, 100);
  }
}

void be_victim(Rig& rig, Board& board, uint32_t number, check::Random random) {
  for (uint32_t i = 0; i < number; i++) random.next();
  const std::string vale = "vale0:victim" + std::to_string(number);
  const std::string end = random.below(2) == 0 ? "{" : "}";
  std::unique_ptr<Port> port;
  abi::nmreq_register alone = {};
  alone.nr_flags = abi::NR_EXCLUSIVE;
  switch (random.below(9)) {
    case 0:
    case 1:
    case 2:
      port = rig.open(vale);
      flood(*port, random);
    case 3:
      port = rig.open(vale);
      receive(*port);
    case 4:
      port = rig.open(vale);
      receive_by_descriptor(*port);
    case 5:
      port = rig.open("pipe" + end + std::to_string(random.between(2, 4)));
      use_pipe(*port, random);
    case 6:
      port = rig.open(vale);
      for (;;) pause();
    case 7:
      // Another victim may be reading, or have died while it was.
      while (rig.try_open("relay}1", &port, alone) == Status::port_exclusive) usleep(1000);
      CHECK(port != nullptr);
      read_relay(*port, board, random);
    default:
      for (;;) open_and_close(rig, random);
  }
}

// --- the killer --------------------------------------------------------------------------------------------

void check_progress(const Board& board) {
  for (const std::atomic<int64_t>& progress_ns : board.progress_ns) {
    CHECK(engine::monotonic_ns() - progress_ns.load() < kLongestStall_ns);
  }
}

// What is handed out in the memory of the pipes.
Usage usage_of_pipes(const Rig& rig) {
  const auto space = open_space(rig);
  std::shared_ptr<engine::Region> region;
  const std::filesystem::path link = rig.directory + "/port.pipe";
  const uint32_t id = static_cast<uint32_t>(std::stoul(std::filesystem::read_symlink(link).string()));
  CHECK_EQUAL(engine::Region::open(*space, id, &region), Status::ok);
  return Usage(*region);
}

}  // namespace

TEST("survivors pass packets and the namespace stays clean while processes are killed at random") {
  check::Random random;
  Rig rig;
  rig.open("vale0:first").reset();
  const std::string files_before = rig.files();
  auto* board =
      new (mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Board;
  for (uint32_t i = 0; i < Board::kSurvivors; i++) board->progress(static_cast<Board::Survivor>(i));

  Child listener([&] { listen(rig, *board); });
  Child speaker([&] { speak(rig, *board, random); });
  Child reader([&] { read_pipe(rig, *board); });
  Child writer([&] { write_pipe(rig, *board, random); });
  while (!board->speaker_ready.load() || board->read.load() == 0) check_progress(*board);
  const Usage before = usage_of_pipes(rig);

  Child relaying([&] { relay(rig, *board); });
  Child keeper([&] { keep_house(rig, *board, random); });
  std::vector<Child> victims;
  for (uint32_t i = 0; i < kVictims; i++) victims.emplace_back([&] { be_victim(rig, *board, i, random); });

  const uint32_t kills = kills_wanted(kUsualKills);
  uint32_t interrupted = 0;
  const auto space = open_space(rig);
  for (uint32_t killed = 0; killed < kills; killed++) {
    sleep_at_random(random, random.below(4) == 0 ? 500 : 6000);
    const uint32_t number = static_cast<uint32_t>(random.below(kVictims));
    const pid_t process = victims[number].process();
    victims[number].kill();
    interrupted += space->header().changing.load() == static_cast<uint32_t>(process);
    victims[number] = Child([&] { be_victim(rig, *board, number, random); });
    check_progress(*board);
  }

  victims.clear();
  board->stop_keeper.store(true);
  keeper.join();
  // The listener takes a moment to close the holes that dead senders left in its ring.
  for (const int64_t start = engine::monotonic_ns(); clients_after_reaping(rig) != 5;) {
    CHECK(engine::monotonic_ns() - start < kLongestStall_ns);
    usleep(1000);
  }
  const Usage after = usage_of_pipes(rig);
  CHECK_EQUAL(after.ports, before.ports);
  CHECK_EQUAL(after.rings, before.rings);
  CHECK_EQUAL(after.interfaces, before.interfaces);
  CHECK_EQUAL(after.buffers, before.buffers);

  board->stop.store(true);
  for (Child* survivor : {&speaker, &listener, &writer, &reader, &relaying}) survivor->join();
  printf("    %u kills, at least %u of them inside a control operation\n", kills, interrupted);
  printf("    %lu packets over VALE, %lu over a pipe, %lu to readers that died\n", board->heard.load(),
         board->read.load(), board->relayed.load());
  CHECK_EQUAL(board->heard.load() + board->said_in_vain.load(), board->said.load());
  CHECK_EQUAL(board->read.load(), board->written.load());
  // Where processes start slowly, a reader may be killed before it reads.
  CHECK(kills < 300 || board->relayed.load() > 0);
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
  CHECK_EQUAL(rig.files(), files_before);
  munmap(board, sizeof(Board));
}
