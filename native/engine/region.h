// A memory region: netmap_ifs, rings and buffers that ports are made of.
//
// Functions that hand out or take back objects need the control lock. The accessors are for the data path:
// they check what they are given against the fixed limits, never against shared memory.
#pragma once

#include <memory>
#include <vector>

#include "engine/layout.h"
#include "engine/namespace.h"
#include "engine/reservation.h"
#include "engine/shared_file.h"

namespace nm::engine {

class Region {
 public:
  // The region as this process maps it, once, however many ports use it.
  static Status open(Namespace& space, uint32_t id, std::shared_ptr<Region>* region);
  // Makes region `id`, or a new private one under an unused id when `id` is 0. Its visible part lies in memory of a
  // program where `external` says so.
  static Status create(Namespace& space, uint32_t id, const Pools& pools, std::shared_ptr<Region>* region,
                       const External& external = {});
  static void remove(Namespace& space, uint32_t id);
  // Of its file.
  static std::string path(const Namespace& space, uint32_t id);
  // The ids of all regions.
  static std::vector<uint32_t> ids(const Namespace& space);

  uint32_t id() const { return id_; }
  uint64_t nonce() const { return nonce_; }
  const Pools& pools() const { return pools_; }
  // Tells its id and its pools, as POOLS_INFO_GET and external memory do.
  void tell(abi::nmreq_pools_info* info) const;
  uint32_t buffer_stride() const { return pools_.buffer_stride; }
  RegionHeader& header() const { return *file_.at<RegionHeader>(0); }
  PortRecord& port(uint32_t index) const { return *file_.at<PortRecord>(port_offset(index)); }
  uint32_t ports_high() const {
    return header().ports_high < kRegionPorts ? header().ports_high : kRegionPorts;
  }
  Watch& watch(uint32_t index) const { return file_.at<Watch>(kWatchesOffset)[index]; }
  RingState& ring(uint32_t index) const { return file_.at<RingState>(kRingsOffset)[index]; }
  LeaseTable leases(uint32_t ring) const {
    return file_.at<std::atomic<uint64_t>>(kLeasesOffset + ring * kLeasesSize);
  }
  abi::netmap_ring* netmap_ring(uint32_t ring) const {
    return reinterpret_cast<abi::netmap_ring*>(visible() + pools_.rings_at +
                                               uint64_t{ring} * pools_.ring_size);
  }
  abi::netmap_if* netmap_if(uint32_t object) const {
    return reinterpret_cast<abi::netmap_if*>(visible() + interface_offset(object));
  }
  // From the beginning of the visible part.
  uint64_t interface_offset(uint32_t object) const {
    return pools_.interfaces_at + uint64_t{object} * pools_.interface_size;
  }
  uint8_t* buffers() const { return visible() + pools_.buffers_at; }
  uint8_t* buffer(uint32_t index) const { return buffers() + uint64_t{index} * pools_.buffer_stride; }
  uint32_t buffers_reserved() const {
    const uint32_t reserved = header().buffers_reserved.load(std::memory_order_relaxed);
    return reserved <= pools_.buffers ? reserved : 0;
  }
  // Whether a slot may name buffer `index`.
  bool buffer_valid(uint32_t index) const { return index >= 2 && index < buffers_reserved(); }

  // The netmap-visible part.
  uint8_t* visible() const { return file_.base() + kVisibleOffset; }
  uint64_t visible_size() const { return pools_.size; }
  // Shows the visible part at `address` as well, instead of what is there. False: it cannot be mapped there.
  bool show_at(uint64_t address) const;
  // Its memory was a program's file, which is not there any more. The visible part is empty then, and only good for
  // taking the region apart.
  bool is_lost() const { return is_lost_; }

  bool ring_taken(uint32_t index) const { return (header().ring_map[index / 64] >> (index % 64) & 1) != 0; }

  Status take_port(uint32_t* index);
  Status take_rings(uint32_t count, uint32_t* first);
  Status take_interface(uint32_t* object);
  // Finds `count` free buffers, or none. They are not taken yet: whoever wants them first writes them where
  // they will be found when it dies, then calls take_buffer() for each.
  Status find_buffers(uint32_t count, uint32_t* indexes);
  void take_buffer(uint32_t index);
  // Gets memory for buffers up to `count`, before they are needed. Where it cannot be had they go without.
  void reserve_buffers(uint32_t count);
  // Gives the ring its netmap_ring, with a buffer in each slot: new ones, the ones that ring
  // `same_buffers_as` has in its slots, or none (kNoBuffers).
  Status make_ring(uint32_t ring, uint16_t number, bool is_tx, uint32_t same_buffers_as);
  static constexpr uint32_t kOwnBuffers = ~0u;
  static constexpr uint32_t kNoBuffers = ~0u - 1;

  void give_port(uint32_t index);
  // Gives the ring's memory back; `with_buffers` also the buffers that its slots name now.
  void give_rings(uint32_t first, uint32_t count);
  void unmake_ring(uint32_t ring, bool with_buffers);
  void give_interface(uint32_t object);
  // Indexes that are not out are ignored: they come from memory that anybody may have written.
  void give_buffer(uint32_t index);

  ~Region() = default;

 private:
  Region() = default;
  Status grow(uint32_t count);
  Status map(Namespace& space, uint32_t id);
  bool map_external();
  Status reserve_visible(uint64_t offset, uint64_t length);
  uint64_t* buffer_map() const { return file_.at<uint64_t>(kBufferMapOffset); }

  SharedFile file_;
  uint32_t id_ = 0;
  Pools pools_{};
  uint64_t nonce_ = 0;
  bool is_lost_ = false;
};

}  // namespace nm::engine
