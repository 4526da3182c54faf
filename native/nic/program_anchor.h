// Keeps an XDP program among those that the kernel calls directly, so that running it on live frames starts at once.
//
// The kernel patches its code for each XDP program that becomes attached to some interface, and for one that is run unattached
// it does so before each run and undoes it after: 1 to 24 ms, in which it waits for all processors. An attached program costs
// 10 us to start. [measured] Where it is attached does not matter: here to the loopback interface of a network namespace made
// for it, which nobody sees and nothing passes through. It goes when the descriptors are closed.
#pragma once

#include "file_descriptor.h"

namespace nm::nic {

class ProgramAnchor {
 public:
  // Returns 0 or an errno. EPERM: CAP_SYS_ADMIN is missing.
  int attach(int program);

 private:
  FileDescriptor network_;
  FileDescriptor link_;
};

}  // namespace nm::nic
