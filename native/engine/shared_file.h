// A file of the namespace, mapped into this process.
#pragma once

#include <cstdint>
#include <string>

#include "status.h"

namespace nm::engine {

class SharedFile {
 public:
  SharedFile() = default;
  ~SharedFile() { close(); }
  SharedFile(SharedFile&& other) noexcept { *this = static_cast<SharedFile&&>(other); }
  SharedFile& operator=(SharedFile&& other) noexcept;

  enum class Mode { existing, create_or_existing, create_new };

  // Opens and maps `size` bytes. A new file is sparse and reads as zeros; reserve() gives it memory.
  // Returns no_such_region when it is not there (or, for create_new, is there already).
  Status open(const std::string& path, uint64_t size, Mode mode);
  // Reads `size` bytes instead, into memory of this process: a copy for who looks at many files, each for a moment. Unmapping a
  // file has all processors forget where it was, which takes longer than copying a hundred kilobytes.
  Status read(const std::string& path, uint64_t size);
  void close();

  // Makes sure that [offset, offset + length) has memory behind it, so that touching it cannot fail.
  Status reserve(uint64_t offset, uint64_t length);

  int descriptor() const { return descriptor_; }
  uint8_t* base() const { return base_; }
  uint64_t size() const { return size_; }
  // Whether the file was removed from its directory since.
  bool removed() const;

  template <typename T>
  T* at(uint64_t offset) const {
    return reinterpret_cast<T*>(base_ + offset);
  }

 private:
  int descriptor_ = -1;
  uint8_t* base_ = nullptr;
  uint64_t size_ = 0;
  bool is_copy_ = false;
};

}  // namespace nm::engine
