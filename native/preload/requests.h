// The ioctls of /dev/netmap, as the device's calls.
#pragma once

#include "preload/open_file.h"

namespace nm::preload {

// As ioctl, for descriptor `fd`, which is `file`.
int serve_request(OpenFile* file, int fd, unsigned long request, void* argument);

}  // namespace nm::preload
