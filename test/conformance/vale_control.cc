// VALE control: switches and their ports, listed and looked up.
#include <algorithm>
#include <memory>

#include "ports.h"

NOUN("VALE control");

static Answer list(const std::string& name, nmreq_vale_list* place) {
  return asking({.type = NETMAP_REQ_VALE_LIST, .name = name, .body = place});
}

// All ports of all switches, as VALE_LIST iterates.
static std::vector<std::string> all_ports() {
  std::vector<std::string> names;
  Descriptor descriptor;
  nmreq_vale_list place = {};
  for (int i = 0; i < 10000; i++) {
    const Answer found = descriptor.ask({.type = NETMAP_REQ_VALE_LIST, .name = "", .body = &place});
    if (found == ENOENT) return names;
    EXPECT(found, 0);
    names.push_back(descriptor.reply.nr_name);
    place.nr_port_idx++;
  }
  return names;
}

static int64_t times_listed(const std::string& name) {
  const std::vector<std::string> names = all_ports();
  return std::count(names.begin(), names.end(), name);
}

CASE("a port is listed while it is open") {
  EXPECT(times_listed(vale("a")), 0);
  Port port(vale("a"));
  EXPECT(times_listed(vale("a")), 1);
  port.close();
  EXPECT(times_listed(vale("a")), 0);
}

CASE("the ports of all switches are listed, each once") {
  Port a(vale("a", 'x')), b(vale("b", 'x')), c(vale("c", 'y'));
  Port again(vale("a", 'x'));
  for (const std::string& name : {vale("a", 'x'), vale("b", 'x'), vale("c", 'y')})
    EXPECT(times_listed(name), 1);
}

CASE("a name is looked up to its switch and its port") {
  Port a(vale("a")), b(vale("b")), c(vale("c", 'y'));
  nmreq_vale_list place_a = {}, place_b = {}, place_c = {};
  EXPECT(list(vale("a"), &place_a), 0);
  EXPECT(list(vale("b"), &place_b), 0);
  EXPECT(list(vale("c", 'y'), &place_c), 0);
  EXPECT(place_a.nr_bridge_idx, place_b.nr_bridge_idx);
  HOLDS(place_a.nr_bridge_idx != place_c.nr_bridge_idx);
  EXPECT(place_a.nr_port_idx, 0);
  EXPECT(place_b.nr_port_idx, 1);
  EXPECT(place_c.nr_port_idx, 0);
}

CASE("the number of a port that went is the next one's") {
  Port a(vale("a")), b(vale("b")), c(vale("c"));
  b.close();
  Port d(vale("d"));
  nmreq_vale_list place = {};
  EXPECT(list(vale("d"), &place), 0);
  EXPECT(place.nr_port_idx, 1);
}

CASE("a port that its switch does not have is at place 255") {
  Port a(vale("a"));
  nmreq_vale_list place = {};
  EXPECT(list(vale("b"), &place), 0);
  EXPECT(place.nr_port_idx, 255);
}

CASE("a switch is gone with its last port") {
  nmreq_vale_list place = {};
  EXPECT(list(vale("a"), &place), ENOENT);
  Port a(vale("a")), b(vale("b"));
  a.close();
  EXPECT(list(vale("a"), &place), 0);
  b.close();
  EXPECT(list(vale("a"), &place), ENOENT);
}

CASE("only VALE names are looked up") {
  nmreq_vale_list place = {};
  EXPECT(list(plain("p"), &place), EINVAL);
  EXPECT(list("lo", &place), EINVAL);
}

CASE("a switch forgets its stations when its last port goes") {
  const auto learn = [](const char* name) {
    Port port(vale(name));
    port.send(packet(kEverybody, station(7)));
  };
  learn("a");
  Port b(vale("b")), c(vale("c"));
  c.send(packet(station(7), station(3)));
  EXPECT(b.receive().size(), 1);
}

CASE("a new port has no virtio header") {
  Port port(vale("a"));
  nmreq_port_hdr header = {.nr_hdr_len = 77};
  EXPECT(asking({.type = NETMAP_REQ_PORT_HDR_GET, .name = vale("a"), .body = &header}), 0);
  EXPECT(header.nr_hdr_len, 0);
}

CASE("eight switches exist at the same time") {
  std::vector<std::unique_ptr<Port>> ports;
  // Others may be on the machine: the ninth is not asked for.
  for (char which = 'a'; which < 'i'; which++) {
    ports.push_back(
        std::make_unique<Port>(vale("p", which), nmreq_register{.nr_tx_slots = 8, .nr_rx_slots = 8}));
  }
  for (char which = 'a'; which < 'i'; which++) EXPECT(times_listed(vale("p", which)), 1);
}

CASE("forty ports of a switch all hear what is sent to everybody") {
  std::vector<std::unique_ptr<Port>> ports;
  for (int i = 0; i < 40; i++) {
    ports.push_back(std::make_unique<Port>(vale("p" + std::to_string(i)),
                                           nmreq_register{.nr_tx_slots = 8, .nr_rx_slots = 8}));
  }
  ports[5]->send(to_everybody());
  for (size_t i = 0; i < 40; i++) EXPECT(ports[i]->receive().size(), i == 5 ? 0 : 1);
}
