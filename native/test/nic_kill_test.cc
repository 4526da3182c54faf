// Users of network interfaces are killed at random moments: what they did to the interface must be gone with them.
//
// NM_KILLS says how many are killed with each driver; NM_SEED repeats a run's choices, though not its timing.

#include <unistd.h>

#include "test/child.h"
#include "test/frames.h"
#include "test/veth_rig.h"

namespace nm::test {

namespace {

constexpr uint32_t kUsualKills = 4;

// Whatever of the machine's state a user of an interface may change, as the kernel's own tools tell it.
std::string kernel_state() {
  static const bool has_bpftool = system("bpftool version > /dev/null 2>&1") == 0;
  std::string state = output_of("ip -d link show dev b | sed s/qlen.*//") + output_of("ip -o link | wc -l") +
                      output_of("tc qdisc show dev b") + output_of("tc filter show dev b ingress") +
                      output_of("tc filter show dev b egress");
  if (has_bpftool) state += output_of("bpftool net show dev b");
  return state;
}

// Opens the interface in one of the ways that its driver allows and uses it until it is killed.
[[noreturn]] void use(Rig& rig, Random& random, const nic::DriverKind& driver, int opened) {
  constexpr uint32_t kModes[] = {abi::NR_REG_ALL_NIC, abi::NR_REG_SW, abi::NR_REG_NIC_SW};
  const uint64_t modes = driver.takes_upward ? 1 : std::size(kModes);
  for (;;) {
    abi::nmreq_register wanted = {};
    wanted.nr_mode = kModes[random.below(modes)];
    auto port = rig.open("b", wanted);
    if (opened >= 0) CHECK_EQUAL(write(opened, "", 1), 1);
    opened = -1;
    const uint64_t rounds = random.below(300);
    for (uint64_t i = 0; i < rounds; i++) {
      put_frame(*port, numbered_frame(static_cast<uint32_t>(i), random.between(18, 1514), random));
      port->device().tx_sync();
      port->device().rx_sync();
      while (!take_frame(*port).empty()) {
      }
    }
  }
}

}  // namespace

DRIVER_TEST(
    "a process that is killed at a random moment leaves nothing on the interface, and the host has it back") {
  Cable cable(2);
  Rig rig;
  Random random;
  HostSide host_b("b");
  auto a = rig.open("a");
  const std::string before = kernel_state();
  const uint32_t kills = kills_wanted(kUsualKills);
  for (uint32_t i = 0; i < kills; i++) {
    int opened[2];
    CHECK_EQUAL(pipe(opened), 0);
    Child user([&] { use(rig, random, driver, opened[1]); });
    // Before it has opened anything as well.
    char byte;
    if (random.below(3) != 0) CHECK_EQUAL(read(opened[0], &byte, 1), 1);
    close(opened[0]);
    close(opened[1]);
    usleep(static_cast<useconds_t>(random.below(20'000)));
    user.kill();
    random.next();

    // The kernel lets go of most before it tells that the process is gone, and of the rest at once.
    const int64_t gone_ns = engine::monotonic_ns();
    std::string after = kernel_state();
    while (after != before && engine::monotonic_ns() < gone_ns + kSecond) after = kernel_state();
    CHECK_EQUAL(after, before);
    host_b.take_all();
    CHECK(put_frame(*a, numbered_frame(i, 60, random)));
    send_all(*a);
    CHECK_EQUAL(host_b.take_all(), 1u);
  }
  // The next who comes puts the namespace in order.
  rig.open("b").reset();
  a.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

}  // namespace nm::test
