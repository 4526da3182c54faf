// The stations that a switch knows, for people: who is behind which port, since when, and how often it moved.
//
// The table is the one that senders look into (Switch::learn, Switch::lookup). It has one place for each of 1024 buckets, so a
// station that meets another one in its bucket is forgotten when that one speaks. A pinned station stays where it was pinned,
// whatever is heard; those that it meets are flooded to.
//
// Threads   All hold the namespace's control lock, which senders do not: a station may be learned again at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/namespace.h"
#include "engine/switch.h"

namespace nm::engine {

struct ListedStation {
  Mac mac = 0;
  std::string port;  // after the colon
  uint32_t age_s = 0;
  uint32_t moves = 0;
  bool is_pinned = false;
};

Status list_stations(const std::shared_ptr<Namespace>& space, const std::string& switch_name,
                     std::vector<ListedStation>* stations);

// Forgets all stations that are not pinned, or only those behind `port` where that is not empty. Returns how many.
Status flush_stations(const std::shared_ptr<Namespace>& space, const std::string& switch_name,
                      const std::string& port, uint32_t* flushed);

// Pins the station to the port, "vale0:a".
Status pin_station(const std::shared_ptr<Namespace>& space, const std::string& name, Mac mac);
// Lets it be learned again. station_unknown: it was not pinned.
Status unpin_station(const std::shared_ptr<Namespace>& space, const std::string& switch_name, Mac mac);

// Stations that were not heard for so long are forgotten; 0: none is.
Status set_ageing(const std::shared_ptr<Namespace>& space, const std::string& switch_name, uint32_t seconds);

}  // namespace nm::engine
