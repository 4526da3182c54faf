// What all traffic loops have in common: ports to work on, an end, and progress to look at.
//
// Threads   One thread calls run(), and it alone uses the ports' devices meanwhile. Any other may call stop() and read
//           progress() at any time.
// Memory    What a loop needs is allocated before its first packet, but for the state of each stream that a receiver
//           discovers.
// Failure   A device that stops working ends the loop with the device's Status.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "device/wait_set.h"
#include "port.h"
#include "traffic/dump.h"
#include "traffic/histogram.h"
#include "traffic/progress.h"

namespace nm {

// name, meaning: what a loop may keep a histogram of.
#define NM_HISTOGRAMS(row)                                                                       \
  row(gap_ns, "time from the departure of one packet to the next; 0 within one sync")            \
  row(latency_ns, "time from when a marked packet was put into its slot to when it was taken")   \
  row(interarrival_ns, "time from one packet to the next; 0 within one sync")                    \
  row(reorder_depth, "how many numbers a late packet's was behind the greatest before it")       \
  row(rtt_ns, "time from when a request was sent to when its answer was seen")                   \
  row(lateness_ns, "time from when a packet was due to when it had been sent")

#define row(name, text) name,
enum class Measured { NM_HISTOGRAMS(row) };
#undef row

class Numbers;
class Streams;
struct LinkSpec;

class Loop {
 public:
  virtual ~Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Works until there is nothing left to do, or until stop(). Runs once.
  Status run();

  // Ends run(), also one that has not begun. The ports' devices do not wait again after this.
  void stop();

  Progress& progress() { return progress_; }

  // What this loop measures of that kind, or nullptr. The same from construction on, and read by any thread.
  virtual const Histogram* histogram(Measured) const { return nullptr; }
  // The streams that it tells apart, likewise.
  virtual const Streams* streams() const { return nullptr; }
  // Counts that only this kind of loop has, in rows. By any thread.
  virtual std::vector<double> counts() const { return {}; }
  // Its check of numbered slots, likewise.
  virtual Numbers* numbers() { return nullptr; }

  // Goes on with other models, where this is a link that can have them. By any thread.
  virtual bool reconfigure(const LinkSpec&) { return false; }

 protected:
  // The ports, at least one, outlive the loop.
  explicit Loop(Port& port) : Loop(std::vector<Port*>{&port}) {}
  explicit Loop(const std::vector<Port*>& ports) : ports_(ports) {}

  virtual Status work() = 0;
  // What else must end for run() to end. By any thread.
  virtual void on_stop() {}

  Port& port(size_t number = 0) { return *ports_[number]; }
  const std::vector<Port*>& ports() const { return ports_; }
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  const std::atomic<bool>& stop_flag() const { return stopped_; }

  // Whether a wait syncs the port at the price of a sync. A loop then waits in every round, and makes no other sync; where
  // there is something left to do, the wait returns at once.
  static bool syncs_by_waiting(Port& port) { return port.device().polled() != nullptr; }

  // What a loop syncs by: a ring that was set back ends it, for what it put there or found there is not what it thinks.
  Status sync_tx(Port& port) { return unless_reset(port.device(), port.device().tx_sync()); }
  Status sync_rx(Port& port) { return unless_reset(port.device(), port.device().rx_sync()); }

  // Waits until the port's device is ready for one of `events`, but no longer than until `deadline_ns` or stop().
  Status wait_for(Port& port, uint32_t events, uint64_t deadline_ns);
  Status wait_for(uint32_t events, uint64_t deadline_ns) { return wait_for(port(), events, deadline_ns); }

  // Waits for what the set wants of several devices, but no longer than until `deadline_ns` or stop().
  Status wait_for(WaitSet& devices, uint64_t deadline_ns);
  // The devices of all ports, in their order.
  std::vector<Device*> devices() const;

  // Waits until a TX ring of the port has more room than it has now.
  Status wait_for_room(Port& port, uint64_t deadline_ns);
  Status wait_for_room(uint64_t deadline_ns) { return wait_for_room(port(), deadline_ns); }

  // Waits until receivers have taken all that was sent, as long as they go on taking: at most `linger_ns` without that.
  // The progress tells what is left.
  Status drain(uint64_t linger_ns);

  // Puts a copy of the slot into `to`, if there is one, and waits for room there as long as the loop is not stopped.
  void dump(Dump* to, const Ring& ring, uint32_t slot) const;

  // Adds one round's packets to the progress.
  void note_moved(uint64_t packets, uint64_t bytes, uint64_t now_ns);
  // A round sent packets at that time, of which so many left one after the other.
  void note_departure(uint64_t now_ns, uint64_t train);

 private:
  static Status unless_reset(const Device& device, Status status) {
    return status == Status::ok && device.last_reset() ? Status::ring_reset : status;
  }
  Status drain(Port& port, uint64_t linger_ns, uint64_t* left);

  const std::vector<Port*> ports_;
  Progress progress_;
  std::atomic<bool> stopped_{false};
};

}  // namespace nm
