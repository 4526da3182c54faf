// A VALE switch: which ports are on it, and where each station was last heard.
//
// Adding and removing ports needs the control lock; learning and looking up do not.
#pragma once

#include <cstring>
#include <memory>
#include <string>

#include "engine/layout.h"
#include "engine/namespace.h"
#include "engine/region.h"
#include "engine/shared_file.h"

namespace nm::engine {

// An Ethernet address in the low 48 bits, first byte lowest, as it lies in memory.
using Mac = uint64_t;
inline constexpr Mac kMacMask = 0xffffffffffff;
inline constexpr bool is_multicast(Mac mac) { return (mac & 1) != 0; }
inline Mac mac_at(const uint8_t* bytes) {
  Mac mac = 0;
  memcpy(&mac, bytes, 6);
  return mac;
}

// The place that an entry of the learning table names: Switch::kNowhere where it is empty, any number where it is spoilt.
constexpr uint32_t place_of(uint64_t entry) { return static_cast<uint32_t>(entry & (kPinned - 1)) - 1; }

// netmap's learning bucket of an address: 0 … kLearningEntries - 1.
uint32_t learning_bucket(Mac mac);

class Switch {
 public:
  static constexpr uint32_t kNowhere = ~0u;

  // Opens `name` ("vale0"), making it if `create`: the control lock is held then.
  static Status open(Namespace& space, const std::string& name, bool create, std::shared_ptr<Switch>* result);
  // Opens the switch with this number in the namespace. Who has no lock looks whether it is the one that was meant.
  static Status open(Namespace& space, uint32_t index, std::shared_ptr<Switch>* result);
  // A copy of it as it is now, to look at, in place of the copy that `result` may have. Control lock held.
  static Status read(const Namespace& space, uint32_t index, std::shared_ptr<Switch>* result);
  // The name of the switch with this number; empty: there is none.
  static std::string name_of(const Namespace& space, uint32_t index);

  uint32_t index() const { return index_; }
  std::string name() const;

  // Places 0 … places() - 1 may be looked at.
  uint32_t places() const {
    return header().ports_high < kMaxSwitchPorts ? header().ports_high : kMaxSwitchPorts;
  }
  SwitchPort& place(uint32_t index) const { return file_.at<SwitchPort>(kSwitchPortsOffset)[index]; }
  PortPolicy& policy(uint32_t index) const { return file_.at<PortPolicy>(kSwitchPoliciesOffset)[index]; }
  // Whether packets wait for any of its ports.
  bool has_waiting_places() const { return header().waiting_places != 0; }
  bool is_taken(uint32_t index) const {
    return place(index).generation.load(std::memory_order_relaxed) % 2 == 1;
  }
  std::string port_name(uint32_t index) const;
  // Bit i % 64 of word i / 64 is set while place i is taken.
  uint64_t active_word(uint32_t word) const { return header().active[word].load(std::memory_order_relaxed); }

  // The place of port `name`, or kNowhere. Control lock held, as for add() and the two after it.
  uint32_t find(const std::string& name) const;
  // The place of port `port` of `region`, and its generation. Needs no lock.
  uint32_t find(const Region& region, uint32_t port, uint32_t* generation) const;
  Status add(const std::string& port_name, const Region& region, uint32_t port, uint32_t* place);
  // Takes the port off the switch and forgets the stations behind it. The last one takes the switch with it.
  void remove(Namespace& space, uint32_t place);
  void remove_if_empty(Namespace& space);

  // Counts the places that packets wait for anew. Control lock held.
  void count_waiting_places();

  // Times are seconds of the monotonic clock.
  void learn(Mac source, uint32_t bucket, uint32_t place, uint32_t now_s) {
    const uint64_t entry = source << 16 | (place + 1);
    if (header().learned[bucket].load(std::memory_order_relaxed) != entry)
      return relearn(bucket, entry, now_s);
    // Others read the line: it is written once a second.
    Station& station = header().stations[bucket];
    if (station.heard_s != now_s) station.heard_s = now_s;
  }
  // The place where `destination` was heard last, not before `oldest_s` where that is not 0; or kNowhere.
  uint32_t lookup(Mac destination, uint32_t oldest_s) const {
    const uint32_t bucket = learning_bucket(destination);
    const uint64_t entry = header().learned[bucket].load(std::memory_order_relaxed);
    if (entry >> 16 != destination) return kNowhere;
    if (oldest_s != 0 && is_old(bucket, entry, oldest_s)) [[unlikely]]
      return kNowhere;
    const uint32_t place = place_of(entry);
    return place < kMaxSwitchPorts ? place : kNowhere;
  }
  // The entry that learn() would compare with: station and place, whatever else is in it.
  uint64_t learned(uint32_t bucket) const { return header().learned[bucket].load(std::memory_order_relaxed); }
  std::atomic<uint64_t>& entry(uint32_t bucket) const { return header().learned[bucket]; }
  Station& station(uint32_t bucket) const { return header().stations[bucket]; }
  bool is_old(uint32_t bucket, uint64_t entry, uint32_t oldest_s) const {
    return (entry & kPinned) == 0 && header().stations[bucket].heard_s < oldest_s;
  }
  // How many stations are behind the port at `place`.
  uint32_t count_stations(uint32_t place, uint32_t oldest_s) const;

  uint32_t ageing_s() const { return header().ageing_s; }
  void set_ageing(uint32_t seconds) { header().ageing_s = seconds; }
  // Who was not heard since then is forgotten; 0: nobody is.
  uint32_t oldest_s(uint32_t now_s) const {
    const uint32_t ageing = header().ageing_s;
    return ageing != 0 && now_s > ageing ? now_s - ageing : 0;
  }

 private:
  Switch() = default;
  SwitchHeader& header() const { return *file_.at<SwitchHeader>(0); }
  void relearn(uint32_t bucket, uint64_t entry, uint32_t now_s);

  SharedFile file_;
  uint32_t index_ = 0;
};

}  // namespace nm::engine
