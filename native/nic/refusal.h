// Why a driver does not open an interface: what `auto` passed over and why, told to people by lib/errors.ts.
#pragma once

#include <cstdint>

namespace nm::nic {

// refusal, and the situation. Printed into lib/layout.ts.
#define NM_REFUSALS(row)                                                                    \
  row(none, "the driver works")                                                             \
  row(no_net_raw, "the capability CAP_NET_RAW is missing")                                  \
  row(no_net_admin, "the capability CAP_NET_ADMIN is missing")                              \
  row(no_sys_admin, "the capability CAP_SYS_ADMIN is missing")                             \
  row(no_bpf, "the capability CAP_BPF, or CAP_SYS_ADMIN before Linux 5.8, is missing")      \
  row(no_locked_memory, "RLIMIT_MEMLOCK does not allow as much locked memory as is needed") \
  row(kernel_lacks_it, "this kernel does not have what the driver needs")                   \
  row(interface_lacks_it, "the interface's driver does not have what this driver needs")    \
  row(program_in_the_way, "another XDP program is attached to the interface")               \
  row(queue_taken, "somebody else has a queue of the interface")                            \
  row(buffers_unfit, "the buffers of the memory region do not suit the driver")             \
  row(frames_too_long, "the interface's MTU needs longer frames than the driver carries")   \
  row(not_a_tap, "the interface of that name is no TAP device, or has one queue where many are wanted") \
  row(host_rings_unfit, "it would take what host rings send to the host for packets from the wire")        \
  row(owner_unreachable, "another process has these rings open and cannot be asked to share them") \
  row(system_refused, "the operating system refused a call that should have worked")

#define row(name, text) name,
enum class Refusal : uint32_t { NM_REFUSALS(row) };
#undef row

}  // namespace nm::nic
