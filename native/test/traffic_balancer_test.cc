// Balancers: every packet goes to one output of each group, or is counted; who is slow, or gone, loses its own share.
#include <functional>
#include <thread>
#include <vector>

#include "clock.h"
#include "test/check.h"
#include "test/engine_rig.h"
#include "traffic/balancer.h"

namespace nm {
namespace {

using test::Rig;

constexpr uint32_t kFlows = 64;

// A sender, a balancer and consumers. Packets carry a number, and the number decides the flow.
class Farm {
 public:
  struct Options {
    std::vector<uint32_t> groups = {4};
    uint32_t extra_buffers = 0;
    // How far into their buffers packets may begin at the input, and where the sender has them begin.
    uint64_t offset = 0;
    uint64_t sender_offset = 0;
  };

  explicit Farm(const Options& options) {
    abi::nmreq_register wanted{};
    wanted.nr_extra_bufs = options.extra_buffers;
    input = options.offset == 0 ? rig.open("in}1", wanted) : rig.open_offset("in}1", options.offset, wanted);
    sender = options.sender_offset == 0 ? rig.open("in{1") : rig.open_offset("in{1", options.sender_offset);
    std::vector<Port*> ports = {input.get()};
    abi::nmreq_register same{};
    same.nr_mem_id = input->granted().nr_mem_id;
    for (const uint32_t group : options.groups) {
      for (uint32_t i = 0; i < group; i++) {
        outputs.push_back(rig.open("out{" + std::to_string(outputs.size()), same));
        ports.push_back(outputs.back().get());
        consumers.push_back(rig.open("out}" + std::to_string(consumers.size())));
        taken.emplace_back();
      }
    }
    BalancerOptions balancing;
    balancing.groups = options.groups;
    balancer.emplace(ports, balancing);
  }

  void start() {
    thread = std::thread([this] { CHECK_EQUAL(balancer->run(), Status::ok); });
  }
  void stop() {
    balancer->stop();
    thread.join();
  }

  // Sends numbered packets until there were `count`, and meanwhile takes what comes to the consumers that `takes`.
  void send(uint64_t count, const std::function<bool(size_t)>& takes) {
    while (sent < count) {
      for (int i = 0; i < 64 && sent < count && put(sent); i++) sent++;
      CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
      take(takes);
    }
    // All of them have come to the balancer then.
    while (balancer->own_counts().received < count) {
      CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
      take(takes);
    }
  }
  // Takes until there were `count` of all, or nothing came for long.
  void take_until(const std::function<bool()>& done) {
    const uint64_t deadline_ns = monotonic_ns() + 20 * kSecond_ns;
    while (!done()) {
      take([](size_t) { return true; });
      CHECK(monotonic_ns() < deadline_ns);
    }
  }

  void take(const std::function<bool(size_t)>& takes) {
    for (size_t i = 0; i < consumers.size(); i++) {
      if (!takes(i) || !consumers[i]) continue;
      for (;;) {
        const int64_t number = take_one(*consumers[i]);
        if (number < 0) break;
        taken[i].push_back(static_cast<uint64_t>(number));
      }
    }
  }

  uint64_t count(size_t output, std::atomic<uint64_t> OutputCounts::* counter) const {
    return (balancer->output_counts(output).*counter).load();
  }
  uint64_t all_taken() const {
    uint64_t all = 0;
    for (const std::vector<uint64_t>& numbers : taken) all += numbers.size();
    return all;
  }

  Rig rig;
  std::unique_ptr<Port> input;
  std::unique_ptr<Port> sender;
  std::vector<std::unique_ptr<Port>> outputs;
  std::vector<std::unique_ptr<Port>> consumers;
  std::optional<Balancer> balancer;
  std::thread thread;
  uint64_t sent = 0;
  // The numbers that came to each consumer.
  std::vector<std::vector<uint64_t>> taken;

 private:
  // UDP over IPv4, of several slots where the number says so.
  bool put(uint64_t number) {
    const Ring& ring = sender->tx_rings()[0];
    const uint32_t slots = number % 7 == 0 ? 3 : 1;
    if (ring.space() < slots) return false;
    for (uint32_t i = 0; i < slots; i++) {
      Descriptor slot = ring.descriptor(ring.head());
      uint8_t* const bytes = ring.start(slot.buf_idx);
      memset(bytes, static_cast<int>(i), 60);
      if (i == 0) {
        static constexpr uint8_t kHeaders[34] = {2,  0, 0, 0, 0, 1,  2,  0, 0, 0,  0, 2, 8, 0,  0x45, 0, 0,
                                                 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0,    0, 2};
        memcpy(bytes, kHeaders, sizeof(kHeaders));
        bytes[35] = static_cast<uint8_t>(number % kFlows);
        memcpy(bytes + 42, &number, sizeof(number));
      }
      slot.len = 60;
      slot.flags = i + 1 < slots ? abi::NS_MOREFRAG : 0;
      ring.put(ring.head(), slot);
      ring.advance(ring.next(ring.head()));
    }
    return true;
  }

  // The number of the next packet, all of which must be there; -1 when there is none.
  static int64_t take_one(Port& port) {
    const Ring& ring = port.rx_rings()[0];
    if (ring.space() == 0) CHECK_EQUAL(port.device().rx_sync(), Status::ok);
    if (ring.space() == 0) return -1;
    uint64_t number = 0;
    memcpy(&number, ring.buffer(ring.descriptor(ring.head()).buf_idx) + 42, sizeof(number));
    const uint32_t slots = number % 7 == 0 ? 3 : 1;
    CHECK(ring.space() >= slots);
    for (uint32_t i = 0; i < slots; i++) {
      const Descriptor slot = ring.descriptor(ring.head());
      CHECK_EQUAL(slot.len, 60);
      CHECK_EQUAL((slot.flags & abi::NS_MOREFRAG) != 0, i + 1 < slots);
      if (i > 0) CHECK_EQUAL(ring.buffer(slot.buf_idx)[59], i);
      ring.advance(ring.next(ring.head()));
    }
    return static_cast<int64_t>(number);
  }
};

const auto kAll = [](size_t) { return true; };

// Every flow at one consumer of those from `first` on, and in order.
void check_flows(const Farm& farm, size_t first, size_t count) {
  std::vector<int> consumer_of(kFlows, -1);
  std::vector<uint64_t> next_of(kFlows, 0);
  for (size_t i = first; i < first + count; i++) {
    for (const uint64_t number : farm.taken[i]) {
      const size_t flow = number % kFlows;
      CHECK(number >= next_of[flow]);
      next_of[flow] = number + 1;
      CHECK(consumer_of[flow] == -1 || consumer_of[flow] == static_cast<int>(i));
      consumer_of[flow] = static_cast<int>(i);
    }
  }
}

TEST("every packet goes to one output, those of a flow to the same, whole and in order") {
  Farm farm({});
  farm.start();
  farm.send(20000, kAll);
  farm.take_until([&] { return farm.all_taken() == 20000; });
  farm.stop();
  check_flows(farm, 0, 4);
  for (size_t i = 0; i < 4; i++) {
    CHECK(farm.taken[i].size() > 1000);
    CHECK_EQUAL(farm.count(i, &OutputCounts::packets), farm.taken[i].size());
    CHECK_EQUAL(farm.count(i, &OutputCounts::drops_full), 0u);
  }
}

TEST("packets come whole to consumers that know nothing of offsets, wherever they began at the input") {
  for (const uint64_t sender_offset : {0, 40}) {
    Farm::Options options;
    options.extra_buffers = 256;
    options.offset = 100;
    options.sender_offset = sender_offset;
    Farm farm(options);
    farm.start();
    farm.send(5000, kAll);
    farm.take_until([&] { return farm.all_taken() == 5000; });
    farm.stop();
    check_flows(farm, 0, 4);
  }
}

TEST("a consumer that takes nothing loses its own share, and the others nothing") {
  Farm farm({});
  farm.start();
  farm.send(20000, [](size_t i) { return i != 1; });
  farm.take_until([&] {
    return farm.all_taken() == farm.count(0, &OutputCounts::packets) + farm.count(1, &OutputCounts::packets) +
                                   farm.count(2, &OutputCounts::packets) +
                                   farm.count(3, &OutputCounts::packets);
  });
  farm.stop();
  check_flows(farm, 0, 4);
  CHECK(farm.count(1, &OutputCounts::drops_full) > 0);
  CHECK_EQUAL(farm.all_taken() + farm.count(1, &OutputCounts::drops_full), 20000u);
  for (const size_t other : {0, 2, 3}) CHECK_EQUAL(farm.count(other, &OutputCounts::drops_full), 0u);
}

TEST("what a slow consumer has no room for waits in extra buffers, and then comes in order") {
  Farm farm({.groups = {4}, .extra_buffers = 8000});
  CHECK_EQUAL(farm.input->granted().nr_extra_bufs, 8000u);
  farm.start();
  farm.send(10000, [](size_t i) { return i != 1; });
  CHECK(farm.count(1, &OutputCounts::queued) > 500);
  farm.take_until([&] { return farm.all_taken() == 10000; });
  CHECK_EQUAL(farm.count(1, &OutputCounts::queued), 0u);
  // New ones come after those that waited.
  farm.send(12000, kAll);
  farm.take_until([&] { return farm.all_taken() == 12000; });
  farm.stop();
  check_flows(farm, 0, 4);
}

TEST("when extra buffers run out the longest queue loses its oldest packets, and all is counted") {
  Farm farm({.groups = {4}, .extra_buffers = 1000});
  farm.start();
  farm.send(20000, [](size_t i) { return i != 1; });
  const uint64_t dropped = farm.count(1, &OutputCounts::drops_full);
  CHECK(dropped > 0);
  farm.take_until([&] { return farm.all_taken() + dropped == 20000; });
  farm.stop();
  check_flows(farm, 0, 4);
  for (const size_t other : {0, 2, 3}) CHECK_EQUAL(farm.count(other, &OutputCounts::drops_full), 0u);
  // The newest were kept.
  CHECK(farm.taken[1].back() > 19000);
}

TEST("extra buffers are given back at the end, those of packets that still waited too") {
  Farm farm({.groups = {4}, .extra_buffers = 500});
  farm.start();
  farm.send(10000, [](size_t i) { return i != 1; });
  farm.stop();
  const Ring& ring = farm.input->rx_rings()[0];
  uint32_t buffers = 0;
  for (uint32_t index = farm.input->interface()->ni_bufs_head; index != 0; buffers++) {
    CHECK(buffers < 500);
    memcpy(&index, ring.buffer(index), sizeof(index));
  }
  CHECK_EQUAL(buffers, 500u);
  CHECK_EQUAL(farm.count(1, &OutputCounts::queued), 0u);
}

TEST("each group gets every packet, after the group before has done with it") {
  Farm farm({.groups = {2, 1, 3}, .extra_buffers = 0});
  farm.start();
  // Slowly, so that no group has too little room.
  for (uint64_t count = 100; count <= 10000; count += 100) {
    farm.send(count, kAll);
    farm.take_until([&] { return farm.all_taken() == 3 * count; });
  }
  farm.stop();
  check_flows(farm, 0, 2);
  check_flows(farm, 3, 3);
  CHECK_EQUAL(farm.taken[0].size() + farm.taken[1].size(), 10000u);
  CHECK_EQUAL(farm.taken[2].size(), 10000u);
  CHECK_EQUAL(farm.taken[3].size() + farm.taken[4].size() + farm.taken[5].size(), 10000u);
}

TEST("a second group that takes nothing loses packets, and the first goes on") {
  Farm farm({.groups = {2, 1}, .extra_buffers = 0});
  farm.start();
  farm.send(20000, [](size_t i) { return i < 2; });
  farm.take_until([&] {
    return farm.count(2, &OutputCounts::packets) + farm.count(2, &OutputCounts::drops_full) == 20000;
  });
  farm.stop();
  CHECK_EQUAL(farm.taken[0].size() + farm.taken[1].size(), 20000u);
  CHECK(farm.count(2, &OutputCounts::drops_full) > 15000);
}

TEST(
    "a consumer that goes and comes again loses what came meanwhile beyond its ring, and the others "
    "nothing") {
  Farm farm({});
  farm.start();
  farm.send(5000, kAll);
  farm.consumers[2].reset();
  farm.send(20000, kAll);
  const uint64_t dropped = farm.count(2, &OutputCounts::drops_full);
  CHECK(dropped > 0);
  farm.consumers[2] = farm.rig.open("out}2");
  farm.send(25000, kAll);
  farm.take_until([&] { return farm.all_taken() + farm.count(2, &OutputCounts::drops_full) == 25000; });
  farm.stop();
  check_flows(farm, 0, 4);
  for (const size_t other : {0, 1, 3}) CHECK_EQUAL(farm.count(other, &OutputCounts::drops_full), 0u);
  CHECK(farm.taken[2].back() > 24000);
}

}  // namespace
}  // namespace nm
