// Asking whether the files are there: access, stat and their relatives.
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstring>

#include "preload/libc.h"
#include "preload/paths.h"
#include "preload/table.h"
#include "preload/wrap.h"

namespace nm::preload {

namespace {

// What stat() tells of /dev/null, but for the device's number.
int as_device(struct stat* info) {
  const int result = stat_now(AT_FDCWD, "/dev/null", info, 0);
  info->st_rdev = makedev(kDeviceMajor, kDeviceMinor);
  return result;
}

// Whether the call is about an open /dev/netmap, without a path.
bool is_open_device(int fd, const char* path, int flags) {
  return (flags & AT_EMPTY_PATH) != 0 && path != nullptr && *path == '\0' && find_file(fd) != nullptr;
}

}  // namespace

WRAP(int, access, const char* path, int mode) { return libc::access(path_like(path), mode); }
WRAP(int, euidaccess, const char* path, int mode) { return libc::euidaccess(path_like(path), mode); }
ALIAS(int, eaccess, euidaccess, const char* path, int mode)
WRAP(int, faccessat, int directory, const char* path, int mode, int flags) {
  return libc::faccessat(directory, path_like(path), mode, flags);
}

WRAP(int, stat, const char* path, struct stat* info) {
  return is_device(path) ? as_device(info) : libc::stat(path_like(path), info);
}
ALIAS(int, stat64, stat, const char* path, struct stat* info)

WRAP(int, lstat, const char* path, struct stat* info) {
  return is_device(path) ? as_device(info) : libc::lstat(path_like(path), info);
}
ALIAS(int, lstat64, lstat, const char* path, struct stat* info)

WRAP(int, fstat, int fd, struct stat* info) {
  return find_file(fd) != nullptr ? as_device(info) : libc::fstat(fd, info);
}
ALIAS(int, fstat64, fstat, int fd, struct stat* info)

WRAP(int, fstatat, int directory, const char* path, struct stat* info, int flags) {
  if (is_device(path) || is_open_device(directory, path, flags)) return as_device(info);
  return libc::fstatat(directory, path_like(path), info, flags);
}
ALIAS(int, fstatat64, fstatat, int directory, const char* path, struct stat* info, int flags)

WRAP(int, statx, int directory, const char* path, int flags, unsigned mask, struct statx* info) {
  const bool is_ours = is_device(path) || is_open_device(directory, path, flags);
  const int result = libc::statx(is_ours ? AT_FDCWD : directory, is_ours ? "/dev/null" : path_like(path),
                                 flags & ~AT_EMPTY_PATH, mask, info);
  if (result == 0 && is_ours) {
    info->stx_rdev_major = kDeviceMajor;
    info->stx_rdev_minor = kDeviceMinor;
  }
  return result;
}

WRAP(int, __xstat, int version, const char* path, struct stat* info) {
  return is_device(path) ? as_device(info) : libc::xstat(version, path_like(path), info);
}
ALIAS(int, __xstat64, __xstat, int version, const char* path, struct stat* info)

WRAP(int, __lxstat, int version, const char* path, struct stat* info) {
  return is_device(path) ? as_device(info) : libc::lxstat(version, path_like(path), info);
}
ALIAS(int, __lxstat64, __lxstat, int version, const char* path, struct stat* info)

WRAP(int, __fxstat, int version, int fd, struct stat* info) {
  return find_file(fd) != nullptr ? as_device(info) : libc::fxstat(version, fd, info);
}
ALIAS(int, __fxstat64, __fxstat, int version, int fd, struct stat* info)

WRAP(int, __fxstatat, int version, int directory, const char* path, struct stat* info, int flags) {
  if (is_device(path) || is_open_device(directory, path, flags)) return as_device(info);
  return libc::fxstatat(version, directory, path_like(path), info, flags);
}
ALIAS(int, __fxstatat64, __fxstatat, int version, int directory, const char* path, struct stat* info,
      int flags)

// The device is no link, and lies where its path says.
WRAP(char*, realpath, const char* path, char* resolved) {
  if (!is_device(path)) return libc::realpath(path, resolved);
  return resolved == nullptr ? strdup(path) : strcpy(resolved, path);
}

}  // namespace nm::preload
