#include "nic/program_anchor.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <thread>

#include "nic/bpf/object.h"

namespace nm::nic {

namespace {

constexpr uint32_t kLoopback = 1;  // the number of the loopback interface in every network namespace

}  // namespace

int ProgramAnchor::attach(int program) {
  int error = 0;
  // On a thread of its own, whose network namespace may change.
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) {
      error = errno;
      return;
    }
    network_ = FileDescriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!network_.is_open()) {
      error = errno;
      return;
    }
    error = bpf::attach_program(program, bpf::AttachType::xdp, kLoopback, bpf::kXdpGeneric, &link_);
  }).join();
  return error;
}

}  // namespace nm::nic
