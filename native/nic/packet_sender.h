// The sending side of an AF_PACKET ring: frames go from the slots' buffers to the interface's driver, past its queueing
// discipline, many with one system call.
//
// sendmmsg() and not a mapped ring: both send about 0.8 million 60-byte packets a second on veth [measured], and this has no
// state that could be lost with the process.
//
// A slot is given back when the kernel has taken its packet. One that it has no room for stays, and is tried again.
//
// Which of the interface's queues a packet takes is the kernel's choice: packet sockets cannot say.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <vector>

#include "file_descriptor.h"
#include "nic/departures.h"
#include "nic/driver.h"
#include "nic/link_watch.h"

namespace nm::nic {

class PacketSender {
 public:
  PacketSender(const Target& target);

  Refusal open(const Target& target, int* error);

  Status send(engine::BoundRing& ring, uint32_t head);
  // What to poll while the kernel has no room.
  Notice notice() const;
  int64_t longest_sleep() const;

 private:
  static constexpr uint32_t kBatch = 64;
  enum class Room { there, socket_full, device_full };

  uint32_t gather(engine::BoundRing& ring, uint32_t first, uint32_t head);
  bool gather_packet(engine::BoundRing& ring, uint32_t* at, uint32_t head);
  void give_back(engine::BoundRing& ring, uint32_t end);
  bool leave_out(engine::BoundRing& ring, int error);

  FileDescriptor socket_;
  LinkWatch link_;
  Room room_ = Room::there;

  // Packets that go with one call: slots up to `end`, and how long they are.
  struct Packet {
    uint32_t end;
    uint32_t bytes;
  };
  uint32_t packets_ = 0;
  uint32_t pieces_used_ = 0;
  Packet packet_[kBatch];
  mmsghdr message_[kBatch];
  std::vector<iovec> pieces_;
  Departure departure_;
};

}  // namespace nm::nic
