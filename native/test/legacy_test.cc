// The requests of programs from before NIOCCTRL.
#include "device/legacy.h"

#include "request_header.h"
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

// A module from before NIOCCTRL, which the engine plays: it is spoken to in the older words alone.
Status ask_old_module(Device& device, abi::nmreq_header* header) {
  uint32_t number = 0;
  abi::nmreq_legacy request;
  Status status = to_legacy(*header, &number, &request);
  if (status == Status::ok) status = serve(device, number, &request);
  if (status == Status::ok) reply_from_legacy(request, header);
  return status;
}

Status ask_old_module(Device& device, uint16_t type, const char* name, void* body) {
  abi::nmreq_header header = request_header(type, name, body);
  return ask_old_module(device, &header);
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

TEST("a port opened through the older words is granted what today's request is granted") {
  abi::nmreq_register wanted = {};
  wanted.nr_mode = abi::NR_REG_ALL_NIC;
  wanted.nr_tx_slots = 256;
  wanted.nr_extra_bufs = 20;
  wanted.nr_flags = abi::NR_EXCLUSIVE;
  Rig today;
  const auto port = today.open("vale0:a", wanted);
  Rig rig;
  const auto device = device_of(rig);
  abi::nmreq_register body = wanted;
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_REGISTER, "vale0:a", &body), Status::ok);
  const abi::nmreq_register& granted = port->granted();
  CHECK_EQUAL(body.nr_offset, granted.nr_offset);
  CHECK_EQUAL(body.nr_memsize, granted.nr_memsize);
  CHECK_EQUAL(body.nr_tx_slots, granted.nr_tx_slots);
  CHECK_EQUAL(body.nr_rx_slots, granted.nr_rx_slots);
  CHECK_EQUAL(body.nr_tx_rings, granted.nr_tx_rings);
  CHECK_EQUAL(body.nr_rx_rings, granted.nr_rx_rings);
  CHECK_EQUAL(body.nr_extra_bufs, 20u);
  CHECK(body.nr_mem_id != 0);
  // What such modules have and do not tell.
  CHECK_EQUAL(body.nr_host_tx_rings, 1u);
  CHECK_EQUAL(body.nr_host_rx_rings, 1u);

  std::unique_ptr<Port> second;
  CHECK_EQUAL(rig.try_open("vale0:a", &second), Status::port_exclusive);
}

TEST("the two ends of a pipe meet, one opened through the older words") {
  Rig rig;
  const auto device = device_of(rig);
  abi::nmreq_register body = {};
  body.nr_mode = abi::NR_REG_ALL_NIC;
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_REGISTER, "p{7", &body), Status::ok);
  CHECK_EQUAL(rig.open("p}7")->granted().nr_mem_id, body.nr_mem_id);
}

TEST("ports are asked about, made, attached, listed and taken away through the older words") {
  Rig rig;
  const auto device = device_of(rig);
  abi::nmreq_vale_newif made = {};
  made.nr_rx_rings = 2;
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_VALE_NEWIF, "p", &made), Status::ok);
  CHECK_EQUAL(made.nr_tx_slots, 1024u);
  CHECK_EQUAL(made.nr_rx_rings, 2u);
  abi::nmreq_vale_attach attached = {};
  attached.reg.nr_mode = abi::NR_REG_NIC_SW;
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_VALE_ATTACH, "vale0:p", &attached), Status::ok);
  CHECK_EQUAL(attached.reg.nr_mem_id, made.nr_mem_id);

  abi::nmreq_port_info_get info = {};
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_PORT_INFO_GET, "vale0:p", &info), Status::ok);
  CHECK_EQUAL(info.nr_rx_rings, 2u);
  CHECK_EQUAL(info.nr_mem_id, made.nr_mem_id);
  CHECK(info.nr_memsize != 0);
  abi::nmreq_port_hdr header_length = {};
  header_length.nr_hdr_len = 12;
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_PORT_HDR_SET, "vale0:p", &header_length), Status::ok);
  header_length = {};
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_PORT_HDR_GET, "vale0:p", &header_length), Status::ok);
  CHECK_EQUAL(header_length.nr_hdr_len, 12u);

  abi::nmreq_vale_list list = {};
  abi::nmreq_header walk = request_header(abi::NETMAP_REQ_VALE_LIST, "", &list);
  CHECK_EQUAL(ask_old_module(*device, &walk), Status::ok);
  CHECK_EQUAL(std::string(walk.nr_name), "vale0:p");
  list.nr_port_idx++;
  walk = request_header(abi::NETMAP_REQ_VALE_LIST, "", &list);
  CHECK_EQUAL(ask_old_module(*device, &walk), Status::no_more_ports);

  abi::nmreq_vale_detach detached = {};
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_VALE_DETACH, "vale0:p", &detached), Status::ok);
  CHECK_EQUAL(ask_old_module(*device, abi::NETMAP_REQ_VALE_DELIF, "p", nullptr), Status::ok);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a registration in the older words means what it meant in today's, whatever it is") {
  check::Random random;
  const char* const names[] = {"vale0:a", "eth0", "p{0", "p}4095", "a23456789012345"};
  const uint32_t modes[] = {abi::NR_REG_ALL_NIC, abi::NR_REG_SW, abi::NR_REG_NIC_SW, abi::NR_REG_ONE_NIC,
                            abi::NR_REG_ONE_SW};
  const uint64_t flags[] = {abi::NR_MONITOR_TX, abi::NR_MONITOR_RX,      abi::NR_ZCOPY_MON,
                            abi::NR_EXCLUSIVE,  abi::NR_RX_RINGS_ONLY,   abi::NR_TX_RINGS_ONLY,
                            abi::NR_DO_RX_POLL, abi::NR_ACCEPT_VNET_HDR, abi::NR_NO_TX_POLL};
  for (int i = 0; i < 1000; i++) {
    const char* const name = names[random.below(std::size(names))];
    const bool is_pipe = strpbrk(name, "{}") != nullptr;
    abi::nmreq_register body = {};
    body.nr_mode = is_pipe ? uint32_t{abi::NR_REG_ALL_NIC} : modes[random.below(std::size(modes))];
    body.nr_ringid = static_cast<uint16_t>(is_pipe ? 0 : random.below(0x1000));
    body.nr_tx_slots = static_cast<uint32_t>(random.next());
    body.nr_rx_slots = static_cast<uint32_t>(random.next());
    body.nr_tx_rings = static_cast<uint16_t>(random.next());
    body.nr_rx_rings = static_cast<uint16_t>(random.next());
    body.nr_mem_id = static_cast<uint16_t>(random.next());
    body.nr_extra_bufs = static_cast<uint32_t>(random.next());
    for (const uint64_t flag : flags) body.nr_flags |= random.below(2) != 0 ? flag : 0;

    const abi::nmreq_header header = request_header(abi::NETMAP_REQ_REGISTER, name, &body);
    uint32_t number = 0;
    abi::nmreq_legacy request;
    CHECK_EQUAL(to_legacy(header, &number, &request), Status::ok);
    CHECK_EQUAL(number, abi::NIOCREGIF);
    LegacyRequest back;
    CHECK_EQUAL(back.read(number, request), Status::ok);
    CHECK_EQUAL(back.header()->nr_reqtype, header.nr_reqtype);
    CHECK_EQUAL(std::string(back.header()->nr_name), name);
    const auto* const found = reinterpret_cast<const abi::nmreq_register*>(back.header()->nr_body);
    CHECK(memcmp(found, &body, sizeof(body)) == 0);
  }
}

TEST("what the older words cannot say is refused") {
  abi::nmreq_register body = {};
  body.nr_mode = abi::NR_REG_ALL_NIC;
  const auto registering = [&](const char* name) {
    const abi::nmreq_header header = request_header(abi::NETMAP_REQ_REGISTER, name, &body);
    uint32_t number;
    abi::nmreq_legacy request;
    return to_legacy(header, &number, &request);
  };
  CHECK_EQUAL(registering("a234567890123456"), Status::bad_name);
  for (const char* const name : {"p{", "p{x", "p}1x", "p{4096"})
    CHECK_EQUAL(registering(name), Status::bad_name);
  body.nr_ringid = 0x1000;
  CHECK_EQUAL(registering("eth0"), Status::unsupported_request);
  body = {};
  body.nr_mode = abi::NR_REG_NULL;
  CHECK_EQUAL(registering("eth0"), Status::unsupported_request);

  uint32_t number;
  abi::nmreq_legacy request;
  for (const uint16_t type : {abi::NETMAP_REQ_POOLS_INFO_GET, abi::NETMAP_REQ_CSB_ENABLE,
                              abi::NETMAP_REQ_SYNC_KLOOP_START, abi::NETMAP_REQ_VALE_POLLING_ENABLE}) {
    CHECK_EQUAL(to_legacy(request_header(type, "vale0:a", nullptr), &number, &request),
                Status::unsupported_request);
  }
  abi::nmreq_option option = {};
  abi::nmreq_header header = request_header(abi::NETMAP_REQ_REGISTER, "vale0:a", &body);
  header.nr_options = reinterpret_cast<uint64_t>(&option);
  CHECK_EQUAL(to_legacy(header, &number, &request), Status::unsupported_option);
}
