#include "addon/forwarder.h"

#include <utility>

#include "addon/filter_handle.h"
#include "addon/models.h"
#include "addon/read.h"
#include "addon/recorder_handle.h"
#include "traffic/forwarder.h"

namespace nm::addon {
namespace {

constexpr size_t kNoPort = SIZE_MAX;

void read_port(Napi::Object from, const char* name, size_t* number) {
  double value = -1;
  read(from, name, &value);
  *number = value >= 0 ? static_cast<size_t>(value) : kNoPort;
}

LaneSpec read_lane(const std::vector<Port*>& ports, Napi::Object from) {
  LaneSpec lane;
  read_port(from, "from", &lane.from);
  read_port(from, "to", &lane.to);
  LaneOptions& options = lane.options;
  if (!from.Get("burst").IsUndefined()) read(from, "burst", &options.burst.emplace(0));
  read(from, "copy", &options.copy);
  options.filter = FilterHandle::from(from.Get("filter"));
  read_model(from, "limit", &options.limit);
  read_model(from, "loss", &options.impairment.loss);
  read(from, "dropEvery", &options.impairment.drop_every);
  read_model(from, "delay", &options.impairment.delay);
  read(from, "seed", &options.impairment.seed);
  read(from, "captureInterface", &options.capture_interface);
  size_t mirror = kNoPort;
  read_port(from, "mirror", &mirror);
  if (mirror < ports.size()) options.mirror = ports[mirror];
  return lane;
}

// What a forwarder relies on, asserted there.
bool fits(const std::vector<Port*>& ports, const std::vector<LaneSpec>& lanes) {
  std::vector<char> taken(ports.size());
  for (const LaneSpec& lane : lanes) {
    if (lane.from >= ports.size() || lane.to >= ports.size() || std::exchange(taken[lane.from], 1) != 0)
      return false;
    const LaneOptions& options = lane.options;
    const bool has_rings = !ports[lane.from]->rx_rings().empty() && !ports[lane.to]->tx_rings().empty() &&
                           (options.mirror == nullptr || !options.mirror->tx_rings().empty());
    const BandwidthModel limit = options.limit.model;
    const bool limits = limit == BandwidthModel::infinite || limit == BandwidthModel::constant ||
                        limit == BandwidthModel::packets;
    if (!has_rings || !limits || options.burst == 0u || make_bandwidth(options.limit) == nullptr ||
        make_loss(options.impairment.loss, 0) == nullptr ||
        make_delay(options.impairment.delay, 0) == nullptr) {
      return false;
    }
  }
  return !lanes.empty();
}

}  // namespace

std::unique_ptr<Loop> make_forwarder(const std::vector<Port*>& ports, Napi::Object from, Dump*) {
  ForwarderOptions options;
  read(from, "durationNs", &options.duration_ns);
  const Napi::Value lanes = from.Get("lanes");
  if (!lanes.IsArray()) return nullptr;
  const Napi::Array array = lanes.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value lane = array.Get(i);
    if (!lane.IsObject()) return nullptr;
    options.lanes.push_back(read_lane(ports, lane.As<Napi::Object>()));
  }
  options.recorder = RecorderHandle::from(from.Get("recorder"));
  for (const LaneSpec& lane : options.lanes) {
    if (options.recorder && lane.options.capture_interface >= options.recorder->interfaces()) return nullptr;
  }
  return fits(ports, options.lanes) ? std::make_unique<Forwarder>(ports, options) : nullptr;
}

}  // namespace nm::addon
