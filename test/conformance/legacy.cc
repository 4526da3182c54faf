// Legacy requests: NIOCREGIF and NIOCGINFO, from before NIOCCTRL.
#include <sys/ioctl.h>

#include "ports.h"

NOUN("legacy requests");

static nmreq legacy(const std::string& name) {
  nmreq request = {};
  strncpy(request.nr_name, name.c_str(), sizeof(request.nr_name) - 1);
  request.nr_version = NETMAP_API;
  return request;
}

static std::string short_vale(char port = 'a') {
  return "valz" + std::to_string(case_number() % 1000000) + ":" + port;
}

static Answer regif(const Descriptor& descriptor, nmreq* request) {
  return answer(ioctl(descriptor.fd, NIOCREGIF, request));
}
static Answer regif(nmreq request) {
  Descriptor descriptor;
  return regif(descriptor, &request);
}

CASE("versions before 14 are refused") {
  for (uint32_t version : {0u, 11u, 13u}) {
    nmreq request = legacy(short_vale());
    request.nr_version = version;
    EXPECT(regif(request), EINVAL);
  }
}

CASE("version 14 and all later ones are taken") {
  for (uint32_t version : {14u, 15u, 16u, 1000u}) {
    nmreq request = legacy(short_vale());
    request.nr_version = version;
    EXPECT(regif(request), 0);
  }
}

CASE("a registration replies with geometry, memory and place of the netmap_if") {
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  request.nr_tx_slots = 256;
  EXPECT(regif(descriptor, &request), 0);
  EXPECT(request.nr_tx_slots, 256);
  EXPECT(request.nr_rx_slots, 1024);
  EXPECT(request.nr_tx_rings, 1);
  EXPECT(request.nr_rx_rings, 1);
  HOLDS(request.nr_memsize > 0);
  HOLDS(request.nr_offset < request.nr_memsize);
  HOLDS(request.nr_arg2 != 0);
}

CASE("the reply leaves the version as it was") {
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  request.nr_version = 16;
  EXPECT(regif(descriptor, &request), 0);
  EXPECT(request.nr_version, 16);
}

CASE("a port opened so is the port that NIOCCTRL opens") {
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  EXPECT(regif(descriptor, &request), 0);
  Port same(short_vale());
  EXPECT(same.reg.nr_mem_id, request.nr_arg2);
}

CASE("nr_arg3 asks for extra buffers") {
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  request.nr_arg3 = 20;
  EXPECT(regif(descriptor, &request), 0);
  EXPECT(request.nr_arg3, 20);
}

CASE("nr_arg2 chooses the region") {
  Port other(vale("a"));
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  request.nr_tx_slots = request.nr_rx_slots = 64;
  request.nr_arg2 = other.reg.nr_mem_id;
  EXPECT(regif(descriptor, &request), 0);
  EXPECT(request.nr_arg2, other.reg.nr_mem_id);
}

CASE("the bits of nr_ringid choose one ring where nr_flags has no mode") {
  Port all(short_vale(), {.nr_tx_rings = 2, .nr_rx_rings = 2});
  nmreq request = legacy(short_vale());
  request.nr_ringid = NETMAP_HW_RING | 1;
  EXPECT(regif(request), 0);
  request.nr_ringid = NETMAP_HW_RING | 2;
  EXPECT(regif(request), EINVAL);
  request.nr_ringid = 2;
  EXPECT(regif(request), 0);
}

CASE("the mode of nr_flags counts more than the bits of nr_ringid") {
  Port all(short_vale(), {.nr_tx_rings = 2, .nr_rx_rings = 2});
  nmreq request = legacy(short_vale());
  request.nr_flags = NR_REG_ONE_NIC;
  request.nr_ringid = 3;
  EXPECT(regif(request), EINVAL);
  request.nr_flags = NR_REG_ALL_NIC;
  EXPECT(regif(request), 0);
}

CASE("EXCLUSIVE in nr_flags shuts others out") {
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  request.nr_flags = NR_REG_ALL_NIC | NR_EXCLUSIVE;
  EXPECT(regif(descriptor, &request), 0);
  EXPECT(opening(short_vale()), EBUSY);
}

CASE("the pipe modes open the two sides of the pipe whose number is in nr_ringid") {
  const std::string parent = plain("");
  Descriptor descriptor;
  nmreq request = legacy(parent);
  request.nr_flags = NR_REG_PIPE_MASTER;
  request.nr_ringid = 7;
  EXPECT(regif(descriptor, &request), 0);
  Port other(parent + "}7");
  EXPECT(other.reg.nr_mem_id, request.nr_arg2);
}

CASE("a pipe of a VALE port may have 58 extra buffers") {
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  request.nr_flags = NR_REG_PIPE_MASTER;
  request.nr_ringid = 1;
  request.nr_arg3 = 58;
  EXPECT(regif(descriptor, &request), 0);
  EXPECT(request.nr_arg3, 58);
}

CASE("NO_TX_POLL in nr_ringid keeps poll for reading from sending") {
  Port receiver(short_vale('b'));
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  request.nr_ringid = NETMAP_NO_TX_POLL;
  EXPECT(regif(descriptor, &request), 0);
  // The same ring, seen through another descriptor.
  Port writer(short_vale());
  HOLDS(writer.put(to_everybody()));
  pollfd one = {.fd = descriptor.fd, .events = POLLIN, .revents = 0};
  EXPECT(poll(&one, 1, 0), 0);
  EXPECT(receiver.receive().size(), 0);
}

CASE("NIOCGINFO describes a port") {
  Port port(short_vale(), {.nr_tx_slots = 128, .nr_rx_slots = 64, .nr_tx_rings = 2, .nr_rx_rings = 3});
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  EXPECT(answer(ioctl(descriptor.fd, NIOCGINFO, &request)), 0);
  EXPECT(request.nr_tx_slots, 128);
  EXPECT(request.nr_rx_slots, 64);
  EXPECT(request.nr_tx_rings, 2);
  EXPECT(request.nr_rx_rings, 3);
  EXPECT(request.nr_memsize, port.reg.nr_memsize);
  EXPECT(request.nr_arg2, port.reg.nr_mem_id);
}

CASE("NIOCGINFO registers nothing") {
  Descriptor descriptor;
  nmreq request = legacy(short_vale());
  EXPECT(answer(ioctl(descriptor.fd, NIOCGINFO, &request)), 0);
  EXPECT(descriptor.tx_sync(), ENXIO);
}

CASE("an unknown interface is not found") { EXPECT(regif(legacy(plain("no"))), ENXIO); }

CASE("the list command tells a port's place") {
  // Its switches are those whose names begin with "vale".
  const std::string name = "vale" + std::to_string(case_number() % 1000000) + ":a";
  Port port(name);
  nmreq request = legacy(name);
  request.nr_cmd = NETMAP_BDG_LIST;
  Descriptor descriptor;
  EXPECT(answer(ioctl(descriptor.fd, NIOCGINFO, &request)), 0);
  EXPECT(request.nr_arg2, 0);
  request = legacy("valeq:a");
  request.nr_cmd = NETMAP_BDG_LIST;
  EXPECT(answer(ioctl(descriptor.fd, NIOCGINFO, &request)), ENOENT);
}

CASE("the commands of host passthrough answer that there is no memory for it") {
  for (uint16_t command : {NETMAP_PT_HOST_CREATE, NETMAP_PT_HOST_DELETE}) {
    nmreq request = legacy(short_vale());
    request.nr_cmd = command;
    EXPECT(regif(request), ENOMEM);
  }
}

CASE("a request at an address that is not the process's is refused") {
  Descriptor descriptor;
  EXPECT(answer(ioctl(descriptor.fd, NIOCREGIF, reinterpret_cast<void*>(0x10))), EFAULT);
}
