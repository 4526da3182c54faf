#include "preload/paths.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "device/open.h"
#include "engine/layout.h"
#include "engine/ports.h"
#include "preload/libc.h"

namespace nm::preload {

namespace {

constexpr std::string_view kModule = "/sys/module/netmap";
constexpr std::string_view kDirectory = "/sys/module/netmap/parameters/";

uint32_t private_buffer_size() { return engine::private_stride(engine::kBufferStride); }

}  // namespace

struct Parameter {
  std::string_view name;
  uint32_t value;
  uint32_t (*value_now)() = nullptr;  // of what the environment chooses
};

namespace {

// What the engine has is told of it: the memory of region 1, of private regions ("priv_"), limits. The others
// describe drivers and switches of the kernel's module that the engine does not have, at netmap's defaults.
constexpr Parameter kParameters[] = {
    {"admode", 0},
    {"bridge_batch", 1024},
    {"buf_curr_num", engine::kRegionBuffers},
    {"buf_curr_size", engine::kGlobalBufferStride},
    {"buf_num", engine::kRegionBuffers},
    {"buf_size", engine::kGlobalBufferStride},
    {"debug", 0},
    {"default_pipes", 0},
    {"fwd", 0},
    {"generic_hwcsum", 0},
    {"generic_mit", 100000},
    {"generic_ringsize", engine::kDefaultSlots},
    {"generic_rings", 1},
    {"generic_txqdisc", 1},
    {"if_curr_num", engine::kRegionInterfaces},
    {"if_curr_size", engine::kInterfaceSize},
    {"if_num", engine::kRegionInterfaces},
    {"if_size", engine::kInterfaceSize},
    {"max_bridges", engine::kMaxSwitches},
    {"no_pendintr", 1},
    {"no_timestamp", 0},
    {"priv_buf_num", engine::kRegionBuffers},
    {"priv_buf_size", 0, private_buffer_size},
    {"priv_if_num", engine::kRegionInterfaces},
    {"priv_if_size", engine::kInterfaceSize},
    {"priv_ring_num", engine::kRegionRings},
    {"priv_ring_size", engine::kRingSize},
    {"ptnet_vnet_hdr", 1},
    {"ring_curr_num", engine::kRegionRings},
    {"ring_curr_size", engine::kRingSize},
    {"ring_num", engine::kRegionRings},
    {"ring_size", engine::kRingSize},
    {"txsync_retry", 2},
    {"verbose", 0},
};

}  // namespace

bool is_device(const char* path) { return path != nullptr && strcmp(path, kKernelDevice) == 0; }

const Parameter* find_parameter(const char* path) {
  if (path == nullptr || strncmp(path, kDirectory.data(), kDirectory.size()) != 0) return nullptr;
  for (const Parameter& parameter : kParameters) {
    if (parameter.name == path + kDirectory.size()) return &parameter;
  }
  return nullptr;
}

int open_parameter(const Parameter& parameter, int flags) {
  if ((flags & O_ACCMODE) != O_RDONLY) {
    errno = EACCES;
    return -1;
  }
  const int fd = memfd_create("netmap-parameter", (flags & O_CLOEXEC) != 0 ? MFD_CLOEXEC : 0);
  if (fd < 0) return -1;
  const uint32_t value = parameter.value_now != nullptr ? parameter.value_now() : parameter.value;
  const std::string text = std::to_string(value) + "\n";
  if (libc::write(fd, text.data(), text.size()) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
    libc::close(fd);
    errno = EIO;
    return -1;
  }
  return fd;
}

const char* path_like(const char* path) {
  if (path == nullptr) return path;
  if (is_device(path)) return "/dev/null";
  if (find_parameter(path) != nullptr) return "/proc/self/stat";
  std::string_view directory = path;
  if (directory.ends_with('/')) directory.remove_suffix(1);
  const bool is_ours = directory == kModule || directory == kDirectory.substr(0, kDirectory.size() - 1);
  return is_ours ? "/sys/module" : path;
}

}  // namespace nm::preload
