/*
 * receive PORT COUNT WAY: takes COUNT numbered packets, asleep in between.
 *
 * WAY is the system call to sleep in. Standard input is waited for in the same call; each line of it is printed when it
 * comes.
 */
#include <sys/epoll.h>
#include <sys/select.h>

#include "check.h"

struct ready {
  int port;
  int input;
  /* At what was told of, and it may have been nothing. */
  int looked;
};

static int patience_ms = 20000;

static struct ready wait_poll(int port) {
  struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = port, .events = POLLIN}};
  CHECK(poll(fds, 2, patience_ms) > 0);
  CHECK((fds[1].revents & ~POLLIN) == 0);
  return (struct ready){.port = fds[1].revents != 0, .input = fds[0].revents != 0};
}

static struct ready wait_ppoll(int port) {
  struct pollfd fds[2] = {{.fd = port, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  struct timespec timeout = {.tv_sec = patience_ms / 1000};
  CHECK(ppoll(fds, 2, &timeout, NULL) > 0);
  return (struct ready){.port = fds[0].revents != 0, .input = fds[1].revents != 0};
}

static struct ready wait_select(int port) {
  fd_set read;
  struct timeval timeout = {.tv_sec = patience_ms / 1000};
  FD_ZERO(&read);
  FD_SET(0, &read);
  FD_SET(port, &read);
  CHECK(select(port + 1, &read, NULL, NULL, &timeout) > 0);
  CHECK(timeout.tv_sec < patience_ms / 1000);
  return (struct ready){.port = FD_ISSET(port, &read), .input = FD_ISSET(0, &read)};
}

static struct ready wait_pselect(int port) {
  fd_set read;
  struct timespec timeout = {.tv_sec = patience_ms / 1000};
  FD_ZERO(&read);
  FD_SET(0, &read);
  FD_SET(port, &read);
  CHECK(pselect(port + 1, &read, NULL, NULL, &timeout, NULL) > 0);
  return (struct ready){.port = FD_ISSET(port, &read), .input = FD_ISSET(0, &read)};
}

/* One of the calls that wait for an epoll instance. */
static int wait_for_set(const char* call, int set, struct epoll_event* found, int room) {
  const struct timespec timeout = {.tv_sec = patience_ms / 1000};
  if (strcmp(call, "epoll_pwait") == 0) return epoll_pwait(set, found, room, patience_ms, NULL);
  if (strcmp(call, "epoll_pwait2") == 0) return epoll_pwait2(set, found, room, &timeout, NULL);
  return epoll_wait(set, found, room, patience_ms);
}

static struct ready wait_epoll(const char* call, int port, uint32_t events) {
  static int set = -1;
  struct epoll_event found[4];
  struct ready ready = {.port = 0};
  if (set < 0) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 7};
    set = epoll_create1(EPOLL_CLOEXEC);
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, 0, &event) == 0);
    event.events = events;
    event.data.u64 = 1ull << 40;
    CHECK(epoll_ctl(set, EPOLL_CTL_ADD, port, &event) == 0);
    REFUSES(EEXIST, epoll_ctl(set, EPOLL_CTL_ADD, port, &event));
  }
  const int count = wait_for_set(call, set, found, 4);
  CHECK(count > 0);
  for (int i = 0; i < count; i++) {
    CHECK(found[i].events == EPOLLIN || found[i].data.u64 == 7);
    CHECK(found[i].data.u64 == 7 || found[i].data.u64 == 1ull << 40);
    *(found[i].data.u64 == 7 ? &ready.input : &ready.port) = 1;
    /* At its end the input is always ready. */
    if (found[i].events & EPOLLHUP) CHECK(epoll_ctl(set, EPOLL_CTL_DEL, 0, NULL) == 0);
  }
  return ready;
}

/* The port in an epoll instance, which is in a second one, which is in a third beside the input. */
static struct ready wait_nested(int port, uint32_t events) {
  static int sets[3];
  struct epoll_event found[2];
  struct ready ready = {.port = 0};
  if (sets[0] == 0) {
    for (int i = 0; i < 3; i++) sets[i] = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 1};
    CHECK(epoll_ctl(sets[1], EPOLL_CTL_ADD, sets[0], &event) == 0);
    CHECK(epoll_ctl(sets[2], EPOLL_CTL_ADD, sets[1], &event) == 0);
    event.events = events;
    CHECK(epoll_ctl(sets[0], EPOLL_CTL_ADD, port, &event) == 0);
    event = (struct epoll_event){.events = EPOLLIN, .data.u64 = 0};
    CHECK(epoll_ctl(sets[2], EPOLL_CTL_ADD, 0, &event) == 0);
  }
  const int count = epoll_wait(sets[2], found, 2, patience_ms);
  CHECK(count > 0);
  for (int i = 0; i < count; i++) {
    ready.input |= found[i].data.u64 == 0;
    if (found[i].events & EPOLLHUP) CHECK(epoll_ctl(sets[2], EPOLL_CTL_DEL, 0, NULL) == 0);
    if (found[i].data.u64 == 0) continue;
    /* It may have been for what is there no longer. */
    const int inner = epoll_wait(sets[0], found + i, 1, 0);
    CHECK(inner == 0 || (inner == 1 && found[i].events == EPOLLIN));
    ready.port = inner;
    ready.looked = 1;
  }
  return ready;
}

static struct ready wait_one_way(const char* way, int port) {
  if (strcmp(way, "poll") == 0) return wait_poll(port);
  if (strcmp(way, "ppoll") == 0) return wait_ppoll(port);
  if (strcmp(way, "select") == 0) return wait_select(port);
  if (strcmp(way, "pselect") == 0) return wait_pselect(port);
  if (strcmp(way, "nested") == 0) return wait_nested(port, EPOLLIN);
  if (strcmp(way, "nested edge") == 0) return wait_nested(port, EPOLLIN | EPOLLET);
  return wait_epoll(way, port, strcmp(way, "edge") == 0 ? EPOLLIN | EPOLLET : EPOLLIN);
}

int main(int argc, char** argv) {
  CHECK(argc == 4);
  struct nm_desc* port = open_port(argv[1]);
  const uint32_t count = (uint32_t)atoi(argv[2]);
  uint32_t taken = 0;
  setvbuf(stdout, NULL, _IONBF, 0);
  puts("ready");
  while (taken < count) {
    const struct ready ready = wait_one_way(argv[3], NETMAP_FD(port));
    CHECK(ready.port || ready.input || ready.looked);
    if (ready.port) take_numbered(port, &taken);
    if (ready.input) {
      char line[64];
      const ssize_t length = read(0, line, sizeof(line) - 1);
      CHECK(length >= 0);
      if (length > 0) printf("heard %.*s", (int)length, line);
    }
  }
  printf("took %u packets\n", taken);
  CHECK(nm_close(port) == 0);
  return 0;
}
