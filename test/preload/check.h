/* What the C programs of these tests share: checks that end the program, and ports. */
#ifndef CHECK_H
#define CHECK_H

#define NETMAP_WITH_LIBS
#include <net/netmap_user.h>
#include <poll.h>

#define CHECK(condition)                                                                        \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, strerror(errno)); \
      exit(1);                                                                                  \
    }                                                                                           \
  } while (0)

/* The call fails with this errno. */
#define REFUSES(number, call) CHECK((call) == -1 && errno == (number))

static inline struct nm_desc* open_port(const char* name) {
  struct nm_desc* port = nm_open(name, NULL, 0, NULL);
  CHECK(port != NULL);
  return port;
}

/* Opens /dev/netmap and registers `name` on it. */
static inline int register_port(int fd, const char* name, struct nmreq_register* granted) {
  struct nmreq_header header = {.nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER};
  memset(granted, 0, sizeof(*granted));
  granted->nr_mode = NR_REG_ALL_NIC;
  snprintf(header.nr_name, sizeof(header.nr_name), "%s", name);
  header.nr_body = (uintptr_t)granted;
  return ioctl(fd, NIOCCTRL, &header);
}

/* A frame to everybody that carries a number. */
static inline void put_numbered(struct nm_desc* port, uint32_t number) {
  unsigned char frame[60];
  memset(frame, 0, sizeof(frame));
  memset(frame, 0xff, 6);
  frame[6] = 2;
  memcpy(frame + 14, &number, sizeof(number));
  while (nm_inject(port, frame, sizeof(frame)) == 0) {
    struct pollfd fd = {.fd = NETMAP_FD(port), .events = POLLOUT};
    CHECK(poll(&fd, 1, 5000) == 1);
  }
}

/* Takes what is there. Its numbers must follow `*expected`, which is moved on. */
static inline void take_numbered(struct nm_desc* port, uint32_t* expected) {
  struct nm_pkthdr header;
  const unsigned char* packet;
  while ((packet = nm_nextpkt(port, &header)) != NULL) {
    uint32_t number;
    CHECK(header.len == 60);
    memcpy(&number, packet + 14, sizeof(number));
    CHECK(number == *expected);
    ++*expected;
  }
}

#endif
