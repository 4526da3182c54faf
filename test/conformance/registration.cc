// Registration: which requests a descriptor takes, and what it says of those it refuses.
#include <sys/ioctl.h>

#include "ports.h"

NOUN("registration");

static Request valid(nmreq_register* body) {
  body->nr_mode = NR_REG_ALL_NIC;
  return {.type = NETMAP_REQ_REGISTER, .name = vale("a"), .body = body};
}

CASE("versions before 14 and after 15 are refused") {
  for (uint16_t version : {0, 11, 13, 16, 100}) {
    nmreq_register body = {};
    Request request = valid(&body);
    request.version = version;
    EXPECT(asking(request), EINVAL);
  }
}

CASE("versions 14 and 15 are taken") {
  for (uint16_t version : {14, 15}) {
    nmreq_register body = {};
    Request request = valid(&body);
    request.version = version;
    EXPECT(asking(request), 0);
  }
}

CASE("a reserved field that is not 0 is refused") {
  nmreq_register body = {};
  Request request = valid(&body);
  request.reserved = 1;
  EXPECT(asking(request), EINVAL);
}

CASE("a request that needs a body is refused without one") {
  for (uint16_t type :
       {NETMAP_REQ_REGISTER, NETMAP_REQ_PORT_INFO_GET, NETMAP_REQ_VALE_LIST, NETMAP_REQ_POOLS_INFO_GET}) {
    EXPECT(asking({.type = type, .name = vale("a")}), EINVAL);
  }
}

CASE("requests that do not exist are refused") {
  uint64_t body[16] = {};
  for (uint16_t type : {0, 16, 1000}) EXPECT(asking({.type = type, .name = vale("a"), .body = body}), EINVAL);
}

CASE("modes that do not exist are refused, DEFAULT and the pipe modes among them") {
  for (const int mode : {int{NR_REG_DEFAULT}, int{NR_REG_PIPE_MASTER}, int{NR_REG_PIPE_SLAVE}, 9, 15}) {
    nmreq_register body = {};
    Request request = valid(&body);
    body.nr_mode = static_cast<uint32_t>(mode);
    EXPECT(asking(request), EINVAL);
  }
}

CASE("a VALE port has no host rings to open") { EXPECT(opening(vale("a"), {.nr_mode = NR_REG_SW}), EINVAL); }

CASE("the reply repeats mode, ring and flags as they were asked for") {
  Port all(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 2});
  Port one(vale("a"), {.nr_ringid = 1, .nr_mode = NR_REG_ONE_NIC, .nr_flags = NR_RX_RINGS_ONLY});
  EXPECT(one.reg.nr_mode, NR_REG_ONE_NIC);
  EXPECT(one.reg.nr_ringid, 1);
  EXPECT(one.reg.nr_flags, NR_RX_RINGS_ONLY);
}

CASE("the reserved field is 0 in the reply") {
  Port port(vale("a"));
  EXPECT(port.reply.nr_reserved, 0);
}

CASE("a descriptor registers once") {
  Port port(vale("a"));
  nmreq_register again = {};
  EXPECT(port.registers(vale("a"), &again), EBUSY);
  EXPECT(port.registers(vale("b"), &again), EBUSY);
}

CASE("a descriptor may register after it was refused") {
  Descriptor descriptor;
  nmreq_register wanted = {.nr_mode = NR_REG_PIPE_MASTER};
  EXPECT(descriptor.registers(vale("a"), &wanted), EINVAL);
  wanted.nr_mode = NR_REG_ALL_NIC;
  EXPECT(descriptor.registers(vale("a"), &wanted), 0);
}

CASE("a refused registration leaves no port behind") {
  EXPECT(opening(vale("a"), {.nr_ringid = 7, .nr_mode = NR_REG_ONE_NIC}), EINVAL);
  nmreq_vale_list list = {};
  EXPECT(asking({.type = NETMAP_REQ_VALE_LIST, .name = vale("a"), .body = &list}), ENOENT);
}

CASE("a refused registration leaves the request as it was") {
  Descriptor descriptor;
  nmreq_register wanted = {.nr_tx_slots = 64, .nr_ringid = 7, .nr_mode = NR_REG_ONE_NIC};
  EXPECT(descriptor.registers(vale("a"), &wanted), EINVAL);
  EXPECT(wanted.nr_memsize, 0);
  EXPECT(wanted.nr_tx_slots, 64);
  EXPECT(wanted.nr_ringid, 7);
}

CASE("a request at an address that is not the process's is refused") {
  Descriptor descriptor;
  EXPECT(answer(ioctl(descriptor.fd, NIOCCTRL, reinterpret_cast<void*>(0x10))), EFAULT);
}

CASE("a body at an address that is not the process's is refused") {
  EXPECT(asking({.type = NETMAP_REQ_REGISTER, .name = vale("a"), .body = reinterpret_cast<void*>(0x10)}),
         EFAULT);
}

CASE("an ioctl of another device is refused") {
  Descriptor descriptor;
  EXPECT(answer(ioctl(descriptor.fd, _IO('z', 1))), EOPNOTSUPP);
}

CASE("NIOCCONFIG is refused where no module has replaced the switch") {
  Descriptor descriptor;
  nm_ifreq request = {};
  strncpy(request.nifr_name, vale_switch().c_str(), sizeof(request.nifr_name) - 1);
  EXPECT(answer(ioctl(descriptor.fd, NIOCCONFIG, &request)), EINVAL);
}

CASE("DO_RX_POLL is taken and changes nothing") {
  Port port(vale("a"), {.nr_flags = NR_DO_RX_POLL});
  EXPECT(port.reg.nr_flags, NR_DO_RX_POLL);
  EXPECT(port.poll(POLLIN), Events{0});
}

CASE("PORT_INFO_GET tells the geometry and the region of an open port") {
  Port port(vale("a"), {.nr_tx_slots = 256, .nr_rx_slots = 128, .nr_tx_rings = 2, .nr_rx_rings = 3});
  nmreq_port_info_get info = {};
  EXPECT(asking({.type = NETMAP_REQ_PORT_INFO_GET, .name = vale("a"), .body = &info}), 0);
  EXPECT(info.nr_tx_slots, 256);
  EXPECT(info.nr_rx_slots, 128);
  EXPECT(info.nr_tx_rings, 2);
  EXPECT(info.nr_rx_rings, 3);
  EXPECT(info.nr_mem_id, port.reg.nr_mem_id);
  EXPECT(info.nr_memsize, port.reg.nr_memsize);
}

CASE("PORT_INFO_GET of a port that is not open makes it for the moment only") {
  nmreq_port_info_get info = {};
  EXPECT(asking({.type = NETMAP_REQ_PORT_INFO_GET, .name = vale("a"), .body = &info}), 0);
  EXPECT(info.nr_tx_rings, 1);
  EXPECT(info.nr_tx_slots, 1024);
  nmreq_vale_list list = {};
  EXPECT(asking({.type = NETMAP_REQ_VALE_LIST, .name = vale("a"), .body = &list}), ENOENT);
}

CASE("PORT_INFO_GET works on a descriptor that is registered") {
  Port port(vale("a"));
  nmreq_port_info_get info = {};
  EXPECT(port.ask({.type = NETMAP_REQ_PORT_INFO_GET, .name = vale("a"), .body = &info}), 0);
  EXPECT(info.nr_mem_id, port.reg.nr_mem_id);
}
