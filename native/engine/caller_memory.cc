#include "engine/caller_memory.h"

#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>

namespace nm::engine {

namespace {

void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

// Whether the kernel refused to be asked, as opposed to refusing the address.
bool is_refused(ssize_t copied) { return copied < 0 && (errno == EPERM || errno == ENOSYS); }

size_t read_believing(std::span<const CallerRead> reads) {
  size_t done = 0;
  for (; done < reads.size() && (reads[done].address != 0 || reads[done].size == 0); done++) {
    memcpy(reads[done].to, pointer(reads[done].address), reads[done].size);
  }
  return done;
}

}  // namespace

bool read_caller(void* to, uint64_t address, size_t size) {
  const CallerRead read{to, address, size};
  return read_caller({&read, 1}) == 1;
}

size_t read_caller(std::span<const CallerRead> reads) {
  assert(reads.size() <= kMostReads);
  std::array<iovec, kMostReads> local;
  std::array<iovec, kMostReads> remote;
  for (size_t i = 0; i < reads.size(); i++) {
    local[i] = {reads[i].to, reads[i].size};
    remote[i] = {pointer(reads[i].address), reads[i].size};
  }
  const ssize_t copied =
      process_vm_readv(getpid(), local.data(), reads.size(), remote.data(), reads.size(), 0);
  if (is_refused(copied)) return read_believing(reads);
  size_t left = copied < 0 ? 0 : static_cast<size_t>(copied);
  size_t done = 0;
  for (; done < reads.size() && reads[done].size <= left; done++) left -= reads[done].size;
  return done;
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
