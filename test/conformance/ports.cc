#include "ports.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace conformance {

Descriptor::Descriptor() : fd(open("/dev/netmap", O_RDWR)) {
  if (fd < 0) fail(__FILE__, __LINE__, "open(/dev/netmap): expected success, found " + describe(answer(fd)));
}

Descriptor::~Descriptor() { close(); }

void Descriptor::close() {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

Answer Descriptor::ask(const Request& request) {
  reply = {};
  reply.nr_version = request.version;
  reply.nr_reqtype = request.type;
  reply.nr_reserved = request.reserved;
  strncpy(reply.nr_name, request.name.c_str(), sizeof(reply.nr_name) - 1);
  reply.nr_body = reinterpret_cast<uint64_t>(request.body);
  reply.nr_options = reinterpret_cast<uint64_t>(request.options);
  return answer(ioctl(fd, NIOCCTRL, &reply));
}

Answer Descriptor::registers(const std::string& name, nmreq_register* wanted, void* options) {
  if (wanted->nr_mode == NR_REG_DEFAULT) wanted->nr_mode = NR_REG_ALL_NIC;
  return ask({.type = NETMAP_REQ_REGISTER, .name = name, .body = wanted, .options = options});
}

Answer Descriptor::tx_sync() const { return answer(ioctl(fd, NIOCTXSYNC)); }
Answer Descriptor::rx_sync() const { return answer(ioctl(fd, NIOCRXSYNC)); }

Answer asking(const Request& request) {
  Descriptor descriptor;
  return descriptor.ask(request);
}

Answer opening(const std::string& name, nmreq_register wanted, void* options) {
  Descriptor descriptor;
  return descriptor.registers(name, &wanted, options);
}

char* buffer(netmap_ring& ring, uint32_t index) {
  return reinterpret_cast<char*>(&ring) + ring.buf_ofs + size_t{index} * ring.nr_buf_size;
}

std::string Events::describe() const {
  static constexpr struct {
    short bit;
    const char* name;
  } kNames[] = {{POLLIN, "POLLIN"},
                {POLLOUT, "POLLOUT"},
                {POLLERR, "POLLERR"},
                {POLLHUP, "POLLHUP"},
                {POLLNVAL, "POLLNVAL"}};
  std::string text;
  for (const auto& row : kNames) {
    if ((bits & row.bit) != 0) text += (text.empty() ? "" : "|") + std::string(row.name);
  }
  return text.empty() ? "no event" : text;
}

Port::Port(const std::string& name, nmreq_register wanted, void* options) : reg(wanted) {
  const Answer found = registers(name, &reg, options);
  if (found.number != 0) {
    fail(__FILE__, __LINE__, "opening " + name + ": expected success, found " + conformance::describe(found));
  }
  void* const mapped = mmap(nullptr, reg.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    fail(__FILE__, __LINE__, "mmap: expected success, found " + conformance::describe(answer(-1)));
  }
  memory = static_cast<char*>(mapped);
  nifp = reinterpret_cast<netmap_if*>(memory + reg.nr_offset);
}

Port::~Port() { close(); }

void Port::unmap() {
  if (memory != nullptr) munmap(memory, reg.nr_memsize);
  memory = nullptr;
}

void Port::close() {
  unmap();
  Descriptor::close();
}

netmap_ring& Port::ring_at(uint32_t entry) const {
  return *reinterpret_cast<netmap_ring*>(reinterpret_cast<char*>(nifp) + nifp->ring_ofs[entry]);
}

netmap_ring& Port::tx(uint32_t index) const { return ring_at(index); }
netmap_ring& Port::rx(uint32_t index) const { return ring_at(tx_entries() + index); }

bool Port::put(const Packet& packet, uint32_t index, size_t slot_bytes) {
  netmap_ring& ring = tx(index);
  if (slot_bytes == 0) slot_bytes = ring.nr_buf_size;
  const size_t slots = std::max<size_t>(1, (packet.bytes.size() + slot_bytes - 1) / slot_bytes);
  if (space(ring) < slots) return false;
  uint32_t at = ring.head;
  for (size_t i = 0; i < slots; i++, at = next(ring, at)) {
    const std::string part = packet.bytes.substr(i * slot_bytes, slot_bytes);
    netmap_slot& slot = ring.slot[at];
    memcpy(buffer(ring, slot.buf_idx) + (slot.ptr & ring.offset_mask), part.data(), part.size());
    slot.len = static_cast<uint16_t>(part.size());
    slot.flags = i + 1 < slots ? NS_MOREFRAG : 0;
  }
  move_to(ring, at);
  return true;
}

void Port::send(const Packet& packet, uint32_t ring) {
  if (!put(packet, ring)) fail(__FILE__, __LINE__, "expected room in the transmit ring, found none");
  const Answer found = tx_sync();
  if (found.number != 0) {
    fail(__FILE__, __LINE__, "NIOCTXSYNC: expected success, found " + conformance::describe(found));
  }
}

Packets Port::take(netmap_ring& ring, size_t most) {
  Packets packets;
  Packet whole;
  uint32_t at = ring.head;
  for (; at != ring.tail && packets.size() < most; at = next(ring, at)) {
    const netmap_slot& slot = ring.slot[at];
    whole.bytes.append(buffer(ring, slot.buf_idx) + (slot.ptr & ring.offset_mask), slot.len);
    if ((slot.flags & NS_MOREFRAG) != 0) continue;
    packets.push_back(whole);
    whole.bytes.clear();
  }
  move_to(ring, at);
  return packets;
}

Packets Port::receive(uint32_t ring) {
  const Answer found = rx_sync();
  if (found.number != 0) {
    fail(__FILE__, __LINE__, "NIOCRXSYNC: expected success, found " + conformance::describe(found));
  }
  return take(rx(ring));
}

Packets Port::receive() {
  Packets packets;
  rx_sync();
  for (uint32_t i = 0; i < rx_entries(); i++) {
    if (nifp->ring_ofs[tx_entries() + i] == 0) continue;
    for (Packet& one : take(rx(i))) packets.push_back(std::move(one));
  }
  return packets;
}

Events Port::poll(short events, int timeout_ms) const {
  pollfd one = {.fd = fd, .events = events, .revents = 0};
  const int count = ::poll(&one, 1, timeout_ms);
  if (count < 0)
    fail(__FILE__, __LINE__, "poll: expected success, found " + conformance::describe(answer(-1)));
  return {one.revents};
}

std::vector<uint32_t> buffers(const netmap_ring& ring) {
  std::vector<uint32_t> indexes;
  for (uint32_t i = 0; i < ring.num_slots; i++) indexes.push_back(ring.slot[i].buf_idx);
  return indexes;
}

}  // namespace conformance
