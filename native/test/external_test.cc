// External memory: ports that lie in memory of the program that opens them.
#include <fcntl.h>
#include <sys/mman.h>

#include <cstdlib>
#include <vector>

#include "test/child.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr uint64_t kSize = 16 << 20;

// Memory that goes with its scope.
class Memory {
 public:
  explicit Memory(int flags, int file = -1, uint64_t size = kSize, off_t offset = 0)
      : size_(size), at_(mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, file, offset)) {
    CHECK(at_ != MAP_FAILED);
  }
  ~Memory() { munmap(at_, size_); }
  Memory(const Memory&) = delete;
  uint8_t* at() const { return static_cast<uint8_t*>(at_); }

 private:
  uint64_t size_;
  void* at_;
};

// A file beside the namespace.
class File {
 public:
  explicit File(const Rig& rig, uint64_t size = kSize) : path(rig.directory + ".memory") {
    number = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(number >= 0);
    CHECK_EQUAL(ftruncate(number, static_cast<off_t>(size)), 0);
  }
  ~File() {
    close(number);
    unlink(path.c_str());
  }
  std::string path;
  int number;
};

PortOptions memory_at(const void* at, uint64_t size = kSize, abi::nmreq_pools_info pools = {}) {
  PortOptions options;
  options.extmem.emplace();
  options.extmem->nro_usrptr = reinterpret_cast<uint64_t>(at);
  options.extmem->nro_info = pools;
  options.extmem->nro_info.nr_memsize = size;
  return options;
}
PortOptions memory_in(const Memory& memory) { return memory_at(memory.at()); }

abi::nmreq_register slots(uint32_t count) {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_slots = wanted.nr_rx_slots = count;
  return wanted;
}

// The first RX ring of a port, as a program finds it in its memory.
abi::netmap_ring* rx_ring_at(const uint8_t* memory, const Port& port) {
  auto* interface = reinterpret_cast<const abi::netmap_if*>(memory + port.granted().nr_offset);
  const uint32_t entry = interface->ni_tx_rings + interface->ni_host_tx_rings;
  return reinterpret_cast<abi::netmap_ring*>(reinterpret_cast<uint64_t>(interface) +
                                             static_cast<uint64_t>(interface->ring_ofs[entry]));
}

// What a program that looks at its own memory finds in the first slot that arrived.
uint32_t first_tag(const uint8_t* memory, const Port& port) {
  const abi::netmap_ring* ring = rx_ring_at(memory, port);
  const auto* bytes = reinterpret_cast<const uint8_t*>(ring) + ring->buf_ofs +
                      uint64_t{ring->slot[0].buf_idx} * ring->nr_buf_size;
  uint32_t tag;
  memcpy(&tag, bytes + 14, sizeof(tag));
  return tag;
}

void exchange(Rig& rig, const uint8_t* memory, Port& port) {
  Child sender([&] {
    auto other = rig.open("vale0:sender");
    send(*other, kBroadcast, station(1), 4711);
  });
  sender.join();
  CHECK_EQUAL(port.device().rx_sync(), Status::ok);
  CHECK_EQUAL(rx_ring_at(memory, port)->tail, 1);
  CHECK_EQUAL(first_tag(memory, port), 4711);
}

}  // namespace

TEST("a port lies where its program says, in memory of any kind, and other processes send to it") {
  Rig rig;
  File file(rig);
  const Memory of_file(MAP_SHARED, file.number), private_one(MAP_PRIVATE | MAP_ANONYMOUS),
      shared_one(MAP_SHARED | MAP_ANONYMOUS), private_file(MAP_PRIVATE, file.number);
  for (const Memory* memory : {&of_file, &private_one, &shared_one, &private_file}) {
    auto port = rig.open("vale0:a", slots(16), memory_in(*memory));
    exchange(rig, memory->at(), *port);
    port.reset();
    CHECK_EQUAL(rig.files(), "namespace");
  }
}

TEST("a file's pages stay the file's, so that who maps it sees the port") {
  Rig rig;
  File file(rig);
  const Memory memory(MAP_SHARED, file.number);
  auto port = rig.open("vale0:a", slots(16), memory_in(memory));
  const Memory elsewhere(MAP_SHARED, file.number);
  exchange(rig, elsewhere.at(), *port);
}

TEST("a port may lie in a part of a file") {
  Rig rig;
  File file(rig, 4 * kSize);
  const Memory memory(MAP_SHARED, file.number, 3 * kSize, kSize);
  auto port = rig.open("vale0:a", slots(16), memory_at(memory.at() + 4096));
  const Memory whole(MAP_SHARED, file.number, 4 * kSize);
  exchange(rig, whole.at() + kSize + 4096, *port);
  CHECK_EQUAL(whole.at()[0], 0);
  CHECK_EQUAL(whole.at()[kSize], 0);
}

TEST("the same memory is the same region, and a port of it finds the others") {
  Rig rig;
  File file(rig);
  const Memory of_file(MAP_SHARED, file.number), again(MAP_SHARED, file.number),
      private_one(MAP_PRIVATE | MAP_ANONYMOUS);
  for (const auto& [one, other] : {std::pair{&of_file, &again}, {&private_one, &private_one}}) {
    abi::nmreq_pools_info many = {};
    many.nr_if_pool_objtotal = many.nr_ring_pool_objtotal = 8;
    auto first = rig.open("vale0:a", slots(16), memory_at(one->at(), kSize, many));
    auto second = rig.open("vale0:b", slots(16), memory_in(*other));
    CHECK_EQUAL(first->granted().nr_mem_id, second->granted().nr_mem_id);
    CHECK(first->mapping().base == second->mapping().base);
    send(*first, kBroadcast, station(1), 5);
    CHECK_EQUAL(take(*second), 5);
    first.reset();
    auto third = rig.open("vale0:c", slots(16), memory_in(*one));
    CHECK_EQUAL(second->granted().nr_mem_id, third->granted().nr_mem_id);
  }
}

TEST("another process finds the region of a file too") {
  Rig rig;
  File file(rig);
  abi::nmreq_pools_info many = {};
  many.nr_if_pool_objtotal = many.nr_ring_pool_objtotal = 8;
  const Memory memory(MAP_SHARED, file.number);
  auto port = rig.open("vale0:a", slots(16), memory_at(memory.at(), kSize, many));
  Child other([&] {
    const Memory its(MAP_SHARED, file.number);
    auto second = rig.open("vale0:b", slots(16), memory_in(its));
    CHECK_EQUAL(second->granted().nr_mem_id, port->granted().nr_mem_id);
  });
  other.join();
}

TEST("pools have the sizes that were asked for, and what is left becomes buffers") {
  Rig rig;
  const Memory memory(MAP_PRIVATE | MAP_ANONYMOUS);
  abi::nmreq_pools_info pools = {};
  pools.nr_if_pool_objtotal = 3;
  pools.nr_if_pool_objsize = 1000;
  pools.nr_ring_pool_objtotal = 5;
  pools.nr_ring_pool_objsize = 512;
  pools.nr_buf_pool_objtotal = 40;
  pools.nr_buf_pool_objsize = 4096;
  auto port = rig.open("vale0:a", slots(16), memory_at(memory.at(), kSize, pools));
  const Inside inside(rig, *port);
  const engine::Pools& its = inside.region().pools();
  CHECK_EQUAL(its.interfaces, 3);
  CHECK_EQUAL(its.interface_size, 1024);
  CHECK_EQUAL(its.rings_at, 4096);
  CHECK_EQUAL(its.rings, 5);
  CHECK_EQUAL(its.ring_size, 512);
  CHECK_EQUAL(its.buffers_at, 8192);
  CHECK_EQUAL(its.buffer_stride, 4096);
  CHECK_EQUAL(its.buffers, (kSize - 8192) / 4096);
  CHECK_EQUAL(port->granted().nr_memsize, kSize);
  CHECK_EQUAL(port->tx_rings()[0].shared()->nr_buf_size, 4096);
}

TEST("rings begin at multiples of 128, as their type demands, whatever size they were asked for") {
  Rig rig;
  const Memory memory(MAP_PRIVATE | MAP_ANONYMOUS);
  abi::nmreq_pools_info pools = {};
  pools.nr_ring_pool_objsize = 512 + 64;
  pools.nr_buf_pool_objtotal = 64;
  auto port = rig.open("vale0:a", slots(16), memory_at(memory.at(), kSize, pools));
  const Inside inside(rig, *port);
  CHECK_EQUAL(inside.region().pools().ring_size, 640);
  for (const auto* rings : {&port->tx_rings(), &port->rx_rings()}) {
    for (const Ring& ring : *rings) CHECK_EQUAL(reinterpret_cast<uintptr_t>(ring.shared()) % 128, 0u);
  }
}

TEST("a region is never larger than the memory") {
  Rig rig;
  std::unique_ptr<Port> port;
  const Memory memory(MAP_PRIVATE | MAP_ANONYMOUS);
  CHECK_EQUAL(rig.try_open("vale0:a", &port, slots(1024), memory_at(memory.at(), 1 << 20)),
              Status::external_too_small);
  abi::nmreq_pools_info few = {};
  few.nr_buf_pool_objtotal = 16;
  const auto open_with = [&](uint32_t count) {
    return rig.try_open("vale0:a", &port, slots(count), memory_at(memory.at(), 1 << 20, few));
  };
  CHECK_EQUAL(open_with(512), Status::no_buffers_left);
  CHECK_EQUAL(open_with(2048), Status::rings_too_small);
  CHECK_EQUAL(open_with(200), Status::ok);
  send(*port, kBroadcast, station(1), 5, 2048);
  port.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("memory that cannot be is refused, and nothing is left of the attempt") {
  Rig rig;
  const Memory memory(MAP_PRIVATE | MAP_ANONYMOUS);
  std::unique_ptr<Port> port;
  const auto open = [&](const PortOptions& options) {
    const Status status = rig.try_open("vale0:a", &port, slots(16), options);
    CHECK_EQUAL(rig.files(), "namespace");
    return status;
  };
  CHECK_EQUAL(open(memory_at(memory.at() + 64)), Status::external_unaligned);
  CHECK_EQUAL(open(memory_at(nullptr)), Status::bad_address);
  CHECK_EQUAL(open(memory_at(reinterpret_cast<void*>(~0ull << 12))), Status::bad_address);
  CHECK_EQUAL(open(memory_at(memory.at(), ~0ull)), Status::bad_address);
  CHECK_EQUAL(open(memory_at(memory.at(), 0)), Status::external_too_small);
  CHECK_EQUAL(mprotect(memory.at() + (kSize - 4096), 4096, PROT_READ), 0);
  CHECK_EQUAL(open(memory_in(memory)), Status::bad_address);
  CHECK_EQUAL(munmap(memory.at() + (kSize - 4096), 4096), 0);
  CHECK_EQUAL(open(memory_in(memory)), Status::bad_address);
  for (uint32_t abi::nmreq_pools_info::* field :
       {&abi::nmreq_pools_info::nr_if_pool_objtotal, &abi::nmreq_pools_info::nr_if_pool_objsize,
        &abi::nmreq_pools_info::nr_ring_pool_objtotal, &abi::nmreq_pools_info::nr_ring_pool_objsize,
        &abi::nmreq_pools_info::nr_buf_pool_objtotal, &abi::nmreq_pools_info::nr_buf_pool_objsize}) {
    for (const uint32_t value : {1u << 20, 1u << 31, ~0u}) {
      abi::nmreq_pools_info pools = {};
      pools.*field = value;
      CHECK(open(memory_at(memory.at(), 4 << 20, pools)) != Status::ok);
    }
  }
  const int nameless = memfd_create("memory", MFD_CLOEXEC);
  CHECK_EQUAL(ftruncate(nameless, kSize), 0);
  const Memory of_nameless(MAP_SHARED, nameless);
  close(nameless);
  CHECK_EQUAL(open(memory_in(of_nameless)), Status::external_unreachable);
  File file(rig, kSize / 2);
  const Memory half(MAP_SHARED, file.number);
  CHECK_EQUAL(open(memory_in(half)), Status::bad_address);
}

TEST("a region of the engine itself is no external memory") {
  Rig rig;
  auto port = rig.open("vale0:a");
  std::unique_ptr<Port> other;
  CHECK_EQUAL(rig.try_open("vale0:b", &other, slots(16), memory_at(port->mapping().base)),
              Status::external_unreachable);
}

TEST("a port that is open stays in the memory that it has") {
  Rig rig;
  auto port = rig.open("vale0:a");
  const Memory memory(MAP_PRIVATE | MAP_ANONYMOUS);
  memset(memory.at(), 0x5a, 4096);
  auto again = rig.open("vale0:a", {}, memory_in(memory));
  CHECK_EQUAL(again->granted().nr_mem_id, port->granted().nr_mem_id);
  CHECK_EQUAL(memory.at()[17], 0x5a);
  again.reset();
  port.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a pipe and a monitor can have external memory too") {
  Rig rig;
  const Memory memory(MAP_PRIVATE | MAP_ANONYMOUS), its_memory(MAP_PRIVATE | MAP_ANONYMOUS);
  auto sender = rig.open("p{1", slots(16), memory_in(memory));
  auto receiver = rig.open("p}1");
  abi::nmreq_register wanted = slots(16);
  wanted.nr_flags = abi::NR_MONITOR_TX;
  auto monitor = rig.open("p{1", wanted, memory_in(its_memory));
  CHECK(monitor->granted().nr_mem_id != sender->granted().nr_mem_id);
  send(*sender, kBroadcast, station(1), 6);
  CHECK_EQUAL(take(*receiver), 6);
  CHECK_EQUAL(monitor->device().rx_sync(), Status::ok);
  CHECK_EQUAL(first_tag(its_memory.at(), *monitor), 6);
}

TEST("where a file has no name any more, nothing is sent to its ports, and the namespace stays in order") {
  Rig rig;
  auto file = std::make_unique<File>(rig);
  int ends[2];
  CHECK_EQUAL(pipe(ends), 0);
  // Before the port is open: a process that is forked later has its memory.
  Child other([&] {
    char byte;
    CHECK_EQUAL(read(ends[0], &byte, 1), 1);
    auto sender = rig.open("vale0:sender");
    send(*sender, kBroadcast, station(1), 1);
    std::unique_ptr<Port> second;
    CHECK_EQUAL(rig.try_open("vale0:a", &second), Status::external_unreachable);
  });
  const Memory memory(MAP_SHARED, file->number);
  auto port = rig.open("vale0:a", slots(16), memory_in(memory));
  file.reset();
  CHECK_EQUAL(write(ends[1], "x", 1), 1);
  other.join();
  close(ends[0]);
  close(ends[1]);
  CHECK_EQUAL(take(*port), -1);
  port.reset();
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a program that is killed leaves its file, and nothing in the namespace") {
  Rig rig;
  for (const bool removed : {false, true}) {
    auto file = std::make_unique<File>(rig);
    int ends[2];
    CHECK_EQUAL(pipe(ends), 0);
    Child program([&] {
      const Memory memory(MAP_SHARED, file->number);
      auto port = rig.open("vale0:a", slots(16), memory_in(memory));
      CHECK_EQUAL(write(ends[1], "x", 1), 1);
      pause();
    });
    char byte;
    CHECK_EQUAL(read(ends[0], &byte, 1), 1);
    program.kill();
    close(ends[0]);
    close(ends[1]);
    if (removed) file.reset();
    CHECK_EQUAL(clients_after_reaping(rig), 0u);
    CHECK_EQUAL(rig.files(), "namespace");
  }
}
