// An XDP program on an interface, and the maps through which it is told what to do, kept by all descriptors that use it.
//
// Whoever opens the interface first attaches the program and writes the numbers of its link and maps into the port's driver
// words. Whoever comes next, in whatever process, opens them by these numbers, and so keeps them.
//
// Threads   Under the control lock.
// Failure   The link hangs on descriptors: the program is off the interface when the last process that has it is gone.
#pragma once

#include <array>
#include <cstdint>

#include "file_descriptor.h"
#include "nic/driver.h"

namespace nm::nic {

class XdpAttachment {
 public:
  // Takes part in what somebody attached. False: nothing is.
  bool join(const Target& target);
  // Attaches `program`; `how` is bpf::kXdpNative or bpf::kXdpGeneric. `note` is for those who join.
  Refusal attach(const Target& target, int program, uint32_t how, std::array<FileDescriptor, 2> maps,
                 uint64_t note, int* error);

  int map(uint32_t number) const { return maps_[number].number(); }
  uint64_t note() const { return note_; }

 private:
  FileDescriptor link_;
  std::array<FileDescriptor, 2> maps_;
  uint64_t note_ = 0;
};

}  // namespace nm::nic
