// What an interface's driver in the kernel can do for XDP, as the kernel says (Linux 6.3 and later).
#pragma once

#include <cstdint>

namespace nm::nic {

// The kernel's function that tells a program the VLAN tag which does not lie in the frame.
inline constexpr const char* kVlanFunction = "bpf_xdp_metadata_rx_vlan_tag";

struct XdpSupport {
  bool is_known = false;  // older kernels do not tell

  bool native = false;  // runs programs in the driver
  bool takes_frames =
      false;  // frames can be redirected to it. Of a veth: while the other side has GRO or a program
  bool takes_pieces = false;      // also those of several pages
  bool receives_pieces = false;   // programs may get frames of several pages
  bool zero_copy = false;         // AF_XDP sockets without copies
  uint32_t zero_copy_pieces = 1;  // slots that a frame may have there
  bool tells_vlan_tag = false;    // a program can ask for the tag that does not lie in the frame
};

XdpSupport xdp_support(uint32_t interface);

}  // namespace nm::nic
