#include "addon/link.h"

#include "addon/models.h"
#include "addon/read.h"

namespace nm::addon {

LinkSpec read_link(Napi::Object from) {
  LinkSpec spec;
  read_model(from, "bandwidth", &spec.bandwidth);
  read_model(from, "delay", &spec.delay);
  read_model(from, "loss", &spec.loss);
  const Napi::Object reorder = read_object(from, "reorder");
  read(reorder, "share", &spec.reorder.share);
  read(reorder, "holdNs", &spec.reorder.hold_ns);
  read(from, "queueBytes", &spec.queue_bytes);
  read(from, "lessNs", &spec.less_ns);
  read(from, "dropsOvertaking", &spec.drops_overtaking);
  read(from, "patienceNs", &spec.patience_ns);
  return spec;
}

std::unique_ptr<Loop> make_link(const std::vector<Port*>& ports, Napi::Object from, Dump*) {
  const LinkSpec spec = read_link(read_object(from, "models"));
  LinkOptions options;
  read(from, "burst", &options.burst);
  read(from, "durationNs", &options.duration_ns);
  read(from, "memory", &options.memory);
  read(from, "seed", &options.seed);
  if (ports.size() != 2 || ports[0]->rx_rings().empty() || ports[1]->tx_rings().empty() ||
      options.burst == 0 || !spec.can_be()) {
    return nullptr;
  }
  return std::make_unique<Link>(*ports[0], *ports[1], spec, options);
}

}  // namespace nm::addon
