// A memory region of the kernel's netmap, as this process has it mapped: once, however many ports lie in it.
//
// The mapping belongs to a null port of the region that is opened for it alone. A mapping holds the port of the descriptor
// that it was made with, so one of a real port would keep that port open for as long as others of the region are.
// Where the module has no null ports, each port maps the region for itself.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "abi/netmap.h"
#include "file_descriptor.h"
#include "status.h"

namespace nm {

class KernelMemory {
 public:
  // The memory of the port that `bound`, a descriptor of `path`, was registered with, as `granted` tells.
  static Status map(const std::string& path, int bound, const abi::nmreq_register& granted,
                    std::shared_ptr<KernelMemory>* memory);
  ~KernelMemory();

  uint8_t* base() const { return base_; }
  uint64_t size() const { return size_; }

 private:
  KernelMemory(uint8_t* base, uint64_t size, FileDescriptor holder)
      : base_(base), size_(size), holder_(std::move(holder)) {}

  static std::shared_ptr<KernelMemory> map_descriptor(int fd, uint64_t size, FileDescriptor holder);

  uint8_t* const base_;
  const uint64_t size_;
  FileDescriptor holder_;
};

}  // namespace nm
