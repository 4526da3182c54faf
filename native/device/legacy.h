// The ioctls that netmap had before NIOCCTRL: NIOCREGIF and NIOCGINFO with a struct nmreq.
//
// A legacy request is put into the terms of today's, served like any other, and its reply is put back:
//
//   LegacyRequest request;
//   Status status = request.read(ioctl_number, *nmreq);
//   if (status == Status::ok) status = device.control(request.header());
//   if (status == Status::ok) request.reply(nmreq);
//
// And the other way round, for a kernel module that knows no others: today's requests in the older words.
#pragma once

#include "abi/netmap.h"
#include "status.h"

namespace nm {

class LegacyRequest {
 public:
  // `ioctl_number` is NIOCREGIF or NIOCGINFO; switch ports are listed through either. A request that only a kernel
  // can serve gets netmap's refusal.
  Status read(uint32_t ioctl_number, const abi::nmreq_legacy& request);
  abi::nmreq_header* header() { return &header_; }
  // Writes what the legacy API gives back, and nothing else.
  void reply(abi::nmreq_legacy* request) const;

 private:
  Status read_register(const abi::nmreq_legacy& request);
  Status read_command(const abi::nmreq_legacy& request);
  void set(uint16_t type, void* body);

  abi::nmreq_header header_ = {};
  union {
    abi::nmreq_register registration;
    abi::nmreq_port_info_get info;
    abi::nmreq_vale_attach attach;
    abi::nmreq_vale_detach detach;
    abi::nmreq_vale_list list;
    abi::nmreq_port_hdr header_length;
    abi::nmreq_vale_newif new_interface;
    abi::nmreq_vale_polling polling;
  } body_ = {};
};

// What an older module understands of a request: which ioctl it is, and its argument. unsupported_option for requests with
// options and unsupported_request for those that came later.
Status to_legacy(const abi::nmreq_header& header, uint32_t* ioctl_number, abi::nmreq_legacy* request);
// Writes the reply of that ioctl into the body of the request that it was made of.
void reply_from_legacy(const abi::nmreq_legacy& reply, abi::nmreq_header* header);

}  // namespace nm
