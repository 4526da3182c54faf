// poll, select and epoll: when a descriptor is ready, and what waiting for it moves.
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include "ports.h"

NOUN("poll");

static constexpr int kPatienceMs = 5000;
static const nmreq_register kEight = {.nr_tx_slots = 8, .nr_rx_slots = 8};

// Sends a packet a little later, from a process that holds the port already.
static void send_later(Port& sender, const Packet& one) {
  usleep(30'000);
  sender.send(one);
}

CASE("before a registration poll reports an error at once") {
  Descriptor descriptor;
  pollfd one = {.fd = descriptor.fd, .events = POLLIN, .revents = 0};
  EXPECT(poll(&one, 1, kPatienceMs), 1);
  EXPECT(Events{one.revents}, Events{POLLERR});
}

CASE("a new port is writable and not readable") {
  Port port(vale("a"));
  EXPECT(port.poll(POLLIN | POLLOUT), Events{POLLOUT});
}

CASE("an idle port is not readable until the time is over") {
  Port port(vale("a"));
  EXPECT(port.poll(POLLIN, 30), Events{0});
}

CASE("poll makes packets visible that no sync has shown") {
  Port sender(vale("a")), receiver(vale("b"));
  sender.send(to_everybody());
  EXPECT(receiver.poll(POLLIN, kPatienceMs), Events{POLLIN});
  EXPECT(space(receiver.rx()), 1);
}

CASE("poll for reading sends what lies in the transmit rings") {
  Port sender(vale("a")), receiver(vale("b"));
  HOLDS(sender.put(to_everybody()));
  EXPECT(sender.poll(POLLIN), Events{0});
  EXPECT(receiver.receive().size(), 1);
}

CASE("poll for nothing sends what lies in the transmit rings") {
  Port sender(vale("a")), receiver(vale("b"));
  HOLDS(sender.put(to_everybody()));
  EXPECT(sender.poll(0), Events{0});
  EXPECT(receiver.receive().size(), 1);
}

CASE("with NO_TX_POLL poll for reading leaves the transmit rings alone") {
  Port sender(vale("a"), {.nr_flags = NR_NO_TX_POLL}), receiver(vale("b"));
  HOLDS(sender.put(to_everybody()));
  EXPECT(sender.poll(POLLIN), Events{0});
  EXPECT(receiver.receive().size(), 0);
}

CASE("with NO_TX_POLL poll for writing sends") {
  Port sender(vale("a"), {.nr_flags = NR_NO_TX_POLL}), receiver(vale("b"));
  HOLDS(sender.put(to_everybody()));
  EXPECT(sender.poll(POLLOUT), Events{POLLOUT});
  EXPECT(receiver.receive().size(), 1);
}

CASE("poll for writing alone shows nothing on the receive rings") {
  Port sender(vale("a")), receiver(vale("b"));
  sender.send(to_everybody());
  EXPECT(receiver.poll(POLLOUT), Events{POLLOUT});
  EXPECT(space(receiver.rx()), 0);
}

CASE("packets that are kept, with cur at tail, do not make a port readable again") {
  Port sender(vale("a"), kEight), receiver(vale("b"), kEight);
  for (int i = 0; i < 3; i++) sender.send(to_everybody());
  EXPECT(receiver.rx_sync(), 0);
  receiver.rx().head = 1;
  receiver.rx().cur = 3;
  EXPECT(receiver.poll(POLLIN, 30), Events{0});
  EXPECT(pointers(receiver.rx()), Pointers{1, 3, 3});
  sender.send(to_everybody());
  EXPECT(receiver.poll(POLLIN, kPatienceMs), Events{POLLIN});
  EXPECT(pointers(receiver.rx()), Pointers{1, 3, 4});
}

CASE("packets that are left, with cur before tail, keep a port readable") {
  Port sender(vale("a")), receiver(vale("b"));
  sender.send(to_everybody());
  for (int i = 0; i < 3; i++) EXPECT(receiver.poll(POLLIN, kPatienceMs), Events{POLLIN});
}

CASE("a sleeping receiver wakes when a packet comes") {
  Port sender(vale("a")), receiver(vale("b"));
  Process other([&] { send_later(sender, to_everybody()); });
  EXPECT(receiver.poll(POLLIN, kPatienceMs), Events{POLLIN});
  other.wait();
}

CASE("a full pipe is not writable") {
  Port sender(plain("p") + "{1", kEight), reader(plain("p") + "}1");
  while (sender.put(to_everybody())) {
  }
  EXPECT(sender.tx_sync(), 0);
  EXPECT(sender.poll(POLLOUT, 30), Events{0});
}

CASE("a sender that sleeps on a full pipe wakes when the reader gives slots back") {
  Port sender(plain("p") + "{1", kEight), reader(plain("p") + "}1");
  while (sender.put(to_everybody())) {
  }
  EXPECT(sender.tx_sync(), 0);
  Process other([&] {
    usleep(30'000);
    EXPECT(reader.receive().size(), 7);
    EXPECT(reader.rx_sync(), 0);
  });
  EXPECT(sender.poll(POLLOUT, kPatienceMs), Events{POLLOUT});
  EXPECT(space(sender.tx()), 7);
  other.wait();
}

CASE("a reader that only polls gives its slots back") {
  Port sender(plain("p") + "{1", kEight), reader(plain("p") + "}1");
  while (sender.put(to_everybody())) {
  }
  EXPECT(sender.tx_sync(), 0);
  EXPECT(reader.poll(POLLIN, kPatienceMs), Events{POLLIN});
  EXPECT(reader.take(reader.rx()).size(), 7);
  EXPECT(reader.poll(POLLIN), Events{0});
  EXPECT(sender.poll(POLLOUT), Events{POLLOUT});
}

CASE("a packet on any of the bound rings makes a port readable") {
  Port sender(vale("a"), {.nr_tx_rings = 2, .nr_rx_rings = 2});
  Port receiver(vale("b"), {.nr_tx_rings = 2, .nr_rx_rings = 2});
  receiver.send(packet(kEverybody, station(2)));
  EXPECT(sender.receive().size(), 1);
  sender.send(packet(station(2), station(1)), 1);
  EXPECT(receiver.poll(POLLIN, kPatienceMs), Events{POLLIN});
  EXPECT(space(receiver.rx(0)), 0);
  EXPECT(space(receiver.rx(1)), 1);
}

CASE("a descriptor of one ring does not wake for another ring") {
  Port all(vale("b"), {.nr_tx_rings = 2, .nr_rx_rings = 2});
  Port second(vale("b"), {.nr_ringid = 1, .nr_mode = NR_REG_ONE_NIC});
  Port sender(vale("a"));
  sender.send(to_everybody());
  EXPECT(second.poll(POLLIN, 30), Events{0});
  EXPECT(all.poll(POLLIN, kPatienceMs), Events{POLLIN});
}

CASE("a ring whose head cannot be makes poll report an error") {
  Port port(vale("a"), kEight);
  move_to(port.tx(), 1000);
  EXPECT(port.poll(POLLOUT).bits & POLLERR, POLLERR);
}

CASE("poll serves several ports and other descriptors in one call") {
  Port sender(vale("a")), first(vale("b")), second(vale("c", 'y'));
  int ends[2];
  HOLDS(pipe(ends) == 0);
  HOLDS(write(ends[1], "x", 1) == 1);
  sender.send(to_everybody());
  pollfd all[3] = {{first.fd, POLLIN, 0}, {second.fd, POLLIN, 0}, {ends[0], POLLIN, 0}};
  EXPECT(poll(all, 3, kPatienceMs), 2);
  EXPECT(Events{all[0].revents}, Events{POLLIN});
  EXPECT(Events{all[1].revents}, Events{0});
  EXPECT(Events{all[2].revents}, Events{POLLIN});
}

CASE("select finds a port readable and writable as poll does") {
  Port sender(vale("a")), receiver(vale("b"));
  fd_set read, write;
  timeval none = {};
  FD_ZERO(&read);
  FD_ZERO(&write);
  FD_SET(receiver.fd, &read);
  FD_SET(receiver.fd, &write);
  EXPECT(select(receiver.fd + 1, &read, &write, nullptr, &none), 1);
  HOLDS(!FD_ISSET(receiver.fd, &read) && FD_ISSET(receiver.fd, &write));
  sender.send(to_everybody());
  FD_SET(receiver.fd, &read);
  timeval patience = {.tv_sec = kPatienceMs / 1000, .tv_usec = 0};
  EXPECT(select(receiver.fd + 1, &read, nullptr, nullptr, &patience), 1);
  HOLDS(FD_ISSET(receiver.fd, &read));
}

CASE("epoll wakes a sleeper when a packet comes") {
  Port sender(vale("a")), receiver(vale("b"));
  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {.events = EPOLLIN, .data = {.u64 = 42}};
  EXPECT(answer(epoll_ctl(set, EPOLL_CTL_ADD, receiver.fd, &event)), 0);
  EXPECT(epoll_wait(set, &event, 1, 0), 0);
  Process other([&] { send_later(sender, to_everybody()); });
  EXPECT(epoll_wait(set, &event, 1, kPatienceMs), 1);
  EXPECT(event.events, static_cast<uint32_t>(EPOLLIN));
  EXPECT(event.data.u64, 42);
  other.wait();
}

CASE("an edge-triggered set tells once of packets that are all taken, and again of new ones") {
  Port sender(vale("a")), receiver(vale("b"));
  const int set = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {.events = EPOLLIN | EPOLLET, .data = {.u64 = 1}};
  EXPECT(answer(epoll_ctl(set, EPOLL_CTL_ADD, receiver.fd, &event)), 0);
  for (int round = 0; round < 3; round++) {
    sender.send(to_everybody());
    EXPECT(epoll_wait(set, &event, 1, kPatienceMs), 1);
    EXPECT(receiver.take(receiver.rx()).size(), 1);
    EXPECT(epoll_wait(set, &event, 1, 20), 0);
  }
}

CASE("a process that was forked waits on the registration of its parent") {
  Port sender(vale("a")), receiver(vale("b"));
  Process other([&] {
    EXPECT(receiver.poll(POLLIN, kPatienceMs), Events{POLLIN});
    EXPECT(receiver.take(receiver.rx()), Packets{to_everybody('q')});
  });
  sender.send(to_everybody('q'));
  other.wait();
}
