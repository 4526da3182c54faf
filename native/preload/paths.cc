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

// Decimal digits and a newline.
struct Text {
  char bytes[12] = {};
  uint32_t length = 0;

  constexpr Text(uint32_t number) {
    uint32_t digits = 1;
    for (uint32_t rest = number; rest >= 10; rest /= 10) digits++;
    for (uint32_t i = digits; i-- > 0; number /= 10) bytes[i] = static_cast<char>('0' + number % 10);
    bytes[digits] = '\n';
    length = digits + 1;
  }
  constexpr std::string_view view() const { return {bytes, length}; }
};

struct Parameter {
  std::string_view name;
  Text text;
};

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
    {"priv_buf_size", engine::kBufferStride},
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

bool is_device(const char* path) { return path != nullptr && strcmp(path, "/dev/netmap") == 0; }

std::string_view parameter_text(const char* path) {
  if (path == nullptr || strncmp(path, kDirectory.data(), kDirectory.size()) != 0) return {};
  for (const Parameter& parameter : kParameters) {
    if (parameter.name == path + kDirectory.size()) return parameter.text.view();
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
