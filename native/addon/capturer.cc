#include "addon/capturer.h"

#include "addon/filter_handle.h"
#include "addon/read.h"
#include "addon/recorder_handle.h"
#include "traffic/capturer.h"

namespace nm::addon {

std::unique_ptr<Loop> make_capturer(const std::vector<Port*>& ports, Napi::Object from, Dump*) {
  CapturerOptions options;
  options.recorder = RecorderHandle::from(from.Get("recorder"));
  options.filter = FilterHandle::from(from.Get("filter"));
  read(from, "snaplen", &options.snaplen);
  read(from, "count", &options.count);
  read(from, "durationNs", &options.duration_ns);
  read(from, "burst", &options.burst);
  if (options.recorder == nullptr || options.recorder->interfaces() != ports.size() || options.burst == 0) {
    return nullptr;
  }
  for (const Port* port : ports) {
    if (port->rx_rings().empty()) return nullptr;
  }
  return std::make_unique<Capturer>(ports, options);
}

}  // namespace nm::addon
