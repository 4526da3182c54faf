#include "device/request.h"

#include <algorithm>

namespace nm {

namespace {

constexpr uint64_t kMaxRequestSize = 4096;

// Bytes an option takes, as netmap counts them. Types it does not know count as a bare header.
uint64_t option_size(const abi::nmreq_option& option) {
  switch (option.nro_reqtype) {
    case abi::NETMAP_REQ_OPT_EXTMEM:
      return sizeof(abi::nmreq_opt_extmem);
    case abi::NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS:
      return sizeof(abi::nmreq_opt_sync_kloop_eventfds) + std::min(option.nro_size, kMaxRequestSize);
    case abi::NETMAP_REQ_OPT_CSB:
      return sizeof(abi::nmreq_opt_csb);
    case abi::NETMAP_REQ_OPT_SYNC_KLOOP_MODE:
      return sizeof(abi::nmreq_opt_sync_kloop_mode);
    case abi::NETMAP_REQ_OPT_OFFSETS:
      return sizeof(abi::nmreq_opt_offsets);
    default:
      return sizeof(abi::nmreq_option);
  }
}

abi::nmreq_option* option_at(uint64_t pointer) { return reinterpret_cast<abi::nmreq_option*>(pointer); }

}  // namespace

Status check_request(abi::nmreq_header* header, uint64_t body_size, bool (*supported)(uint32_t option_type)) {
  if (header->nr_version < abi::NETMAP_MIN_API || header->nr_version > abi::NETMAP_MAX_API)
    return Status::bad_version;
  if (header->nr_reserved != 0 || (header->nr_body == 0) != (body_size == 0)) return Status::bad_request;
  header->nr_name[sizeof(header->nr_name) - 1] = '\0';

  Status status = Status::ok;
  uint64_t size = body_size;
  abi::nmreq_option* known[abi::NETMAP_REQ_OPT_MAX] = {};
  for (uint64_t at = header->nr_options; at != 0; at = option_at(at)->nro_next) {
    abi::nmreq_option* option = option_at(at);
    size += option_size(*option);  // of at most twice the limit, so that the sum cannot wrap
    if (size > kMaxRequestSize) return Status::too_long_request;
    if (option->nro_reqtype == 0) return Status::bad_option;
    option->nro_status = EOPNOTSUPP;
    if (option->nro_reqtype >= abi::NETMAP_REQ_OPT_MAX || !supported(option->nro_reqtype)) {
      if (status == Status::ok) status = Status::unsupported_option;
    } else {
      option->nro_status = 0;
    }
    if (option->nro_reqtype >= abi::NETMAP_REQ_OPT_MAX) continue;
    abi::nmreq_option*& first = known[option->nro_reqtype];
    if (first != nullptr) {
      first->nro_status = option->nro_status = EINVAL;
      return Status::bad_option;
    }
    first = option;
  }
  return status;
}

}  // namespace nm
