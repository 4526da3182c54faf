// Keeps the host out of an interface that a program has open: what the interface receives does not reach the host, and what
// the host sends on it does not leave.
//
//   wire --> XDP --> packet sockets --> [tcx ingress: cut off] -x-> host stack
//   host stack --> [tcx egress: cut off] -x-> queues --> wire        packet sockets with qdisc bypass, XDP: --> wire
//
// What a descriptor opened is cut off by programs of its own, so any number of processes can have parts of the interface.
//
// Failure   The programs hang on descriptors of the process. The kernel takes them off the interface when it dies.
#pragma once

#include <cstdint>
#include <vector>

#include "file_descriptor.h"
#include "nic/bpf/abi.h"
#include "nic/interface.h"
#include "nic/refusal.h"

namespace nm::nic {

// Marks packets that go up to the host on a program's behalf: they are not from the wire, and are let through.
inline constexpr int32_t kUpwardMark = 0x4e4d7570;

// Loads a tcx program and attaches it, for as long as the link is open. `flags`: 0 or bpf::kTcxBefore.
Refusal attach_tcx(const std::vector<bpf::Instruction>& code, const char* name, bpf::AttachType where,
                   uint32_t interface, uint32_t flags, FileDescriptor* link, int* error);

class CutOff {
 public:
  // From now on the host gets nothing that arrives in these queues, which may be none. What is marked reaches it, without
  // the mark.
  Refusal receiving(const Interface& interface, const std::vector<uint32_t>& queues, int* error);
  // From now on nothing that the host sends on the interface leaves.
  Refusal sending(const Interface& interface, int* error);

 private:
  FileDescriptor receiving_;
  FileDescriptor sending_;
};

}  // namespace nm::nic
