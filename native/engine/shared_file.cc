#include "engine/shared_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "engine/layout.h"
#include "file_descriptor.h"

namespace nm::engine {

namespace {

// Unreadable pages on both sides: an index that runs away faults here instead of in a neighbour's memory.
constexpr uint64_t kGuard = 16 * kPage;

}  // namespace

SharedFile& SharedFile::operator=(SharedFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(base_, other.base_);
  std::swap(size_, other.size_);
  std::swap(is_copy_, other.is_copy_);
  return *this;
}

Status SharedFile::open(const std::string& path, uint64_t size, Mode mode) {
  close();
  int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;
  if (mode != Mode::existing) flags |= O_CREAT;
  if (mode == Mode::create_new) flags |= O_EXCL;
  descriptor_ = ::open(path.c_str(), flags, 0600);
  if (descriptor_ < 0) {
    if (errno == ENOENT || errno == EEXIST) return Status::no_such_region;
    if (errno == ENOSPC) return Status::space_exhausted;
    return errno == ELOOP ? Status::namespace_corrupt : Status::not_permitted;
  }

  struct stat info;
  if (fstat(descriptor_, &info) != 0 || !S_ISREG(info.st_mode)) return close(), Status::namespace_corrupt;
  if (static_cast<uint64_t>(info.st_size) < size) {
    if (mode == Mode::existing) return close(), Status::namespace_corrupt;
    if (ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return close(), Status::space_exhausted;
  }

  void* room = mmap(nullptr, size + 2 * kVisibleAlignment + kGuard, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (room == MAP_FAILED) return close(), Status::system_error;
  // Aligned so that huge pages fit, where the filesystem has them.
  const uint64_t start =
      (reinterpret_cast<uint64_t>(room) + kGuard + kVisibleAlignment - 1) & ~(kVisibleAlignment - 1);
  void* mapped = mmap(reinterpret_cast<void*>(start), size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                      descriptor_, 0);
  const uint64_t room_start = reinterpret_cast<uint64_t>(room);
  const uint64_t room_end = room_start + size + 2 * kVisibleAlignment + kGuard;
  const uint64_t mapped_end = (start + size + kPage - 1) & ~(kPage - 1);
  // Keep kGuard on each side of the mapping, give the rest back.
  munmap(room, start - kGuard - room_start);
  if (room_end > mapped_end + kGuard) {
    munmap(reinterpret_cast<void*>(mapped_end + kGuard), room_end - mapped_end - kGuard);
  }
  if (mapped == MAP_FAILED) {
    munmap(reinterpret_cast<void*>(start - kGuard), mapped_end - start + 2 * kGuard);
    return close(), Status::system_error;
  }
  base_ = static_cast<uint8_t*>(mapped);
  size_ = size;
  madvise(base_, size_, MADV_DONTDUMP);
  return Status::ok;
}

Status SharedFile::read(const std::string& path, uint64_t size) {
  // One file after another is read into the same memory: to touch new memory takes longer than the copying does.
  if (!is_copy_ || size_ != size) {
    close();
    base_ = static_cast<uint8_t*>(aligned_alloc(kCacheLine, round_to(size, kCacheLine)));
    if (base_ == nullptr) return Status::system_error;
    size_ = size;
    is_copy_ = true;
  }
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) {
    const Status status = errno == ENOENT ? Status::no_such_region : Status::not_permitted;
    return close(), status;
  }
  if (pread(file.number(), base_, size, 0) == static_cast<ssize_t>(size)) return Status::ok;
  return close(), Status::namespace_corrupt;
}

void SharedFile::close() {
  if (is_copy_) {
    free(base_);
  } else if (base_ != nullptr) {
    const uint64_t mapped = (size_ + kPage - 1) & ~(kPage - 1);
    munmap(base_ - kGuard, mapped + 2 * kGuard);
  }
  if (descriptor_ >= 0) ::close(descriptor_);
  base_ = nullptr;
  descriptor_ = -1;
  size_ = 0;
  is_copy_ = false;
}

Status SharedFile::reserve(uint64_t offset, uint64_t length) {
  if (length == 0) return Status::ok;
  while (fallocate(descriptor_, 0, static_cast<off_t>(offset), static_cast<off_t>(length)) != 0) {
    if (errno == EINTR) continue;
    return errno == EIO || errno == EBADF ? Status::system_error : Status::space_exhausted;
  }
  return Status::ok;
}

bool SharedFile::removed() const {
  struct stat info;
  return fstat(descriptor_, &info) != 0 || info.st_nlink == 0;
}

}  // namespace nm::engine
