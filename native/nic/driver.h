// A driver: what moves packets between the hardware rings of an interface's port and the kernel.
//
//      slots of a ring                      driver                           kernel
//   TX [hwcur, head) ------ send() ------> socket, XDP program, ... ------> interface
//   RX [.., hwtail)  <----- receive() ---- socket, UMEM, BPF map   <------- interface
//
// engine/nic_path.h hands it the syncs of the rings; nic/drivers.h says which drivers there are and opens the one that an
// interface gets. Host rings are not a driver's business, and neither is what reaches the host, unless the driver takes
// packets before the host could see them (takes_from_host).
//
// One Driver is one descriptor's hold on some rings of one interface. The port and its rings are shared memory that other
// descriptors, of this and other processes, have open too: other rings or the same ones. What that asks of a driver:
//
//   Rings       A driver is told each ring that its descriptor has, by open(), and only those are synced through it. One
//               descriptor syncs a ring at a time (bound_ring.h, sync_begin), any that has it open may be the next.
//   Positions   hwcur and hwtail of the RingState are all that says whose a slot is, and all that survives the process. A TX
//               ring's slots [next(hwtail), hwcur) were taken from the user and have not left yet; an RX ring's slots
//               [hwtail, previous(hwcur)) are free to be filled. open() finds them anywhere: the last user may have been
//               killed at any instruction, and the ring goes on from there.
//   Sharing     A ring that somebody has open already (its RingState's `users` was not 0) must not be opened in the kernel a
//               second time if that would deliver packets twice or be refused: the driver joins what is there. For that it may
//               keep `driver_words` in the ring's and the port's shared memory, and shared_descriptor.h fetches another process's
//               descriptors. What cannot be joined is refused: Refusal::owner_unreachable.
//   Life        All that is attached to the interface or the kernel hangs on descriptors of the process (BPF links, sockets),
//               so that a process that is killed leaves nothing behind, and it stays for as long as anybody uses it.
//   Buffers     A slot may name any valid buffer of the region, also one that the user took from another port's ring. A driver
//               may put other buffers of the same ring into slots that it gives to the user, never lose or double one. After
//               its destructor, and before the process's life line goes, the kernel no longer touches the buffers.
//   Belief      Slots, head and cur are memory that a hostile program writes at any time: lengths and indexes are read once
//               and checked (Region::buffer_valid). driver_words are the engine's own, yet of a process that may have died
//               between two stores.
//
// Threads   open() and the destructor run under the namespace's control lock. The rest is called by one thread at a time for
//           one descriptor, and never with that lock.
// Failure   send() and receive() return a Status for what concerns the port: interface_gone, interface_down. A packet that
//           cannot be sent or shown is dropped and counted in the ring; one that the kernel has no room for stays in its
//           slot, which holds back those behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "engine/bound_ring.h"
#include "engine/layout.h"
#include "engine/namespace.h"
#include "engine/region.h"
#include "nic/interface.h"
#include "nic/notice.h"
#include "nic/refusal.h"
#include "status.h"

namespace nm::nic {

// What a driver opens.
struct Target {
  std::shared_ptr<engine::Namespace> space;
  std::shared_ptr<engine::Region> region;
  uint32_t port = 0;    // the interface's PortRecord in the region
  uint32_t client = 0;  // the descriptor that opens
  Interface interface;
  // Whether frames for other stations are wanted as well, as a switch or a bridge does.
  bool promiscuous = true;

  engine::PortRecord& record() const { return region->port(port); }
};

class Driver {
 public:
  virtual ~Driver() = default;

  // How it works here, for people: "zero-copy", "native, copy". Empty where there is one way only.
  virtual std::string mode() const { return ""; }

  // Makes the ring ready for syncs. Refusal::none, or why it cannot be, with an errno in *error where the kernel said one.
  // After a refusal the driver is thrown away.
  virtual Refusal open(const engine::BoundRing& ring, int* error) = 0;

  // One sync of a TX ring: takes the slots [hwcur, head) and moves hwtail over those that are done with.
  virtual Status send(engine::BoundRing& ring, uint32_t head) = 0;
  // One sync of an RX ring: moves hwtail over packets that came, takes the slots [hwcur, head) back.
  virtual Status receive(engine::BoundRing& ring, uint32_t head) = 0;

  // Whether a sync would move hwtail, as far as memory says without a system call.
  virtual bool has_news(const engine::BoundRing&) const { return false; }

  // What to poll while asleep for the ring.
  virtual Notice notice(const engine::BoundRing& ring) const = 0;
  // Called before a thread sleeps on notice(), and followed by a last sync: makes the kernel tell, where it must be asked to.
  // Returns how many nanoseconds the sleep may last at most: for what the kernel never tells.
  virtual int64_t before_sleep(engine::BoundRing&) { return INT64_MAX; }

  // Brings the ring's counters up to date with what the kernel counted.
  virtual void count(engine::BoundRing&) {}

  // Whether what the RX rings receive never reaches the host. Otherwise the engine sees to that.
  virtual bool takes_from_host() const { return false; }
};

// A driver that there is: one row of drivers().
struct DriverKind {
  const char* name;  // that @driver= and NM_DRIVER take
  uint32_t id;       // in PortRecord::driver, never 0 and never changed
  // Whether packets may be spread over several slots, so that frames longer than a buffer can pass.
  bool multi_slot;
  // Whether it takes packets that go up to the host on a program's behalf for packets from the wire. With it there can be no
  // host rings.
  bool takes_upward;
  // Whether the driver could open the interface, found out without leaving anything changed. `error` as in Driver::open().
  Refusal (*probe)(const Target& target, int* error);
  std::unique_ptr<Driver> (*make)(const Target& target);
};

}  // namespace nm::nic
