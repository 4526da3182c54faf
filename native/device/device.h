// A netmap device: what /dev/netmap offers a program, behind one interface.
//
// The kernel's device and the embedded engine both fit it, so nothing above this line knows which of them
// runs. One Device is one descriptor: it binds to one port, once. It may be used by one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "abi/netmap.h"
#include "counters.h"
#include "status.h"

namespace nm {

// The region of the bound port, as a netmap program would map it.
struct Mapping {
  uint8_t* base = nullptr;
  uint64_t size = 0;
  // How many buffers of the region have memory behind them now; higher indexes are refused.
  uint32_t buffer_count = 0;
  // The same at any later time, for other ports of the region may come with more. Null where it never
  // changes.
  const std::atomic<uint32_t>* buffer_count_now = nullptr;
};

// Events of wait() and arm(), with poll(2)'s meaning.
inline constexpr uint32_t kReadable = 1;   // an RX ring has slots past cur
inline constexpr uint32_t kWritable = 4;   // a TX ring has slots past cur
inline constexpr uint32_t kRingError = 8;  // a ring was found invalid and was reset, or the port is gone

// How a network interface was opened.
struct DriverReport {
  struct Attempt {
    std::string driver;
    uint32_t refusal;  // a nic::Refusal; none of the driver that was taken
    int error;         // errno behind it, 0 where there is none
  };
  std::vector<Attempt> attempts;  // one by one; the last is the driver that was taken
  std::string mode;               // how that one works here, empty where there is one way only
};

// A ring that the device set back, for its head or cur were where they cannot be.
struct RingReset {
  static constexpr uint32_t kUnknown = UINT32_MAX;

  bool is_tx = false;
  uint32_t ring = kUnknown;  // as netmap numbers rings
  // What it held.
  uint32_t head = kUnknown;
  uint32_t cur = kUnknown;
};

class Polled;

class Device {
 public:
  virtual ~Device() = default;

  // The last ring of the bound port that was set back since forget_reset(). Syncs succeed all the same, as netmap's do, and
  // wait() says kRingError. For the thread that uses the device.
  const std::optional<RingReset>& last_reset() const { return last_reset_; }
  void forget_reset() { last_reset_.reset(); }

  // Which driver the next REGISTER of a network interface is to use; without a wish, the best that works. For devices that
  // have more than one.
  virtual void choose_driver(const std::string&) {}
  // What came of it, also when it failed. Empty for other ports.
  virtual DriverReport driver_report() const { return {}; }

  // A request as NIOCCTRL takes it; the reply is written into its body and options. What the header points to
  // may be anybody's and is read and written with care, the header is the caller's of this function.
  virtual Status control(abi::nmreq_header* request) = 0;

  // Valid after a REGISTER and until the device is destroyed.
  virtual Status map(Mapping* mapping) = 0;

  // NIOCTXSYNC: takes what the user put into the bound TX rings, and frees slots.
  virtual Status tx_sync() = 0;
  // NIOCRXSYNC: takes back slots of the bound RX rings, and shows new packets.
  virtual Status rx_sync() = 0;

  // poll(2): syncs, then waits until one of `events` is so, for at most `timeout_ns` (negative: for ever).
  // `ready` gets the events that are so; 0 after a timeout. Returns interrupted after stop_waiting().
  virtual Status wait(uint32_t events, int64_t timeout_ns, uint32_t* ready) = 0;

  // Whether a wait() for `events` may find more than the last one did. Reads alone, and is cheap enough to spin on: a sync
  // writes to lines that the other side reads, and takes them from it each time. A device that cannot tell says yes.
  virtual bool has_news(uint32_t) const { return true; }

  // Whether the other side gets the buffers of slots that are sent, so that it is another core which reads them next. Where they
  // are copied, tx_sync() reads them.
  virtual bool hands_over_buffers() const { return false; }

  // The bound device as one that poll(2) syncs as it waits, each sync being as dear as a wait: see polled.h. Null where a sync
  // costs little.
  virtual Polled* polled() { return nullptr; }

  // Ends a wait() that another thread is in, or a sleep after arm(), and every later one.
  virtual void stop_waiting() = 0;
  // Lets it be waited for again, once nobody is in a wait() that was stopped.
  virtual void allow_waiting() = 0;

  // What ring `number` of the bound port counted so far, as netmap numbers rings: host rings after the
  // others.
  virtual Status tx_counters(uint32_t number, Counters* counters) = 0;
  virtual Status rx_counters(uint32_t number, Counters* counters) = 0;

  // For event loops: a descriptor that becomes readable when the device wants to be looked at, -1 with the
  // reason in `status` when it cannot be had. arm() syncs and says what is ready; when nothing is, the
  // descriptor will become readable as soon as something may be. After stop_waiting() it returns interrupted. disarm()
  // takes the notice back out of the descriptor.
  virtual int poll_descriptor(Status* status) = 0;
  virtual Status arm(uint32_t events, uint32_t* ready) = 0;
  virtual void disarm() = 0;

 protected:
  void note_reset(const RingReset& reset) { last_reset_ = reset; }

 private:
  std::optional<RingReset> last_reset_;
};

}  // namespace nm
