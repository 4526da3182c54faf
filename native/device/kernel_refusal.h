// Why the kernel's netmap did not do what it was asked.
//
// It says an errno, most of which have several causes. Which one it was is found out by asking on: about the port, its
// memory and the switches, none of which changes anything.
#pragma once

#include <functional>

#include "abi/netmap.h"
#include "status.h"

namespace nm {

// `error` is the errno of `request`, on a descriptor that was bound before or not. `ask` makes another request, on a
// descriptor that is not, and gives its errno or 0.
Status kernel_refusal(const abi::nmreq_header& request, int error, bool bound,
                      const std::function<int(abi::nmreq_header*)>& ask);

}  // namespace nm
