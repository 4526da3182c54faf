// The requests of programs from before NIOCCTRL.
#include "device/legacy.h"

#include "test/engine_rig.h"

using namespace nm;
using namespace nm::test;

namespace {

abi::nmreq_legacy legacy(const char* name) {
  abi::nmreq_legacy request = {};
  strncpy(request.nr_name, name, sizeof(request.nr_name) - 1);
  request.nr_version = abi::NETMAP_API;
  return request;
}

Status serve(Device& device, uint32_t ioctl_number, abi::nmreq_legacy* request) {
  LegacyRequest translated;
  Status status = translated.read(ioctl_number, *request);
  if (status == Status::ok) status = device.control(translated.header());
  if (status == Status::ok) translated.reply(request);
  return status;
}

std::unique_ptr<Device> device_of(Rig& rig) {
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  return device;
}

}  // namespace

TEST("NIOCREGIF opens a switch port with the geometry and the extra buffers it asks for") {
  Rig rig;
  auto device = device_of(rig);
  abi::nmreq_legacy request = legacy("vale0:a");
  request.nr_tx_slots = 256;
  request.nr_arg3 = 20;
  CHECK_EQUAL(serve(*device, abi::NIOCREGIF, &request), Status::ok);
  CHECK_EQUAL(request.nr_tx_slots, 256u);
  CHECK_EQUAL(request.nr_rx_slots, 1024u);
  CHECK_EQUAL(request.nr_tx_rings, 1u);
  CHECK_EQUAL(request.nr_arg3, 20u);
  CHECK(request.nr_arg2 != 0 && request.nr_memsize != 0);
}

TEST("NIOCREGIF takes a pipe's number from the ring id, and means the pipe that others name") {
  Rig rig;
  auto device = device_of(rig);
  abi::nmreq_legacy request = legacy("p");
  request.nr_flags = abi::NR_REG_PIPE_MASTER;
  request.nr_ringid = 7;
  CHECK_EQUAL(serve(*device, abi::NIOCREGIF, &request), Status::ok);
  auto slave = rig.open("p}7");
  CHECK_EQUAL(slave->granted().nr_mem_id, request.nr_arg2);
}

TEST("NIOCREGIF reads the mode from the bits of the ring id where the flags leave it open") {
  LegacyRequest translated;
  abi::nmreq_legacy request = legacy("vale0:a");
  request.nr_ringid = 0x4000 | 3 | 0x1000;
  CHECK_EQUAL(translated.read(abi::NIOCREGIF, request), Status::ok);
  const auto* body = reinterpret_cast<abi::nmreq_register*>(translated.header()->nr_body);
  CHECK_EQUAL(body->nr_mode, uint32_t{abi::NR_REG_ONE_NIC});
  CHECK_EQUAL(body->nr_ringid, 3u);
  CHECK_EQUAL(body->nr_flags, uint64_t{abi::NR_NO_TX_POLL});
}

TEST("NIOCGINFO tells a port's geometry and leaves the version alone") {
  Rig rig;
  auto port = rig.open("vale0:a");
  auto device = device_of(rig);
  abi::nmreq_legacy request = legacy("vale0:a");
  request.nr_version = 16;
  CHECK_EQUAL(serve(*device, abi::NIOCGINFO, &request), Status::ok);
  CHECK_EQUAL(request.nr_arg2, port->granted().nr_mem_id);
  CHECK_EQUAL(request.nr_rx_slots, 1024u);
  CHECK_EQUAL(request.nr_version, 16u);
}

TEST("legacy requests of versions before 14 are refused") {
  LegacyRequest translated;
  abi::nmreq_legacy request = legacy("vale0:a");
  request.nr_version = 13;
  CHECK_EQUAL(translated.read(abi::NIOCREGIF, request), Status::bad_version);
}

TEST("a legacy list request walks through switch ports") {
  Rig rig;
  auto port = rig.open("vale0:a");
  auto device = device_of(rig);
  abi::nmreq_legacy request = legacy("");
  request.nr_cmd = 4;
  CHECK_EQUAL(serve(*device, abi::NIOCREGIF, &request), Status::ok);
  CHECK_EQUAL(std::string(request.nr_name), "vale0:a");
  request = legacy("");
  request.nr_cmd = 4;
  request.nr_arg2 = 1;
  CHECK_EQUAL(serve(*device, abi::NIOCREGIF, &request), Status::no_more_ports);
}
