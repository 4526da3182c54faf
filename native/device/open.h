// Opens a netmap device of either kind.
#pragma once

#include <memory>
#include <string>

#include "device/device.h"

namespace nm {

// Where the kernel's netmap is.
inline constexpr char kKernelDevice[] = "/dev/netmap";

// A device of the embedded engine in namespace `directory` (made if it is not there).
Status open_embedded_device(const std::string& directory, std::unique_ptr<Device>* device);

// The kernel's device where `place` is kKernelDevice, else one of the embedded engine in the namespace of that name.
Status open_device(const std::string& place, std::unique_ptr<Device>* device);

}  // namespace nm
