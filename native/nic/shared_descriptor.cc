#include "nic/shared_descriptor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace nm::nic {

namespace {

struct Holder {
  uint32_t process;
  uint32_t descriptor;

  static Holder unpack(uint64_t word) {
    return {static_cast<uint32_t>(word >> 32), static_cast<uint32_t>(word) - 1};
  }
  uint64_t pack() const { return uint64_t{process} << 32 | (uint64_t{descriptor} + 1); }
};

bool is_gone(uint32_t process) { return kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH; }

// A copy of another process's descriptor, or -1 with errno.
int copy_descriptor(const Holder& from) {
  if (from.process == static_cast<uint32_t>(getpid())) {
    return fcntl(static_cast<int>(from.descriptor), F_DUPFD_CLOEXEC, 0);
  }
  const FileDescriptor process(static_cast<int>(syscall(SYS_pidfd_open, from.process, 0)));
  if (!process.is_open()) return -1;
  return static_cast<int>(syscall(SYS_pidfd_getfd, process.number(), from.descriptor, 0));
}

}  // namespace

Refusal SharedDescriptor::join(FileDescriptor* file, int* error) {
  if (identity() == 0) return Refusal::none;
  Refusal refusal = Refusal::none;
  for (uint32_t i = 0; i < kHolders; i++) {
    const uint64_t word = holder(i);
    if (word == 0) continue;
    FileDescriptor copy(copy_descriptor(Holder::unpack(word)));
    if (copy.is_open() && identity_of_(copy.number()) == identity()) {
      *file = std::move(copy);
      return Refusal::none;
    }
    if (copy.is_open() || errno == ESRCH || errno == EBADF || errno == EINVAL) {
      // The process is gone, or the number became another file's.
      holder(i) = 0;
    } else {
      *error = errno;
      refusal = Refusal::owner_unreachable;
    }
  }
  return refusal;
}

Refusal SharedDescriptor::offer(int descriptor, bool fresh) {
  if (fresh) {
    for (uint32_t i = 0; i < kHolders; i++) holder(i) = 0;
    identity() = identity_of_(descriptor);
  }
  for (uint32_t i = 0; i < kHolders; i++) {
    if (holder(i) != 0 && !is_gone(Holder::unpack(holder(i)).process)) continue;
    holder(i) = Holder{static_cast<uint32_t>(getpid()), static_cast<uint32_t>(descriptor)}.pack();
    return Refusal::none;
  }
  return Refusal::owner_unreachable;
}

bool SharedDescriptor::is_shared() const {
  uint32_t holders = 0;
  for (uint32_t i = 0; i < kHolders; i++) holders += words_.word[first_ + 1 + i] != 0;
  return holders > 1;
}

void SharedDescriptor::withdraw(int descriptor) {
  const uint64_t mine = Holder{static_cast<uint32_t>(getpid()), static_cast<uint32_t>(descriptor)}.pack();
  for (uint32_t i = 0; i < kHolders; i++) {
    if (holder(i) == mine) holder(i) = 0;
  }
}

uint64_t socket_identity(int socket) {
  uint64_t cookie = 0;
  socklen_t size = sizeof(cookie);
  return getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0 ? cookie : 0;
}

}  // namespace nm::nic
