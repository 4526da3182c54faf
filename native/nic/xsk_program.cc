#include "nic/xsk_program.h"

#include "nic/bpf/assembler.h"

namespace nm::nic {

using namespace bpf;

std::vector<Instruction> xsk_receiver(int sockets, uint32_t vlan_function) {
  constexpr int kQueue = -4;
  constexpr int kTagType = -8;
  constexpr int kTagValue = -6;
  constexpr int kTag = 4;
  constexpr int kMacs = 12;
  Assembler code;
  const Label pass = code.label();
  const Label give = code.label();

  // r6 = the frame; if map_lookup_elem(sockets, &queue) == 0 goto pass
  code.move(r6, r1);
  code.load<uint32_t>(r2, r6[kXdpRxQueueIndex]);
  code.store<uint32_t>(fp[kQueue], r2);
  if (vlan_function != 0) {
    code.look_up(sockets, kQueue);
    code.jump_if(r0 == 0, pass);
    // if xdp_metadata_rx_vlan_tag(frame, &type, &value) != 0 goto give
    code.store<uint32_t>(fp[kTagType], 0);
    code.move(r1, r6);
    code.move(r2, fp);
    code.add(r2, kTagType);
    code.move(r3, fp);
    code.add(r3, kTagValue);
    code.call_kernel(vlan_function);
    code.jump_if32(r0 != 0, give);
    // The frame begins 4 bytes earlier, with the addresses, and the tag is behind them.
    code.move(r1, r6);
    code.move(r2, -kTag);
    code.call(Helper::xdp_adjust_head);
    code.jump_if32(r0 != 0, give);
    code.load<uint32_t>(r2, r6[kXdpData]);
    code.load<uint32_t>(r3, r6[kXdpDataEnd]);
    code.move(r4, r2);
    code.add(r4, kMacs + kTag);
    code.jump_if(r4 > r3, give);
    for (int at = 0; at < kMacs; at += 4) {
      code.load<uint32_t>(r4, r2[at + kTag]);
      code.store<uint32_t>(r2[at], r4);
    }
    // The type is in network order already.
    code.load<uint16_t>(r4, fp[kTagType]);
    code.store<uint16_t>(r2[kMacs], r4);
    code.load<uint16_t>(r4, fp[kTagValue]);
    code.swap_big16(r4);
    code.store<uint16_t>(r2[kMacs + 2], r4);
  }
  // return redirect_map(sockets, queue, XDP_PASS)
  code.place(give);
  code.load_map(r1, sockets);
  code.load<uint32_t>(r2, fp[kQueue]);
  code.move(r3, kXdpPass);
  code.call(Helper::redirect_map);
  code.exit();
  if (vlan_function != 0) {
    code.place(pass);
    code.exit_with(kXdpPass);
  }
  return code.finish();
}

}  // namespace nm::nic
