// One queue of an interface through an AF_XDP socket: the TX and the RX ring of that number.
//
//   RX ring    | user's        | filled, not shown yet    and    given to the kernel | last slot |
//              ^hwcur          ^hwtail                                               ^posted     ^hwcur
//   TX ring    | given to the kernel     | not yet         | user's ...
//              ^next(hwtail)             ^submitted        ^hwcur
//
// Slots name the buffers that the kernel has: `posted` and `submitted`, in the rings' driver words, and the positions of the
// socket's rings are all the state there is. Buffers do not move: what the kernel fills is in the slot that named it, as long
// as frames arrive in the order in which buffers were given; otherwise two slots change buffers.
//
// The socket's memory are the buffers that the region had when it was made. When other ports have brought more, another is made
// in its place; while other processes use it too that cannot be, and packets in such buffers are dropped and counted.
#pragma once

#include <memory>
#include <vector>

#include "nic/departures.h"
#include "nic/driver.h"
#include "nic/link_watch.h"
#include "nic/shared_descriptor.h"
#include "nic/xsk_socket.h"

namespace nm::nic {

class XskQueue {
 public:
  XskQueue(const Target& target, uint32_t queue, XskMode mode);
  ~XskQueue();
  XskQueue(const XskQueue&) = delete;

  Refusal open(int* error);
  // Prepares the queue's TX or RX ring.
  void start(const engine::BoundRing& ring);
  // Has the XDP program give the queue's packets to this socket: `sockets_by_queue` is its map.
  void listen(int sockets_by_queue);

  Status send(engine::BoundRing& ring, uint32_t head);
  Status receive(engine::BoundRing& ring, uint32_t head);
  bool has_news(const engine::BoundRing& ring) const;
  Notice notice(const engine::BoundRing& ring) const;
  int64_t before_sleep(engine::BoundRing& ring);
  void count(engine::BoundRing& ring);

 private:
  engine::DriverWords& words() const;
  Refusal make(int* error);
  int prepare();
  int bind();
  bool is_ready();
  void close();
  void open_again();
  void finish_sent(engine::BoundRing& ring);
  bool submit(engine::BoundRing& ring, uint32_t* submitted);
  void show_arrived(engine::BoundRing& ring);
  uint32_t slots_of_next() const;
  void show(engine::BoundRing& ring, const XskDescriptor& piece, uint16_t flags);
  void complete(engine::BoundRing& ring, uint32_t first, uint32_t count);
  void give_buffers(const engine::BoundRing& ring);
  void look_around(engine::BoundRing& ring);

  const Target target_;
  const uint32_t queue_;
  const XskMode mode_;
  const bool completes_checksums_;
  const bool many_pieces_;
  XskSocket socket_;
  std::unique_ptr<SharedDescriptor> sharing_;
  // open; the old socket is being emptied; its successor waits for the queue; there is none and will be none
  enum class Stage { open, emptying, closed, broken };
  Stage stage_ = Stage::open;
  int64_t emptying_until_ns_ = 0;
  uint32_t buffers_ = 0;  // that the socket knows
  int sockets_by_queue_ = -1;
  engine::RingState* tx_ = nullptr;
  engine::RingState* rx_ = nullptr;
  uint32_t idle_syncs_ = 0;
  LinkWatch link_;
  Departure departure_;
};

}  // namespace nm::nic
