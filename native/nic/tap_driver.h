// A port whose rings lead to a TAP device: the host's network stack is on the other side of the wire.
//
//   TX ring i --> queue i of the device --> the host receives it on the interface
//   RX ring i <-- queue i of the device <-- the host sends it on the interface
//
// The device is there while the port is, and goes with its last user. One that was there before stays.
//
// A packet that arrives is read straight into the buffer of its slot, unless something is left to do to it (intake.h): then it
// is put together beside the ring and copied. Packets that leave go by the batch (write_batch.h).
#pragma once

#include <memory>
#include <string>

#include "nic/driver.h"

namespace nm::nic {

// What such a driver is called in reports. It is none of drivers(): it opens no interface that is there.
inline constexpr char kTapDriver[] = "tap";

std::unique_ptr<Driver> make_tap_driver(const Target& target);

}  // namespace nm::nic
