#include "nic/live_programs.h"

#include "nic/bpf/assembler.h"

namespace nm::nic {

using namespace bpf;

namespace {

// Whether other processors see stores in the order in which the program writes them.
#if defined(__x86_64__) || defined(__s390x__)
constexpr bool kStoresInOrder = true;
#else
constexpr bool kStoresInOrder = false;
#endif

}  // namespace

std::vector<Instruction> live_sender(int ring, const LiveShape& shape, uint32_t interface,
                                     bool counts_losses) {
  constexpr int kInline = 64;  // bytes that are copied here, without calling the kernel
  Assembler code;
  const Label drop = code.label();
  const Label large = code.label();
  const Label copied = code.label();
  const auto slots = static_cast<int32_t>(shape.slots);

  // r6 = the frame, r7 = the ring
  code.move(r6, r1);
  code.load_map_value(r7, ring);
  // r8 = consumed; for the first frame: sender = get_current_task()
  code.load<uint64_t>(r8, r7[offsetof(LiveRing, consumed)]);
  if (counts_losses) {
    const Label known = code.label();
    code.jump_if(r8 != 0, known);
    code.call(Helper::get_current_task);
    code.store<uint64_t>(r7[offsetof(LiveRing, sender)], r0);
    code.place(known);
  }
  // r9 = the slot that it says; consumed++
  code.move(r9, r8);
  code.bit_and(r9, slots - 1);
  code.add(r8, 1);
  code.store<uint64_t>(r7[offsetof(LiveRing, consumed)], r8);
  // r8 = its length. The verifier wants to see that it is in range.
  code.move(r2, r9);
  code.shift_left(r2, 3);
  code.add(r2, r7);
  code.load<uint32_t>(r8, r2[sizeof(LiveRing)]);
  code.jump_if(r8 > static_cast<int32_t>(shape.frame), drop);
  code.jump_if(r8 < 14, drop);
  // r7 = its bytes
  code.multiply(r9, static_cast<int32_t>(shape.stride));
  code.add(r7, r9);
  code.add(r7, static_cast<int32_t>(shape.frames_at() + kLiveFrameAt));

  // if length <= 64: *(u64 [8])frame = *(u64 [8])slot. The frame is longer still, and so is each slot.
  code.load<uint32_t>(r2, r6[kXdpData]);
  code.load<uint32_t>(r3, r6[kXdpDataEnd]);
  code.move(r4, r2);
  code.add(r4, kInline);
  code.jump_if(r4 > r3, drop);
  code.jump_if(r8 > kInline, large);
  for (int at = 0; at < kInline; at += 8) {
    code.load<uint64_t>(r4, r7[at]);
    code.store<uint64_t>(r2[at], r4);
  }
  code.jump(copied);
  // else: xdp_store_bytes(frame, 0, slot, length)
  code.place(large);
  code.move(r1, r6);
  code.move(r2, 0);
  code.move(r3, r7);
  code.move(r4, r8);
  code.call(Helper::xdp_store_bytes);

  // xdp_adjust_tail(frame, length - kLiveTemplate)
  code.place(copied);
  code.move(r1, r6);
  code.move(r2, r8);
  code.subtract(r2, static_cast<int32_t>(kLiveTemplate));
  code.call(Helper::xdp_adjust_tail);
  // return redirect(interface, 0)
  code.move(r1, static_cast<int32_t>(interface));
  code.move(r2, 0);
  code.call(Helper::redirect);
  code.exit();

  code.place(drop);
  code.exit_with(kXdpDrop);
  return code.finish();
}

std::vector<Instruction> live_receiver(const LiveMaps& maps, const LiveShape& shape, bool many_pieces,
                                       uint32_t vlan_function) {
  // The stack: keys of maps, and what the kernel's function says of the tag.
  constexpr int kQueue = -4;
  constexpr int kZero = -8;
  constexpr int kTagType = -12;
  constexpr int kTagValue = -10;
  Assembler code;
  const Label pass = code.label();
  const Label full = code.label();
  const Label too_long = code.label();
  const Label count = code.label();
  const Label drop = code.label();
  const auto slots = static_cast<int32_t>(shape.slots);

  // r6 = the frame
  code.move(r6, r1);
  // r7 = the ring of its queue: map_lookup_elem(map_lookup_elem(rings, &queue), &zero)
  code.load<uint32_t>(r2, r6[kXdpRxQueueIndex]);
  code.store<uint32_t>(fp[kQueue], r2);
  code.store<uint32_t>(fp[kZero], 0);
  code.look_up(maps.rings, kQueue);
  code.jump_if(r0 == 0, pass);
  code.move(r1, r0);
  code.move(r2, fp);
  code.add(r2, kZero);
  code.call(Helper::map_lookup_elem);
  code.jump_if(r0 == 0, pass);
  code.move(r7, r0);

  // r8 = produced; if r8 - consumed >= slots goto full. Only whoever gives slots back writes consumed, and it tells us
  // nothing that we could misuse: the slot's number is taken modulo the slots.
  code.load<uint64_t>(r8, r7[offsetof(LiveRing, produced)]);
  code.load<uint64_t>(r2, r7[offsetof(LiveRing, consumed)]);
  code.move(r3, r8);
  code.subtract(r3, r2);
  code.jump_if(r3 >= slots, full);

  // r4 = length of the frame
  if (many_pieces) {
    code.move(r1, r6);
    code.call(Helper::xdp_get_buff_len);
    code.move(r4, r0);
  } else {
    code.load<uint32_t>(r2, r6[kXdpData]);
    code.load<uint32_t>(r4, r6[kXdpDataEnd]);
    code.subtract(r4, r2);
  }
  code.jump_if(r4 > static_cast<int32_t>(shape.frame), too_long);
  code.jump_if(r4 < 14, drop);

  // r9 = the slot; *(u64 *)(r7 + LiveRing + slot * 8) = length, tag 0
  code.move(r9, r8);
  code.bit_and(r9, slots - 1);
  code.move(r2, r9);
  code.shift_left(r2, 3);
  code.add(r2, r7);
  code.store<uint64_t>(r2[sizeof(LiveRing)], r4);
  // xdp_load_bytes(frame, 0, slot's bytes, length)
  code.move(r3, r9);
  code.multiply(r3, static_cast<int32_t>(shape.stride));
  code.add(r3, r7);
  code.add(r3, static_cast<int32_t>(shape.frames_at() + kLiveFrameAt));
  code.move(r1, r6);
  code.move(r2, 0);
  code.call(Helper::xdp_load_bytes);

  if (vlan_function != 0) {
    const Label untagged = code.label();
    // if xdp_metadata_rx_vlan_tag(frame, &type, &value) == 0: slot's tag = type << 16 | value
    code.store<uint32_t>(fp[kTagType], 0);
    code.move(r1, r6);
    code.move(r2, fp);
    code.add(r2, kTagType);
    code.move(r3, fp);
    code.add(r3, kTagValue);
    code.call_kernel(vlan_function);
    code.jump_if32(r0 != 0, untagged);
    code.load<uint16_t>(r3, fp[kTagType]);
    code.swap_big16(r3);
    code.shift_left(r3, 16);
    code.load<uint16_t>(r2, fp[kTagValue]);
    code.bit_or(r3, r2);
    code.shift_left(r9, 3);
    code.add(r9, r7);
    code.store<uint32_t>(r9[sizeof(LiveRing) + 4], r3);
    code.place(untagged);
  }

  // produced = r8 + 1, after all that it shows. Here no fence follows, for it would wait until the frame's lines, which the
  // other side has read, have come to this processor: that halves the speed. [measured] So whoever starts to wait at this
  // moment may be overlooked; it looks again soon after, see LiveReceiver::before_sleep().
  code.add(r8, 1);
  if (kStoresInOrder) {
    code.store<uint64_t>(r7[offsetof(LiveRing, produced)], r8);
  } else {
    code.exchange<uint64_t>(r7[offsetof(LiveRing, produced)], r8);
  }
  code.load<uint64_t>(r2, r7[offsetof(LiveRing, waiting)]);
  code.jump_if(r2 == 0, drop);
  // if exchange(waiting, 0) != 0: ringbuf_output(bells[queue], ring, 8, FORCE_WAKEUP). What is written does not matter.
  code.move(r2, 0);
  code.exchange<uint64_t>(r7[offsetof(LiveRing, waiting)], r2);
  code.jump_if(r2 == 0, drop);
  code.look_up(maps.bells, kQueue);
  code.jump_if(r0 == 0, drop);
  code.move(r1, r0);
  code.move(r2, r7);
  code.move(r3, 8);
  code.move(r4, kRingbufForceWakeup);
  code.call(Helper::ringbuf_output);
  code.jump(drop);

  code.place(full);
  code.add(r7, offsetof(LiveRing, drops_full));
  code.jump(count);
  code.place(too_long);
  code.add(r7, offsetof(LiveRing, drops_too_long));
  code.place(count);
  code.move(r2, 1);
  code.atomic_add<uint64_t>(r7[0], r2);
  code.place(drop);
  code.exit_with(kXdpDrop);
  code.place(pass);
  code.exit_with(kXdpPass);
  return code.finish();
}

}  // namespace nm::nic
