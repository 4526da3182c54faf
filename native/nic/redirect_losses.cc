#include "nic/redirect_losses.h"

#include <string>

#include "nic/bpf/assembler.h"
#include "nic/bpf/btf.h"
#include "nic/bpf/object.h"
#include "nic/live_ring.h"

namespace nm::nic {

namespace {

using namespace bpf;

constexpr int32_t kLoopback = 1;

// A tracepoint's arguments are words. [include/trace/events/xdp.h]
constexpr int argument(int number) { return number * 8; }
constexpr int kFromDevice = argument(0);
constexpr int kDropped = argument(3);  // of xdp_devmap_xmit: how many of the queue

// if from_device->ifindex == 1 and this is the sender's thread: ring->lost += the argument `count`, or 1
std::vector<Instruction> counter(int ring, uint32_t ifindex_at, int count) {
  Assembler code;
  const Label end = code.label();
  code.move(r6, r1);
  code.load<uint64_t>(r2, r6[kFromDevice]);
  code.load<uint32_t>(r2, r2[static_cast<int>(ifindex_at)]);
  code.jump_if32(r2 != kLoopback, end);
  code.call(Helper::get_current_task);
  code.load_map_value(r7, ring);
  code.load<uint64_t>(r2, r7[offsetof(LiveRing, sender)]);
  code.jump_if(r0 != r2, end);
  if (count != 0) {
    code.load<uint64_t>(r2, r6[count]);
    code.move32(r2, r2);
  } else {
    code.move(r2, 1);
  }
  code.atomic_add<uint64_t>(r7[offsetof(LiveRing, lost)], r2);
  code.place(end);
  code.exit_with(0);
  return code.finish();
}

bool attach(const Btf& types, const char* tracepoint, const std::vector<Instruction>& code,
            FileDescriptor* link) {
  const auto target = types.tracepoint(tracepoint);
  if (!target) return false;
  ProgramShape shape = {ProgramType::tracing, "nm_count_lost"};
  shape.attach = AttachType::trace_raw_tp;
  shape.attach_to = *target;
  FileDescriptor program;
  std::string log;
  return load_program(shape, code, &program, &log) == 0 && attach_tracing(program.number(), link) == 0;
}

}  // namespace

bool RedirectLosses::watch(int ring) {
  const Btf types = Btf::of_kernel();
  const auto ifindex_at = types.member_offset("net_device", "ifindex");
  return ifindex_at && attach(types, "xdp_redirect_err", counter(ring, *ifindex_at, 0), &refused_) &&
         attach(types, "xdp_devmap_xmit", counter(ring, *ifindex_at, kDropped), &sent_);
}

}  // namespace nm::nic
