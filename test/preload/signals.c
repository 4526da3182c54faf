/*
 * signals: a signal ends a wait for packets with EINTR, also one that comes before the thread sleeps; and a handler may
 * use the port that it interrupted.
 */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "check.h"

static struct nm_desc* port;
static volatile sig_atomic_t signals;

static void handle(int number) {
  (void)number;
  struct pollfd now = {.fd = NETMAP_FD(port), .events = POLLIN};
  signals++;
  CHECK(ioctl(NETMAP_FD(port), NIOCTXSYNC) == 0);
  CHECK(poll(&now, 1, 0) == 0);
}

int main(void) {
  struct sigaction action = {.sa_handler = handle};
  struct itimerval often = {.it_interval.tv_usec = 1000, .it_value.tv_usec = 1000};
  port = open_port("vale1:signals");
  struct pollfd waits = {.fd = NETMAP_FD(port), .events = POLLIN};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
  for (int i = 0; i < 200; i++) REFUSES(EINTR, poll(&waits, 1, 10000));

  const int set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, NETMAP_FD(port), &event) == 0);
  for (int i = 0; i < 100; i++) REFUSES(EINTR, epoll_wait(set, &event, 1, 10000));

  /* Handlers run in the middle of syncs. */
  const int before = signals;
  while (signals < before + 200) CHECK(ioctl(NETMAP_FD(port), NIOCRXSYNC) == 0);
  often.it_value.tv_usec = often.it_interval.tv_usec = 0;
  CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);

  /* One that is blocked but for the wait. */
  sigset_t blocked;
  sigset_t open;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGALRM);
  CHECK(sigprocmask(SIG_BLOCK, &blocked, &open) == 0);
  CHECK(raise(SIGALRM) == 0);
  const struct timespec patience = {.tv_sec = 10};
  const int seen = signals;
  REFUSES(EINTR, ppoll(&waits, 1, &patience, &open));
  CHECK(signals == seen + 1);
  puts("interrupted");
  return nm_close(port);
}
