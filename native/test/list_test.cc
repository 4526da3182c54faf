// Requests that tell what is there, without binding to it.
#include <set>
#include <string>

#include "test/engine_rig.h"

using namespace nm;
using namespace nm::test;

namespace {

struct Listed {
  Status status;
  std::string name;
  uint32_t switch_index;
  uint32_t port_index;
};

template <typename Body>
Status request(Rig& rig, uint16_t type, std::string* name, Body* body) {
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  abi::nmreq_header header = {};
  header.nr_version = abi::NETMAP_API;
  header.nr_reqtype = type;
  memcpy(header.nr_name, name->data(), name->size());
  header.nr_body = reinterpret_cast<uint64_t>(body);
  const Status status = device->control(&header);
  *name = header.nr_name;
  return status;
}

Listed list(Rig& rig, std::string name, uint16_t switch_index = 0, uint32_t port_index = 0) {
  abi::nmreq_vale_list body = {};
  body.nr_bridge_idx = switch_index;
  body.nr_port_idx = port_index;
  const Status status = request(rig, abi::NETMAP_REQ_VALE_LIST, &name, &body);
  return {status, name, body.nr_bridge_idx, body.nr_port_idx};
}

}  // namespace

TEST("vale list walks through all ports of all switches and then ends") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale7:c");
  b.reset();
  auto d = rig.open("vale0:d");

  std::set<std::string> seen;
  uint16_t at_switch = 0;
  uint32_t at_port = 0;
  for (;;) {
    const Listed next = list(rig, "", at_switch, at_port);
    if (next.status == Status::no_more_ports) break;
    CHECK_EQUAL(next.status, Status::ok);
    CHECK(seen.insert(next.name).second);
    at_switch = static_cast<uint16_t>(next.switch_index);
    at_port = next.port_index + 1;
  }
  CHECK(seen == std::set<std::string>({"vale0:a", "vale0:d", "vale7:c"}));
  CHECK_EQUAL(status_errno(Status::no_more_ports), ENOENT);
}

TEST("vale list finds a port by name, and tells a missing port from a missing switch") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  CHECK_EQUAL(list(rig, "vale0:b").port_index, 1u);
  CHECK_EQUAL(list(rig, "vale0:nobody").port_index, 255u);
  CHECK_EQUAL(list(rig, "vale1:a").status, Status::no_such_switch);
  CHECK_EQUAL(list(rig, "eth0").status, Status::not_on_a_switch);
  CHECK(rig.files().find("switch.vale1") == std::string::npos);
}

TEST("pools info says where the objects of a port's region lie, and leaves no port behind") {
  Rig rig;
  abi::nmreq_pools_info pools = {};
  std::string name = "vale0:a";
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_POOLS_INFO_GET, &name, &pools), Status::ok);
  CHECK(pools.nr_if_pool_offset < pools.nr_ring_pool_offset);
  CHECK(pools.nr_ring_pool_offset < pools.nr_buf_pool_offset);
  CHECK_EQUAL(pools.nr_buf_pool_offset + uint64_t{pools.nr_buf_pool_objtotal} * pools.nr_buf_pool_objsize,
              pools.nr_memsize);
  CHECK_EQUAL(rig.files(), "namespace");

  auto port = rig.open("vale0:a");
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_POOLS_INFO_GET, &name, &pools), Status::ok);
  CHECK_EQUAL(pools.nr_mem_id, port->granted().nr_mem_id);
  CHECK_EQUAL(pools.nr_memsize, port->mapping().size);
  std::string nobody;
  CHECK_EQUAL(request(rig, abi::NETMAP_REQ_POOLS_INFO_GET, &nobody, &pools), Status::no_such_port);
}
