// Memory regions: what is mapped, and which ports share it.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "ports.h"

NOUN("memory regions");

static nmreq_pools_info pools_of(const std::string& name) {
  nmreq_pools_info pools = {};
  EXPECT(asking({.type = NETMAP_REQ_POOLS_INFO_GET, .name = name, .body = &pools}), 0);
  return pools;
}

CASE("a descriptor cannot be mapped before it is registered") {
  Descriptor descriptor;
  void* const mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.fd, 0);
  HOLDS(mapped == MAP_FAILED);
  EXPECT(Answer{errno}, EINVAL);
}

CASE("a region's size is a number of pages, and the netmap_if lies within") {
  Port port(vale("a"));
  EXPECT(port.reg.nr_memsize % static_cast<uint64_t>(sysconf(_SC_PAGESIZE)), 0);
  HOLDS(port.reg.nr_offset + sizeof(netmap_if) <= port.reg.nr_memsize);
}

CASE("a netmap_if says the version of netmap's interface") {
  Port port(vale("a"));
  EXPECT(port.nifp->ni_version, NETMAP_API);
}

CASE("VALE ports have regions of their own, and say that they are private") {
  Port a(vale("a")), b(vale("b"));
  HOLDS(a.reg.nr_mem_id != b.reg.nr_mem_id);
  EXPECT(a.nifp->ni_flags & NI_PRIV_MEM, NI_PRIV_MEM);
}

CASE("a port can be put into the region of another") {
  Port a(vale("a"));
  Port b(vale("b"), {.nr_tx_slots = 64, .nr_rx_slots = 64, .nr_mem_id = a.reg.nr_mem_id});
  EXPECT(b.reg.nr_mem_id, a.reg.nr_mem_id);
  EXPECT(b.reg.nr_memsize, a.reg.nr_memsize);
}

CASE("ports of one region exchange packets by swapping buffers") {
  Port a(vale("a", 'x')), source(vale("s", 'x'));
  Port b(vale("b", 'y'), {.nr_tx_slots = 64, .nr_rx_slots = 64, .nr_mem_id = a.reg.nr_mem_id});
  Port sink(vale("t", 'y'));
  source.send(to_everybody('z'));
  EXPECT(a.rx_sync(), 0);
  netmap_slot& received = a.rx().slot[0];
  netmap_slot& sent = b.tx().slot[0];
  std::swap(received.buf_idx, sent.buf_idx);
  sent.len = received.len;
  received.flags = NS_BUF_CHANGED;
  sent.flags = NS_BUF_CHANGED;
  move_to(a.rx(), 1);
  move_to(b.tx(), 1);
  EXPECT(b.tx_sync(), 0);
  EXPECT(a.rx_sync(), 0);
  EXPECT(sink.receive(), Packets{to_everybody('z')});
}

CASE("a region that does not exist is refused") {
  EXPECT(opening(vale("a"), {.nr_mem_id = 54321}), EINVAL);
  nmreq_port_info_get info = {.nr_mem_id = 54321};
  EXPECT(asking({.type = NETMAP_REQ_PORT_INFO_GET, .name = "", .body = &info}), EINVAL);
}

CASE("a private region is gone with its last user") {
  uint16_t id;
  {
    Port port(vale("a"));
    id = port.reg.nr_mem_id;
  }
  EXPECT(opening(vale("b"), {.nr_mem_id = id}), EINVAL);
}

CASE("a region stays while any of its ports does") {
  Port a(vale("a"));
  Port b(vale("b"), {.nr_tx_slots = 64, .nr_rx_slots = 64, .nr_mem_id = a.reg.nr_mem_id});
  a.close();
  EXPECT(opening(vale("c"), {.nr_tx_slots = 64, .nr_rx_slots = 64, .nr_mem_id = b.reg.nr_mem_id}), 0);
  b.send(to_everybody());
}

CASE("region 1 is always there") {
  for (uint16_t id : {0, 1}) {
    nmreq_port_info_get info = {.nr_mem_id = id};
    EXPECT(asking({.type = NETMAP_REQ_PORT_INFO_GET, .name = "", .body = &info}), 0);
    EXPECT(info.nr_mem_id, 1);
    HOLDS(info.nr_memsize > 0);
  }
}

CASE("two descriptors of a port have a netmap_if each and the same rings") {
  Port first(vale("a")), second(vale("a"));
  HOLDS(first.reg.nr_offset != second.reg.nr_offset);
  EXPECT(reinterpret_cast<char*>(&first.tx()) - first.memory,
         reinterpret_cast<char*>(&second.tx()) - second.memory);
}

CASE("a region that is mapped twice is the same memory") {
  Port port(vale("a"));
  void* const again = mmap(nullptr, port.reg.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, port.fd, 0);
  HOLDS(again != MAP_FAILED && again != port.memory);
  port.tx().sem[5] = 77;
  const auto& ring = *reinterpret_cast<netmap_ring*>(static_cast<char*>(again) +
                                                     (reinterpret_cast<char*>(&port.tx()) - port.memory));
  EXPECT(ring.sem[5], 77);
  munmap(again, port.reg.nr_memsize);
}

CASE("a part of the region can be mapped") {
  Port port(vale("a"));
  void* const part = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, port.fd, 0);
  HOLDS(part != MAP_FAILED);
  HOLDS(memcmp(part, port.memory, 64) == 0);
  munmap(part, 4096);
}

CASE("POOLS_INFO_GET says where interfaces, rings and buffers lie, in this order") {
  Port port(vale("a"));
  const nmreq_pools_info pools = pools_of(vale("a"));
  EXPECT(pools.nr_memsize, port.reg.nr_memsize);
  EXPECT(pools.nr_mem_id, port.reg.nr_mem_id);
  HOLDS(pools.nr_if_pool_offset < pools.nr_ring_pool_offset);
  HOLDS(pools.nr_ring_pool_offset < pools.nr_buf_pool_offset);
  HOLDS(pools.nr_buf_pool_offset < pools.nr_memsize);
}

CASE("a port's netmap_if, rings and buffers lie in their pools") {
  Port port(vale("a"));
  const nmreq_pools_info pools = pools_of(vale("a"));
  HOLDS(port.reg.nr_offset >= pools.nr_if_pool_offset && port.reg.nr_offset < pools.nr_ring_pool_offset);
  const auto ring = static_cast<uint64_t>(reinterpret_cast<char*>(&port.tx()) - port.memory);
  HOLDS(ring >= pools.nr_ring_pool_offset && ring < pools.nr_buf_pool_offset);
  EXPECT(pools.nr_buf_pool_objsize, port.tx().nr_buf_size);
  EXPECT(static_cast<uint64_t>(buffer(port.tx(), 0) - port.memory), pools.nr_buf_pool_offset);
  HOLDS(port.tx().slot[0].buf_idx < pools.nr_buf_pool_objtotal);
}

CASE("POOLS_INFO_GET needs a name") {
  nmreq_pools_info pools = {.nr_mem_id = 1};
  EXPECT(asking({.type = NETMAP_REQ_POOLS_INFO_GET, .name = "", .body = &pools}), ENXIO);
}

CASE("regions of different ports do not see each other's bytes") {
  Port a(vale("a")), b(vale("b"));
  memset(buffer(a.tx(), a.tx().slot[0].buf_idx), 'A', 100);
  memset(buffer(b.tx(), b.tx().slot[0].buf_idx), 'B', 100);
  EXPECT(buffer(a.tx(), a.tx().slot[0].buf_idx)[50], 'A');
}
