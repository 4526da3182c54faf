// A netmap request: its body and its list of options, copied out of the caller's memory and back into it.
//
//   Request request;
//   Status status = request.read<abi::nmreq_register>(header);   // header, body and options are sound
//   auto* offsets = request.take<abi::nmreq_opt_offsets>();      // nullptr: the caller did not give it
//   ... do it; the status of an option is set in the copy: offsets->nro_opt.nro_status = EBUSY
//   if (status == Status::ok) status = request.check_options();  // somebody took each of them, or undo it
//   status = request.write_back(status);                         // an address may be bad by now: undo, too
//
// The pointers in a header are a program's, and so may be garbage or change at any time: the copies are what
// counts. The header itself is ours.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "abi/netmap.h"
#include "status.h"

namespace nm {

// The body of a request that has none.
struct NoBody {};

// Which type an option of struct Option has.
template <typename Option>
inline constexpr uint32_t kOptionType = 0;
template <>
inline constexpr uint32_t kOptionType<abi::nmreq_opt_extmem> = abi::NETMAP_REQ_OPT_EXTMEM;
template <>
inline constexpr uint32_t kOptionType<abi::nmreq_opt_sync_kloop_eventfds> =
    abi::NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS;
template <>
inline constexpr uint32_t kOptionType<abi::nmreq_opt_csb> = abi::NETMAP_REQ_OPT_CSB;
template <>
inline constexpr uint32_t kOptionType<abi::nmreq_opt_sync_kloop_mode> = abi::NETMAP_REQ_OPT_SYNC_KLOOP_MODE;
template <>
inline constexpr uint32_t kOptionType<abi::nmreq_opt_offsets> = abi::NETMAP_REQ_OPT_OFFSETS;

class Request {
 public:
  // Checks version, type and reserved field of `header`, and copies what it points to. Unknown options are no
  // failure yet, see check_options().
  template <typename Body>
  Status read(abi::nmreq_header* header) {
    return read(header, std::is_empty_v<Body> ? 0 : sizeof(Body));
  }

  std::string name() const { return header_->nr_name; }
  template <typename Body>
  Body* body() {
    return reinterpret_cast<Body*>(bytes_);
  }

  // The option that is a struct Option, or nullptr. Who takes it understands it: its status is 0 now, until
  // something else is written into it. Of eventfds, whose number is open, there are nro_size bytes.
  template <typename Option>
  Option* take() {
    Option* const option = find<Option>();
    if (option != nullptr) option->nro_opt.nro_status = 0;
    return option;
  }

  // The same without taking it: for options that another understands, who writes their status.
  template <typename Option>
  Option* find() {
    static_assert(kOptionType<Option> != 0, "an option that the protocol has");
    return reinterpret_cast<Option*>(find(kOptionType<Option>));
  }

  // unsupported_option while there is an option that nobody took.
  Status check_options() const;

  // Gives the caller its options' statuses, and if `status` is ok also what was written into options and
  // body. Returns `status`, or bad_address when something cannot be written there.
  Status write_back(Status status);

 private:
  static constexpr uint64_t kMaxSize = 4096;
  struct Option {
    uint64_t address;  // in the caller's memory
    uint32_t place;    // of the copy in bytes_
    uint32_t size;     // of the copy
  };

  Status read(abi::nmreq_header* header, uint64_t body_size);
  Status read_options();
  void* find(uint32_t type);
  abi::nmreq_option& copy_of(const Option& option) {
    return *reinterpret_cast<abi::nmreq_option*>(bytes_ + option.place);
  }
  const abi::nmreq_option& copy_of(const Option& option) const {
    return *reinterpret_cast<const abi::nmreq_option*>(bytes_ + option.place);
  }

  abi::nmreq_header* header_ = nullptr;
  uint64_t body_size_ = 0;
  std::vector<Option> options_;
  alignas(8) uint8_t bytes_[kMaxSize];  // the body, then the options
};

}  // namespace nm
