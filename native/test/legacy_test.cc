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

TEST("the old commands make, attach, list, detach and delete a persistent port") {
  Rig rig;
  auto device = device_of(rig);
  enum { kAttach = 1, kDetach = 2, kList = 4, kMake = 6, kDelete = 7 };
  const auto send_command = [&](uint16_t command, abi::nmreq_legacy* request) {
    request->nr_cmd = command;
    return serve(*device, abi::NIOCREGIF, request);
  };
  abi::nmreq_legacy made = legacy("p");
  made.nr_rx_rings = 2;
  CHECK_EQUAL(send_command(kMake, &made), Status::ok);
  CHECK_EQUAL(made.nr_tx_rings, 1u);
  CHECK_EQUAL(made.nr_rx_rings, 2u);
  CHECK_EQUAL(made.nr_tx_slots, 1024u);
  abi::nmreq_legacy attached = legacy("vale0:p");
  attached.nr_arg1 = 1;  // with the host stack, which it has not
  CHECK_EQUAL(send_command(kAttach, &attached), Status::ok);
  CHECK_EQUAL(attached.nr_arg2, made.nr_arg2);
  abi::nmreq_legacy listed = legacy("vale0:p");
  listed.nr_cmd = kList;
  CHECK_EQUAL(serve(*device, abi::NIOCGINFO, &listed), Status::ok);
  CHECK_EQUAL(listed.nr_arg1, 0u);
  CHECK_EQUAL(listed.nr_arg2, 0u);
  abi::nmreq_legacy request = legacy("p");
  CHECK_EQUAL(send_command(kDelete, &request), Status::port_attached);
  request = legacy("vale0:p");
  CHECK_EQUAL(send_command(kDetach, &request), Status::ok);
  request = legacy("p");
  CHECK_EQUAL(send_command(kDelete, &request), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("old polling commands read mode, processors and first processor from where they were") {
  abi::nmreq_legacy request = legacy("vale0:a");
  request.nr_cmd = 10;
  request.nr_ringid = 3;
  request.nr_arg1 = 2;
  const auto mode_for = [&](uint32_t flags) {
    LegacyRequest translated;
    request.nr_flags = flags;
    CHECK_EQUAL(translated.read(abi::NIOCREGIF, request), Status::ok);
    const auto* body = reinterpret_cast<abi::nmreq_vale_polling*>(translated.header()->nr_body);
    CHECK_EQUAL(body->nr_first_cpu_id, 3u);
    CHECK_EQUAL(body->nr_num_polling_cpus, 2u);
    return body->nr_mode;
  };
  CHECK_EQUAL(mode_for(abi::NR_REG_ALL_NIC), uint32_t{abi::NETMAP_POLLING_MODE_SINGLE_CPU});
  CHECK_EQUAL(mode_for(abi::NR_REG_ONE_NIC), uint32_t{abi::NETMAP_POLLING_MODE_MULTI_CPU});
  CHECK_EQUAL(mode_for(abi::NR_REG_SW), 0u);
}

TEST("old commands that only a kernel can serve get its errors") {
  LegacyRequest translated;
  abi::nmreq_legacy request = legacy("vale0:a");
  request.nr_cmd = 3;
  CHECK_EQUAL(status_errno(translated.read(abi::NIOCREGIF, request)), EINVAL);
  for (const uint16_t command : {8, 9}) {
    request.nr_cmd = command;
    CHECK_EQUAL(status_errno(translated.read(abi::NIOCREGIF, request)), ENOMEM);
  }
}
