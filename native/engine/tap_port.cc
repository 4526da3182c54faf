#include "engine/tap_port.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "nic/interface.h"

namespace nm::engine {

namespace {

// MAX_TAP_QUEUES of the kernel.
constexpr uint32_t kMaxTapRings = 256;

}  // namespace

std::string tap_device(const PortRecord& record) { return record_name(record).substr(strlen(kTapPrefix)); }

Status find_tap_port(Namespace& space, const std::string& device, FoundPort* found) {
  char text[16] = {};
  const uint64_t network = nic::this_network();
  if (readlink(tap_link(space, network, device).c_str(), text, sizeof(text) - 1) <= 0) {
    return Status::no_such_port;
  }
  const auto id = static_cast<uint32_t>(strtoul(text, nullptr, 10));
  if (Region::open(space, id, &found->region) != Status::ok) return Status::no_such_port;
  for (found->index = 0; found->index < found->region->ports_high(); found->index++) {
    const PortRecord& record = found->record();
    if (record.kind == PortKind::tap && record.network == network && tap_device(record) == device) {
      return Status::ok;
    }
  }
  return Status::no_such_port;
}

Status make_tap_port(Namespace& space, const std::string& device, const abi::nmreq_register& request,
                     FoundPort* made) {
  Geometry geometry;
  Status status = read_geometry(request, kMaxTapRings, kDefaultGeometry, &geometry);
  const uint32_t region = request.nr_mem_id != 0 ? request.nr_mem_id : kGlobalRegion;
  if (status == Status::ok) status = find_region(space, region, &made->region);
  if (status != Status::ok) return status;
  status = make_port(*made->region, PortKind::tap, kTapPrefix + device, geometry, &made->index);
  if (status != Status::ok) {
    unmake_region_if_empty(space, *made->region);
    return status;
  }
  made->record().network = nic::this_network();
  made->record().interface_index = 0;
  status = publish_name(space, *made);
  if (status != Status::ok) drop_port(space, made->region, made->index);
  return status;
}

std::string tap_link(const Namespace& space, uint64_t network, const std::string& device) {
  return space.path("tap." + std::to_string(network) + "." + device);
}

}  // namespace nm::engine
