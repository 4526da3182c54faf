#include "preload/paths.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/layout.h"
#include "preload/libc.h"

namespace nm::preload {

namespace {

constexpr std::string_view kDirectory = "/sys/module/netmap/parameters/";

struct Parameter {
  std::string_view name;
  std::string_view text;
};

// netmap's defaults. They describe the kernel's module: nothing in the engine is set by them.
constexpr Parameter kParameters[] = {
    {"admode", "0\n"},
    {"bridge_batch", "1024\n"},
    {"buf_curr_num", "163840\n"},
    {"buf_curr_size", "2048\n"},
    {"buf_num", "163840\n"},
    {"buf_size", "2048\n"},
    {"debug", "0\n"},
    {"default_pipes", "0\n"},
    {"fwd", "0\n"},
    {"generic_hwcsum", "0\n"},
    {"generic_mit", "100000\n"},
    {"generic_ringsize", "1024\n"},
    {"generic_rings", "1\n"},
    {"generic_txqdisc", "1\n"},
    {"if_curr_num", "100\n"},
    {"if_curr_size", "1024\n"},
    {"if_num", "100\n"},
    {"if_size", "1024\n"},
    {"max_bridges", "1024\n"},
    {"no_pendintr", "1\n"},
    {"no_timestamp", "0\n"},
    {"ptnet_vnet_hdr", "1\n"},
    {"ring_curr_num", "200\n"},
    {"ring_curr_size", "36864\n"},
    {"ring_num", "200\n"},
    {"ring_size", "36864\n"},
    {"txsync_retry", "2\n"},
    {"verbose", "0\n"},
};
static_assert(engine::kMaxSwitches == 1024, "max_bridges says how many switches there can be");

}  // namespace

bool is_device(const char* path) { return path != nullptr && strcmp(path, "/dev/netmap") == 0; }

std::string_view parameter_text(const char* path) {
  if (path == nullptr || strncmp(path, kDirectory.data(), kDirectory.size()) != 0) return {};
  for (const Parameter& parameter : kParameters) {
    if (parameter.name == path + kDirectory.size()) return parameter.text;
  }
  return {};
}

int open_parameter(const char* path, int flags) {
  const std::string_view text = parameter_text(path);
  if ((flags & O_ACCMODE) != O_RDONLY) {
    errno = EACCES;
    return -1;
  }
  const int fd = memfd_create("netmap-parameter", (flags & O_CLOEXEC) != 0 ? MFD_CLOEXEC : 0);
  if (fd < 0) return -1;
  if (libc::write(fd, text.data(), text.size()) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
    libc::close(fd);
    errno = EIO;
    return -1;
  }
  return fd;
}

}  // namespace nm::preload
