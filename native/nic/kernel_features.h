// What this kernel lets this process do for the drivers, found by trying. Nothing is left changed.
#pragma once

namespace nm::nic {

// feature, and what it is, with the kernel version that brought it. Printed into lib/layout.ts.
#define NM_KERNEL_FEATURES(row)                                                                    \
  row(bpf_programs, "programs can be loaded into the kernel")                                      \
  row(live_frames, "XDP programs can be run on frames that leave through an interface, since 5.18") \
  row(xdp_pieces, "XDP programs can be given frames of several pages, since 5.18")                 \
  row(tcx, "programs can be attached to what an interface's host receives and sends, since 6.6")   \
  row(kernel_types, "the kernel tells its types and functions, in /sys/kernel/btf/vmlinux")        \
  row(vlan_function, "XDP programs can ask for a VLAN tag that is not in the frame, since 6.8")    \
  row(interface_features, "the kernel tells what interfaces can do for XDP, since 6.3")            \
  row(af_xdp, "AF_XDP sockets can be made, since 4.18")                                            \
  row(af_xdp_wakeup, "AF_XDP sockets say when the kernel must be called, since 5.4")               \
  row(af_xdp_pieces, "AF_XDP packets can have several pieces, since 6.6")                          \
  row(af_xdp_budget, "AF_XDP sockets can send more than 32 packets with a call, since 6.17")       \
  row(packet_sockets, "packet sockets can be made")                                                \
  row(private_network, "a network namespace can be made")

struct KernelFeature {
  bool present = false;
  int error = 0;  // why not, where the kernel said
};

struct KernelFeatures {
#define row(name, text) KernelFeature name;
  NM_KERNEL_FEATURES(row)
#undef row
};

KernelFeatures kernel_features();

}  // namespace nm::nic
