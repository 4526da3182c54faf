// External memory: a region whose visible part lies in memory of the program that opens a port. [netmap(4), extmem]
//
//   a shared mapping of a file   its pages stay what they are, and every process of the namespace maps that file
//   any other memory             the region's own file takes the place of its pages, at the program's address
//
// Either way the program sees the port at the address that it gave, and so does whoever shares the mapping. What was in
// the memory before is lost in the second case; those who had it in common with the program keep the old pages.
//
// Memory    All of it is reserved at once. A program that cuts its file short harms all that use the region, which are
//           of its own namespace.
// Failure   Where the file is not found any more under its name, the region is lost (Region::is_lost) to the processes
//           that come later: nothing is sent to its ports from there, and none can be opened.
#pragma once

#include <memory>

#include "engine/namespace.h"
#include "engine/region.h"

namespace nm::engine {

// What a registration offers, and the region that came of it.
class ExternalMemory {
 public:
  // Finds or makes the region for the memory at `address`, with pools as `wanted` says: 0 for a default, what is left
  // becomes buffers. `wanted` gets what they are. Control lock held.
  Status open(Namespace& space, uint64_t address, abi::nmreq_pools_info* wanted);

  // Null before open().
  const std::shared_ptr<Region>& region() const { return region_; }
  // The port is open: shows the region at the program's address, where that is not so yet.
  Status show() const;

 private:
  Status look_up(Namespace& space, const External& place, uint64_t size);

  std::shared_ptr<Region> region_;
  uint64_t address_ = 0;
  bool replaces_ = false;
};

}  // namespace nm::engine
