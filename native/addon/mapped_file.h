// A file that is mapped, to be offered to a port as its memory.
#pragma once

#include <cstdint>
#include <string>

namespace nm::addon {

class MappedFile {
 public:
  MappedFile() = default;
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;

  // False with errno: it cannot be opened for reading and writing, or mapped.
  bool open(const std::string& path);

  uint64_t address() const { return reinterpret_cast<uint64_t>(memory_); }
  uint64_t size() const { return size_; }

 private:
  void* memory_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace nm::addon
