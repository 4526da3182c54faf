#include "device/kernel_memory.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <map>
#include <mutex>
#include <utility>

#include "request_header.h"

namespace nm {
namespace {

// A region's id is not given to another one while somebody has it mapped.
std::mutex lock;
std::map<std::pair<std::string, uint16_t>, std::weak_ptr<KernelMemory>>& mapped() {
  static auto* const regions = new std::map<std::pair<std::string, uint16_t>, std::weak_ptr<KernelMemory>>;
  return *regions;
}

// A descriptor with a null port of region `id`; closed where there can be none.
FileDescriptor hold_region(const std::string& path, uint16_t id) {
  FileDescriptor holder(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!holder.is_open()) return holder;
  abi::nmreq_register body = {};
  body.nr_mode = abi::NR_REG_NULL;
  body.nr_mem_id = id;
  abi::nmreq_header header = request_header(abi::NETMAP_REQ_REGISTER, "nm-region", &body);
  if (ioctl(holder.number(), abi::NIOCCTRL, &header) != 0 || body.nr_mem_id != id) holder.reset();
  return holder;
}

}  // namespace

std::shared_ptr<KernelMemory> KernelMemory::map_descriptor(int fd, uint64_t size, FileDescriptor holder) {
  void* const base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return nullptr;
  return std::shared_ptr<KernelMemory>(
      new KernelMemory(static_cast<uint8_t*>(base), size, std::move(holder)));
}

Status KernelMemory::map(const std::string& path, int bound, const abi::nmreq_register& granted,
                         std::shared_ptr<KernelMemory>* memory) {
  const std::lock_guard<std::mutex> hold(lock);
  std::weak_ptr<KernelMemory>& shared = mapped()[{path, granted.nr_mem_id}];
  *memory = shared.lock();
  if (*memory != nullptr && (*memory)->size() == granted.nr_memsize) return Status::ok;

  FileDescriptor holder = hold_region(path, granted.nr_mem_id);
  if (holder.is_open()) {
    const int fd = holder.number();
    *memory = map_descriptor(fd, granted.nr_memsize, std::move(holder));
    shared = *memory;
  } else {
    *memory = map_descriptor(bound, granted.nr_memsize, {});
  }
  return *memory != nullptr ? Status::ok : Status::system_error;
}

KernelMemory::~KernelMemory() { munmap(base_, size_); }

}  // namespace nm
