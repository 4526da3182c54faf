// Control blocks and sync loops: rings whose head and cur a program keeps in memory of its own, and the loop that syncs
// them meanwhile.
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <ctime>
#include <thread>

#include "ports.h"

NOUN("csb");

namespace {

constexpr int kPatienceMs = 5000;
const nmreq_register kAlone = {.nr_tx_slots = 8, .nr_rx_slots = 8, .nr_flags = NR_EXCLUSIVE};

// Control blocks of up to 8 rings.
struct Blocks {
  alignas(64) nm_csb_atok atok[8] = {};
  alignas(64) nm_csb_ktoa ktoa[8] = {};
};

struct Option : nmreq_opt_csb {
  explicit Option(const Blocks& blocks) : nmreq_opt_csb{} {
    nro_opt.nro_reqtype = NETMAP_REQ_OPT_CSB;
    csb_atok = reinterpret_cast<uintptr_t>(blocks.atok);
    csb_ktoa = reinterpret_cast<uintptr_t>(blocks.ktoa);
  }
};

uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }
void store(uint32_t& word, uint32_t value) { __atomic_store_n(&word, value, __ATOMIC_RELEASE); }

template <typename Condition>
void await(Condition condition) {
  for (int i = 0; i < kPatienceMs * 10; i++) {
    if (condition()) return;
    usleep(100);
  }
  HOLDS(!"in time");
}

// A port with control blocks: TX ring 0 has the first, RX ring 0 the second.
struct Driven {
  explicit Driven(const std::string& name, nmreq_register wanted = kAlone) : port(name, wanted, &option) {}

  void put(const Packet& packet) {
    netmap_ring& ring = port.tx();
    netmap_slot& slot = ring.slot[blocks.atok[0].head];
    memcpy(buffer(ring, slot.buf_idx), packet.bytes.data(), packet.bytes.size());
    slot.len = static_cast<uint16_t>(packet.bytes.size());
    slot.flags = 0;
    const uint32_t after = next(ring, blocks.atok[0].head);
    store(blocks.atok[0].cur, after);
    store(blocks.atok[0].head, after);
  }

  Blocks blocks;
  Option option{blocks};
  Port port;
};

Answer start(Descriptor& descriptor, uint32_t sleep_us = 100, void* options = nullptr) {
  nmreq_sync_kloop_start body = {.sleep_us = sleep_us};
  return descriptor.ask({.type = NETMAP_REQ_SYNC_KLOOP_START, .name = "", .body = &body, .options = options});
}
// From a thread of its own: `ask` keeps the reply, and one loop is under way on the descriptor.
Answer stop(const Descriptor& descriptor) {
  nmreq_header header = {};
  header.nr_version = NETMAP_API;
  header.nr_reqtype = NETMAP_REQ_SYNC_KLOOP_STOP;
  return answer(ioctl(descriptor.fd, NIOCCTRL, &header));
}
Answer enable(Descriptor& descriptor, void* option) {
  return descriptor.ask({.type = NETMAP_REQ_CSB_ENABLE, .name = "", .options = option});
}

// A loop in a thread, which is stopped at the end.
class Loop {
 public:
  explicit Loop(Driven& driven, uint32_t sleep_us = 100, void* options = nullptr)
      : port_(driven.port),
        thread_([this, sleep_us, options] { answer_ = start(port_, sleep_us, options); }) {
    // It runs once it says that it needs no kicks.
    await([&] { return load(driven.blocks.ktoa[0].kern_need_kick) == 0 || options != nullptr; });
  }
  ~Loop() {
    if (thread_.joinable()) stop_it();
  }
  Answer stop_it() {
    EXPECT(stop(port_), 0);
    thread_.join();
    return answer_;
  }

 private:
  Port& port_;
  Answer answer_ = {-1};
  std::thread thread_;
};

// Starts a loop that should be refused, and ends one that is not: nothing else would, not even a signal that kills.
Answer start_refused(Descriptor& descriptor, uint32_t sleep_us, void* options) {
  std::atomic<bool> refused = false;
  std::thread stopper([&] {
    for (int i = 0; i < kPatienceMs && !refused; i++) usleep(1000);
    if (!refused) stop(descriptor);
  });
  const Answer found = start(descriptor, sleep_us, options);
  refused = true;
  stopper.join();
  return found;
}

// As many pairs of eventfds as asked for.
struct Eventfds {
  explicit Eventfds(uint32_t pairs) {
    option.nro_opt.nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS;
    option.nro_opt.nro_size = sizeof(option) + pairs * 8;
    for (uint32_t i = 0; i < pairs; i++) {
      entries[2 * i] = eventfd(0, 0);
      entries[2 * i + 1] = eventfd(0, 0);
    }
  }
  void kick(uint32_t ring) {
    const uint64_t one = 1;
    HOLDS(write(entries[2 * ring], &one, 8) == 8);
  }
  void await_call(uint32_t ring) {
    pollfd call = {.fd = entries[2 * ring + 1], .events = POLLIN, .revents = 0};
    EXPECT(poll(&call, 1, kPatienceMs), 1);
  }

  // The option, and behind it the pairs.
  alignas(8) char bytes[sizeof(nmreq_opt_sync_kloop_eventfds) + 8 * 8] = {};
  nmreq_opt_sync_kloop_eventfds& option = *reinterpret_cast<nmreq_opt_sync_kloop_eventfds*>(bytes);
  int32_t* const entries = reinterpret_cast<int32_t*>(bytes + sizeof(option));
};

struct Mode : nmreq_opt_sync_kloop_mode {
  explicit Mode(uint32_t wanted) : nmreq_opt_sync_kloop_mode{} {
    nro_opt.nro_reqtype = NETMAP_REQ_OPT_SYNC_KLOOP_MODE;
    mode = wanted;
  }
};

}  // namespace

CASE("control blocks begin with where the rings are, and both sides want to be kicked") {
  Driven one(vale("a"));
  EXPECT(one.option.nro_opt.nro_status, 0);
  EXPECT(one.blocks.atok[0].head, 0);
  EXPECT(one.blocks.atok[0].cur, 0);
  EXPECT(one.blocks.atok[0].appl_need_kick, 1);
  EXPECT(one.blocks.atok[0].sync_flags, 1);
  EXPECT(one.blocks.ktoa[0].hwtail, 7);
  EXPECT(one.blocks.ktoa[1].hwtail, 0);
  EXPECT(one.blocks.ktoa[0].kern_need_kick, 1);
  EXPECT(one.blocks.ktoa[1].kern_need_kick, 1);
}

CASE("control blocks need exclusive rings") {
  Blocks blocks;
  Option option(blocks);
  EXPECT(opening(vale("a"), {}, &option), EINVAL);
  EXPECT(option.nro_opt.nro_status, EINVAL);
}

CASE("control blocks lie at multiples of 64 bytes") {
  Blocks blocks;
  Option option(blocks);
  option.csb_atok += 8;
  EXPECT(opening(vale("a"), kAlone, &option), EINVAL);
  Option other(blocks);
  other.csb_ktoa += 32;
  EXPECT(opening(vale("a"), kAlone, &other), EINVAL);
}

CASE("control blocks that are not there are refused, and the port is not open") {
  Blocks blocks;
  Option option(blocks);
  option.csb_atok = 0x10000;
  EXPECT(opening(vale("a"), kAlone, &option), EFAULT);
  EXPECT(option.nro_opt.nro_status, EFAULT);
  EXPECT(opening(vale("a"), kAlone), 0);
}

CASE("control blocks can come after the registration") {
  Port port(vale("a"), kAlone);
  Blocks blocks;
  Option option(blocks);
  EXPECT(enable(port, &option), 0);
  EXPECT(port.tx_sync(), EBUSY);
}

CASE("CSB_ENABLE without its option is refused") {
  Port port(vale("a"), kAlone);
  EXPECT(enable(port, nullptr), EINVAL);
}

CASE("CSB_ENABLE on a descriptor without a port does nothing") {
  Descriptor descriptor;
  Blocks blocks;
  Option option(blocks);
  EXPECT(enable(descriptor, &option), 0);
  EXPECT(blocks.atok[0].appl_need_kick, 0);
}

CASE("with control blocks neither sync works") {
  Driven one(vale("a"));
  EXPECT(one.port.tx_sync(), EBUSY);
  EXPECT(one.port.rx_sync(), EBUSY);
}

CASE("with control blocks poll reports an error at once") {
  Driven one(vale("a"));
  EXPECT(one.port.poll(POLLIN | POLLOUT, kPatienceMs), Events{POLLERR});
}

CASE("a loop sends what the control blocks say") {
  Driven sender(vale("a"));
  Port receiver(vale("b"));
  Loop loop(sender);
  sender.put(to_everybody('x'));
  Packets received;
  await([&] { return !(received = receiver.receive()).empty(); });
  EXPECT(received[0], to_everybody('x'));
  await([&] { return load(sender.blocks.ktoa[0].hwcur) == 1; });
}

CASE("a loop shows in the control blocks what arrived") {
  Port sender(vale("a"));
  Driven receiver(vale("b"));
  Loop loop(receiver);
  sender.send(to_everybody('x'));
  await([&] { return load(receiver.blocks.ktoa[1].hwtail) == 1; });
  netmap_ring& ring = receiver.port.rx();
  EXPECT(buffer(ring, ring.slot[0].buf_idx)[14], 'x');
}

CASE("a loop goes on until it is stopped, and then has succeeded") {
  Driven one(vale("a"));
  Loop loop(one);
  EXPECT(loop.stop_it(), 0);
}

CASE("another process that has the descriptor can stop the loop") {
  Driven one(vale("a"));
  Loop loop(one);
  Process other([&] { EXPECT(stop(one.port), 0); });
  other.wait();
}

CASE("of two loops on one descriptor the second is refused") {
  Driven one(vale("a"));
  Loop loop(one);
  EXPECT(start(one.port), EBUSY);
}

CASE("while a loop runs, control blocks stay where they are") {
  Driven one(vale("a"));
  Loop loop(one);
  Blocks others;
  Option option(others);
  EXPECT(enable(one.port, &option), EBUSY);
}

CASE("a stop without a loop ends the next loop at once") {
  Driven one(vale("a"));
  EXPECT(stop(one.port), 0);
  EXPECT(start(one.port), 0);
}

CASE("a loop needs a port and control blocks") {
  Descriptor descriptor;
  EXPECT(start(descriptor), ENXIO);
  EXPECT(stop(descriptor), ENXIO);
  Port port(vale("a"), kAlone);
  EXPECT(start_refused(port, 100, nullptr), EINVAL);
}

CASE("a loop sleeps for a second at most") {
  Driven one(vale("a"));
  EXPECT(start_refused(one.port, 1'000'001, nullptr), EINVAL);
}

CASE("eventfds come in pairs, one for each ring") {
  Driven one(vale("a"));
  for (const uint32_t pairs : {1u, 3u}) {
    Eventfds fds(pairs);
    EXPECT(start_refused(one.port, 100, &fds.option), EINVAL);
    EXPECT(fds.option.nro_opt.nro_status, EINVAL);
  }
}

CASE("an eventfd that is none is refused") {
  Driven one(vale("a"));
  Eventfds fds(2);
  fds.entries[1] = 12345;
  EXPECT(start_refused(one.port, 100, &fds.option), EBADF);
}

CASE("a loop with eventfds syncs a ring when it is kicked, and calls when there is news") {
  Driven sender(vale("a")), receiver(vale("b"));
  Eventfds fds(2), its_fds(2);
  Loop loop(sender, 0, &fds.option), other(receiver, 0, &its_fds.option);
  await([&] { return load(sender.blocks.ktoa[0].kern_need_kick) != 0; });
  sender.put(to_everybody('x'));
  fds.kick(0);
  its_fds.await_call(1);
  await([&] { return load(receiver.blocks.ktoa[1].hwtail) == 1; });
}

CASE("direct mode needs an eventfd to kick each ring") {
  Driven one(vale("a"));
  Mode mode(NM_OPT_SYNC_KLOOP_DIRECT_TX);
  EXPECT(start_refused(one.port, 100, &mode), EINVAL);
  EXPECT(mode.nro_opt.nro_status, EINVAL);
}

CASE("an unknown mode of a loop is refused") {
  Driven one(vale("a"));
  Mode mode(4);
  EXPECT(start_refused(one.port, 100, &mode), EINVAL);
}

CASE("in direct mode news go to the program at once, and its kick syncs the ring") {
  Port sender(vale("a"));
  Driven receiver(vale("b"));
  Eventfds fds(2);
  Mode mode(NM_OPT_SYNC_KLOOP_DIRECT_RX);
  fds.option.nro_opt.nro_next = reinterpret_cast<uintptr_t>(&mode);
  Loop loop(receiver, 0, &fds.option);
  sender.send(to_everybody());
  fds.await_call(1);
  fds.kick(1);
  await([&] { return load(receiver.blocks.ktoa[1].hwtail) == 1; });
}

CASE("a loop goes on when the program's words cannot be, and when it mends them") {
  Driven one(vale("a"));
  Port receiver(vale("b"));
  Loop loop(one);
  store(one.blocks.atok[0].head, 1000);
  usleep(10'000);
  EXPECT(receiver.receive().size(), 0);
  store(one.blocks.atok[0].head, 0);
  one.put(to_everybody('x'));
  await([&] { return !receiver.receive().empty(); });
}
