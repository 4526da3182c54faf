/*
 * threads PORT COUNT: two threads on one descriptor, as netmap allows: one sends COUNT numbered packets, the other takes
 * what comes back. Meanwhile other threads open and close ports.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"

static struct nm_desc* port;
static uint32_t count;
static atomic_uint sent;
static atomic_uint received;
static atomic_int over;

static void* send_all(void* unused) {
  for (uint32_t i = 0; i < count; i++) {
    /* No more under way than the other side's ring holds. */
    while (i - atomic_load(&received) >= 500) sched_yield();
    put_numbered(port, i);
    CHECK(ioctl(NETMAP_FD(port), NIOCTXSYNC) == 0);
    atomic_store(&sent, i + 1);
  }
  return unused;
}

static void* receive_all(void* unused) {
  uint32_t expected = 0;
  while (expected < count) {
    struct pollfd fd = {.fd = NETMAP_FD(port), .events = POLLIN};
    CHECK(poll(&fd, 1, 20000) == 1);
    CHECK(fd.revents == POLLIN);
    take_numbered(port, &expected);
    atomic_store(&received, expected);
  }
  return unused;
}

static void* open_and_close(void* name) {
  while (!atomic_load(&over)) nm_close(open_port(name));
  return NULL;
}

int main(int argc, char** argv) {
  pthread_t threads[4];
  CHECK(argc == 3);
  port = open_port(argv[1]);
  count = (uint32_t)atoi(argv[2]);
  CHECK(pthread_create(&threads[0], NULL, send_all, NULL) == 0);
  CHECK(pthread_create(&threads[1], NULL, receive_all, NULL) == 0);
  CHECK(pthread_create(&threads[2], NULL, open_and_close, (void*)"vale9:a") == 0);
  CHECK(pthread_create(&threads[3], NULL, open_and_close, (void*)"vale9:b") == 0);
  CHECK(pthread_join(threads[0], NULL) == 0);
  CHECK(pthread_join(threads[1], NULL) == 0);
  atomic_store(&over, 1);
  CHECK(pthread_join(threads[2], NULL) == 0);
  CHECK(pthread_join(threads[3], NULL) == 0);
  printf("%u there and back\n", atomic_load(&received));
  return nm_close(port);
}
