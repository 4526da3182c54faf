#include "engine/stations.h"

#include "clock.h"
#include "engine/with_switch.h"

namespace nm::engine {

Status list_stations(const std::shared_ptr<Namespace>& space, const std::string& switch_name,
                     std::vector<ListedStation>* stations) {
  stations->clear();
  return with_switch(space, switch_name, [&](const Switch& vale) {
    const uint32_t now_s = monotonic_s();
    const uint32_t oldest_s = vale.oldest_s(now_s);
    for (uint32_t bucket = 0; bucket < kLearningEntries; bucket++) {
      const uint64_t entry = vale.learned(bucket);
      const uint32_t place = place_of(entry);
      if (entry == 0 || place >= vale.places() || vale.is_old(bucket, entry, oldest_s)) continue;
      const uint32_t heard_s = vale.station(bucket).heard_s;
      stations->push_back({entry >> 16, vale.port_name(place), now_s > heard_s ? now_s - heard_s : 0,
                           vale.station(bucket).moves, (entry & kPinned) != 0});
    }
    return Status::ok;
  });
}

Status flush_stations(const std::shared_ptr<Namespace>& space, const std::string& switch_name,
                      const std::string& port, uint32_t* flushed) {
  *flushed = 0;
  return with_switch(space, switch_name, [&](Switch& vale) {
    const uint32_t place = port.empty() ? Switch::kNowhere : vale.find(port);
    if (place == Switch::kNowhere && !port.empty()) return Status::no_such_port;
    for (uint32_t bucket = 0; bucket < kLearningEntries; bucket++) {
      uint64_t entry = vale.learned(bucket);
      const bool is_meant = port.empty() || place_of(entry) == place;
      if (entry == 0 || (entry & kPinned) != 0 || !is_meant) continue;
      // Where it has just moved, it is another one's.
      *flushed += vale.entry(bucket).compare_exchange_strong(entry, 0, std::memory_order_relaxed);
    }
    return Status::ok;
  });
}

Status pin_station(const std::shared_ptr<Namespace>& space, const std::string& name, Mac mac) {
  if (mac == 0 || is_multicast(mac)) return Status::bad_station;
  return with_switch_port(space, name, [&](Switch& vale, uint32_t place) {
    const uint32_t bucket = learning_bucket(mac);
    const uint64_t before = vale.learned(bucket);
    if ((before & kPinned) != 0 && before >> 16 != mac) return Status::pin_taken;
    vale.entry(bucket).store(mac << 16 | kPinned | (place + 1), std::memory_order_relaxed);
    if (before >> 16 == mac) return Status::ok;
    vale.station(bucket).heard_s = monotonic_s();
    vale.station(bucket).moves = 0;
    return Status::ok;
  });
}

Status unpin_station(const std::shared_ptr<Namespace>& space, const std::string& switch_name, Mac mac) {
  return with_switch(space, switch_name, [&](Switch& vale) {
    const uint32_t bucket = learning_bucket(mac);
    const uint64_t entry = vale.learned(bucket);
    if ((entry & kPinned) == 0 || entry >> 16 != mac) return Status::station_unknown;
    vale.entry(bucket).store(entry & ~kPinned, std::memory_order_relaxed);
    return Status::ok;
  });
}

Status set_ageing(const std::shared_ptr<Namespace>& space, const std::string& switch_name, uint32_t seconds) {
  return with_switch(space, switch_name, [&](Switch& vale) {
    vale.set_ageing(seconds);
    return Status::ok;
  });
}

}  // namespace nm::engine
