// The words of the cases: descriptors of /dev/netmap, ports, rings, packets. Nothing here hides a rule of netmap.
#pragma once

#include <net/netmap.h>
#include <poll.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "harness.h"

namespace conformance {

inline Answer answer(int result) { return {result < 0 ? errno : 0}; }

// --- names that belong to this case

inline std::string vale_switch(char which = 'x') { return "valec" + std::to_string(case_number()) + which; }
inline std::string vale(const std::string& port, char which = 'x') { return vale_switch(which) + ":" + port; }
// A name as an interface could have.
inline std::string plain(const std::string& end) { return "c" + std::to_string(case_number()) + end; }

// --- packets

struct Station {
  uint8_t bytes[6];
};

inline constexpr Station kEverybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
inline Station station(uint8_t number) { return {{2, 0, 0, 0, 0, number}}; }

// A frame: the addresses, and `fill` to its end.
struct Packet {
  std::string bytes;

  bool operator==(const Packet&) const = default;
  std::string describe() const {
    const std::string fill = bytes.size() > 14 ? std::string(1, bytes[14]) : "";
    return std::to_string(bytes.size()) + " bytes of '" + fill + "'";
  }
};
using Packets = std::vector<Packet>;

inline Packet packet(Station to, Station from, char fill = 'a', size_t length = 60) {
  Packet made{std::string(length, fill)};
  if (length >= 6) memcpy(made.bytes.data(), to.bytes, 6);
  if (length >= 12) memcpy(made.bytes.data() + 6, from.bytes, 6);
  return made;
}
inline Packet to_everybody(char fill = 'a', size_t length = 60) {
  return packet(kEverybody, station(1), fill, length);
}

// --- descriptors

struct Request {
  uint16_t type;
  std::string name;
  void* body = nullptr;
  void* options = nullptr;
  uint16_t version = NETMAP_API;
  uint32_t reserved = 0;
};

class Descriptor {
 public:
  Descriptor();
  Descriptor(const Descriptor&) = delete;
  ~Descriptor();

  // The reply's header is kept: VALE_LIST answers in it.
  Answer ask(const Request& request);
  Answer registers(const std::string& name, nmreq_register* wanted, void* options = nullptr);
  Answer tx_sync() const;
  Answer rx_sync() const;
  void close();

  int fd = -1;
  nmreq_header reply = {};
};

// The answer of a descriptor that is closed again at once.
Answer asking(const Request& request);
Answer opening(const std::string& name, nmreq_register wanted = {}, void* options = nullptr);

// --- rings

struct Pointers {
  uint32_t head, cur, tail;
  bool operator==(const Pointers&) const = default;
  std::string describe() const {
    return "head " + std::to_string(head) + " cur " + std::to_string(cur) + " tail " + std::to_string(tail);
  }
};
inline Pointers pointers(const netmap_ring& ring) { return {ring.head, ring.cur, ring.tail}; }

inline uint32_t next(const netmap_ring& ring, uint32_t slot) {
  return slot + 1 == ring.num_slots ? 0 : slot + 1;
}
inline uint32_t space(const netmap_ring& ring) {
  return (ring.tail + ring.num_slots - ring.head) % ring.num_slots;
}
inline void move_to(netmap_ring& ring, uint32_t slot) { ring.head = ring.cur = slot; }
char* buffer(netmap_ring& ring, uint32_t index);

// --- ports: a registered descriptor and its memory

// Events of poll, by their names.
struct Events {
  short bits;
  bool operator==(const Events&) const = default;
  std::string describe() const;
};

class Port : public Descriptor {
 public:
  // A mode of 0 means ALL_NIC. The case ends where that is refused.
  explicit Port(const std::string& name, nmreq_register wanted = {}, void* options = nullptr);
  ~Port();

  netmap_ring& tx(uint32_t index = 0) const;
  netmap_ring& rx(uint32_t index = 0) const;
  // Places in ring_ofs.
  uint32_t tx_entries() const { return nifp->ni_tx_rings + nifp->ni_host_tx_rings; }
  uint32_t rx_entries() const { return nifp->ni_rx_rings + nifp->ni_host_rx_rings; }

  // Writes a packet into the ring, over several slots where it must. False where there is no room.
  bool put(const Packet& packet, uint32_t ring = 0, size_t slot_bytes = 0);
  // Puts, and syncs.
  void send(const Packet& packet, uint32_t ring = 0);
  // Syncs, and takes what there is: from one ring, or from all.
  Packets receive(uint32_t ring);
  Packets receive();
  // Takes without a sync before or after.
  Packets take(netmap_ring& ring, size_t most = SIZE_MAX);
  Events poll(short events, int timeout_ms = 0) const;

  void unmap();
  void close();

  nmreq_register reg = {};
  char* memory = nullptr;
  netmap_if* nifp = nullptr;

 private:
  netmap_ring& ring_at(uint32_t entry) const;
};

// The indexes of all buffers of a ring.
std::vector<uint32_t> buffers(const netmap_ring& ring);

}  // namespace conformance
