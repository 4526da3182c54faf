/*
 * family PORT COUNT: a child sends COUNT numbered packets on the descriptor that its parent opened, then the parent
 * sends as many. The port outlives the child.
 */
#include <sys/wait.h>

#include "check.h"

static void send_some(struct nm_desc* port, uint32_t from, uint32_t count) {
  for (uint32_t i = from; i < from + count; i++) {
    put_numbered(port, i);
    CHECK(ioctl(NETMAP_FD(port), NIOCTXSYNC) == 0);
  }
}

static void await(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char** argv) {
  CHECK(argc == 3);
  struct nm_desc* port = open_port(argv[1]);
  const uint32_t count = (uint32_t)atoi(argv[2]);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    send_some(port, 0, count);
    /* Closing is the child's own business. */
    CHECK(nm_close(port) == 0);
    _exit(0);
  }
  await(child);
  send_some(port, count, count);

  /* What a child of vfork() closes and duplicates, its parent keeps as it was. */
  child = vfork();
  CHECK(child >= 0);
  if (child == 0) {
    close(NETMAP_FD(port));
    _exit(dup2(1, 100) == 100 ? 0 : 1);
  }
  await(child);
  send_some(port, 2 * count, count);

  /* A program that is started later knows nothing of the port. */
  child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    execlp("sh", "sh", "-c", "exit 0", (char*)NULL);
    _exit(1);
  }
  await(child);
  send_some(port, 3 * count, count);
  printf("sent %u\n", 4 * count);
  return nm_close(port);
}
