// The engine's own view of a port that is open: for tests that look behind the device, or take its place.
#pragma once

#include <cstring>
#include <memory>
#include <string>

#include "engine/bound_ring.h"
#include "engine/engine.h"
#include "engine/reservation.h"
#include "test/engine_rig.h"

namespace nm::test {

inline std::shared_ptr<engine::Namespace> open_space(const Rig& rig) {
  std::shared_ptr<engine::Namespace> space;
  CHECK_EQUAL(engine::Namespace::open(rig.directory, &space), Status::ok);
  return space;
}

class Inside {
 public:
  Inside(const Rig& rig, const Port& port) : space_(open_space(rig)) {
    CHECK_EQUAL(engine::Region::open(*space_, port.granted().nr_mem_id, &region_), Status::ok);
    while (index_ < region_->ports_high() && name_of(region_->port(index_)) != port.name()) index_++;
    CHECK(index_ < region_->ports_high());
  }

  engine::Namespace& space() const { return *space_; }
  engine::Region& region() const { return *region_; }
  const engine::PortRecord& record() const { return region_->port(index_); }

  uint32_t rx_index(uint32_t number = 0) const { return record().first_ring + record().all_tx() + number; }
  engine::RingState& rx_state(uint32_t number = 0) const { return region_->ring(rx_index(number)); }
  engine::LeaseTable rx_leases(uint32_t number = 0) const { return region_->leases(rx_index(number)); }

  // The client through which process `pid` has the port open, or 0.
  uint32_t client(pid_t pid = getpid()) const {
    for (uint32_t id = 1; id <= space_->clients_high(); id++) {
      const engine::Client& client = space_->client(id);
      if (client.used.load() == engine::kClientUsed && client.pid == static_cast<uint32_t>(pid) &&
          client.region == region_->id() && client.port == index_) {
        return id;
      }
    }
    return 0;
  }

 private:
  static std::string name_of(const engine::PortRecord& record) {
    return std::string(record.name, strnlen(record.name, sizeof(record.name)));
  }

  std::shared_ptr<engine::Namespace> space_;
  std::shared_ptr<engine::Region> region_;
  uint32_t index_ = 0;
};

// How many clients of the namespace are not free. Cleans up after the dead first.
inline uint32_t clients_after_reaping(const Rig& rig) {
  const auto space = open_space(rig);
  uint32_t reaped = 0;
  CHECK_EQUAL(engine::reap(space, &reaped), Status::ok);
  uint32_t used = 0;
  for (uint32_t id = 1; id <= space->clients_high(); id++) {
    if (space->client(id).used.load() != engine::kClientFree) used++;
  }
  return used;
}

}  // namespace nm::test
