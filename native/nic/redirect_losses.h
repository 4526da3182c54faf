// Counts the live frames of ours that the kernel dropped after our program redirected them: nobody else would tell.
//
//   program --> redirect --> queue of up to 16 --> the interface's driver
//                  |                                   |
//                  +-- xdp_redirect_err                +-- xdp_devmap_xmit      tracepoints of the kernel
//
// Two programs at these tracepoints count, where the frames come from the loopback interface, which live frames seem to come
// from, and the thread is the one that our program says it runs on. They hang on descriptors of the process.
#pragma once

#include <cstdint>

#include "file_descriptor.h"

namespace nm::nic {

class RedirectLosses {
 public:
  // Begins to count in the LiveRing of `ring`, a map. False: this kernel does not let us.
  bool watch(int ring);

 private:
  FileDescriptor refused_;
  FileDescriptor sent_;
};

}  // namespace nm::nic
