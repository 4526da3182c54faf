// What engine tests have in common: a namespace of their own, ports in it, packets to send.
#pragma once

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "device/open.h"
#include "port.h"
#include "test/check.h"

namespace nm::test {

// A namespace directory that lives as long as the test. One that fails leaves it behind, in NM_TEST_DIR or
// /dev/shm.
class Rig {
 public:
  Rig() {
    const char* parent = getenv("NM_TEST_DIR");
    directory = std::string(parent != nullptr ? parent : "/dev/shm") + "/nm-test-XXXXXX";
    CHECK(mkdtemp(directory.data()) != nullptr);
  }
  ~Rig() { std::filesystem::remove_all(directory); }

  Status try_open(const std::string& name, std::unique_ptr<Port>* port, abi::nmreq_register wanted = {},
                  const PortOptions& options = {}) {
    std::unique_ptr<Device> device;
    Status status = open_embedded_device(directory, &device);
    if (status != Status::ok) return status;
    if (wanted.nr_mode == 0) wanted.nr_mode = abi::NR_REG_ALL_NIC;
    return Port::open(std::move(device), name, wanted, port, nullptr, options);
  }
  std::unique_ptr<Port> open(const std::string& name, abi::nmreq_register wanted = {},
                             const PortOptions& options = {}) {
    std::unique_ptr<Port> port;
    CHECK_EQUAL(try_open(name, &port, wanted, options), Status::ok);
    return port;
  }
  // A port whose packets begin `initial` bytes into their buffers.
  std::unique_ptr<Port> open_offset(const std::string& name, uint64_t initial,
                                    abi::nmreq_register wanted = {}) {
    PortOptions options;
    options.offsets.emplace().nro_max_offset = options.offsets->nro_initial_offset = initial;
    return open(name, wanted, options);
  }
  // Names of the files in the namespace, sorted, in one text.
  std::string files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      names.insert(entry.path().filename());
    }
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
    return text;
  }

  std::string directory;
};

inline constexpr uint64_t kBroadcast = 0xffffffffffff;
// Station n: a unicast address.
inline constexpr uint64_t station(uint32_t n) { return 0x02 | uint64_t{n} << 16; }

// Puts one frame of `length` bytes into the next slot of TX ring 0; the byte after the header is `tag`.
// False: no room.
inline bool put(Port& port, uint64_t to, uint64_t from, uint32_t tag, uint32_t length = 60,
                uint16_t flags = 0, uint32_t ring_number = 0) {
  const Ring& ring = port.tx_rings()[ring_number];
  if (ring.space() == 0) return false;
  abi::netmap_slot& slot = ring.slot(ring.head());
  uint8_t* frame = ring.buffer(slot.buf_idx);
  memcpy(frame, &to, 6);
  memcpy(frame + 6, &from, 6);
  memset(frame + 12, 0, length > 12 ? length - 12 : 0);
  memcpy(frame + 14, &tag, sizeof(tag));
  slot.len = static_cast<uint16_t>(length);
  slot.flags = flags;
  ring.advance(ring.next(ring.head()));
  return true;
}

inline void send(Port& port, uint64_t to, uint64_t from, uint32_t tag, uint32_t length = 60) {
  CHECK(put(port, to, from, tag, length));
  CHECK_EQUAL(port.device().tx_sync(), Status::ok);
}

// Takes the next packet; its tag, or -1 when there is none.
inline int64_t take(Port& port, uint32_t ring_number = 0) {
  port.device().rx_sync();
  const Ring& ring = port.rx_rings()[ring_number];
  if (ring.space() == 0) return -1;
  const abi::netmap_slot& slot = ring.slot(ring.head());
  uint32_t tag;
  memcpy(&tag, ring.buffer(slot.buf_idx) + 14, sizeof(tag));
  ring.advance(ring.next(ring.head()));
  return tag;
}

}  // namespace nm::test
