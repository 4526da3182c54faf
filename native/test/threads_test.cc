// Threads of one process that each have ports of their own: everything that two of them may do at once. What
// the thread sanitizer says here about the engine's shared memory holds between processes too, where it
// cannot look.
#include <thread>
#include <vector>

#include "test/child.h"
#include "test/engine_rig.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr int64_t kDuration_ns = 3 * kSecond_ns / 4;

template <typename Body>
void in_threads(uint32_t count, Body body) {
  check::Random random;
  std::vector<std::thread> threads;
  for (uint32_t number = 0; number < count; number++) {
    random.next();
    threads.emplace_back([&body, number, random] {
      check::Random mine = random;
      const int64_t end = engine::monotonic_ns() + kDuration_ns;
      while (engine::monotonic_ns() < end) body(number, mine);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Sends a little, takes what there is, sleeps a moment.
void use(Port& port, check::Random& random) {
  for (uint64_t batch = random.below(20); batch > 0; batch--) {
    put(port, random.below(2) == 0 ? kBroadcast : station(static_cast<uint32_t>(random.below(10))),
        station(static_cast<uint32_t>(random.below(10))), 0);
  }
  uint32_t ready = 0;
  CHECK_EQUAL(port.device().tx_sync(), Status::ok);
  CHECK_EQUAL(port.device().wait(kReadable, static_cast<int64_t>(random.below(100'000)), &ready), Status::ok);
  const Ring& ring = port.rx_rings()[0];
  ring.advance(ring.tail());
}

abi::nmreq_register small() {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = wanted.nr_rx_slots = 32;
  return wanted;
}

abi::nmreq_register in_memory(uint16_t id) {
  abi::nmreq_register wanted = small();
  wanted.nr_mem_id = id;
  return wanted;
}

}  // namespace

TEST("threads open, use and close ports of a switch at the same time") {
  Rig rig;
  in_threads(4, [&](uint32_t number, check::Random& random) {
    auto port = rig.open("vale0:p" + std::to_string(number), small());
    for (uint64_t rounds = random.below(10); rounds > 0; rounds--) use(*port, random);
  });
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("threads open, use and close ends of the same pipes at the same time") {
  Rig rig;
  in_threads(4, [&](uint32_t number, check::Random& random) {
    const std::string end = number % 2 == 0 ? "{" : "}";
    auto port = rig.open("pipe" + end + std::to_string(number / 2), small());
    for (uint64_t rounds = random.below(10); rounds > 0; rounds--) use(*port, random);
  });
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("threads send to the ports of a switch that others share, while its ports come and go") {
  Rig rig;
  auto first = rig.open("vale0:shared", small());
  auto second = rig.open("vale0:shared");
  in_threads(4, [&](uint32_t number, check::Random& random) {
    uint32_t ready = 0;
    if (number < 2) {
      Port& port = number == 0 ? *first : *second;
      CHECK_EQUAL(port.device().wait(kReadable, 1'000'000, &ready), Status::ok);
      CHECK_EQUAL(port.device().rx_sync(), Status::ok);
    } else {
      auto port = rig.open("vale0:p" + std::to_string(number), small());
      for (uint64_t rounds = random.below(50); rounds > 0; rounds--) use(*port, random);
    }
  });
}

TEST("threads open and close ports of two switches in one memory, and no packet changes its switch") {
  Rig rig;
  auto keeper = rig.open("keeper{1", in_memory(1));
  in_threads(4, [&](uint32_t number, check::Random& random) {
    const uint32_t vale = static_cast<uint32_t>(random.below(2));
    auto port = rig.open("vale" + std::to_string(vale) + ":p" + std::to_string(number), in_memory(1));
    for (uint64_t rounds = random.below(10); rounds > 0; rounds--) {
      for (uint64_t batch = random.below(20); batch > 0; batch--)
        put(*port, kBroadcast, station(number), vale);
      CHECK_EQUAL(port->device().tx_sync(), Status::ok);
      for (int64_t tag = take(*port); tag >= 0; tag = take(*port)) CHECK_EQUAL(tag, vale);
    }
  });
}
