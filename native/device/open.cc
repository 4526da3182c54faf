#include "device/open.h"

#include "device/kernel.h"

namespace nm {

Status open_device(const std::string& place, std::unique_ptr<Device>* device) {
  return place == kKernelDevice ? KernelDevice::open(place, device) : open_embedded_device(place, device);
}

}  // namespace nm
