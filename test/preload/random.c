/*
 * random SEED STEPS: whatever a program may do with descriptors and mappings of /dev/netmap, in any order, in several
 * threads and processes. Nothing of it may crash, hang or leave something behind; what single calls return is looked at in
 * descriptors.c.
 */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>

#include "check.h"

enum { MOST = 24 };

/* What one thread has. A descriptor may be closed under it, by itself, and the number be another's then. */
struct hand {
  uint64_t random;
  int number;
  int fds[MOST];
  struct nmreq_register granted[MOST];
  struct {
    char* start;
    size_t size;
  } maps[MOST];
  int epoll;
};

static uint32_t below(struct hand* hand, uint32_t limit) {
  hand->random ^= hand->random << 13;
  hand->random ^= hand->random >> 7;
  hand->random ^= hand->random << 17;
  return (uint32_t)(hand->random >> 32) % limit;
}

static int* any_fd(struct hand* hand) { return &hand->fds[below(hand, MOST)]; }

static void open_one(struct hand* hand) {
  static const char* const kinds[] = {"vale1:%d", "vale1:same", "vale2:%d", "netmap:pipe{%d", "netmap:pipe}%d"};
  const uint32_t at = below(hand, MOST);
  char name[32];
  if (hand->fds[at] >= 0) return;
  hand->fds[at] = open("/dev/netmap", O_RDWR | (below(hand, 2) ? O_CLOEXEC : 0));
  CHECK(hand->fds[at] >= 0);
  snprintf(name, sizeof(name), kinds[below(hand, 5)], hand->number);
  const char* bare = strncmp(name, "netmap:", 7) == 0 ? name + 7 : name;
  if (below(hand, 8) != 0) register_port(hand->fds[at], bare, &hand->granted[at]);
}

static void close_one(struct hand* hand) {
  int* fd = any_fd(hand);
  if (*fd >= 0) CHECK(close(*fd) == 0);
  *fd = -1;
}

static void duplicate_one(struct hand* hand) {
  const uint32_t from = below(hand, MOST);
  const uint32_t to = below(hand, MOST);
  if (hand->fds[from] < 0 || to == from) return;
  int made = -1;
  if (hand->fds[to] >= 0) {
    made = below(hand, 2) ? dup2(hand->fds[from], hand->fds[to]) : dup3(hand->fds[from], hand->fds[to], 0);
  } else {
    made = below(hand, 2) ? dup(hand->fds[from]) : fcntl(hand->fds[from], F_DUPFD_CLOEXEC, 40);
  }
  CHECK(made >= 0);
  hand->fds[to] = made;
  hand->granted[to] = hand->granted[from];
}

static void map_one(struct hand* hand) {
  const uint32_t from = below(hand, MOST);
  const uint32_t at = below(hand, MOST);
  if (hand->fds[from] < 0 || hand->maps[at].start != NULL) return;
  const size_t size = below(hand, 3) == 0 ? 1 << 20 : hand->granted[from].nr_memsize;
  const int access = below(hand, 4) == 0 ? PROT_READ : PROT_READ | PROT_WRITE;
  char* start = mmap(NULL, size, access, MAP_SHARED, hand->fds[from], 0);
  if (start == MAP_FAILED) return;
  hand->maps[at].start = start;
  hand->maps[at].size = size;
}

static void unmap_one(struct hand* hand) {
  const uint32_t at = below(hand, MOST);
  char* const start = hand->maps[at].start;
  const size_t half = hand->maps[at].size / 2 / 4096 * 4096;
  if (start == NULL || half == 0) return;
  switch (below(hand, 4)) {
    case 0:
      CHECK(munmap(start + half, hand->maps[at].size - half) == 0);
      hand->maps[at].size = half;
      return;
    case 1:
      CHECK(mremap(start, hand->maps[at].size, half, 0) == start);
      hand->maps[at].size = half;
      return;
    case 2:
      CHECK(*(volatile char*)start == *(volatile char*)start);
      return;
    default:
      CHECK(munmap(start, hand->maps[at].size) == 0);
      hand->maps[at].start = NULL;
  }
}

static void sync_one(struct hand* hand) {
  const int fd = *any_fd(hand);
  ioctl(fd, below(hand, 2) ? NIOCTXSYNC : NIOCRXSYNC);
}

static void wait_for_some(struct hand* hand) {
  struct pollfd fds[MOST];
  fd_set read;
  struct timeval soon = {0, (suseconds_t)below(hand, 300)};
  switch (below(hand, 3)) {
    case 0:
      for (int i = 0; i < MOST; i++) fds[i] = (struct pollfd){.fd = hand->fds[i], .events = POLLIN};
      CHECK(poll(fds, 1 + below(hand, MOST), (int)below(hand, 2)) >= 0);
      return;
    case 1: {
      const int fd = *any_fd(hand);
      if (fd < 0) return;
      FD_ZERO(&read);
      FD_SET(fd, &read);
      CHECK(select(fd + 1, &read, NULL, NULL, &soon) >= 0);
      return;
    }
    default: {
      struct epoll_event events[4];
      CHECK(epoll_wait(hand->epoll, events, 4, (int)below(hand, 2)) >= 0);
    }
  }
}

static void change_epoll(struct hand* hand) {
  static const uint32_t kinds[] = {EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLET, EPOLLIN | EPOLLONESHOT};
  struct epoll_event event = {.events = kinds[below(hand, 4)]};
  epoll_ctl(hand->epoll, EPOLL_CTL_ADD + (int)below(hand, 3), *any_fd(hand), &event);
  if (below(hand, 20) != 0) return;
  CHECK(close(hand->epoll) == 0);
  hand->epoll = epoll_create1(EPOLL_CLOEXEC);
  CHECK(hand->epoll >= 0);
}

static void do_something(struct hand* hand, int may_fork);

static void fork_one(struct hand* hand) {
  int status;
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    for (int i = 0; i < 20; i++) do_something(hand, 0);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void do_something(struct hand* hand, int may_fork) {
  switch (below(hand, 40)) {
    case 0:
      if (may_fork) fork_one(hand);
      return;
    case 1 ... 6:
      open_one(hand);
      return;
    case 7 ... 9:
      close_one(hand);
      return;
    case 10 ... 13:
      duplicate_one(hand);
      return;
    case 14 ... 17:
      map_one(hand);
      return;
    case 18 ... 21:
      unmap_one(hand);
      return;
    case 22 ... 26:
      change_epoll(hand);
      return;
    case 27 ... 31:
      wait_for_some(hand);
      return;
    default:
      sync_one(hand);
  }
}

static int steps;

static void* run(void* argument) {
  struct hand* hand = argument;
  for (int i = 0; i < MOST; i++) hand->fds[i] = -1;
  hand->epoll = epoll_create1(EPOLL_CLOEXEC);
  CHECK(hand->epoll >= 0);
  for (int i = 0; i < steps; i++) do_something(hand, 1);
  for (int i = 0; i < MOST; i++) {
    if (hand->fds[i] >= 0) CHECK(close(hand->fds[i]) == 0);
    if (hand->maps[i].start != NULL) CHECK(munmap(hand->maps[i].start, hand->maps[i].size) == 0);
  }
  CHECK(close(hand->epoll) == 0);
  return NULL;
}

int main(int argc, char** argv) {
  static struct hand hands[3];
  pthread_t threads[3];
  CHECK(argc == 3);
  const uint64_t seed = strtoull(argv[1], NULL, 10);
  steps = atoi(argv[2]);
  printf("seed %llu\n", (unsigned long long)seed);
  for (int i = 0; i < 3; i++) {
    hands[i].number = i;
    hands[i].random = (seed + 1) * 0x9e3779b97f4a7c15u + (uint64_t)i * 0x2545f4914f6cdd1du;
    CHECK(pthread_create(&threads[i], NULL, run, &hands[i]) == 0);
  }
  for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  puts("all closed");
  return 0;
}
