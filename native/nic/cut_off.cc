#include "nic/cut_off.h"

#include <cerrno>
#include <string>

#include "nic/bpf/assembler.h"
#include "nic/bpf/object.h"
#include "nic/queue.h"

namespace nm::nic {

using namespace bpf;

namespace {

Refusal refusal_of(int error) {
  switch (error) {
    case 0:
      return Refusal::none;
    case EPERM:
    case EACCES:
      return Refusal::no_bpf;
    // An attach type or a command that the kernel does not know.
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
      return Refusal::kernel_lacks_it;
    default:
      return Refusal::system_refused;
  }
}

// Drops what comes in the queues, but for what goes up on a program's behalf.
std::vector<Instruction> receiving_program(const Interface& interface, const std::vector<uint32_t>& queues) {
  Assembler code;
  const Label drop = code.label();
  const Label upward = code.label();
  code.load<uint32_t>(r2, r1[kSkbMark]);
  code.jump_if32(r2 == kUpwardMark, upward);
  if (queues.size() < interface.rx_queues) {
    code.load<uint32_t>(r2, r1[kSkbQueueMapping]);
    for (const uint32_t queue : queues) {
      for_each_recorded(interface, queue, [&](uint32_t recorded) {
        code.jump_if32(r2 == static_cast<int32_t>(recorded), drop);
      });
    }
    code.exit_with(kTcxNext);
  }
  if (!queues.empty()) {
    code.place(drop);
    code.exit_with(kTcxDrop);
  }
  // The mark was for us alone. Other descriptors' programs would take the packet for one from the wire now, so it
  // passes them by.
  code.place(upward);
  code.move(r2, 0);
  code.store<uint32_t>(r1[kSkbMark], r2);
  code.exit_with(kTcxPass);
  return code.finish();
}

std::vector<Instruction> sending_program() {
  Assembler code;
  code.exit_with(kTcxDrop);
  return code.finish();
}

}  // namespace

Refusal attach_tcx(const std::vector<Instruction>& code, const char* name, AttachType where,
                   uint32_t interface, uint32_t flags, FileDescriptor* link, int* error) {
  FileDescriptor program;
  std::string log;
  *error = load_program({ProgramType::sched_cls, name}, code, &program, &log);
  if (*error == 0) *error = attach_program(program.number(), where, interface, flags, link);
  return refusal_of(*error);
}

Refusal CutOff::receiving(const Interface& interface, const std::vector<uint32_t>& queues, int* error) {
  return attach_tcx(receiving_program(interface, queues), "nm_cut_rx", AttachType::tcx_ingress,
                    interface.index, 0, &receiving_, error);
}

Refusal CutOff::sending(const Interface& interface, int* error) {
  return attach_tcx(sending_program(), "nm_cut_tx", AttachType::tcx_egress, interface.index, 0, &sending_,
                    error);
}

}  // namespace nm::nic
