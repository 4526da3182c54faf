// Devices that poll(2) syncs and waits for: the kernel's.
//
// Each sync of theirs is a system call, and so is each look. A loop that waits for one whenever it has nothing to do leaves
// the syncs to the wait, as programs for netmap do: one call takes back slots, sends, shows what arrived and sleeps. Who
// waits for several makes that call for all of them.
#pragma once

#include <poll.h>

#include <cstdint>
#include <span>

#include "status.h"

namespace nm {

class Polled {
 public:
  // What poll(2) syncs and waits for.
  virtual int descriptor() const = 0;
  // Readable while waits are to end; -1 where nothing ends them.
  virtual int stop_descriptor() const = 0;
  virtual bool is_stopped() const = 0;
  // Comes before each poll(2).
  virtual void before_poll() {}
  // What became of the device, as Device::wait() says it, by what poll(2) found.
  virtual Status after_poll(short found, uint32_t* ready) = 0;

 protected:
  ~Polled() = default;
};

struct PolledWait {
  Polled* device;
  uint32_t wanted;
  uint32_t ready = 0;
};

// Device::wait() for several: until one of them has something that is wanted of it. `entries` is room for poll(2), two
// for each device. interrupted when one was stopped.
Status wait_for_polled(std::span<PolledWait> waits, std::span<pollfd> entries, int64_t timeout_ns);

}  // namespace nm
