// Which drivers there are, and which of them opens an interface.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nic/driver.h"

namespace nm::nic {

// Best first: what `auto` tries, in this order.
std::span<const DriverKind> drivers();
const DriverKind* find_driver(uint32_t id);

// What came of trying one driver.
struct Attempt {
  const char* driver = "";  // its name, or "host rings" of what leads to the host
  Refusal refusal = Refusal::none;
  int error = 0;  // errno, where the kernel gave one
};

// Opens `rings` of the target with the driver `wanted`, or with the first that works ("", "auto"). "af-xdp" means all whose
// name begins so. When somebody has the interface open already, with their driver. `attempts` gets what each driver said; the
// last one is that of `opened`, if there is one. no_such_driver, driver_differs, no_driver.
Status open_driver(const Target& target, const std::string& wanted, std::span<const engine::BoundRing> rings,
                   std::vector<Attempt>* attempts, std::unique_ptr<Driver>* opened);

}  // namespace nm::nic
