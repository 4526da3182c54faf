// Which flow a packet belongs to, as a number: the same for all packets of a flow, in both directions.
//
//   flow        addresses and ports of the innermost IP packet: behind VLAN tags, GRE, VXLAN, IP in IP
//   addresses   the addresses of the outermost IP packet only, so that whatever happens between two hosts stays together
//   netmap      what netmap's lb computes, for those who rely on where it sends a flow
//
// A fragment of a datagram other than the first has no ports. `flow` remembers those of the first fragment for a while, so
// that all go the same way; a fragment that comes before the first goes by its addresses, and is counted as strayed.
// `netmap` takes for ports whatever such a fragment begins with.
//
// What is not IP goes by its MAC addresses, but ARP by those that it is about, so that an answer meets its request.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "traffic/plain_flow.h"

namespace nm {

// name, what of a packet counts
#define NM_FLOW_HASHES(row)                                               \
  row(flow, "addresses and ports of the innermost IP packet")             \
  row(addresses, "addresses of the outermost IP packet")                  \
  row(netmap, "what netmap's lb takes")

enum class FlowHash : uint8_t {
#define row(name, text) name,
  NM_FLOW_HASHES(row)
#undef row
};

inline bool is_flow_hash(FlowHash hash) { return hash <= FlowHash::netmap; }

struct Flow {
  uint32_t hash = 0;
  bool is_ip = false;
};

class FlowHasher {
 public:
  explicit FlowHasher(FlowHash kind);

  // The flow of a packet of which `captured` bytes are there.
  Flow flow_of(const uint8_t* packet, uint32_t captured) {
    if (kind_ == FlowHash::flow && is_plain(packet, captured)) [[likely]]
      return {plain_hash(packet), true};
    return flow_of_any(packet, captured);
  }

  // Which of `count` outputs a flow goes to.
  uint32_t output_of(uint32_t hash, uint32_t count) const {
    // netmap takes the rest of a division; else the upper bits decide, for a multiplication is cheaper.
    return kind_ == FlowHash::netmap ? hash % count : static_cast<uint32_t>(uint64_t{hash} * count >> 32);
  }

  // Fragments that came before the first of their datagram, or long after it.
  uint64_t strayed() const { return strayed_; }

 private:
  // What identifies a datagram in the table of fragments, and the hash of its first fragment.
  struct Datagram {
    uint64_t key = 0;
    uint32_t hash = 0;
  };
  static constexpr uint32_t kDatagrams = 4096;

  Flow flow_of_any(const uint8_t* packet, uint32_t captured);
  Flow innermost(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places, int depth);
  Flow inner_of(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places, int depth);
  Flow fragment_of(const uint8_t* packet, uint32_t captured, const HeaderPlaces& places, int depth);

  const FlowHash kind_;
  std::vector<Datagram> datagrams_;
  uint64_t strayed_ = 0;
};

}  // namespace nm
