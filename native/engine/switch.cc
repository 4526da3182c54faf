#include "engine/switch.h"

#include <unistd.h>

#include <cstring>

namespace nm::engine {

namespace {

std::string file_name(const std::string& name) { return "switch." + name; }

std::string fixed_string(const char* text, size_t size) { return std::string(text, strnlen(text, size)); }

}  // namespace

// A mix in the manner of Bob Jenkins, so that stations meet in the same buckets as on netmap's VALE.
uint32_t learning_bucket(Mac mac) {
  uint32_t a = 0x9e3779b9u + static_cast<uint32_t>(mac);
  uint32_t b = 0x9e3779b9u + static_cast<uint32_t>(mac >> 32 & 0xffff);
  uint32_t c = 0;
  const auto round = [&](int x, int y, int z) {
    a -= b;
    a -= c;
    a ^= c >> x;
    b -= c;
    b -= a;
    b ^= a << y;
    c -= a;
    c -= b;
    c ^= b >> z;
  };
  round(13, 8, 13);
  round(12, 16, 5);
  round(3, 10, 15);
  return c & (kLearningEntries - 1);
}

std::string Switch::name() const { return fixed_string(header().name, sizeof(header().name)); }

std::string Switch::port_name(uint32_t index) const {
  return fixed_string(place(index).name, sizeof(place(index).name));
}

std::string Switch::name_of(const Namespace& space, uint32_t index) {
  if (index >= kMaxSwitches) return "";
  const SwitchName& entry = space.header().switches[index];
  return entry.used == 0 ? "" : fixed_string(entry.name, sizeof(entry.name));
}

Status Switch::open(Namespace& space, uint32_t index, std::shared_ptr<Switch>* result) {
  const std::string name = name_of(space, index);
  return name.empty() ? Status::no_such_port : open(space, name, false, result);
}

Status Switch::read(const Namespace& space, uint32_t index, std::shared_ptr<Switch>* result) {
  const std::string name = name_of(space, index);
  if (name.empty()) return Status::no_such_port;
  std::shared_ptr<Switch> copy = *result ? std::move(*result) : std::shared_ptr<Switch>(new Switch);
  const Status status = copy->file_.read(space.path(file_name(name)), kSwitchSize);
  if (status != Status::ok) return status;
  const FileHeader& file = copy->header().file;
  if (file.magic.load(std::memory_order_relaxed) != kSwitchMagic) return Status::no_such_port;
  if (file.version != kLayoutVersion) return Status::namespace_version;
  copy->index_ = index;
  *result = std::move(copy);
  return Status::ok;
}

Status Switch::open(Namespace& space, const std::string& name, bool create, std::shared_ptr<Switch>* result) {
  SwitchName* names = space.header().switches;
  uint32_t index = 0;
  uint32_t unused = kMaxSwitches;
  for (; index < kMaxSwitches; index++) {
    if (names[index].used == 0) {
      if (unused == kMaxSwitches) unused = index;
    } else if (fixed_string(names[index].name, sizeof(names[index].name)) == name) {
      break;
    }
  }
  const bool known = index < kMaxSwitches;
  if (!known && !create) return Status::no_such_port;
  if (!known && unused == kMaxSwitches) return Status::switches_full;

  std::shared_ptr<Switch> opened(new Switch);
  const auto mode = create ? SharedFile::Mode::create_or_existing : SharedFile::Mode::existing;
  Status status = opened->file_.open(space.path(file_name(name)), kSwitchSize, mode);
  if (status == Status::no_such_region) return Status::no_such_port;
  if (status == Status::ok) status = opened->file_.reserve(0, kSwitchPortsOffset);
  if (status != Status::ok) return status;
  SwitchHeader& header = opened->header();
  if (header.file.magic.load(std::memory_order_acquire) != kSwitchMagic) {
    if (known && header.file.magic.load() != 0) return Status::namespace_corrupt;
    if (!create) return Status::no_such_port;
    header.file.version = kLayoutVersion;
    strncpy(header.name, name.c_str(), sizeof(header.name) - 1);
    header.file.magic.store(kSwitchMagic, std::memory_order_release);
  }
  if (header.file.version != kLayoutVersion) return Status::namespace_version;
  if (!known) {
    index = unused;
    memcpy(names[index].name, header.name, sizeof(names[index].name));
    names[index].used = 1;
  }
  opened->index_ = index;
  *result = std::move(opened);
  return Status::ok;
}

uint32_t Switch::find(const std::string& name) const {
  for (uint32_t i = 0; i < places(); i++) {
    if (is_taken(i) && port_name(i) == name) return i;
  }
  return kNowhere;
}

uint32_t Switch::find(const Region& region, uint32_t port, uint32_t* generation) const {
  for (uint32_t i = 0; i < places(); i++) {
    const SwitchPort& taken = place(i);
    *generation = taken.generation.load(std::memory_order_acquire);
    if (*generation % 2 == 1 && taken.region == region.id() && taken.region_nonce == region.nonce() &&
        taken.port == port) {
      return i;
    }
  }
  return kNowhere;
}

Status Switch::add(const std::string& port_name, const Region& region, uint32_t port, uint32_t* result) {
  uint32_t free = 0;
  while (free < places() && is_taken(free)) free++;
  if (free == kMaxSwitchPorts) return Status::switch_full;
  if (free == places()) {
    const Status status = file_.reserve(kSwitchPortsOffset + free * sizeof(SwitchPort), sizeof(SwitchPort));
    if (status != Status::ok) return status;
    header().ports_high = free + 1;
  }
  const Status reserved =
      file_.reserve(kSwitchPoliciesOffset + free * sizeof(PortPolicy), sizeof(PortPolicy));
  if (reserved != Status::ok) return reserved;

  SwitchPort& taken = place(free);
  const PortRecord& record = region.port(port);
  taken.region = region.id();
  taken.region_nonce = region.nonce();
  taken.port = port;
  taken.first_rx_ring = record.first_ring + record.all_tx();
  taken.rx_rings = record.rx_rings;
  taken.rx_slots = record.rx_slots;
  taken.header_length = record.header_length;
  taken.leads_to = 0;
  taken.policy = 0;
  taken.group = 0;
  strncpy(taken.name, port_name.c_str(), sizeof(taken.name) - 1);
  taken.name[sizeof(taken.name) - 1] = '\0';
  // Senders that see the odd generation see the fields before it.
  taken.generation.fetch_add(1, std::memory_order_release);
  header().active[free / 64].fetch_or(1ull << (free % 64), std::memory_order_release);
  header().ports_used++;
  *result = free;
  return Status::ok;
}

void Switch::remove(Namespace& space, uint32_t index) {
  if (index >= places()) return;
  header().active[index / 64].fetch_and(~(1ull << (index % 64)), std::memory_order_release);
  SwitchPort& port = place(index);
  if (is_taken(index)) {
    port.generation.fetch_add(1, std::memory_order_release);
    if (header().ports_used > 0) header().ports_used--;
  }
  // netmap leaves the stations of a port that went away in the table, where they swallow packets. [quirk 8]
  for (std::atomic<uint64_t>& entry : header().learned) {
    if (place_of(entry.load(std::memory_order_relaxed)) == index) entry.store(0, std::memory_order_relaxed);
  }
  port.policy = 0;
  count_waiting_places();
  remove_if_empty(space);
}

void Switch::count_waiting_places() {
  uint32_t count = 0;
  for (uint32_t i = 0; i < places(); i++) count += is_taken(i) && (place(i).policy & kWaits) != 0;
  header().waiting_places = count;
}

uint32_t Switch::count_stations(uint32_t place, uint32_t oldest_s) const {
  uint32_t count = 0;
  for (uint32_t bucket = 0; bucket < kLearningEntries; bucket++) {
    const uint64_t entry = learned(bucket);
    count += place_of(entry) == place && !is_old(bucket, entry, oldest_s);
  }
  return count;
}

// The station was elsewhere, or unknown, or another one has its place in the table.
void Switch::relearn(uint32_t bucket, uint64_t entry, uint32_t now_s) {
  Station& station = header().stations[bucket];
  const uint64_t before = header().learned[bucket].load(std::memory_order_relaxed);
  if ((before & kPinned) == 0) {
    header().learned[bucket].store(entry, std::memory_order_relaxed);
    if (before >> 16 == entry >> 16) {
      ++station.moves;
    } else {
      station.moves = 0;
    }
    station.heard_s = now_s;
  } else if ((before ^ entry) == kPinned) {
    station.heard_s = now_s;
  }
}

void Switch::remove_if_empty(Namespace& space) {
  for (uint32_t i = 0; i < places(); i++) {
    if (is_taken(i)) return;
  }
  unlink(space.path(file_name(name())).c_str());
  space.header().switches[index_].used = 0;
}

}  // namespace nm::engine
