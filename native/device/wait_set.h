// Waiting for one of several devices.
//
//   look     poll each device: it syncs, and says what is ready
//   spin     look again when there is news, for as long as a wake-up takes
//   arm      ask each device to make its poll descriptor readable
//   sleep    in poll(2) on the descriptors; then disarm, and look
//
// Devices that poll(2) itself waits for (polled.h) are waited for by one call of that, if all are such.
//
// Threads   One thread waits. Any other ends the wait by stop_waiting() of a device.
#pragma once

#include <poll.h>

#include <cstdint>
#include <vector>

#include "device/device.h"
#include "device/polled.h"
#include "engine/yield.h"

namespace nm {

class WaitSet {
 public:
  // The devices outlive the set. There is at least one.
  explicit WaitSet(std::vector<Device*> devices);

  // What to wait for on a device, by its number: kReadable, kWritable, both or nothing. It stays until it is changed.
  void want(size_t device, uint32_t events) { watches_[device].wanted = events; }

  // Whether a wait syncs all devices at the price of a sync, so that nobody need do it besides.
  bool syncs() const { return !polled_.empty(); }

  // Waits until one of the wanted events is so, or until `timeout_ns` is over (negative: never). Returns what a device
  // returned that does not work, and interrupted after stop_waiting() of one.
  Status wait(int64_t timeout_ns);

  // After wait(): the events of a device that are so.
  uint32_t ready(size_t device) const { return watches_[device].ready; }

 private:
  struct Watch {
    Device* device;
    uint32_t wanted = 0;
    uint32_t ready = 0;
    bool armed = false;
  };

  Status wait_polled(int64_t timeout_ns);
  Status look(bool* any);
  bool has_news() const;
  Status spin(uint64_t until_ns, bool* any);
  Status arm(bool* any);
  void sleep(int64_t timeout_ns);
  void disarm();

  std::vector<Watch> watches_;
  // One for each device, or none.
  std::vector<PolledWait> polled_;
  std::vector<pollfd> bells_;
  engine::Yielder yielder_;
};

}  // namespace nm
