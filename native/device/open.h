// Opens a netmap device of either kind.
#pragma once

#include <memory>
#include <string>

#include "device/device.h"

namespace nm {

// A device of the embedded engine in namespace `directory` (made if it is not there).
Status open_embedded_device(const std::string& directory, std::unique_ptr<Device>* device);

}  // namespace nm
