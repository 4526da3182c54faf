// Random calls of the whole API from several processes, of which some are killed on the way: requests of every kind with
// bodies, options and pointers that may be anything, syncs, polls, sync loops, nonsense in rings and control blocks.
//
// Meanwhile two ports of their own exchange packets, of which none may be lost. At the end nothing may be left: no client,
// no descriptor or mapping of a process, no object of a region, no file of the namespace.
//
// NM_SEED repeats the choices, though not their timing; NM_FUZZ_SECONDS says how long it goes on.
#include <dirent.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "test/child.h"
#include "test/inside.h"
#include "test/region_census.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr uint32_t kPrograms = 4;
constexpr uint32_t kMostDevices = 6;
constexpr uint64_t kMemorySize = 4 << 20;
constexpr size_t kPage = 4096;
constexpr uint16_t kSharedRegion = 1;

int64_t fuzz_ns() {
  const char* seconds = getenv("NM_FUZZ_SECONDS");
  return (seconds != nullptr ? strtoll(seconds, nullptr, 10) : 2) * kSecond_ns;
}

const char* const kNames[] = {"vale0:a",      "vale0:b",      "vale1:a",   "p{1",    "p}1",    "p{2",
                              "q}x",          "vale0:a{1",    "vale0:a}1", "zfuzz0", "zfuzz1", "vale0:zfuzz0",
                              "vale1:zfuzz0", "vale1:zfuzz1", "zfuzz0{1",  "vale2:"};
const char* const kPersistent[] = {"zfuzz0", "zfuzz1"};

uint32_t open_descriptors() {
  uint32_t count = 0;
  DIR* const directory = opendir("/proc/self/fd");
  CHECK(directory != nullptr);
  while (readdir(directory) != nullptr) count++;
  closedir(directory);
  return count;
}

uint32_t mappings_of(const std::string& directory) {
  std::ifstream maps("/proc/self/maps");
  uint32_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find(directory) != std::string::npos;
  return count;
}

Status ask(Device& device, uint16_t type, const std::string& name, void* body = nullptr) {
  abi::nmreq_header header = {};
  header.nr_version = abi::NETMAP_API;
  header.nr_reqtype = type;
  header.nr_body = reinterpret_cast<uint64_t>(body);
  memcpy(header.nr_name, name.data(), std::min(name.size(), sizeof(header.nr_name) - 1));
  return device.control(&header);
}

// Memory of a program, for what is to lie in it.
class Memory {
 public:
  Memory(uint64_t size, int flags, int file)
      : size_(size), at_(mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, file, 0)) {
    CHECK(at_ != MAP_FAILED);
  }
  ~Memory() { munmap(at_, size_); }
  Memory(const Memory&) = delete;
  uint8_t* at() const { return static_cast<uint8_t*>(at_); }

 private:
  uint64_t size_;
  void* at_;
};

struct RingPlace {
  abi::netmap_ring* shared;
  uint32_t slots;
  // In the region that all share: a program that forgets a buffer there loses it for everybody, until the region goes.
  bool keeps_buffers;
};

// An open /dev/netmap, and where its rings are.
struct Open {
  std::unique_ptr<Device> device;
  std::vector<RingPlace> rings;
};

class Program {
 public:
  Program(const Rig& rig, uint64_t which)
      : directory_(rig.directory), random_(which), blocks_(5 * kPage, MAP_SHARED | MAP_ANONYMOUS, -1) {
    CHECK_EQUAL(mprotect(blocks_.at() + 4 * kPage, kPage, PROT_NONE), 0);
    const std::string path = rig.directory + ".memory" + std::to_string(which % 2);
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(file >= 0 && ftruncate(file, kMemorySize) == 0);
    memories_.push_back(std::make_unique<Memory>(kMemorySize, MAP_SHARED, file));
    memories_.push_back(std::make_unique<Memory>(kMemorySize, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    memories_.push_back(std::make_unique<Memory>(kMemorySize, MAP_SHARED | MAP_ANONYMOUS, -1));
    close(file);
    for (int& number : eventfds_) number = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  ~Program() {
    for (const int number : eventfds_) close(number);
  }

  void run(int64_t until_ns) {
    while (engine::monotonic_ns() < until_ns) step();
  }

 private:
  bool chance(uint32_t one_in) { return random_.below(one_in) == 0; }
  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(random_.below(limit)); }
  uint32_t any_word() { return static_cast<uint32_t>(random_.next()) >> below(32); }

  void step() {
    if (open_.empty() || (open_.size() < kMostDevices && chance(10))) return open_device();
    Open& one = open_[below(static_cast<uint32_t>(open_.size()))];
    switch (below(12)) {
      case 0:
        open_.erase(open_.begin() + (&one - open_.data()));
        return;
      case 1:
      case 2:
        return request(one, static_cast<uint16_t>(below(18)));
      case 3:
        return request(one, abi::NETMAP_REQ_REGISTER);
      case 4:
        return loop(one);
      case 5:
        return wait(one);
      default:
        return use(one);
    }
  }

  void open_device() {
    Open one;
    CHECK_EQUAL(open_embedded_device(directory_, &one.device), Status::ok);
    request(one, abi::NETMAP_REQ_REGISTER);
    open_.push_back(std::move(one));
  }

  // What lives on by itself has a name under which it is found again at the end.
  std::string name(uint16_t type) {
    if (type == abi::NETMAP_REQ_VALE_NEWIF || !chance(20)) return kNames[below(std::size(kNames))];
    std::string garbage = "z";
    for (uint32_t i = below(80); i > 0; i--) garbage += static_cast<char>(random_.next());
    return garbage;
  }

  // Somewhere: good memory, the end of it, or nowhere.
  uint64_t address() {
    switch (below(8)) {
      case 0: {
        const uint64_t nowhere[] = {1, 8, 4095, 1ull << 47, 1ull << 63, ~0ull, ~0ull << 12};
        return nowhere[below(7)];
      }
      case 1:
        return reinterpret_cast<uint64_t>(blocks_.at() + 4 * kPage - below(128));
      default:
        return reinterpret_cast<uint64_t>(blocks_.at() + uint64_t{below(32)} * 64);
    }
  }

  void fill(abi::nmreq_register* wanted) {
    *wanted = {};
    wanted->nr_mode = chance(10) ? below(12) : chance(6) ? abi::NR_REG_ONE_NIC : abi::NR_REG_ALL_NIC;
    if (chance(8)) wanted->nr_mode = abi::NR_REG_NULL;
    wanted->nr_ringid = static_cast<uint16_t>(chance(4) ? below(4) : 0);
    const uint32_t slots[] = {0, 1, 2, 8, 64, 1000, 4096, 5000};
    wanted->nr_tx_slots = slots[below(8)];
    wanted->nr_rx_slots = chance(4) ? slots[below(8)] : wanted->nr_tx_slots;
    wanted->nr_tx_rings = static_cast<uint16_t>(chance(4) ? below(6) : 0);
    wanted->nr_rx_rings = static_cast<uint16_t>(chance(4) ? below(6) : 0);
    if (chance(3)) wanted->nr_mem_id = static_cast<uint16_t>(chance(4) ? below(10) : kSharedRegion);
    if (chance(5)) wanted->nr_extra_bufs = below(100);
    if (chance(2)) wanted->nr_flags = uint64_t{abi::NR_EXCLUSIVE} & random_.next();
    if (chance(4)) wanted->nr_flags |= abi::NR_ACCEPT_VNET_HDR;
    if (chance(4)) wanted->nr_flags |= random_.next() & 0x3ff00;
  }

  // A body that may be right, for a request of this type; some have none.
  void* body(uint16_t type) {
    for (uint64_t& word : body_) word = chance(3) ? random_.next() >> below(64) : 0;
    switch (type) {
      case abi::NETMAP_REQ_REGISTER:
      case abi::NETMAP_REQ_VALE_ATTACH:
        fill(reinterpret_cast<abi::nmreq_register*>(body_));
        return body_;
      case abi::NETMAP_REQ_VALE_LIST: {
        auto* place = reinterpret_cast<abi::nmreq_vale_list*>(body_);
        place->nr_bridge_idx = static_cast<uint16_t>(below(4));
        place->nr_port_idx = below(4);
        return body_;
      }
      case abi::NETMAP_REQ_PORT_HDR_SET: {
        const uint32_t lengths[] = {0, 10, 12, 11};
        reinterpret_cast<abi::nmreq_port_hdr*>(body_)->nr_hdr_len = lengths[below(4)];
        return body_;
      }
      case abi::NETMAP_REQ_SYNC_KLOOP_START:
        reinterpret_cast<abi::nmreq_sync_kloop_start*>(body_)->sleep_us = chance(5) ? any_word() : below(100);
        return body_;
      case abi::NETMAP_REQ_VALE_DELIF:
      case abi::NETMAP_REQ_SYNC_KLOOP_STOP:
      case abi::NETMAP_REQ_CSB_ENABLE:
        return nullptr;
      default:
        return body_;
    }
  }

  // An option of the type, in the list's next place.
  abi::nmreq_option* option(uint32_t type, uint32_t place) {
    uint64_t* const words = options_[place];
    std::fill_n(words, kOptionWords, 0);
    auto* const header = reinterpret_cast<abi::nmreq_option*>(words);
    header->nro_reqtype = type;
    switch (type) {
      case abi::NETMAP_REQ_OPT_EXTMEM: {
        auto* memory = reinterpret_cast<abi::nmreq_opt_extmem*>(words);
        // Never beyond its end: what a program offers is the engine's.
        const uint64_t skipped = chance(4) ? below(kMemorySize) : 0;
        memory->nro_usrptr = reinterpret_cast<uint64_t>(memories_[below(3)]->at()) + skipped / kPage * kPage;
        if (chance(8)) memory->nro_usrptr += chance(2) ? 1 : 1ull << 62;
        memory->nro_info.nr_memsize = kMemorySize - skipped / kPage * kPage;
        if (chance(8)) memory->nro_info.nr_memsize = chance(2) ? below(4096) : 0;
        if (chance(2)) memory->nro_info.nr_buf_pool_objtotal = 64;
        uint32_t* const sizes[] = {
            &memory->nro_info.nr_if_pool_objtotal,   &memory->nro_info.nr_if_pool_objsize,
            &memory->nro_info.nr_ring_pool_objtotal, &memory->nro_info.nr_ring_pool_objsize,
            &memory->nro_info.nr_buf_pool_objtotal,  &memory->nro_info.nr_buf_pool_objsize};
        if (chance(2)) *sizes[below(6)] = any_word();
        break;
      }
      case abi::NETMAP_REQ_OPT_CSB: {
        auto* csb = reinterpret_cast<abi::nmreq_opt_csb*>(words);
        csb->csb_atok = address();
        csb->csb_ktoa = address();
        break;
      }
      case abi::NETMAP_REQ_OPT_SYNC_KLOOP_MODE:
        reinterpret_cast<abi::nmreq_opt_sync_kloop_mode*>(words)->mode = below(5);
        break;
      case abi::NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS: {
        auto* fds = reinterpret_cast<abi::nmreq_opt_sync_kloop_eventfds*>(words);
        const uint32_t pairs = chance(4) ? below(5) : 2;
        header->nro_size = chance(10) ? random_.next() : sizeof(*fds) + pairs * 8;
        for (uint32_t i = 0; i < pairs; i++) {
          fds->eventfds[i].ioeventfd = eventfds_[below(4)];
          fds->eventfds[i].irqfd = chance(10) ? static_cast<int32_t>(any_word()) : eventfds_[below(4)];
        }
        break;
      }
      case abi::NETMAP_REQ_OPT_OFFSETS: {
        auto* offsets = reinterpret_cast<abi::nmreq_opt_offsets*>(words);
        offsets->nro_max_offset = chance(6) ? random_.next() >> below(64) : 512;
        offsets->nro_initial_offset = chance(3) ? below(600) : 0;
        offsets->nro_offset_bits = chance(3) ? below(70) : 0;
        offsets->nro_min_gap = chance(6) ? any_word() : 0;
        offsets->nro_tx_align = chance(6) ? any_word() : 0;
        break;
      }
      default:
        break;
    }
    return header;
  }

  // A list of options that a request of this type may take, and sometimes of others; circular now and then.
  uint64_t options(uint16_t type) {
    const uint32_t count = chance(2) ? 0 : 1 + below(3);
    uint64_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
      uint32_t kind = below(8);
      if (!chance(4) && type == abi::NETMAP_REQ_REGISTER) {
        const uint32_t kinds[] = {abi::NETMAP_REQ_OPT_EXTMEM, abi::NETMAP_REQ_OPT_CSB,
                                  abi::NETMAP_REQ_OPT_OFFSETS};
        kind = kinds[below(3)];
      } else if (type == abi::NETMAP_REQ_CSB_ENABLE) {
        kind = abi::NETMAP_REQ_OPT_CSB;
      } else if (type == abi::NETMAP_REQ_SYNC_KLOOP_START) {
        kind = chance(2) ? abi::NETMAP_REQ_OPT_SYNC_KLOOP_MODE : abi::NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS;
      }
      abi::nmreq_option* const made = option(kind, i);
      made->nro_next = first;
      first = reinterpret_cast<uint64_t>(made);
      if (chance(50)) made->nro_next = chance(2) ? first : address();
    }
    return first;
  }

  void request(Open& one, uint16_t type) {
    if (type == abi::NETMAP_REQ_SYNC_KLOOP_START && !end_loop_beforehand(one)) return;
    abi::nmreq_header header = {};
    header.nr_version = chance(50) ? static_cast<uint16_t>(random_.next()) : abi::NETMAP_API;
    header.nr_reqtype = type;
    header.nr_reserved = chance(100) ? any_word() : 0;
    header.nr_body = chance(50) ? address() : reinterpret_cast<uint64_t>(body(type));
    header.nr_options = options(type);
    const std::string named = name(type);
    memcpy(header.nr_name, named.data(), std::min(named.size(), sizeof(header.nr_name)));
    const Status status = one.device->control(&header);
    if (type == abi::NETMAP_REQ_REGISTER && status == Status::ok &&
        header.nr_body == reinterpret_cast<uint64_t>(body_)) {
      look_at(one, body_);
    }
  }

  // A loop that is asked for in this thread must find that it was stopped.
  bool end_loop_beforehand(Open& one) {
    return ask(*one.device, abi::NETMAP_REQ_SYNC_KLOOP_STOP, "") == Status::ok;
  }

  // Notes where the rings of a port are that was opened just now.
  void look_at(Open& one, const void* reply) {
    abi::nmreq_register granted;
    memcpy(&granted, reply, sizeof(granted));
    Mapping mapping;
    if (one.device->map(&mapping) != Status::ok) return;
    uint8_t* const shared = mapping.base + granted.nr_offset;
    auto* const interface = reinterpret_cast<abi::netmap_if*>(shared);
    const uint32_t tx = interface->ni_tx_rings + interface->ni_host_tx_rings;
    const uint32_t rx = interface->ni_rx_rings + interface->ni_host_rx_rings;
    for (uint32_t i = 0; i < tx + rx && i < 64; i++) {
      const int64_t offset = interface->ring_ofs[i];
      // Others may write into the same memory.
      const int64_t at = static_cast<int64_t>(granted.nr_offset) + offset;
      const uint32_t slots = i < tx ? granted.nr_tx_slots : granted.nr_rx_slots;
      const uint64_t size = sizeof(abi::netmap_ring) + slots * sizeof(abi::netmap_slot);
      if (offset == 0 || slots == 0 || at < 0 || at % 64 != 0 ||
          static_cast<uint64_t>(at) + size > mapping.size) {
        continue;
      }
      one.rings.push_back(
          {reinterpret_cast<abi::netmap_ring*>(shared + offset), slots, granted.nr_mem_id == kSharedRegion});
    }
  }

  // What a program does with its rings, well or badly.
  void use(Open& one) {
    for (uint32_t i = below(8); i > 0 && !one.rings.empty(); i--) {
      const auto [shared, slots, keeps_buffers] = one.rings[below(static_cast<uint32_t>(one.rings.size()))];
      abi::netmap_slot& slot = shared->slot[below(slots)];
      switch (below(6)) {
        case 0:
          __atomic_store_n(&slot.len, static_cast<uint16_t>(chance(4) ? any_word() : 60), __ATOMIC_RELAXED);
          break;
        case 1:
          __atomic_store_n(&slot.flags, static_cast<uint16_t>(any_word()), __ATOMIC_RELAXED);
          break;
        case 2:
          if (!keeps_buffers) __atomic_store_n(&slot.buf_idx, any_word(), __ATOMIC_RELAXED);
          break;
        case 3:
          __atomic_store_n(&slot.ptr, random_.next() >> below(64), __ATOMIC_RELAXED);
          break;
        default: {
          const uint32_t head = chance(10) ? any_word() : below(slots);
          __atomic_store_n(&shared->cur, head, __ATOMIC_RELAXED);
          __atomic_store_n(&shared->head, head, __ATOMIC_RELAXED);
        }
      }
    }
    if (chance(2)) one.device->tx_sync();
    if (chance(2)) one.device->rx_sync();
    if (chance(8)) {
      Counters counters;
      one.device->tx_counters(below(3), &counters);
      one.device->rx_counters(below(3), &counters);
    }
  }

  void wait(Open& one) {
    uint32_t ready = 0;
    const uint32_t events = below(16);
    if (chance(2)) {
      one.device->wait(events, below(500'000), &ready);
    } else {
      Status status;
      if (one.device->poll_descriptor(&status) < 0) return;
      one.device->arm(events, &ready);
      one.device->disarm();
    }
  }

  // A sync loop in a thread, over control blocks in which everything changes.
  void loop(Open& one) {
    request(one, abi::NETMAP_REQ_CSB_ENABLE);
    abi::nmreq_header header = {};
    header.nr_version = abi::NETMAP_API;
    header.nr_reqtype = abi::NETMAP_REQ_SYNC_KLOOP_START;
    header.nr_body = reinterpret_cast<uint64_t>(body(header.nr_reqtype));
    header.nr_options = options(header.nr_reqtype);
    std::atomic<bool> over{false};
    std::thread runner([&] {
      one.device->control(&header);
      over = true;
    });
    for (uint32_t i = below(200); i > 0 && !over; i--) {
      auto* const words = reinterpret_cast<uint32_t*>(blocks_.at());
      __atomic_store_n(words + below(kPage), chance(3) ? any_word() : below(64), __ATOMIC_RELAXED);
      if (chance(8)) eventfd_write(eventfds_[below(4)], 1);
      if (chance(40)) usleep(below(500));
    }
    // It is over, or has not begun, or goes on: ended is what it must be.
    while (!over) {
      ask(*one.device, abi::NETMAP_REQ_SYNC_KLOOP_STOP, "");
      usleep(50);
    }
    runner.join();
  }

  static constexpr uint32_t kOptionWords = 16;

  const std::string directory_;
  check::Random random_;
  Memory blocks_;
  std::vector<std::unique_ptr<Memory>> memories_;
  int eventfds_[4];
  std::vector<Open> open_;
  uint64_t body_[16];
  uint64_t options_[4][kOptionWords];
};

// A program that comes to its end takes all with it that it had.
void run_program(const Rig& rig, uint64_t which, int64_t until_ns) {
  const uint32_t descriptors = open_descriptors();
  const uint32_t mappings = mappings_of(rig.directory);
  {
    Program program(rig, which);
    program.run(until_ns);
  }
  CHECK_EQUAL(open_descriptors(), descriptors);
  CHECK_EQUAL(mappings_of(rig.directory), mappings);
}

void remove_persistent(Device& device) {
  for (const char* name : kPersistent) {
    // Twice: a port that joins two switches leaves the one first that it came to last.
    for (const char* vale : {"vale0:", "vale1:", "vale2:", "vale0:", "vale1:", "vale2:"}) {
      abi::nmreq_vale_detach body = {};
      ask(device, abi::NETMAP_REQ_VALE_DETACH, std::string(vale) + name, &body);
    }
    ask(device, abi::NETMAP_REQ_VALE_DELIF, name);
  }
}

}  // namespace

TEST("random calls from several processes harm nobody and leave nothing") {
  check::Random random;
  Rig rig;
  const int64_t end = engine::monotonic_ns() + fuzz_ns();
  std::vector<Child> programs;
  uint64_t started = 0;
  const auto start = [&] {
    const uint64_t which = ++started;
    return Child([&rig, which, end] { run_program(rig, which, end); });
  };
  // Before this process has anything open that they would have too.
  while (programs.size() < kPrograms) programs.push_back(start());

  uint64_t exchanged = 0;
  uint64_t killed = 0;
  {
    auto keeper = [&] {
      abi::nmreq_register wanted = {};
      wanted.nr_mode = abi::NR_REG_NULL;
      wanted.nr_mem_id = kSharedRegion;
      wanted.nr_tx_rings = wanted.nr_rx_rings = 1;
      wanted.nr_tx_slots = wanted.nr_rx_slots = 8;
      return rig.open("", wanted);
    }();
    auto sender = rig.open("vale9:sender");
    auto receiver = rig.open("vale9:receiver");
    while (engine::monotonic_ns() < end) {
      send(*sender, kBroadcast, station(1), static_cast<uint32_t>(exchanged));
      CHECK_EQUAL(take(*receiver), static_cast<uint32_t>(exchanged));
      exchanged++;
      usleep(500);
      if (random.below(400) != 0) continue;
      Child& one = programs[random.below(kPrograms)];
      siginfo_t ended = {};
      CHECK_EQUAL(waitid(P_PID, static_cast<id_t>(one.process()), &ended, WEXITED | WNOHANG | WNOWAIT), 0);
      if (ended.si_pid != 0) continue;  // its time is over
      one.kill();
      killed++;
      one = start();
    }
    for (Child& program : programs) program.join(120 * kSecond_ns);

    std::unique_ptr<Device> device;
    CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
    uint32_t reaped = 0;
    CHECK_EQUAL(engine::reap(open_space(rig), &reaped), Status::ok);
    remove_persistent(*device);
    CHECK_EQUAL(clients_after_reaping(rig), 3u);
    // All that is left in the region that they shared is the keeper's.
    std::shared_ptr<engine::Region> shared;
    CHECK_EQUAL(engine::Region::open(*open_space(rig), kSharedRegion, &shared), Status::ok);
    const Usage usage(*shared);
    CHECK_EQUAL(usage.ports, 1);
    CHECK_EQUAL(usage.rings, 2);
    CHECK_EQUAL(usage.interfaces, 1);
    CHECK_EQUAL(usage.buffers, 16);
  }
  CHECK_EQUAL(rig.files(), "namespace");
  for (const char* which : {".memory0", ".memory1"}) unlink((rig.directory + which).c_str());
  printf("    %llu programs, %llu killed, %llu packets of others\n", static_cast<unsigned long long>(started),
         static_cast<unsigned long long>(killed), static_cast<unsigned long long>(exchanged));
}
