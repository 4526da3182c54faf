#include "nic/bpf/doorbell.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "nic/bpf/object.h"

namespace nm::bpf {

namespace {

size_t page() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

Doorbell::~Doorbell() {
  if (taken_ != nullptr) munmap(taken_, page());
  if (written_ != nullptr) munmap(const_cast<uint64_t*>(written_), page());
}

int Doorbell::create(const char* name) {
  FileDescriptor map;
  const int error = create_map({MapType::ringbuf, name, 0, 0, static_cast<uint32_t>(page())}, &map);
  return error != 0 ? error : open(std::move(map));
}

// Two pages of positions, each a page of its own so that the kernel's may be read only. [kernel: bpf/ringbuf.rst]
int Doorbell::open(FileDescriptor map) {
  void* const taken = mmap(nullptr, page(), PROT_READ | PROT_WRITE, MAP_SHARED, map.number(), 0);
  if (taken == MAP_FAILED) return errno;
  taken_ = static_cast<uint64_t*>(taken);
  void* const written =
      mmap(nullptr, page(), PROT_READ, MAP_SHARED, map.number(), static_cast<off_t>(page()));
  if (written == MAP_FAILED) return errno;
  written_ = static_cast<const uint64_t*>(written);
  map_ = std::move(map);
  return 0;
}

void Doorbell::silence() {
  __atomic_store_n(taken_, __atomic_load_n(written_, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

}  // namespace nm::bpf
