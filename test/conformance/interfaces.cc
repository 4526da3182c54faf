// Network interfaces: both ends of a cable, in a network namespace of the case's own. That takes root.
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "ports.h"

NOUN("interfaces");

// The protocol of packet(..., fill) whose two bytes of type are both `fill`.
static constexpr uint16_t protocol_of(char fill) { return static_cast<uint16_t>(fill << 8 | fill); }

static void command(const std::string& line) {
  if (system(line.c_str()) != 0) skip("this failed: " + line);
}

// Whether programs can be attached to what the host of an interface sends and receives. A kernel that cannot refuses the question.
static bool has_tcx() {
  constexpr uint32_t kTcxIngress = 46;  // of headers since Linux 6.6
  bpf_attr question = {};
  question.query.target_fd = 1;  // where its number stands: of lo, in every network namespace
  question.query.attach_type = kTcxIngress;
  return syscall(SYS_bpf, BPF_PROG_QUERY, &question, sizeof(question)) == 0 || errno != EINVAL;
}

// The interfaces a and b, ends of a cable, with as many queues.
static void make_cable(int queues = 1) {
  if (unshare(CLONE_NEWNET) != 0) skip("it needs root, to make a network namespace");
  if (device() == Device::embedded && !has_tcx())
    skip("this kernel has no tcx programs, which cut the host off of an interface");
  const std::string size =
      " numtxqueues " + std::to_string(queues) + " numrxqueues " + std::to_string(queues);
  command("ip link add name a" + size + " type veth peer name b" + size);
  for (const std::string end : {"a", "b"}) {
    // So that nothing is on the cable but what a case sends.
    command("{ echo 1 > /proc/sys/net/ipv6/conf/" + end + "/disable_ipv6; } 2> /dev/null; ip link set dev " +
            end + " up");
  }
}

// The host of an interface: what it sends and receives of one protocol.
class Host {
 public:
  explicit Host(const char* interface, char fill = 'h') : socket_(socket(AF_PACKET, SOCK_RAW, 0)) {
    sockaddr_ll address = {};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol_of(fill));
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
    EXPECT(answer(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address))), 0);
  }
  Host(const Host&) = delete;
  ~Host() { close(socket_); }

  void send(const Packet& packet) const {
    HOLDS(::send(socket_, packet.bytes.data(), packet.bytes.size(), 0) ==
          static_cast<ssize_t>(packet.bytes.size()));
  }
  Packets receive() const {
    Packets packets;
    char bytes[2048];
    for (ssize_t size; (size = recv(socket_, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0;) {
      packets.push_back({std::string(bytes, static_cast<size_t>(size))});
    }
    return packets;
  }

 private:
  int socket_;
};

// Waits some seconds for packets.
static Packets next_of(Port& port) {
  for (int i = 0; i < 500; i++) {
    const Packets packets = port.receive();
    if (!packets.empty()) return packets;
    port.poll(POLLIN, 10);
  }
  return {};
}

static Packets next_of(const Host& host) {
  for (int i = 0; i < 5000; i++) {
    const Packets packets = host.receive();
    if (!packets.empty()) return packets;
    usleep(1000);
  }
  return {};
}

static Answer attach(const std::string& name, uint32_t mode = NR_REG_ALL_NIC) {
  nmreq_vale_attach wanted = {.reg = {.nr_mode = mode}};
  return asking({.type = NETMAP_REQ_VALE_ATTACH, .name = name, .body = &wanted});
}

static Answer detach(const std::string& name) {
  nmreq_vale_detach wanted = {};
  return asking({.type = NETMAP_REQ_VALE_DETACH, .name = name, .body = &wanted});
}

CASE("each queue of an interface is a ring of both directions, and its host has one") {
  make_cable(2);
  Port port("a", {.nr_mode = NR_REG_NIC_SW});
  EXPECT(port.reg.nr_tx_rings, 2);
  EXPECT(port.reg.nr_rx_rings, 2);
  EXPECT(port.nifp->ni_host_tx_rings, 1u);
  EXPECT(port.nifp->ni_host_rx_rings, 1u);
}

CASE("one queue is opened alone, and the others have no ring then") {
  make_cable(2);
  Port port("a", {.nr_ringid = 1, .nr_mode = NR_REG_ONE_NIC});
  EXPECT(port.nifp->ring_ofs[0], 0);
  HOLDS(port.nifp->ring_ofs[1] != 0);
  EXPECT(opening("a", {.nr_ringid = 2, .nr_mode = NR_REG_ONE_NIC}), EINVAL);
}

CASE("a name that no interface has cannot be opened") {
  make_cable();
  EXPECT(opening("c"), ENXIO);
  EXPECT(opening("sixteen_letters_"), ENXIO);
}

CASE("what is sent on an interface arrives at the other end of its cable, unchanged and in order") {
  make_cable();
  Port a("a"), b("b");
  Packets sent;
  for (const char fill : {'x', 'y', 'z'}) {
    sent.push_back(to_everybody(fill, 60 + static_cast<size_t>(fill)));
    a.put(sent.back());
  }
  EXPECT(a.tx_sync(), 0);
  Packets arrived;
  while (arrived.size() < sent.size()) {
    const Packets some = next_of(b);
    HOLDS(!some.empty());
    arrived.insert(arrived.end(), some.begin(), some.end());
  }
  EXPECT(arrived, sent);
}

CASE("interfaces share memory region 1, and pipes have that of their interface") {
  make_cable();
  Port a("a"), b("b"), pipe("a{1");
  EXPECT(a.reg.nr_mem_id, 1);
  EXPECT(b.reg.nr_mem_id, 1);
  EXPECT(pipe.reg.nr_mem_id, 1);
}

CASE("while an interface is open its host receives nothing, and afterwards it does again") {
  make_cable();
  const Host host_a("a"), host_b("b");
  {
    Port b("b");
    host_a.send(to_everybody('h'));
    EXPECT(next_of(b), Packets{to_everybody('h')});
    EXPECT(host_b.receive(), Packets{});
  }
  host_a.send(to_everybody('h'));
  EXPECT(next_of(host_b), Packets{to_everybody('h')});
}

CASE("host rings are numbered after the others, in the ring too") {
  make_cable();
  for (const uint32_t mode : {NR_REG_NIC_SW, NR_REG_SW}) {
    Port port("a", {.nr_mode = mode});
    EXPECT(port.tx(1).ringid, 1);
    EXPECT(port.rx(1).ringid, 1);
  }
}

CASE("what the host sends arrives in the host ring, and what is put there the host receives") {
  make_cable();
  const Host host("a");
  Port port("a", {.nr_mode = NR_REG_NIC_SW});
  host.send(to_everybody('h'));
  EXPECT(next_of(port), Packets{to_everybody('h')});
  port.send(to_everybody('h', 80), 1);
  EXPECT(next_of(host), Packets{to_everybody('h', 80)});
}

CASE("an interface on a switch carries packets to it and from it, and is the host's before and after") {
  make_cable();
  const Host host_a("a"), host_b("b");
  EXPECT(attach(vale("a")), 0);
  Port port(vale("port"));
  port.send(to_everybody('h'));
  EXPECT(next_of(host_b), Packets{to_everybody('h')});
  host_b.send(to_everybody('h', 80));
  EXPECT(next_of(port), Packets{to_everybody('h', 80)});
  EXPECT(host_a.receive(), Packets{});
  EXPECT(detach(vale("a")), 0);
  host_b.send(to_everybody('h'));
  EXPECT(next_of(host_a), Packets{to_everybody('h')});
}

CASE("attached with its host, an interface brings a second station to the switch") {
  make_cable();
  const Host host_a("a"), host_b("b");
  EXPECT(attach(vale("a"), NR_REG_NIC_SW), 0);
  host_a.send(to_everybody('h'));
  EXPECT(next_of(host_b), Packets{to_everybody('h')});
  nmreq_vale_list place = {};
  EXPECT(asking({.type = NETMAP_REQ_VALE_LIST, .name = vale("a^"), .body = &place}), 0);
  EXPECT(place.nr_port_idx, 1u);
  EXPECT(detach(vale("a")), 0);
}

CASE("nobody opens an interface that is on a switch, by either name") {
  make_cable();
  EXPECT(attach(vale("a")), 0);
  EXPECT(attach(vale("a")), EBUSY);
  EXPECT(opening("a"), EBUSY);
  EXPECT(opening(vale("a")), EBUSY);
  EXPECT(detach(vale("a")), 0);
  EXPECT(opening("a"), 0);
  EXPECT(detach(vale("a")), ENXIO);
}

CASE("an interface that a program has open is not attached") {
  make_cable();
  Port port("a");
  EXPECT(attach(vale("a")), EBUSY);
}

CASE("an interface on a switch is polled on request, and not detached meanwhile") {
  make_cable();
  EXPECT(attach(vale("a")), 0);
  nmreq_vale_polling wanted = {.nr_mode = NETMAP_POLLING_MODE_SINGLE_CPU, .nr_num_polling_cpus = 1};
  const auto ask = [&](uint16_t type) { return asking({.type = type, .name = vale("a"), .body = &wanted}); };
  EXPECT(ask(NETMAP_REQ_VALE_POLLING_DISABLE), EFAULT);
  wanted.nr_num_polling_cpus = 0;
  EXPECT(ask(NETMAP_REQ_VALE_POLLING_ENABLE), EINVAL);
  wanted.nr_num_polling_cpus = 1;
  EXPECT(ask(NETMAP_REQ_VALE_POLLING_ENABLE), 0);
  EXPECT(ask(NETMAP_REQ_VALE_POLLING_ENABLE), EFAULT);
  EXPECT(detach(vale("a")), EBUSY);
  EXPECT(ask(NETMAP_REQ_VALE_POLLING_DISABLE), 0);
  EXPECT(detach(vale("a")), 0);
}
