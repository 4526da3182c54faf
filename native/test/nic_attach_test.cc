// Network interfaces on switches: stations at the other end of the cable are stations of the switch.

#include <signal.h>
#include <unistd.h>

#include "engine/ports.h"
#include "test/control_rig.h"
#include "test/frames.h"
#include "test/inside.h"
#include "test/veth_rig.h"

namespace nm::test {

namespace {

// What the host receives within some seconds.
Bytes next_of(HostSide& host) {
  const int64_t deadline = engine::monotonic_ns() + 5 * kSecond;
  for (;;) {
    Bytes frame = host.take();
    if (!frame.empty() || engine::monotonic_ns() > deadline) return frame;
    usleep(200);
  }
}

Status attach_with_host(Rig& rig, const std::string& name) {
  abi::nmreq_vale_attach body = {};
  body.reg.nr_mode = abi::NR_REG_NIC_SW;
  return attach(rig, name, &body);
}

void send_frame(Port& port, const Bytes& frame) {
  CHECK(put_frame(port, frame));
  send_all(port);
}

// The process that has a port of this name open.
pid_t user_of(const Rig& rig, const std::string& name) {
  const auto space = open_space(rig);
  for (uint32_t id = 1; id <= space->clients_high(); id++) {
    const engine::Client& client = space->client(id);
    std::shared_ptr<engine::Region> region;
    if (client.used.load() != engine::kClientUsed ||
        engine::Region::open(*space, client.region, &region) != Status::ok) {
      continue;
    }
    if (engine::record_name(region->port(client.port)) == name) return static_cast<pid_t>(client.pid);
  }
  return 0;
}

}  // namespace

TEST("an attached interface is a station's way to the switch, and belongs to the host before and after") {
  if (!has_own_network()) return;
  Cable cable(2);
  Rig rig;
  Random random;
  HostSide host_a("a");
  HostSide host_b("b");
  auto x = rig.open("vale0:x");
  abi::nmreq_vale_attach body = {};
  CHECK_EQUAL(attach(rig, "vale0:a", &body), Status::ok);
  CHECK_EQUAL(body.port_index, 1u);
  for (uint32_t i = 0; i < 50; i++) {
    const Bytes down = numbered_frame(i, random.between(60, 1514), random);
    send_frame(*x, down);
    CHECK(next_of(host_b) == down);
    const Bytes up = numbered_frame(i, random.between(60, 1514), random);
    host_b.send(up);
    CHECK(next_frame(*x) == up);
  }
  CHECK_EQUAL(host_a.take_all(), 0u);
  CHECK_EQUAL(detach(rig, "vale0:a"), Status::ok);
  host_b.send(numbered_frame(1, 60, random));
  CHECK_EQUAL(host_a.take_all(), 1u);
  CHECK(output_of("ip -d link show dev a").find("promiscuity 0 ") != std::string::npos);
  x.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("an interface that is attached with its host stack makes a station of the host, too") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  Random random;
  HostSide host_a("a");
  HostSide host_b("b");
  CHECK_EQUAL(attach_with_host(rig, "vale0:a"), Status::ok);
  auto x = rig.open("vale0:x");
  const Bytes first = numbered_frame(1, 60, random);
  host_a.send(first);
  CHECK(next_of(host_b) == first);
  CHECK(next_frame(*x) == first);
  const Bytes second = numbered_frame(2, 60, random);
  host_b.send(second);
  CHECK(next_of(host_a) == second);
  CHECK(next_frame(*x) == second);
  const Bytes third = numbered_frame(3, 60, random);
  send_frame(*x, third);
  CHECK(next_of(host_a) == third);
  CHECK(next_of(host_b) == third);
  // Its host goes with the interface, not alone.
  CHECK_EQUAL(detach(rig, "vale0:a^"), Status::port_ephemeral);
  CHECK_EQUAL(detach(rig, "vale0:a"), Status::ok);
  x.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("nobody else opens an interface that is on a switch, and one that somebody has open is not attached") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  std::unique_ptr<Port> port;
  CHECK_EQUAL(rig.try_open("vale0:a", &port), Status::interface_not_attached);
  CHECK_EQUAL(attach(rig, "vale0:a"), Status::ok);
  CHECK_EQUAL(attach(rig, "vale0:a"), Status::port_attached);
  for (const char* name : {"a", "vale0:a"}) {
    CHECK_EQUAL(status_errno(rig.try_open(name, &port)), EBUSY);
  }
  CHECK_EQUAL(status_errno(attach(rig, "vale1:a")), EBUSY);
  auto b = rig.open("b");
  CHECK_EQUAL(attach(rig, "vale0:b"), Status::port_in_use);
  b.reset();
  CHECK_EQUAL(attach(rig, "vale0:b"), Status::ok);
  for (const char* name : {"vale0:a", "vale0:b"}) CHECK_EQUAL(detach(rig, name), Status::ok);
  CHECK_EQUAL(detach(rig, "vale0:b"), Status::no_such_port);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a killed switch worker leaves the interface to its host, and the switch without the port") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  Random random;
  HostSide host_a("a");
  HostSide host_b("b");
  for (uint32_t i = 0; i < 4; i++) {
    CHECK_EQUAL(i % 2 == 0 ? attach(rig, "vale0:a") : attach_with_host(rig, "vale0:a"), Status::ok);
    const pid_t worker = user_of(rig, "vale0:a");
    CHECK(worker != 0 && worker != getpid());
    usleep(static_cast<useconds_t>(random.below(5000)));
    CHECK_EQUAL(kill(worker, SIGKILL), 0);
    // It is nobody's child here; what it had is back some time later.
    const int64_t deadline = engine::monotonic_ns() + 5 * kSecond;
    do {
      CHECK(engine::monotonic_ns() < deadline);
      host_b.send(numbered_frame(1, 60, random));
    } while (host_a.take_all() == 0);
    while (clients_after_reaping(rig) != 0) CHECK(engine::monotonic_ns() < deadline);
    // Its log tells of it, until the interface is attached anew or detached.
    CHECK_EQUAL(rig.files(), "attached.vale0:a namespace");
    CHECK_EQUAL(output_of("ip -o link | wc -l"), "3\n");
  }
}

TEST("an attached interface is polled on request, and not detached meanwhile") {
  if (!has_own_network()) return;
  Cable cable;
  Rig rig;
  Random random;
  HostSide host_b("b");
  CHECK_EQUAL(attach(rig, "vale0:a"), Status::ok);
  auto x = rig.open("vale0:x");
  const auto ask = [&](uint16_t type, uint32_t mode, uint32_t first, uint32_t count) {
    abi::nmreq_vale_polling body = {mode, first, count, 0};
    return request(rig, type, "vale0:a", &body);
  };
  const auto enable = [&](uint32_t mode, uint32_t first, uint32_t count) {
    return ask(abi::NETMAP_REQ_VALE_POLLING_ENABLE, mode, first, count);
  };
  const auto disable = [&] { return ask(abi::NETMAP_REQ_VALE_POLLING_DISABLE, 1, 0, 1); };
  CHECK_EQUAL(disable(), Status::polls_not);
  CHECK_EQUAL(enable(7, 0, 1), Status::bad_polling);
  CHECK_EQUAL(enable(abi::NETMAP_POLLING_MODE_SINGLE_CPU, 0, 0), Status::bad_polling);
  CHECK_EQUAL(enable(abi::NETMAP_POLLING_MODE_MULTI_CPU, 0, 100'000), Status::bad_polling);
  CHECK_EQUAL(enable(abi::NETMAP_POLLING_MODE_SINGLE_CPU, 0, 1), Status::ok);
  CHECK_EQUAL(enable(abi::NETMAP_POLLING_MODE_SINGLE_CPU, 0, 1), Status::polls_already);
  const Bytes frame = numbered_frame(1, 60, random);
  send_frame(*x, frame);
  CHECK(next_of(host_b) == frame);
  host_b.send(frame);
  CHECK(next_frame(*x) == frame);
  CHECK_EQUAL(detach(rig, "vale0:a"), Status::port_polled);
  CHECK_EQUAL(disable(), Status::ok);
  host_b.send(frame);
  CHECK(next_frame(*x) == frame);
  CHECK_EQUAL(detach(rig, "vale0:a"), Status::ok);
}

TEST("an attached interface that is taken down and up again goes on; one that is removed leaves the switch") {
  if (!has_own_network()) return;
  Rig rig;
  Random random;
  {
    Cable cable;
    HostSide host_b("b");
    CHECK_EQUAL(attach(rig, "vale0:a"), Status::ok);
    auto x = rig.open("vale0:x");
    command("ip link set dev a down");
    usleep(20'000);
    command("ip link set dev a up");
    const int64_t deadline = engine::monotonic_ns() + 5 * kSecond;
    do {
      CHECK(engine::monotonic_ns() < deadline);
      send_frame(*x, numbered_frame(1, 60, random));
      usleep(10'000);
    } while (host_b.take_all() == 0);
  }
  const int64_t deadline = engine::monotonic_ns() + 5 * kSecond;
  while (clients_after_reaping(rig) != 0) {
    CHECK(engine::monotonic_ns() < deadline);
    usleep(10'000);
  }
  // What became of it, its log tells until it is attached anew or detached.
  CHECK_EQUAL(rig.files(), "attached.vale0:a namespace");
}

}  // namespace nm::test
