#include "device/request.h"

#include <algorithm>
#include <cstddef>

#include "engine/caller_memory.h"

namespace nm {

using engine::read_caller;
using engine::write_caller;

namespace {

constexpr uint64_t kHeaderSize = sizeof(abi::nmreq_option);
// netmap counts the pointer with which it remembers where an option came from.
constexpr uint64_t kPointerSize = sizeof(uint64_t);

// Bytes of an option, at most `limit` where it says itself how many. Types that netmap does not know are a bare
// header.
uint64_t option_size(const abi::nmreq_option& option, uint64_t limit) {
  switch (option.nro_reqtype) {
    case abi::NETMAP_REQ_OPT_EXTMEM:
      return sizeof(abi::nmreq_opt_extmem);
    case abi::NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS:
      return std::clamp(option.nro_size, uint64_t{sizeof(abi::nmreq_opt_sync_kloop_eventfds)}, limit);
    case abi::NETMAP_REQ_OPT_CSB:
      return sizeof(abi::nmreq_opt_csb);
    case abi::NETMAP_REQ_OPT_SYNC_KLOOP_MODE:
      return sizeof(abi::nmreq_opt_sync_kloop_mode);
    case abi::NETMAP_REQ_OPT_OFFSETS:
      return sizeof(abi::nmreq_opt_offsets);
    default:
      return kHeaderSize;
  }
}

// Copies lie at places where their words are aligned.
constexpr uint64_t aligned(uint64_t size) { return (size + 7) / 8 * 8; }

}  // namespace

Status Request::read(abi::nmreq_header* header, uint64_t body_size) {
  header_ = header;
  if (header->nr_version < abi::NETMAP_MIN_API || header->nr_version > abi::NETMAP_MAX_API)
    return Status::bad_version;
  if (header->nr_reserved != 0 || (header->nr_body == 0) != (body_size == 0)) return Status::bad_request;
  header->nr_name[sizeof(header->nr_name) - 1] = '\0';
  if (!read_caller(bytes_, header->nr_body, body_size)) return Status::bad_address;
  body_size_ = body_size;
  return read_options();
}

Status Request::read_options() {
  uint64_t place = aligned(body_size_);
  uint64_t size = body_size_;
  const Option* known[abi::NETMAP_REQ_OPT_MAX] = {};
  options_.reserve(kMaxSize / kHeaderSize);  // which is as many as fit, so that pointers into it stay good
  for (uint64_t address = header_->nr_options; address != 0;) {
    if (size + kPointerSize + kHeaderSize > kMaxSize) return Status::too_long_request;
    const Option read = {address, static_cast<uint32_t>(place), kHeaderSize};
    abi::nmreq_option& option = copy_of(read);
    if (!read_caller(&option, address, kHeaderSize)) return Status::bad_address;
    option.nro_status = EOPNOTSUPP;
    options_.push_back(read);
    if (option.nro_reqtype == 0) return Status::bad_option;

    if (option.nro_reqtype < abi::NETMAP_REQ_OPT_MAX) {
      const Option*& first = known[option.nro_reqtype];
      if (first != nullptr) {
        copy_of(*first).nro_status = option.nro_status = EINVAL;
        return Status::bad_option;
      }
      first = &options_.back();
    }
    const uint64_t option_bytes = option_size(option, kMaxSize);
    size += kPointerSize + option_bytes;
    if (size > kMaxSize) return Status::too_long_request;
    if (!read_caller(&option + 1, address + kHeaderSize, option_bytes - kHeaderSize)) {
      return Status::bad_address;
    }
    options_.back().size = static_cast<uint32_t>(option_bytes);
    place += aligned(option_bytes);
    address = option.nro_next;
  }
  return Status::ok;
}

void* Request::find(uint32_t type) {
  for (const Option& option : options_) {
    if (copy_of(option).nro_reqtype == type) return &copy_of(option);
  }
  return nullptr;
}

Status Request::check_options() const {
  const bool all_taken = std::all_of(options_.begin(), options_.end(), [&](const Option& option) {
    return copy_of(option).nro_status != EOPNOTSUPP;
  });
  return all_taken ? Status::ok : Status::unsupported_option;
}

Status Request::write_back(Status status) {
  bool written = true;
  for (const Option& option : options_) {
    const abi::nmreq_option& copy = copy_of(option);
    written &= write_caller(option.address + offsetof(abi::nmreq_option, nro_status), &copy.nro_status,
                            sizeof(copy.nro_status));
  }
  if (status == Status::ok) {
    for (const Option& option : options_) {
      written &= write_caller(option.address + kHeaderSize, &copy_of(option) + 1, option.size - kHeaderSize);
    }
    written &= write_caller(header_->nr_body, bytes_, body_size_);
  }
  return written ? status : Status::bad_address;
}

}  // namespace nm
