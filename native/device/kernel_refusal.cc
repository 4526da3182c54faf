#include "device/kernel_refusal.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "engine/monitors.h"
#include "engine/names.h"
#include "request_header.h"

namespace nm {
namespace {

using Ask = std::function<int(abi::nmreq_header*)>;

constexpr std::string_view kSwitchPrefix = "vale";
constexpr size_t kMaxPart = 15;

int ask_about(const Ask& ask, uint16_t type, std::string_view name, void* body) {
  abi::nmreq_header header = request_header(type, name, body);
  return ask(&header);
}

bool is_switch_name(std::string_view name) { return name.substr(0, kSwitchPrefix.size()) == kSwitchPrefix; }

std::string_view port_part(std::string_view name) {
  const size_t colon = name.find(':');
  return colon == std::string_view::npos ? std::string_view() : name.substr(colon + 1);
}

bool is_sound_switch_name(std::string_view name) {
  const std::string_view port = port_part(name);
  const std::string_view vale = name.substr(0, name.find(':'));
  const auto is_word = [](char c) { return isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  return !port.empty() && port.size() <= kMaxPart && vale.size() <= kMaxPart &&
         std::all_of(vale.begin(), vale.end(), is_word);
}

bool is_interface(std::string_view name) { return engine::is_interface(std::string(name)); }

bool has_region(const Ask& ask, uint16_t id) {
  abi::nmreq_port_info_get body = {};
  body.nr_mem_id = id;
  return ask_about(ask, abi::NETMAP_REQ_PORT_INFO_GET, "", &body) == 0;
}

std::optional<abi::nmreq_port_info_get> info(const Ask& ask, std::string_view name) {
  abi::nmreq_port_info_get body = {};
  if (ask_about(ask, abi::NETMAP_REQ_PORT_INFO_GET, name, &body) != 0) return std::nullopt;
  return body;
}

// Whether some switch has an interface of this name.
bool is_on_a_switch(const Ask& ask, std::string_view name) {
  abi::nmreq_vale_list body = {};
  for (;;) {
    abi::nmreq_header header = request_header(abi::NETMAP_REQ_VALE_LIST, "", &body);
    // It gives the next port that there is, of this switch or of a later one.
    if (ask(&header) != 0) return false;
    if (port_part(header.nr_name) == name) return true;
    body.nr_port_idx++;
  }
}

const abi::nmreq_option* next_option(uint64_t address) {
  return reinterpret_cast<const abi::nmreq_option*>(address);
}

// What the kernel wrote into an option that it did not like.
std::optional<Status> option_refusal(const abi::nmreq_header& request) {
  for (const auto* option = next_option(request.nr_options); option != nullptr;
       option = next_option(option->nro_next)) {
    const uint32_t error = option->nro_status;
    if (error == 0) continue;
    switch (option->nro_reqtype) {
      case abi::NETMAP_REQ_OPT_OFFSETS:
        if (error == EOPNOTSUPP) return Status::offsets_unsupported;
        return error == EBUSY ? Status::offsets_agreed : Status::bad_offsets;
      case abi::NETMAP_REQ_OPT_EXTMEM:
        if (error == EOPNOTSUPP) return Status::external_unsupported;
        if (error == ENOMEM) return Status::external_too_small;
        return error == EFAULT ? Status::external_unreachable : Status::bad_pools;
      case abi::NETMAP_REQ_OPT_CSB:
        if (error == EOPNOTSUPP) return Status::unsupported_option;
        return error == EFAULT ? Status::bad_address : Status::csb_not_exclusive;
      default:
        return Status::unsupported_option;
    }
  }
  return std::nullopt;
}

Status invalid_registration(const abi::nmreq_register& body, std::string_view name, const Ask& ask) {
  if ((body.nr_flags & engine::kMonitorFlags) != 0) return Status::watched_not_open;
  if (body.nr_mem_id != 0 && !has_region(ask, body.nr_mem_id)) return Status::no_such_region;
  if (is_switch_name(name) && is_interface(port_part(name))) return Status::interface_not_attached;
  const auto port = info(ask, name);
  if (!port) return is_interface(name) ? Status::interface_unfit_for_kernel : Status::bad_name;
  const bool one = body.nr_mode == abi::NR_REG_ONE_NIC;
  if (one && body.nr_ringid >= port->nr_tx_rings && body.nr_ringid >= port->nr_rx_rings)
    return Status::bad_ring;
  if (is_interface(name)) return Status::interface_unfit_for_kernel;
  return Status::kernel_invalid;
}

Status busy_registration(const abi::nmreq_register& body, std::string_view name, bool bound, const Ask& ask) {
  if (bound) return Status::already_registered;
  if (is_switch_name(name) && is_interface(port_part(name))) return Status::port_attached;
  if (is_interface(name) && is_on_a_switch(ask, name)) return Status::port_attached;
  return (body.nr_flags & abi::NR_EXCLUSIVE) != 0 ? Status::port_in_use : Status::port_exclusive;
}

Status registration_refusal(const abi::nmreq_header& request, int error, bool bound, const Ask& ask) {
  const auto& body = *reinterpret_cast<const abi::nmreq_register*>(request.nr_body);
  const std::string_view name(request.nr_name);
  switch (error) {
    case EBUSY:
      return busy_registration(body, name, bound, ask);
    case EINVAL:
      return invalid_registration(body, name, ask);
    case ENXIO:
      return is_switch_name(name) ? Status::no_such_port : Status::no_such_interface;
    case ENODEV:
      return name.find_first_of("{}") != std::string_view::npos ? Status::no_such_pipe
                                                                : Status::no_such_interface;
    case ENOMEM:
      return is_switch_name(name) && !is_sound_switch_name(name) ? Status::bad_switch_name
                                                                 : Status::kernel_full;
    case EIO:
      return Status::header_required;
    case EOPNOTSUPP:
      return Status::no_native_driver;
    default:
      return Status::system_error;
  }
}

// Requests about switches and their ports: what an errno means depends on which it is.
Status switch_refusal(const abi::nmreq_header& request, int error, const Ask& ask) {
  const std::string_view name(request.nr_name);
  const bool attaches = request.nr_reqtype == abi::NETMAP_REQ_VALE_ATTACH;
  switch (error) {
    case EBUSY:
      if (attaches) return Status::port_used;
      return is_switch_name(name) && !is_interface(port_part(name)) ? Status::port_ephemeral
                                                                    : Status::port_attached;
    case EINVAL:
      if (!is_switch_name(name)) return Status::not_on_a_switch;
      return attaches && !is_interface(port_part(name)) ? Status::nothing_to_attach : Status::kernel_invalid;
    case ENXIO:
      return Status::no_such_port;
    case ENOMEM:
      return is_sound_switch_name(name) ? Status::kernel_full : Status::bad_switch_name;
    case EOPNOTSUPP:
      return attaches ? Status::no_native_driver : Status::polling_unsupported;
    case EFAULT:
      return request.nr_reqtype == abi::NETMAP_REQ_VALE_POLLING_ENABLE ? Status::polls_already
                                                                       : Status::polls_not;
    default:
      return registration_refusal(request, error, false, ask);
  }
}

}  // namespace

Status kernel_refusal(const abi::nmreq_header& request, int error, bool bound, const Ask& ask) {
  if (const auto of_option = option_refusal(request)) return *of_option;
  // Whatever was asked.
  if (error == EMSGSIZE) return Status::too_long_request;
  if (error == EPERM || error == EACCES) return Status::not_permitted;
  if (error == EINTR) return Status::interrupted;

  const std::string_view name(request.nr_name);
  switch (request.nr_reqtype) {
    case abi::NETMAP_REQ_REGISTER:
      return registration_refusal(request, error, bound, ask);
    case abi::NETMAP_REQ_VALE_ATTACH:
    case abi::NETMAP_REQ_VALE_DETACH:
    case abi::NETMAP_REQ_VALE_POLLING_ENABLE:
    case abi::NETMAP_REQ_VALE_POLLING_DISABLE:
      return switch_refusal(request, error, ask);
    case abi::NETMAP_REQ_VALE_LIST:
      if (error == EINVAL) return Status::not_on_a_switch;
      return name.empty() ? Status::no_more_ports : Status::no_such_switch;
    case abi::NETMAP_REQ_VALE_NEWIF:
      if (error == EEXIST) return Status::interface_exists;
      return error == EINVAL ? Status::bad_interface_name : Status::kernel_full;
    case abi::NETMAP_REQ_VALE_DELIF:
      if (error == EINVAL) return Status::not_a_persistent_port;
      return error == EBUSY ? Status::port_used : Status::no_such_port;
    case abi::NETMAP_REQ_PORT_HDR_SET:
      return error == EINVAL ? Status::bad_header_length : Status::no_such_port;
    case abi::NETMAP_REQ_PORT_HDR_GET:
      return Status::no_such_port;
    case abi::NETMAP_REQ_CSB_ENABLE:
    case abi::NETMAP_REQ_SYNC_KLOOP_START:
    case abi::NETMAP_REQ_SYNC_KLOOP_STOP:
      if (error == EBUSY) return Status::kloop_running;
      return error == ENXIO ? Status::not_registered : Status::csb_missing;
    case abi::NETMAP_REQ_PORT_INFO_GET:
    case abi::NETMAP_REQ_POOLS_INFO_GET:
      if (error == ENXIO) return is_switch_name(name) ? Status::no_such_port : Status::no_such_interface;
      if (error == ENODEV) return Status::no_such_pipe;
      if (error == ENOMEM) return Status::kernel_full;
      return error == EINVAL ? Status::kernel_invalid : Status::system_error;
    default:
      return error == EINVAL ? Status::bad_request : Status::unsupported_request;
  }
}

}  // namespace nm
