// How packets get into and out of the rings of a port: one implementation for each kind of port.
//
// Whoever syncs a ring holds it (bound_ring.h, sync_begin), has checked where the user's head is, and shows the user
// hwtail afterwards. What happens in between is the data path's work: it takes the slots [hwcur, head) from the user
// and moves hwtail over those that it gives. Where the user's words came from, and where hwtail goes, is not its concern.
//
// Threads   A data path belongs to one descriptor, and is used by one thread at a time.
#pragma once

#include <memory>

#include "engine/bound_ring.h"
#include "engine/engine.h"
#include "nic/notice.h"

namespace nm::engine {

class DataPath {
 public:
  explicit DataPath(const Binding& binding)
      : space_(binding.space), region_(binding.region), port_(binding.port), client_(binding.client) {}
  virtual ~DataPath() = default;

  // Fills in what this kind of port keeps in a ring.
  virtual void bind(BoundRing&) {}

  // Sends the slots [hwcur, head), and gives back those that are done with.
  Status tx_sync(BoundRing& ring, uint32_t head) {
    return is_watched(ring) ? watched_tx_sync(ring, head) : send(ring, head);
  }
  // Shows new packets, and takes back the slots [hwcur, head).
  Status rx_sync(BoundRing& ring, uint32_t head) {
    return is_watched(ring) ? watched_rx_sync(ring, head) : receive(ring, head);
  }

  // Whether a sync would move hwtail. Cheap enough to spin on.
  virtual bool tx_has_news(const BoundRing&) const { return false; }
  virtual bool rx_has_news(const BoundRing&) const { return false; }
  // Called when a thread is about to sleep for the ring, before the fence: says so where others than those who fill or
  // empty this ring must know (wake.h).
  virtual void announce(const BoundRing&) {}
  // Whether somebody owes us packets and may have died: a sleeper must look again soon.
  virtual bool rx_unfinished(BoundRing&) { return false; }

  // Where the kernel brings or takes the packets: what to poll while asleep for the ring, and what is to be done before.
  // Returns how many nanoseconds the sleep may last at most.
  virtual nic::Notice notice(const BoundRing&) const { return {}; }
  virtual int64_t before_sleep(BoundRing&) { return INT64_MAX; }
  // Brings the ring's counters up to date with what the kernel counted.
  virtual void count(BoundRing&) {}

  // Whether the receiver gets the buffers of slots that are sent, and not copies of them.
  virtual bool hands_over_buffers() const { return false; }

  // Called once after the syncs of some TX rings. Where receivers cannot keep up, they get the processor.
  virtual void give_way() {}

 protected:
  // What the syncs do for this kind of port, monitors aside.
  virtual Status send(BoundRing& ring, uint32_t head) = 0;
  virtual Status receive(BoundRing& ring, uint32_t head) = 0;
  // Whether slots of TX rings may point to memory of the process.
  virtual bool reads_indirect() const { return false; }
  // Whether copy monitors have seen what is received when it was brought (watchers.h, WatchedReceivers).
  virtual bool is_shown_when_brought() const { return false; }

  const std::shared_ptr<Namespace> space_;
  const std::shared_ptr<Region> region_;
  const uint32_t port_;
  const uint32_t client_;

 private:
  static bool is_watched(const BoundRing& ring) {
    const bool watched = ring.state->watched.load(std::memory_order_relaxed) != 0 || ring.watchers;
    return __builtin_expect(watched, false);
  }
  Status watched_tx_sync(BoundRing& ring, uint32_t head);
  Status watched_rx_sync(BoundRing& ring, uint32_t head);
  bool look_for_watchers(BoundRing& ring);
};

// The data paths of a port. Host rings have one of their own, for their packets come from elsewhere.
struct DataPaths {
  std::unique_ptr<DataPath> hardware;
  std::unique_ptr<DataPath> host;
};

DataPaths make_data_paths(const Binding& binding);

// Whether a sleeper of the port has to poll what notice() says. Otherwise whoever brings packets wakes it.
bool needs_polling(const Binding& binding);

}  // namespace nm::engine
