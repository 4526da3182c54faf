#include "addon/balancer.h"

#include "addon/read.h"
#include "traffic/balancer.h"

namespace nm::addon {
namespace {

// What a balancer relies on, asserted there.
bool fits(const std::vector<Port*>& ports, const BalancerOptions& options) {
  size_t outputs = 0;
  for (const uint32_t group : options.groups) {
    if (group == 0) return false;
    outputs += group;
  }
  if (outputs == 0 || outputs + 1 != ports.size() || options.batch == 0) return false;
  if (ports[0]->rx_rings().empty() || !is_flow_hash(options.hash)) return false;
  for (size_t i = 1; i < ports.size(); i++) {
    if (ports[i]->tx_rings().empty() || ports[i]->granted().nr_mem_id != ports[0]->granted().nr_mem_id) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::unique_ptr<Loop> make_balancer(const std::vector<Port*>& ports, Napi::Object from, Dump*) {
  BalancerOptions options;
  read(from, "hash", &options.hash);
  read(from, "batch", &options.batch);
  read(from, "busy", &options.busy);
  read(from, "durationNs", &options.duration_ns);
  const Napi::Value groups = from.Get("groups");
  if (!groups.IsArray()) return nullptr;
  const Napi::Array array = groups.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value outputs = array.Get(i);
    if (!outputs.IsNumber()) return nullptr;
    options.groups.push_back(outputs.As<Napi::Number>().Uint32Value());
  }
  return fits(ports, options) ? std::make_unique<Balancer>(ports, options) : nullptr;
}

}  // namespace nm::addon
