// Processes are killed at random while they make, attach, open, detach and delete persistent ports.
//
// Whatever they leave half done, the next one must be able to go on: a port is there whole or not at all, and what a
// switch says of a port is what the port says of the switch.
//
// NM_KILLS says how many are killed; NM_SEED repeats a run's choices, though not its timing.
#include <vector>

#include "engine/switch.h"
#include "test/child.h"
#include "test/control_rig.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr uint32_t kVictims = 3;
constexpr const char* kNames[] = {"p", "q"};

std::string on_switch(uint64_t number, const std::string& name) {
  return "vale" + std::to_string(number) + ":" + name;
}

// Does something with one of the ports. Most of it is refused, because another victim did something else.
void meddle(Rig& rig, check::Random& random) {
  const std::string name = kNames[random.below(2)];
  const std::string attached = on_switch(random.below(3), name);
  switch (random.below(6)) {
    case 0: {
      abi::nmreq_vale_newif wanted = {};
      wanted.nr_tx_slots = wanted.nr_rx_slots = 16;
      make_persistent(rig, name, wanted);
      return;
    }
    case 1:
      delete_persistent(rig, name);
      return;
    case 2:
      attach(rig, attached);
      return;
    case 3:
      detach(rig, attached);
      return;
    default: {
      std::unique_ptr<Port> port;
      if (rig.try_open(random.below(2) == 0 ? name : attached, &port) != Status::ok) return;
      for (uint32_t i = 0; i < 8; i++) put(*port, kBroadcast, station(1), i);
      port->device().tx_sync();
      take(*port);
      return;
    }
  }
}

// Whether the port is there, and if so, that it works.
void use_up(Rig& rig, const std::string& name) {
  // A port on two switches leaves the later one first, whichever that is.
  for (uint32_t i = 0; i < 6; i++) detach(rig, on_switch(i % 3, name));
  std::unique_ptr<Port> port;
  if (rig.try_open(name, &port) != Status::ok) {
    CHECK_EQUAL(make_persistent(rig, name), Status::ok);
    CHECK_EQUAL(rig.try_open(name, &port), Status::ok);
  }
  port.reset();
  CHECK_EQUAL(attach(rig, on_switch(0, name)), Status::ok);
  auto peer = rig.open("vale0:peer");
  port = rig.open(name);
  send(*peer, kBroadcast, station(1), 77);
  CHECK_EQUAL(take(*port), 77);
  port.reset();
  CHECK_EQUAL(detach(rig, on_switch(0, name)), Status::ok);
  CHECK_EQUAL(delete_persistent(rig, name), Status::ok);
}

}  // namespace

TEST("a kill at any moment leaves persistent ports whole or gone, and nothing else behind") {
  check::Random random;
  Rig rig;
  rig.open("vale0:first").reset();
  const auto space = open_space(rig);
  std::vector<Child> victims;
  const auto start = [&] {
    random.next();  // so that no two make the same choices
    return Child([&rig, random]() mutable {
      for (;;) meddle(rig, random);
    });
  };
  for (uint32_t i = 0; i < kVictims; i++) victims.push_back(start());
  uint32_t interrupted = 0;
  const uint32_t kills = kills_wanted(200);
  for (uint32_t killed = 0; killed < kills; killed++) {
    usleep(static_cast<useconds_t>(random.below(random.below(2) == 0 ? 300 : 5000)));
    Child& victim = victims[random.below(kVictims)];
    const pid_t process = victim.process();
    victim.kill();
    interrupted += space->header().changing.load() == static_cast<uint32_t>(process);
    victim = start();
  }
  victims.clear();
  printf("    %u kills, at least %u of them inside a control operation\n", kills, interrupted);
  clients_after_reaping(rig);
  for (const char* name : kNames) use_up(rig, name);
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
  CHECK_EQUAL(rig.files(), "namespace");
}
