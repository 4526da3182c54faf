#include "device/legacy.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace nm {

namespace {

// nr_ringid, beside the ring's number.
constexpr uint16_t kRingMask = 0x0fff;
constexpr uint16_t kNoTxPoll = 0x1000;
constexpr uint16_t kHostRing = 0x2000;
constexpr uint16_t kHardwareRing = 0x4000;
constexpr uint16_t kDoRxPoll = 0x8000;
// nr_flags, beside the flags that mean the same today.
constexpr uint32_t kModeMask = 0xf;
constexpr uint32_t kFlagsMask = 0xffff & ~kModeMask;
// nr_arg1 of an attachment.
constexpr uint16_t kWithHost = 1;

enum class Command : uint16_t {
  register_port = 0,
  attach = 1,
  detach = 2,
  list = 4,
  set_header = 5,
  new_interface = 6,
  delete_interface = 7,
  create_passthrough = 8,
  delete_passthrough = 9,
  polling_on = 10,
  polling_off = 11,
  get_header = 12,
};

// The mode that the bits of nr_ringid mean where nr_flags leaves it open.
uint32_t mode_of(uint16_t ringid) {
  if ((ringid & kHostRing) != 0) return abi::NR_REG_SW;
  return (ringid & kHardwareRing) != 0 ? abi::NR_REG_ONE_NIC : abi::NR_REG_ALL_NIC;
}

// What tells the shape of a port, in the requests that have it and in their replies.
template <typename Body>
void read_geometry(const abi::nmreq_legacy& request, Body* body) {
  body->nr_tx_slots = request.nr_tx_slots;
  body->nr_rx_slots = request.nr_rx_slots;
  body->nr_tx_rings = request.nr_tx_rings;
  body->nr_rx_rings = request.nr_rx_rings;
  body->nr_mem_id = request.nr_arg2;
}

template <typename Body>
void reply_geometry(const Body& body, abi::nmreq_legacy* request) {
  request->nr_tx_slots = body.nr_tx_slots;
  request->nr_rx_slots = body.nr_rx_slots;
  request->nr_tx_rings = body.nr_tx_rings;
  request->nr_rx_rings = body.nr_rx_rings;
  request->nr_arg2 = body.nr_mem_id;
}

template <typename Body>
void geometry_replied(const abi::nmreq_legacy& reply, Body* body) {
  read_geometry(reply, body);
  // Which such modules have for every port, and do not tell.
  body->nr_host_tx_rings = body->nr_host_rx_rings = 1;
}

template <typename Body>
Body* body_of(const abi::nmreq_header& header) {
  return reinterpret_cast<Body*>(header.nr_body);
}

// How many processors poll. A mode that is neither is 0, which no request accepts.
uint32_t polling_mode_of(uint32_t flags) {
  switch (flags & kModeMask) {
    case abi::NR_REG_ALL_NIC:
      return abi::NETMAP_POLLING_MODE_SINGLE_CPU;
    case abi::NR_REG_ONE_NIC:
      return abi::NETMAP_POLLING_MODE_MULTI_CPU;
    default:
      return 0;
  }
}

}  // namespace

void LegacyRequest::set(uint16_t type, void* body) {
  header_.nr_reqtype = type;
  header_.nr_body = reinterpret_cast<uint64_t>(body);
}

Status LegacyRequest::read(uint32_t ioctl_number, const abi::nmreq_legacy& request) {
  // Programs from before version 14 expect another netmap_if. Those from a later one may come.
  if (request.nr_version < abi::NETMAP_MIN_API) return Status::bad_version;
  header_.nr_version = abi::NETMAP_API;
  memcpy(header_.nr_name, request.nr_name, sizeof(request.nr_name) - 1);
  const auto command = static_cast<Command>(request.nr_cmd);
  if (ioctl_number == abi::NIOCGINFO && command != Command::list) {
    body_.info = {};
    body_.info.nr_mem_id = request.nr_arg2;
    set(abi::NETMAP_REQ_PORT_INFO_GET, &body_.info);
    return Status::ok;
  }
  return command == Command::register_port ? read_register(request) : read_command(request);
}

Status LegacyRequest::read_register(const abi::nmreq_legacy& request) {
  abi::nmreq_register& body = body_.registration;
  body = {};
  read_geometry(request, &body);
  body.nr_extra_bufs = request.nr_arg3;
  body.nr_ringid = request.nr_ringid & kRingMask;
  body.nr_flags = request.nr_flags & kFlagsMask;
  if ((request.nr_ringid & kNoTxPoll) != 0) body.nr_flags |= abi::NR_NO_TX_POLL;
  if ((request.nr_ringid & kDoRxPoll) != 0) body.nr_flags |= abi::NR_DO_RX_POLL;

  const uint32_t mode = request.nr_flags & kModeMask;
  body.nr_mode = mode != abi::NR_REG_DEFAULT ? mode : mode_of(request.nr_ringid);
  if (mode == abi::NR_REG_PIPE_MASTER || mode == abi::NR_REG_PIPE_SLAVE) {
    // The pipe's number is where a ring's would be; today it is part of the name.
    const size_t used = strlen(header_.nr_name);
    snprintf(header_.nr_name + used, sizeof(header_.nr_name) - used, "%c%u",
             mode == abi::NR_REG_PIPE_MASTER ? '{' : '}', body.nr_ringid);
    body.nr_mode = abi::NR_REG_ALL_NIC;
    body.nr_ringid = 0;
  }
  set(abi::NETMAP_REQ_REGISTER, &body);
  return Status::ok;
}

Status LegacyRequest::read_command(const abi::nmreq_legacy& request) {
  switch (static_cast<Command>(request.nr_cmd)) {
    case Command::attach:
      body_.attach = {};
      body_.attach.reg.nr_mode =
          request.nr_arg1 == kWithHost ? uint32_t{abi::NR_REG_NIC_SW} : uint32_t{abi::NR_REG_ALL_NIC};
      body_.attach.reg.nr_mem_id = request.nr_arg2;
      set(abi::NETMAP_REQ_VALE_ATTACH, &body_.attach);
      return Status::ok;
    case Command::detach:
      body_.detach = {};
      set(abi::NETMAP_REQ_VALE_DETACH, &body_.detach);
      return Status::ok;
    case Command::list:
      body_.list = {};
      body_.list.nr_bridge_idx = request.nr_arg1;
      body_.list.nr_port_idx = request.nr_arg2;
      set(abi::NETMAP_REQ_VALE_LIST, &body_.list);
      return Status::ok;
    case Command::set_header:
    case Command::get_header:
      body_.header_length = {};
      body_.header_length.nr_hdr_len = request.nr_arg1;
      set(static_cast<Command>(request.nr_cmd) == Command::set_header
              ? uint16_t{abi::NETMAP_REQ_PORT_HDR_SET}
              : uint16_t{abi::NETMAP_REQ_PORT_HDR_GET},
          &body_.header_length);
      return Status::ok;
    case Command::new_interface:
      body_.new_interface = {};
      read_geometry(request, &body_.new_interface);
      set(abi::NETMAP_REQ_VALE_NEWIF, &body_.new_interface);
      return Status::ok;
    case Command::delete_interface:
      set(abi::NETMAP_REQ_VALE_DELIF, nullptr);
      return Status::ok;
    case Command::polling_on:
    case Command::polling_off:
      body_.polling = {};
      body_.polling.nr_mode = polling_mode_of(request.nr_flags);
      body_.polling.nr_first_cpu_id = request.nr_ringid & kRingMask;
      body_.polling.nr_num_polling_cpus = request.nr_arg1;
      set(static_cast<Command>(request.nr_cmd) == Command::polling_on
              ? uint16_t{abi::NETMAP_REQ_VALE_POLLING_ENABLE}
              : uint16_t{abi::NETMAP_REQ_VALE_POLLING_DISABLE},
          &body_.polling);
      return Status::ok;
    case Command::create_passthrough:
    case Command::delete_passthrough:
      return Status::no_passthrough;
    default:
      return Status::bad_request;
  }
}

void LegacyRequest::reply(abi::nmreq_legacy* request) const {
  switch (header_.nr_reqtype) {
    case abi::NETMAP_REQ_REGISTER:
      request->nr_offset = static_cast<uint32_t>(body_.registration.nr_offset);
      request->nr_memsize = static_cast<uint32_t>(body_.registration.nr_memsize);
      request->nr_arg3 = body_.registration.nr_extra_bufs;
      reply_geometry(body_.registration, request);
      return;
    case abi::NETMAP_REQ_PORT_INFO_GET:
      request->nr_offset = 0;
      request->nr_memsize = static_cast<uint32_t>(body_.info.nr_memsize);
      reply_geometry(body_.info, request);
      return;
    case abi::NETMAP_REQ_VALE_LIST:
      memcpy(request->nr_name, header_.nr_name, sizeof(request->nr_name) - 1);
      request->nr_name[sizeof(request->nr_name) - 1] = '\0';
      request->nr_arg1 = body_.list.nr_bridge_idx;
      request->nr_arg2 = static_cast<uint16_t>(body_.list.nr_port_idx);
      return;
    case abi::NETMAP_REQ_VALE_ATTACH:
      request->nr_arg2 = body_.attach.reg.nr_mem_id;
      return;
    case abi::NETMAP_REQ_VALE_NEWIF:
      reply_geometry(body_.new_interface, request);
      return;
    case abi::NETMAP_REQ_PORT_HDR_SET:
    case abi::NETMAP_REQ_PORT_HDR_GET:
      request->nr_arg1 = static_cast<uint16_t>(body_.header_length.nr_hdr_len);
      return;
    default:
      return;
  }
}

namespace {

// A pipe's number, which is behind its side in today's names, is where a ring's is.
Status pipe_to_legacy(const char* side, abi::nmreq_legacy* request) {
  char* end = nullptr;
  const unsigned long number = strtoul(side + 1, &end, 10);
  if (end == side + 1 || *end != '\0' || number > kRingMask) return Status::bad_name;
  request->nr_flags = (request->nr_flags & ~kModeMask) |
                      (*side == '{' ? uint32_t{abi::NR_REG_PIPE_MASTER} : uint32_t{abi::NR_REG_PIPE_SLAVE});
  request->nr_ringid = static_cast<uint16_t>(number | (request->nr_ringid & ~kRingMask));
  return Status::ok;
}

Status register_to_legacy(const abi::nmreq_register& body, const char* side, abi::nmreq_legacy* request) {
  if (body.nr_mode > kModeMask || body.nr_mode == abi::NR_REG_NULL || body.nr_ringid > kRingMask)
    return Status::unsupported_request;
  reply_geometry(body, request);
  request->nr_arg3 = body.nr_extra_bufs;
  request->nr_ringid = body.nr_ringid;
  if ((body.nr_flags & abi::NR_NO_TX_POLL) != 0) request->nr_ringid |= kNoTxPoll;
  if ((body.nr_flags & abi::NR_DO_RX_POLL) != 0) request->nr_ringid |= kDoRxPoll;
  request->nr_flags = static_cast<uint32_t>(body.nr_flags & kFlagsMask) | body.nr_mode;
  return side != nullptr ? pipe_to_legacy(side, request) : Status::ok;
}

}  // namespace

Status to_legacy(const abi::nmreq_header& header, uint32_t* ioctl_number, abi::nmreq_legacy* request) {
  if (header.nr_options != 0) return Status::unsupported_option;
  *request = {};
  *ioctl_number = abi::NIOCREGIF;
  request->nr_version = abi::NETMAP_API;
  const bool registers = header.nr_reqtype == abi::NETMAP_REQ_REGISTER;
  const char* const side = registers ? strpbrk(header.nr_name, "{}") : nullptr;
  const size_t length = side != nullptr ? static_cast<size_t>(side - header.nr_name) : strlen(header.nr_name);
  if (length >= sizeof(request->nr_name)) return Status::bad_name;
  memcpy(request->nr_name, header.nr_name, length);

  const auto command = [&](Command number) { request->nr_cmd = static_cast<uint16_t>(number); };
  switch (header.nr_reqtype) {
    case abi::NETMAP_REQ_REGISTER:
      return register_to_legacy(*body_of<abi::nmreq_register>(header), side, request);
    case abi::NETMAP_REQ_PORT_INFO_GET:
      *ioctl_number = abi::NIOCGINFO;
      reply_geometry(*body_of<abi::nmreq_port_info_get>(header), request);
      return Status::ok;
    case abi::NETMAP_REQ_VALE_ATTACH: {
      const abi::nmreq_register& port = body_of<abi::nmreq_vale_attach>(header)->reg;
      command(Command::attach);
      request->nr_arg1 = port.nr_mode == abi::NR_REG_NIC_SW ? kWithHost : uint16_t{0};
      request->nr_arg2 = port.nr_mem_id;
      return Status::ok;
    }
    case abi::NETMAP_REQ_VALE_DETACH:
      command(Command::detach);
      return Status::ok;
    case abi::NETMAP_REQ_VALE_LIST: {
      const auto* const list = body_of<abi::nmreq_vale_list>(header);
      *ioctl_number = abi::NIOCGINFO;
      command(Command::list);
      request->nr_arg1 = list->nr_bridge_idx;
      request->nr_arg2 = static_cast<uint16_t>(list->nr_port_idx);
      return Status::ok;
    }
    case abi::NETMAP_REQ_PORT_HDR_SET:
    case abi::NETMAP_REQ_PORT_HDR_GET:
      command(header.nr_reqtype == abi::NETMAP_REQ_PORT_HDR_SET ? Command::set_header : Command::get_header);
      request->nr_arg1 = static_cast<uint16_t>(body_of<abi::nmreq_port_hdr>(header)->nr_hdr_len);
      return Status::ok;
    case abi::NETMAP_REQ_VALE_NEWIF:
      command(Command::new_interface);
      reply_geometry(*body_of<abi::nmreq_vale_newif>(header), request);
      return Status::ok;
    case abi::NETMAP_REQ_VALE_DELIF:
      command(Command::delete_interface);
      return Status::ok;
    default:
      return Status::unsupported_request;
  }
}

void reply_from_legacy(const abi::nmreq_legacy& reply, abi::nmreq_header* header) {
  switch (header->nr_reqtype) {
    case abi::NETMAP_REQ_REGISTER: {
      auto* const body = body_of<abi::nmreq_register>(*header);
      body->nr_offset = reply.nr_offset;
      body->nr_memsize = reply.nr_memsize;
      body->nr_extra_bufs = reply.nr_arg3;
      geometry_replied(reply, body);
      return;
    }
    case abi::NETMAP_REQ_PORT_INFO_GET: {
      auto* const body = body_of<abi::nmreq_port_info_get>(*header);
      body->nr_memsize = reply.nr_memsize;
      geometry_replied(reply, body);
      return;
    }
    case abi::NETMAP_REQ_VALE_ATTACH:
      body_of<abi::nmreq_vale_attach>(*header)->reg.nr_mem_id = reply.nr_arg2;
      return;
    case abi::NETMAP_REQ_VALE_LIST: {
      auto* const body = body_of<abi::nmreq_vale_list>(*header);
      memcpy(header->nr_name, reply.nr_name, sizeof(reply.nr_name));
      header->nr_name[sizeof(reply.nr_name) - 1] = '\0';
      body->nr_bridge_idx = reply.nr_arg1;
      body->nr_port_idx = reply.nr_arg2;
      return;
    }
    case abi::NETMAP_REQ_PORT_HDR_SET:
    case abi::NETMAP_REQ_PORT_HDR_GET:
      body_of<abi::nmreq_port_hdr>(*header)->nr_hdr_len = reply.nr_arg1;
      return;
    case abi::NETMAP_REQ_VALE_NEWIF:
      read_geometry(reply, body_of<abi::nmreq_vale_newif>(*header));
      return;
    default:
      return;
  }
}

}  // namespace nm
