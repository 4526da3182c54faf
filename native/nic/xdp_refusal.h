// What an errno of the kernel means for a driver that works with BPF or XDP.
#pragma once

#include "nic/refusal.h"

namespace nm::nic {

// Of making maps and programs.
Refusal bpf_refusal(int error);
// Of attaching a program to an interface.
Refusal attach_refusal(int error);

}  // namespace nm::nic
