// External memory: ports that lie in memory of the program. netmap has to be built with it.
#include <sys/mman.h>
#include <unistd.h>

#include "ports.h"

NOUN("extmem");

namespace {

constexpr size_t kSize = 4 << 20;
const nmreq_register kSixteen = {.nr_tx_slots = 16, .nr_rx_slots = 16};

char* shared_memory(size_t size = kSize) {
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  HOLDS(memory != MAP_FAILED);
  return static_cast<char*>(memory);
}

struct Option : nmreq_opt_extmem {
  explicit Option(const void* memory, nmreq_pools_info pools = {}, size_t size = kSize) : nmreq_opt_extmem{} {
    nro_opt.nro_reqtype = NETMAP_REQ_OPT_EXTMEM;
    nro_usrptr = reinterpret_cast<uintptr_t>(memory);
    nro_info = pools;
    nro_info.nr_memsize = size;
    // Enough for a port of 16 slots where nobody says anything else.
    if (nro_info.nr_buf_pool_objtotal == 0) nro_info.nr_buf_pool_objtotal = 100;
    // Within a page, of which the kernel's next one may lie elsewhere.
    if (nro_info.nr_ring_pool_objsize == 0) nro_info.nr_ring_pool_objsize = 1024;
  }
};

Answer opening_in(Option& option, nmreq_register wanted = kSixteen, const std::string& port = "a") {
  const Answer answer = opening(vale(port), wanted, &option);
  if (answer == EOPNOTSUPP) skip("netmap is built without external memory");
  return answer;
}

// A program's own look at a port that lies in its memory.
netmap_ring& ring_in(char* memory, const Port& port, bool is_tx) {
  auto* nifp = reinterpret_cast<netmap_if*>(memory + port.reg.nr_offset);
  const uint32_t entry = is_tx ? 0 : nifp->ni_tx_rings + nifp->ni_host_tx_rings;
  return *reinterpret_cast<netmap_ring*>(reinterpret_cast<char*>(nifp) + nifp->ring_ofs[entry]);
}

}  // namespace

CASE("a port that is opened with memory of the program lies there") {
  char* const memory = shared_memory();
  Option option(memory);
  EXPECT(opening_in(option), 0);
  EXPECT(option.nro_opt.nro_status, 0);
  Option again(memory);
  Port port(vale("a"), kSixteen, &again);
  Port sender(vale("b"));
  sender.send(to_everybody('x'));
  EXPECT(port.rx_sync(), 0);
  netmap_ring& ring = ring_in(memory, port, false);
  EXPECT(ring.tail, 1);
  EXPECT(buffer(ring, ring.slot[0].buf_idx)[14], 'x');
}

CASE("what a program writes into its memory is sent") {
  char* const memory = shared_memory();
  Option option(memory);
  EXPECT(opening_in(option), 0);
  Option again(memory);
  Port port(vale("a"), kSixteen, &again), receiver(vale("b"));
  netmap_ring& ring = ring_in(memory, port, true);
  const Packet packet = to_everybody('y');
  memcpy(buffer(ring, ring.slot[0].buf_idx), packet.bytes.data(), packet.bytes.size());
  ring.slot[0].len = 60;
  move_to(ring, 1);
  EXPECT(port.tx_sync(), 0);
  EXPECT(receiver.receive(), Packets{packet});
}

CASE("the region is as large as the memory") {
  Option option(shared_memory());
  EXPECT(opening_in(option), 0);
  Option again(shared_memory());
  Port port(vale("a"), kSixteen, &again);
  EXPECT(port.reg.nr_memsize, kSize);
  EXPECT(again.nro_info.nr_memsize, kSize);
}

CASE("buffers have the size that was asked for") {
  Option option(shared_memory());
  EXPECT(opening_in(option), 0);
  Option again(shared_memory(), {.nr_buf_pool_objtotal = 64, .nr_buf_pool_objsize = 4096});
  Port port(vale("a"), kSixteen, &again);
  EXPECT(port.tx().nr_buf_size, 4096);
}

CASE("ports that are opened with the same memory are in one region") {
  char* const memory = shared_memory();
  const nmreq_pools_info many = {.nr_if_pool_objtotal = 8, .nr_ring_pool_objtotal = 16};
  Option option(memory, many);
  EXPECT(opening_in(option), 0);
  Option one(memory, many), other(memory, many);
  Port first(vale("a"), kSixteen, &one), second(vale("b"), kSixteen, &other);
  EXPECT(first.reg.nr_mem_id, second.reg.nr_mem_id);
}

CASE("memory that has no room for the pools is refused") {
  Option option(shared_memory(), {.nr_ring_pool_objtotal = 64, .nr_ring_pool_objsize = 1 << 20});
  EXPECT(opening_in(option), ENOMEM);
  EXPECT(option.nro_opt.nro_status, ENOMEM);
  Option none(shared_memory(), {}, 0);
  EXPECT(opening_in(none), ENOMEM);
}

CASE("rings that have no room for their slots are refused") {
  Option option(shared_memory(), {.nr_ring_pool_objsize = 256 + 16 * 16});
  EXPECT(opening_in(option), 0);
  Option again(shared_memory(), {.nr_ring_pool_objsize = 256 + 16 * 16});
  EXPECT(opening_in(again, {.nr_tx_slots = 64, .nr_rx_slots = 64}), ENOMEM);
}

CASE("too few rings, buffers or places for descriptors are refused") {
  Option rings(shared_memory(), {.nr_ring_pool_objtotal = 1});
  EXPECT(opening_in(rings), ENOMEM);
  Option buffers(shared_memory(1 << 20), {}, 1 << 20);
  EXPECT(opening_in(buffers, {.nr_tx_slots = 1000, .nr_rx_slots = 1000}), ENOMEM);
}

CASE("memory that is not there is refused") {
  char* const memory = shared_memory();
  HOLDS(munmap(memory + kSize / 2, kSize / 2) == 0);
  Option option(memory);
  EXPECT(opening_in(option), EFAULT);
  EXPECT(option.nro_opt.nro_status, EFAULT);
}

CASE("memory that cannot be written is refused") {
  char* const memory = shared_memory();
  HOLDS(mprotect(memory, kSize, PROT_READ) == 0);
  Option option(memory);
  EXPECT(opening_in(option), EFAULT);
}

CASE("the option twice is refused, and both say so") {
  Option first(shared_memory()), second(shared_memory());
  first.nro_opt.nro_next = reinterpret_cast<uintptr_t>(&second);
  EXPECT(opening_in(first), EINVAL);
  EXPECT(first.nro_opt.nro_status, EINVAL);
  EXPECT(second.nro_opt.nro_status, EINVAL);
}

CASE("the memory is the program's again when the port is closed") {
  char* const memory = shared_memory();
  Option option(memory);
  EXPECT(opening_in(option), 0);
  memset(memory, 'z', kSize);
  EXPECT(memory[kSize - 1], 'z');
  HOLDS(munmap(memory, kSize) == 0);
}
