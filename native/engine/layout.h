// What the engine keeps in shared memory, and where.
//
// A namespace is a directory. Everything that processes share lives in its files:
//
//   namespace        control lock, table of switches, table of clients (one per open port)
//   switch.NAME      one VALE switch: its ports and its learning table
//   region.ID        one memory region: private part (this file's structs), then the area that netmap
//                    programs map
//   port.NAME        a symbolic link to the region id of a persistent port, or of a name that pipes hang on
//   nic.NETWORK.INDEX  the same of a network interface that is open, by its network namespace and number there
//   wake.CLIENT      a FIFO that wakes a client which sleeps in poll or epoll
//
//   region.ID
//   +----------------+---------+-----------+-----------+------------------------------------------+
//   | RegionHeader   | Port[]  | Ring[]    | leases    | netmap_if[] | netmap_ring[] | buffers     |
//   | page 0         |         | RingState | per slot  | visible to netmap programs, never trusted |
//   +----------------+---------+-----------+-----------+------------------------------------------+
//
// How many objects the visible area holds and how large they are is the region's own (Pools); most have the same.
//
// The files are sparse: each has room for every object it may ever hold, and memory is reserved for an object
// when it is handed out. So nothing moves, nothing is remapped, and a full filesystem is an error then, not a
// SIGBUS later.
//
// Threads   Words that processes change at the same time are atomics, in cache lines by writer. All else is
//           written under the namespace's control lock.
// Failure   Any process may die between any two stores. What the control lock protects can be rebuilt from
//           the client table and the port records (clean_up.cc, repair).
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

#include "abi/netmap.h"
#include "cache_line.h"
#include "counters.h"

namespace nm::engine {

// Part of every file's header. Raise it with any change to a struct of this file.
inline constexpr uint32_t kLayoutVersion = 10;

inline constexpr uint64_t kPage = 4096;

// Limits. Each is netmap's or higher; lib/errors.ts tells people which one they met.
inline constexpr uint32_t kMaxClients = 16383;  // 14 bits of a reservation; 0 means nobody
inline constexpr uint32_t kMaxSwitches = 1024;
inline constexpr uint32_t kMaxSwitchPorts = 1024;
inline constexpr uint32_t kMaxRegionId = 65535;  // nr_mem_id has 16 bits
inline constexpr uint32_t kGlobalRegion = 1;     // what network interfaces share
inline constexpr uint32_t kMaxSlots = 4096;
inline constexpr uint32_t kMaxValeRings = 16;
inline constexpr uint32_t kMaxPipeRings = 256;
inline constexpr uint32_t kRegionPorts = 256;
inline constexpr uint32_t kRegionRings = 2048;  // a pipe of 256 rings has 1028
inline constexpr uint32_t kRegionInterfaces = 1024;
inline constexpr uint32_t kRegionBuffers = 163840;
inline constexpr uint32_t kMaxRegionBuffers = 1 << 20;  // of a region that a program sized
inline constexpr uint32_t kMaxPipesPerParent = 64;
inline constexpr uint32_t kRegionWatches = 64;
inline constexpr uint32_t kDefaultSlots = 1024;
inline constexpr uint32_t kMaxExtraBuffers = 128 * 4096;
inline constexpr uint32_t kLearningEntries = 1024;

// Buffers 2048 bytes apart put their first lines into 2 of 64 sets of the first-level cache. One line more
// spreads them over all sets: copies of small packets become up to 4.5 times cheaper. [measured]
inline constexpr uint32_t kBufferStride = 2112;
inline constexpr uint32_t kGlobalBufferStride = 2048;  // AF_XDP wants a power of two
// The kernel keeps so much of an AF_XDP chunk before what it receives. The first buffer begins there, see nic/xsk_socket.h.
inline constexpr uint32_t kGlobalBufferShift = 256;
inline constexpr uint32_t kMinBufferStride = 64;
inline constexpr uint32_t kMaxBufferStride = 65536;
inline constexpr uint32_t kMaxObjectSize = 1 << 20;  // of a netmap_if or ring

inline constexpr uint32_t kInterfaceSize = 8192;  // room for about 1000 rings
inline constexpr uint32_t kRingSize = 69632;      // header and kMaxSlots slots, an odd number of pages

// A word with one writer at a time that others may look at meanwhile. Costs no more than a plain one.
template <typename T>
class Relaxed {
 public:
  Relaxed() = default;
  Relaxed(const Relaxed&) = delete;
  Relaxed& operator=(const Relaxed& other) { return *this = T(other); }
  operator T() const { return word_.load(std::memory_order_relaxed); }
  Relaxed& operator=(T value) {
    word_.store(value, std::memory_order_relaxed);
    return *this;
  }
  Relaxed& operator+=(T amount) { return *this = *this + amount; }
  Relaxed& operator++() { return *this += 1; }

 private:
  std::atomic<T> word_;
};

struct FileHeader {
  // Written last: a file without it was never finished and may be made anew.
  std::atomic<uint64_t> magic;
  uint32_t version;
  uint32_t reserved;
};

inline constexpr uint64_t kNamespaceMagic = 0x314543415053'6d6eull;
inline constexpr uint64_t kSwitchMagic = 0x3148435449575300ull;
inline constexpr uint64_t kRegionMagic = 0x314e4f4947455200ull;

// --- namespace
// -------------------------------------------------------------------------------------------------

inline constexpr uint32_t kNoSwitch = ~0u;

// What the `used` word of a client says. A zombie is dead and cleaned up, but a ring may still name it as the
// owner of a reservation: its number must not be given to anybody yet.
inline constexpr uint32_t kClientFree = 0;
inline constexpr uint32_t kClientUsed = 1;
inline constexpr uint32_t kClientZombie = 2;

enum class Sleep : uint32_t { awake, on_futex, on_fifo };

// One open port. Its owner holds a file lock on byte `kClientLockBase + id` for as long as it lives.
struct Client {
  std::atomic<uint32_t> used;
  uint32_t generation;
  uint32_t pid;
  Relaxed<uint32_t> region;  // and port: wakers look at them
  Relaxed<uint32_t> port;
  uint32_t mode;
  uint64_t flags;
  uint32_t interface_object;
  Relaxed<uint32_t> switch_index;  // of the switch it sends to, or kNoSwitch
  uint16_t
      first_tx;  // bound rings, as positions among the port's rings of one direction; empty when first == end
  uint16_t end_tx;
  uint16_t first_rx;
  uint16_t end_rx;
  char command[16];

  alignas(kCacheLine) std::atomic<Sleep> sleeping;
  std::atomic<uint32_t> wake_word;  // the futex
  // Reservations of this client may be unfinished in rings of ports that are not on its switch.
  Relaxed<uint32_t> owes_elsewhere;
  // Another process asked this one to close the port; a futex. See attachment.h.
  std::atomic<uint32_t> asked_to_end;
  // Of a switch worker: the processors on which it looks for packets again and again instead of sleeping, a Polling.
  std::atomic<uint64_t> polling;

  // Where the program has its control blocks (csb.h), 0 while its rings are synced by the words in them.
  alignas(kCacheLine) Relaxed<uint64_t> csb_atok;
  Relaxed<uint64_t> csb_ktoa;
  // The sync loop (kloop.h): kKloopRunning, kKloopStopping. The thread that runs it holds the mutex.
  std::atomic<uint32_t> kloop;
  pthread_mutex_t kloop_runner;
};
static_assert(sizeof(Client) == 192);

struct SwitchName {
  char name[16];
  uint32_t used;
};

struct NamespaceHeader {
  FileHeader file;
  // Process id of whoever is changing control state now. Found set by a new holder of the lock: it died
  // half-way.
  std::atomic<uint32_t> changing;
  Relaxed<uint32_t> clients_high;  // clients beyond have never been used and have no memory
  uint32_t next_region;
  uint32_t next_generation;
  uint32_t next_reap;  // where the next operation looks for the dead
  // Not 0: a region may have rings that stay taken though their port is gone. Looking for them opens every region, which
  // costs a hundred microseconds each.
  uint32_t has_abandoned_rings;
  SwitchName switches[kMaxSwitches];
};

inline constexpr uint64_t kControlLockByte = 0;
inline constexpr uint64_t kClientLockBase = 1ull << 32;
inline constexpr uint64_t kClientsOffset = (sizeof(NamespaceHeader) + kPage - 1) / kPage * kPage;
inline constexpr uint64_t kNamespaceSize = kClientsOffset + (kMaxClients + 1ull) * sizeof(Client);

// --- switch
// ----------------------------------------------------------------------------------------------------

// A port's place on a switch. Senders look at `generation` once per batch: odd while the port is there, and
// another number each time the place is taken, so that whatever they cached about it is known to be old.
struct alignas(kCacheLine) SwitchPort {
  std::atomic<uint32_t> generation;
  Relaxed<uint32_t> region;
  Relaxed<uint64_t> region_nonce;
  Relaxed<uint32_t> port;
  Relaxed<uint32_t> first_rx_ring;
  Relaxed<uint32_t> rx_rings;
  Relaxed<uint32_t> rx_slots;
  Relaxed<uint32_t> header_length;  // of the virtio-net header that its packets carry, as in its PortRecord
  char name[16];
  // 1 more than the number of the switch that packets for it go on to. 0: they go into its rings.
  Relaxed<uint32_t> leads_to;
  Relaxed<uint32_t> policy;  // bits of Policies: which words of its PortPolicy a sender must look at
  Relaxed<uint32_t> group;   // ports of one group do not reach each other; 0: none
};
static_assert(sizeof(SwitchPort) == kCacheLine);

// Bits of SwitchPort::policy.
inline constexpr uint32_t kWaits = 1;       // packets for it wait in their sender's ring while it has no room
inline constexpr uint32_t kLimitsRate = 2;  // what it sends is limited, and so on
inline constexpr uint32_t kLimitsMacs = 4;
inline constexpr uint32_t kMirrors = 8;

// What a port of a switch was told to do (policy.h). Senders read what their batch needs, and write `spent_until`.
struct alignas(kCacheLine) PortPolicy {
  Relaxed<uint64_t> rate;  // packets or payload bits a second that it may send, 0: any
  Relaxed<uint32_t> rate_is_bits;
  Relaxed<uint32_t> mac_limit;          // stations that may be behind it, 0: any
  Relaxed<uint32_t> mirror;             // 1 more than the place that gets copies, 0: none
  Relaxed<uint32_t> mirror_generation;  // of that place
  // Until when the rate is spent, in ticks of 1/64 ns of the monotonic clock.
  std::atomic<uint64_t> spent_until;
};
static_assert(sizeof(PortPolicy) == kCacheLine);

// Beside an entry of the learning table: when its station was heard, and how often it moved to another port.
struct Station {
  Relaxed<uint32_t> heard_s;  // seconds of the monotonic clock
  Relaxed<uint32_t> moves;
};

struct SwitchHeader {
  FileHeader file;
  char name[16];
  Relaxed<uint32_t> ports_high;  // places beyond have never been used and have no memory
  uint32_t ports_used;
  Relaxed<uint32_t> ageing_s;        // stations that were not heard for longer are forgotten, 0: none
  Relaxed<uint32_t> waiting_places;  // ports that packets wait for (kWaits)
  alignas(kCacheLine) std::atomic<uint64_t> active[kMaxSwitchPorts / 64];
  // Bucket -> MAC in the upper 48 bits, whether it is pinned (kPinned), port + 1 in the lowest 15; 0 is empty. One word,
  // so it needs no lock.
  alignas(kCacheLine) std::atomic<uint64_t> learned[kLearningEntries];
  alignas(kCacheLine) Station stations[kLearningEntries];
};
inline constexpr uint64_t kPinned = 0x8000;
inline constexpr uint64_t kSwitchPortsOffset = (sizeof(SwitchHeader) + kPage - 1) / kPage * kPage;
inline constexpr uint64_t kSwitchPoliciesOffset = kSwitchPortsOffset + kMaxSwitchPorts * sizeof(SwitchPort);
inline constexpr uint64_t kSwitchSize = kSwitchPoliciesOffset + kMaxSwitchPorts * sizeof(PortPolicy);

// --- region
// ----------------------------------------------------------------------------------------------------

// Kinds of ports, in the order of their numbers. Printed into lib/layout.ts.
#define NM_PORT_KINDS(row)                             \
  row(free, "a record that is no port")                \
  row(vale, "a port of a switch")                      \
  row(persistent, "a port that stays without users")   \
  row(parent, "a name that pipes hang on")             \
  row(pipe_master, "the end of a pipe written with {") \
  row(pipe_slave, "the end of a pipe written with }")  \
  row(null, "rings that lead nowhere")                 \
  row(monitor, "copies of another port's packets")     \
  row(nic, "a network interface")                      \
  row(tap, "a TAP device, with the host behind it")

#define row(name, text) name,
enum class PortKind : uint32_t { NM_PORT_KINDS(row) };
#undef row

// Ports whose packets a switch takes and brings. A persistent one need not be on a switch.
inline constexpr bool is_switched(PortKind kind) {
  return kind == PortKind::vale || kind == PortKind::persistent;
}

// Ports whose packets a driver of the operating system's interfaces moves (nic/driver.h).
inline constexpr bool has_driver(PortKind kind) { return kind == PortKind::nic || kind == PortKind::tap; }

// Ports whose RX rings are filled through reservation.h.
inline constexpr bool takes_reservations(PortKind kind) {
  return is_switched(kind) || kind == PortKind::monitor;
}

// What a driver of network interfaces keeps for whoever opens the same port or ring next. Its meaning is the driver's.
struct DriverWords {
  Relaxed<uint64_t> word[8];
};

struct alignas(kCacheLine) PortRecord {
  PortKind kind;
  char name[abi::NETMAP_REQ_IFNAMSIZ];
  uint32_t users;  // open descriptors
  uint32_t pipes;  // pipe pairs that hang on this port
  uint32_t
      parent;     // of a pipe end: port index. Of a monitor: index of the port it watches, in watched_region
  uint32_t peer;  // of a pipe end: port index of the other end. Of a monitor: its Watch in watched_region
  uint32_t tx_rings;
  uint32_t rx_rings;
  uint32_t host_tx_rings;
  uint32_t host_rx_rings;
  uint32_t tx_slots;
  uint32_t rx_slots;
  uint32_t first_ring;    // TX, host TX, RX, host RX follow each other from here
  uint32_t switch_index;  // kNoSwitch when it is on none
  uint32_t switch_port;
  uint32_t far_switch_index;  // of the switch that a persistent port joins to its first, or kNoSwitch
  uint32_t far_switch_port;
  uint32_t watched_region;  // of a monitor
  uint32_t header_length;   // of the virtio-net header that packets on a switch carry: 0, 10 or 12

  // Of a network interface, and of a switch port that an interface is attached by.
  uint64_t network;          // the network namespace that it is in (nic/interface.h)
  uint32_t interface_index;  // there; 0 of all other ports
  uint32_t driver;           // DriverKind::id (nic/driver.h), 0 while no driver has it
  DriverWords driver_words;

  uint32_t all_tx() const { return tx_rings + host_tx_rings; }
  uint32_t all_rx() const { return rx_rings + host_rx_rings; }
};
static_assert(sizeof(PortRecord) == 256);

// Whether a ring has its netmap_ring and buffers. One that was taking buffers when its maker died has some of
// those that its slots name.
inline constexpr uint32_t kRingUnmade = 0;
inline constexpr uint32_t kRingMade = 1;
inline constexpr uint32_t kRingTakesBuffers = 2;

// A monitor's watch over a port of this region: whoever syncs a watched ring learns here who wants its packets.
struct alignas(kCacheLine) Watch {
  std::atomic<uint32_t> generation;  // odd while the watch goes on; another number each time
  Relaxed<uint32_t> port;            // that is watched
  Relaxed<uint32_t> flags;           // NR_MONITOR_TX and so on
  Relaxed<uint32_t> monitor_region;
  Relaxed<uint64_t> monitor_nonce;  // of that region
  Relaxed<uint32_t> monitor_port;
  Relaxed<uint32_t> first_ring;   // the monitor's RX ring 0 in its region
  Relaxed<uint32_t> slots;        // of each of its RX rings
  Relaxed<uint32_t> first_bound;  // RX rings of the monitor that are open: [first_bound, end_bound)
  Relaxed<uint32_t> end_bound;
  Relaxed<uint64_t>
      order;  // of two zero-copy monitors of a ring, the later one gets what the earlier is done with
};
static_assert(sizeof(Watch) == kCacheLine);

// What the engine knows of a ring, and what the two sides of it tell each other. Lines are grouped by writer.
struct RingState {
  // Fixed while the ring exists.
  uint32_t slots;
  uint32_t port;
  uint32_t has_memory;  // kRingMade and so on
  uint32_t exclusive;   // client that holds it alone, or 0
  std::atomic<uint32_t> users;
  // Not 0 while monitors watch the ring; another number each time they become others.
  std::atomic<uint32_t> watched;
  // A monitor's: the port it watched was closed.
  std::atomic<uint32_t> orphaned;
  // What was agreed about places of packets in buffers, all 0 where nothing was; see offsets.h.
  Relaxed<uint32_t> offset_most;
  Relaxed<uint64_t> offset_mask;
  Relaxed<uint32_t> offset_gap;

  // Written by whoever syncs the ring, while it holds `busy`.
  alignas(kCacheLine) std::atomic<uint32_t> busy;  // client id of the syncing descriptor, or 0
  Relaxed<uint32_t> hwcur;                         // first slot not yet taken from the user
  Relaxed<uint32_t> hwtail;                        // first slot not yet given to the user
  Relaxed<uint32_t> lap;                           // of hwtail, see reservation.h
  Relaxed<uint64_t> swap;                          // a Swap that may be half done, or 0; see watchers.h

  // Counted by the syncing side.
  alignas(kCacheLine) Relaxed<uint64_t> packets;
  Relaxed<uint64_t> bytes;
  Relaxed<uint64_t> syncs;
  Relaxed<uint64_t> ring_resets;
  Relaxed<uint64_t> drops_no_destination;
  Relaxed<uint64_t> drops_bad_slot;
  Relaxed<uint64_t> drops_too_short;
  Relaxed<uint64_t> drops_too_many_slots;
  Relaxed<uint64_t> drops_bad_header;
  Relaxed<uint64_t> drops_refused;
  Relaxed<uint64_t> drops_isolated;
  Relaxed<uint64_t> drops_rate_limit;
  Relaxed<uint64_t> drops_mac_limit;
  Relaxed<uint64_t> held_back;

  // Written by senders. VALE RX: the reservation word. Pipe RX: index past the last slot of a complete
  // packet.
  alignas(kCacheLine) std::atomic<uint64_t> ahead;

  // Written by the receiver: index of the first slot that senders may not fill.
  alignas(kCacheLine) std::atomic<uint32_t> released;

  // Client that sleeps for this ring, kManyWaiters, or 0. Hardly ever written, read once per batch.
  alignas(kCacheLine) std::atomic<uint32_t> waiter;
  // The same of who sleeps until the ring has room, where packets wait for its port (kWaits).
  std::atomic<uint32_t> room_waiter;

  // Counted by the other side.
  alignas(kCacheLine) std::atomic<uint64_t> delivered_packets;
  std::atomic<uint64_t> delivered_bytes;
  std::atomic<uint64_t> drops_full;
  std::atomic<uint64_t> drops_too_long;
  std::atomic<uint64_t> drops_bad_receiver_slot;
  std::atomic<uint64_t> drops_dead_sender;
  std::atomic<uint64_t> wakeups;

  // Of a network interface's ring; written by whoever syncs it, or opens it under the control lock.
  alignas(kCacheLine) DriverWords driver_words;
};
static_assert(sizeof(RingState) == 576);

inline constexpr uint32_t kManyWaiters = ~0u;
inline constexpr uint32_t kBeingRepaired =
    ~0u;  // `busy` of a ring whose holder died, while a control operation has it

// Where the objects of a region's visible part lie, as offsets into that part, and how many there are. Numbers of
// objects are never beyond the limits above.
struct Pools {
  uint64_t size;  // of the visible part
  uint64_t interfaces_at;
  uint64_t rings_at;
  uint64_t buffers_at;
  uint32_t interfaces;
  uint32_t interface_size;
  uint32_t rings;
  uint32_t ring_size;
  uint32_t buffers;
  uint32_t buffer_stride;
};

constexpr uint64_t round_to(uint64_t size, uint64_t unit) { return (size + unit - 1) / unit * unit; }

// The objects one after the other, each pool from a page on.
constexpr Pools pools_of(uint32_t interfaces, uint32_t interface_size, uint32_t rings, uint32_t ring_size,
                         uint32_t buffers, uint32_t buffer_stride) {
  const uint64_t rings_at = round_to(uint64_t{interfaces} * interface_size, kPage);
  const uint64_t buffers_at = rings_at + round_to(uint64_t{rings} * ring_size, kPage);
  const uint64_t size = round_to(buffers_at + uint64_t{buffers} * buffer_stride, kPage);
  return {size,           0,     rings_at,  buffers_at, interfaces,
          interface_size, rings, ring_size, buffers,    buffer_stride};
}

// Those of a region whose size nobody chose.
constexpr Pools default_pools(uint32_t buffer_stride) {
  return pools_of(kRegionInterfaces, kInterfaceSize, kRegionRings, kRingSize, kRegionBuffers, buffer_stride);
}

// Where the visible part of a region lies that a program brought; see external.h.
enum class ExternalKind : uint32_t { none, replacing, file };

struct External {
  ExternalKind kind;
  // Of the file, and from where in it.
  uint64_t device;
  uint64_t inode;
  uint64_t offset;
  char path[1024];
};

// Those of the region that network interfaces share.
constexpr Pools global_pools() {
  Pools pools = default_pools(kGlobalBufferStride);
  pools.buffers_at += kGlobalBufferShift;
  pools.size += kPage;
  return pools;
}

struct RegionHeader {
  FileHeader file;
  uint64_t nonce;  // tells this region from an earlier one of the same id
  uint32_t id;
  uint32_t is_private;  // made for one port, as opposed to the global region
  Pools pools;
  uint32_t ports_high;  // records beyond have never been used and may have no memory
  uint32_t ports_used;
  uint32_t next_lap;  // so that a ring made anew does not look like the one before it
  uint32_t next_buffer;
  std::atomic<uint32_t> buffers_reserved;  // buffers below have memory; never shrinks
  uint32_t next_watched;                   // what `watched` of a ring becomes next
  uint64_t next_watch;                     // `order` of the next watch
  uint64_t interface_map[kRegionInterfaces / 64];
  uint64_t ring_map[kRegionRings / 64];
  External external;
};
static_assert(sizeof(RegionHeader) <= kPage);

inline constexpr uint64_t kBufferMapOffset = kPage;
inline constexpr uint64_t kBufferMapSize = round_to(kMaxRegionBuffers / 8, kPage);
inline constexpr uint64_t kWatchesOffset = kBufferMapOffset + kBufferMapSize;
inline constexpr uint64_t kPortsOffset = kWatchesOffset + kPage;
static_assert(kRegionWatches * sizeof(Watch) <= kPage);
inline constexpr uint64_t kRingsOffset = kPortsOffset + kRegionPorts * sizeof(PortRecord);
// Backwards from the rings, so that one read of the file finds the first port and its rings: see region_snapshot.h.
constexpr uint64_t port_offset(uint64_t index) { return kRingsOffset - (index + 1) * sizeof(PortRecord); }
inline constexpr uint64_t kLeasesOffset = kRingsOffset + kRegionRings * sizeof(RingState);
inline constexpr uint64_t kLeasesSize = kMaxSlots * sizeof(uint64_t);  // per ring
// 2 MiB alignment lets a hugetlbfs directory serve as namespace.
inline constexpr uint64_t kVisibleAlignment = 2ull << 20;
inline constexpr uint64_t kVisibleOffset =
    round_to(kLeasesOffset + kRegionRings * kLeasesSize, kVisibleAlignment);

}  // namespace nm::engine
