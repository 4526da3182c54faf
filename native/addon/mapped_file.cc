#include "addon/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nm::addon {

MappedFile::~MappedFile() {
  if (memory_ != nullptr) munmap(memory_, size_);
}

bool MappedFile::open(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return false;
  struct stat info;
  void* memory = MAP_FAILED;
  if (fstat(file, &info) == 0 && info.st_size > 0) {
    size_ = static_cast<uint64_t>(info.st_size);
    memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  close(file);
  if (memory == MAP_FAILED) return false;
  memory_ = memory;
  return true;
}

}  // namespace nm::addon
