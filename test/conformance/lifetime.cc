// Lifetime of descriptors and mappings: how long a registration lasts.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "ports.h"

NOUN("lifetime of descriptors and mappings");

static bool is_listed(const std::string& name) {
  nmreq_vale_list place = {};
  return asking({.type = NETMAP_REQ_VALE_LIST, .name = name, .body = &place}) == 0;
}

static void send_descriptor(int socket, int fd) {
  char byte = 0;
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &fd, sizeof(int));
  HOLDS(sendmsg(socket, &message, 0) == 1);
}

static int receive_descriptor(int socket) {
  char byte;
  iovec data = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  HOLDS(recvmsg(socket, &message, 0) == 1);
  int fd;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
  return fd;
}

CASE("a port ends with its descriptor and its mapping") {
  Port port(vale("a"));
  HOLDS(is_listed(vale("a")));
  port.close();
  HOLDS(!is_listed(vale("a")));
}

CASE("a mapping keeps the port when the descriptor is closed") {
  Port port(vale("a"));
  port.Descriptor::close();
  HOLDS(is_listed(vale("a")));
  port.unmap();
  HOLDS(!is_listed(vale("a")));
}

CASE("rings stay readable through a mapping whose descriptor is closed") {
  Port port(vale("a"));
  port.Descriptor::close();
  EXPECT(pointers(port.tx()), Pointers{0, 0, 1023});
  port.tx().sem[0] = 1;
}

CASE("an exclusive port stays shut while a mapping of it is there") {
  Port port(vale("a"), {.nr_flags = NR_EXCLUSIVE});
  port.Descriptor::close();
  EXPECT(opening(vale("a")), EBUSY);
  port.unmap();
  EXPECT(opening(vale("a")), 0);
}

CASE("a duplicate is the same registration") {
  Port sender(vale("a")), receiver(vale("b"));
  const int twin = dup(sender.fd);
  HOLDS(sender.put(to_everybody()));
  EXPECT(answer(ioctl(twin, NIOCTXSYNC)), 0);
  EXPECT(receiver.receive().size(), 1);
  close(twin);
}

CASE("a port lasts until its last duplicate is closed") {
  Descriptor descriptor;
  nmreq_register wanted = {};
  EXPECT(descriptor.registers(vale("a"), &wanted), 0);
  const int twin = dup(descriptor.fd);
  descriptor.close();
  HOLDS(is_listed(vale("a")));
  EXPECT(answer(ioctl(twin, NIOCRXSYNC)), 0);
  close(twin);
  HOLDS(!is_listed(vale("a")));
}

CASE("a child has its parent's port") {
  Port sender(vale("a")), receiver(vale("b"));
  Process child([&] { sender.send(to_everybody('c')); });
  child.wait();
  EXPECT(receiver.receive(), Packets{to_everybody('c')});
}

CASE("a port lasts while a child has it") {
  auto port = std::make_unique<Port>(vale("a"));
  int ends[2];
  HOLDS(pipe(ends) == 0);
  Process child([&] {
    close(ends[1]);
    char byte;
    HOLDS(read(ends[0], &byte, 1) == 0);
  });
  port->close();
  HOLDS(is_listed(vale("a")));
  close(ends[1]);
  child.wait();
  HOLDS(!is_listed(vale("a")));
}

CASE("a process that is killed leaves no port behind") {
  int ends[2];
  HOLDS(pipe(ends) == 0);
  Process other([&] {
    Port port(vale("a"));
    HOLDS(write(ends[1], "x", 1) == 1);
    pause();
  });
  char byte;
  HOLDS(read(ends[0], &byte, 1) == 1);
  HOLDS(is_listed(vale("a")));
  other.kill();
  HOLDS(!is_listed(vale("a")));
}

CASE("a descriptor that is passed to another process brings its port") {
  int ends[2];
  HOLDS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  Port receiver(vale("b"));
  Process other([&] {
    const int fd = receive_descriptor(ends[1]);
    EXPECT(answer(ioctl(fd, NIOCTXSYNC)), 0);
  });
  Port sender(vale("a"));
  HOLDS(sender.put(to_everybody('p')));
  send_descriptor(ends[0], sender.fd);
  other.wait();
  EXPECT(receiver.receive(), Packets{to_everybody('p')});
}

CASE("a second open of /dev/netmap is another registration") {
  Port first(vale("a"));
  Port second(vale("b"));
  second.send(to_everybody());
  EXPECT(first.receive().size(), 1);
}

CASE("one descriptor of a port may close while the other goes on") {
  Port first(vale("a")), second(vale("a")), receiver(vale("b"));
  first.close();
  second.send(to_everybody());
  EXPECT(receiver.receive().size(), 1);
}

CASE("a port that is opened again after its last user left is a new one") {
  {
    Port port(vale("a"), {.nr_tx_slots = 64, .nr_rx_slots = 64});
  }
  Port port(vale("a"));
  EXPECT(port.reg.nr_tx_slots, 1024);
}

CASE("reading and writing the descriptor are refused") {
  Port port(vale("a"));
  char byte = 0;
  EXPECT(answer(static_cast<int>(read(port.fd, &byte, 1))), EINVAL);
  EXPECT(answer(static_cast<int>(write(port.fd, &byte, 1))), EINVAL);
}
