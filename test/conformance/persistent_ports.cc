// Persistent ports: made by name, outliving whoever made them, put on switches and taken off again.
#include "ports.h"

NOUN("persistent ports");

static Answer make(const std::string& name, nmreq_vale_newif* wanted) {
  return asking({.type = NETMAP_REQ_VALE_NEWIF, .name = name, .body = wanted});
}
static Answer make(const std::string& name) {
  nmreq_vale_newif wanted = {};
  return make(name, &wanted);
}
static Answer unmake(const std::string& name) {
  return asking({.type = NETMAP_REQ_VALE_DELIF, .name = name});
}

static Answer attach(const std::string& name, nmreq_vale_attach* wanted) {
  if (wanted->reg.nr_mode == 0) wanted->reg.nr_mode = NR_REG_ALL_NIC;
  return asking({.type = NETMAP_REQ_VALE_ATTACH, .name = name, .body = wanted});
}
static Answer attach(const std::string& name) {
  nmreq_vale_attach wanted = {};
  return attach(name, &wanted);
}
static Answer detach(const std::string& name) {
  nmreq_vale_detach reply = {};
  return asking({.type = NETMAP_REQ_VALE_DETACH, .name = name, .body = &reply});
}

// Since 2022 the module overwrites the name of a persistent port that is on a switch when it is opened, looked up or put on a
// second one, and then finds it there no more: port and switch stay until the module is reloaded, and there are 8 switches.
static void spare_the_kernel() {
  if (device() == Device::kernel) skip("it would leave a switch in the module that nothing takes away");
}

// A persistent port that the case leaves behind neither when it holds nor when it does not.
struct Persistent {
  explicit Persistent(std::string its_name) : name(std::move(its_name)) { EXPECT(make(name), 0); }
  Persistent(const Persistent&) = delete;
  ~Persistent() {
    for (char which : {'z', 'y', 'x'}) detach(on(which));
    unmake(name);
  }
  // Its name on a switch of the case.
  std::string on(char which = 'x') const { return vale(name, which); }
  std::string name;
};

CASE("a persistent port outlives the process that made it") {
  Process maker([] { EXPECT(make(plain("p")), 0); });
  maker.wait();
  EXPECT(opening(plain("p")), 0);
  EXPECT(unmake(plain("p")), 0);
  EXPECT(opening(plain("p")), ENXIO);
}

CASE("it has the rings and slots that were asked for") {
  nmreq_vale_newif wanted = {.nr_tx_slots = 256, .nr_rx_slots = 512, .nr_tx_rings = 2, .nr_rx_rings = 3};
  EXPECT(make(plain("p"), &wanted), 0);
  nmreq_port_info_get info = {};
  EXPECT(asking({.type = NETMAP_REQ_PORT_INFO_GET, .name = plain("p"), .body = &info}), 0);
  EXPECT(unmake(plain("p")), 0);
  EXPECT(info.nr_tx_slots, 256);
  EXPECT(info.nr_rx_slots, 512);
  EXPECT(info.nr_tx_rings, 2);
  EXPECT(info.nr_rx_rings, 3);
}

CASE("a name can be made once") {
  Persistent port(plain("p"));
  EXPECT(make(port.name), EEXIST);
}

CASE("an interface's name cannot be made") { EXPECT(make("lo"), EEXIST); }

CASE("names of VALE ports and names that are too long cannot be made") {
  EXPECT(make(vale_switch()), EINVAL);
  EXPECT(make("c234567890123456"), EINVAL);
}

CASE("a region that does not exist is refused when the port is made") {
  nmreq_vale_newif wanted = {.nr_mem_id = 65000};
  EXPECT(make(plain("p"), &wanted), EINVAL);
}

CASE("what is no persistent port cannot be unmade") {
  EXPECT(unmake(plain("no")), ENXIO);
  EXPECT(unmake("lo"), EINVAL);
}

CASE("a persistent port that is open or attached cannot be unmade") {
  Persistent port(plain("p"));
  EXPECT(attach(port.on()), 0);
  EXPECT(unmake(port.name), EBUSY);
  EXPECT(detach(port.on()), 0);
  Port opened(port.name);
  EXPECT(unmake(port.name), EBUSY);
}

CASE("on no switch it has no peers: what it sends is discarded") {
  Persistent port(plain("p"));
  Port opened(port.name);
  opened.send(to_everybody());
  EXPECT(space(opened.tx()), opened.tx().num_slots - 1);
}

CASE("it has no host rings") {
  Persistent port(plain("p"));
  EXPECT(opening(port.name, {.nr_mode = NR_REG_SW}), EINVAL);
}

CASE("attached, it trades packets with the ports of its switch") {
  spare_the_kernel();
  Persistent port(plain("p"));
  EXPECT(attach(port.on()), 0);
  Port opened(port.name), other(vale("b"));
  opened.send(to_everybody('o'));
  other.send(to_everybody('i'));
  EXPECT(other.receive(), Packets{to_everybody('o')});
  EXPECT(opened.receive(), Packets{to_everybody('i')});
}

CASE("attached, it is opened by its own name and by that on the switch") {
  spare_the_kernel();
  Persistent port(plain("p"));
  EXPECT(attach(port.on()), 0);
  Port first(port.name), second(port.on());
  EXPECT(first.reg.nr_mem_id, second.reg.nr_mem_id);
  Port other(vale("b"));
  other.send(to_everybody('x'));
  EXPECT(first.rx_sync(), 0);
  EXPECT(first.rx().tail, 1);
  EXPECT(second.rx().tail, 1);
}

CASE("it keeps its name on the switch after it was opened") {
  spare_the_kernel();
  Persistent port(plain("p"));
  EXPECT(attach(port.on()), 0);
  EXPECT(opening(port.on()), 0);
  EXPECT(opening(port.on()), 0);
  EXPECT(detach(port.on()), 0);
}

CASE("a port that is not attached cannot be opened by a name on a switch") {
  Persistent port(plain("p"));
  EXPECT(opening(port.on()), EINVAL);
}

CASE("attaching replies with the place on the switch and the region") {
  spare_the_kernel();
  Persistent port(plain("p"));
  Port first(vale("a"));
  nmreq_vale_attach wanted = {};
  EXPECT(attach(port.on(), &wanted), 0);
  EXPECT(wanted.port_index, 1);
  nmreq_port_info_get info = {};
  EXPECT(asking({.type = NETMAP_REQ_PORT_INFO_GET, .name = port.name, .body = &info}), 0);
  EXPECT(wanted.reg.nr_mem_id, info.nr_mem_id);
}

CASE("a port that is on the switch already cannot be attached to it") {
  Persistent port(plain("p"));
  EXPECT(attach(port.on()), 0);
  EXPECT(attach(port.on()), EBUSY);
  Port ephemeral(vale("a"));
  EXPECT(attach(vale("a")), EBUSY);
}

CASE("only what exists is attached") {
  EXPECT(attach(vale("no")), EINVAL);
  EXPECT(attach(plain("p")), EINVAL);
}

CASE("a persistent port is attached with all its rings only") {
  Persistent port(plain("p"));
  nmreq_vale_attach one_ring = {.reg = {.nr_mode = NR_REG_ONE_NIC}};
  EXPECT(attach(port.on(), &one_ring), EINVAL);
  nmreq_vale_attach other_ring = {.reg = {.nr_ringid = 1}};
  EXPECT(attach(port.on(), &other_ring), EINVAL);
}

CASE("what is on no switch cannot be detached") {
  Persistent port(plain("p"));
  EXPECT(detach(port.on()), ENXIO);
  EXPECT(detach(port.name), EINVAL);
}

CASE("a port that exists only while it is open cannot be detached") {
  Port ephemeral(vale("a"));
  EXPECT(detach(vale("a")), EBUSY);
}

CASE("a switch is there for as long as a port is attached to it") {
  Persistent port(plain("p"));
  nmreq_vale_list place = {};
  EXPECT(attach(port.on()), 0);
  EXPECT(asking({.type = NETMAP_REQ_VALE_LIST, .name = port.on(), .body = &place}), 0);
  EXPECT(detach(port.on()), 0);
  EXPECT(asking({.type = NETMAP_REQ_VALE_LIST, .name = port.on(), .body = &place}), ENOENT);
}

CASE("a port on two switches joins them") {
  spare_the_kernel();
  Persistent port(plain("p"));
  EXPECT(attach(port.on('x')), 0);
  EXPECT(attach(port.on('y')), 0);
  Port here(vale("a", 'x')), there(vale("b", 'y'));
  here.send(packet(kEverybody, station(1), 'x'));
  EXPECT(there.receive(), Packets{packet(kEverybody, station(1), 'x')});
  there.send(packet(station(1), station(2), 'y'));
  EXPECT(here.receive(), Packets{packet(station(1), station(2), 'y')});
}

CASE("a port on two switches is detached from the second one first") {
  spare_the_kernel();
  Persistent port(plain("p"));
  EXPECT(attach(port.on('x')), 0);
  EXPECT(attach(port.on('y')), 0);
  EXPECT(detach(port.on('x')), EBUSY);
  EXPECT(detach(port.on('y')), 0);
  EXPECT(detach(port.on('x')), 0);
}

CASE("a port on two switches cannot be opened") {
  spare_the_kernel();
  Persistent port(plain("p"));
  EXPECT(attach(port.on('x')), 0);
  EXPECT(attach(port.on('y')), 0);
  EXPECT(opening(port.name), EBUSY);
  EXPECT(opening(port.on('x')), EBUSY);
}

CASE("a port that is open cannot be put on a second switch") {
  spare_the_kernel();
  Persistent port(plain("p"));
  EXPECT(attach(port.on('x')), 0);
  Port opened(port.name);
  EXPECT(attach(port.on('y')), EBUSY);
}

CASE("polling is not for persistent ports") {
  Persistent port(plain("p"));
  EXPECT(attach(port.on()), 0);
  nmreq_vale_polling wanted = {.nr_mode = NETMAP_POLLING_MODE_SINGLE_CPU, .nr_num_polling_cpus = 1};
  EXPECT(asking({.type = NETMAP_REQ_VALE_POLLING_ENABLE, .name = port.on(), .body = &wanted}), EOPNOTSUPP);
  EXPECT(asking({.type = NETMAP_REQ_VALE_POLLING_DISABLE, .name = port.on(), .body = &wanted}), EOPNOTSUPP);
  EXPECT(asking({.type = NETMAP_REQ_VALE_POLLING_ENABLE, .name = vale("no"), .body = &wanted}), ENXIO);
  EXPECT(asking({.type = NETMAP_REQ_VALE_POLLING_ENABLE, .name = port.name, .body = &wanted}), EINVAL);
}

CASE("a pipe on a persistent port lies in its region, and keeps the port from being unmade") {
  Persistent port(plain("p"));
  Port opened(port.name);
  {
    Port pipe(port.name + "{1");
    EXPECT(pipe.reg.nr_mem_id, opened.reg.nr_mem_id);
    opened.close();
    EXPECT(unmake(port.name), EBUSY);
  }
  EXPECT(unmake(port.name), 0);
}
