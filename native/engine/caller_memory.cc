#include "engine/caller_memory.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace nm::engine {

namespace {

void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

// Whether the kernel refused to be asked, as opposed to refusing the address.
bool is_refused(ssize_t copied) { return copied < 0 && (errno == EPERM || errno == ENOSYS); }

}  // namespace

bool read_caller(void* to, uint64_t address, size_t size) {
  if (size == 0) return true;
  const iovec local = {to, size};
  const iovec remote = {pointer(address), size};
  const ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
  if (address == 0 || !is_refused(copied)) return copied == static_cast<ssize_t>(size);
  memcpy(to, pointer(address), size);
  return true;
}

bool write_caller(uint64_t address, const void* from, size_t size) {
  if (size == 0) return true;
  const iovec local = {const_cast<void*>(from), size};
  const iovec remote = {pointer(address), size};
  const ssize_t copied = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
  if (address == 0 || !is_refused(copied)) return copied == static_cast<ssize_t>(size);
  memcpy(pointer(address), from, size);
  return true;
}

}  // namespace nm::engine
