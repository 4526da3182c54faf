/*
 * heirs PORT COUNT: opens PORT and sends nothing itself. First another process gets the descriptor in a message, when
 * this one has closed it already; then this process starts another program, which inherits it; at last this process
 * becomes such a program. Each sends COUNT numbered packets.
 */
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "check.h"

/* What one needs beside the descriptor, in a message or as words. */
struct place {
  uint64_t memory_size;
  uint64_t interface_offset;
  uint32_t first;
  uint32_t count;
};

static void send_from(int fd, const struct place* place) {
  struct nm_desc port = {.fd = fd, .memsize = place->memory_size};
  port.self = &port;
  port.mem = mmap(NULL, place->memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(port.mem != MAP_FAILED);
  port.nifp = NETMAP_IF(port.mem, place->interface_offset);
  CHECK(port.nifp->ni_version == NETMAP_API);
  for (uint32_t i = place->first; i < place->first + place->count; i++) {
    put_numbered(&port, i);
    CHECK(ioctl(fd, NIOCTXSYNC) == 0);
  }
}

static int open_place(const char* name, struct place* place) {
  struct nmreq_register granted;
  const int fd = open("/dev/netmap", O_RDWR);
  CHECK(fd >= 0 && register_port(fd, name, &granted) == 0);
  place->memory_size = granted.nr_memsize;
  place->interface_offset = granted.nr_offset;
  return fd;
}

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

static void send_descriptor(int socket, int fd, struct place* place) {
  union control control;
  struct iovec data = {place, sizeof(*place)};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  memset(&control, 0, sizeof(control));
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
  CHECK(sendmsg(socket, &message, 0) == sizeof(*place));
}

static int receive_descriptor(int socket, struct place* place) {
  union control control;
  struct iovec data = {place, sizeof(*place)};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  int fd;
  CHECK(recvmsg(socket, &message, 0) == sizeof(*place));
  memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
  return fd;
}

static void be_receiver(int socket) {
  struct place place;
  char sent;
  const int fd = receive_descriptor(socket, &place);
  /* The other end is closed when the sender has closed its descriptor. */
  CHECK(read(socket, &sent, 1) == 0);
  send_from(fd, &place);
  printf("sent %u as receiver\n", place.count);
  fflush(stdout);
}

static void be_heir(char** words) {
  const struct place place = {strtoull(words[2], NULL, 10), strtoull(words[3], NULL, 10),
                              (uint32_t)atoi(words[4]), (uint32_t)atoi(words[5])};
  send_from(atoi(words[1]), &place);
  printf("sent %u as %s\n", place.count, words[0]);
}

/* What be_heir() reads. */
static void put_words(char words[6][24], char** pointers, const char* name, int fd, const struct place* place,
                      uint32_t first) {
  snprintf(words[0], sizeof(words[0]), "%s", name);
  snprintf(words[1], sizeof(words[1]), "%d", fd);
  snprintf(words[2], sizeof(words[2]), "%llu", (unsigned long long)place->memory_size);
  snprintf(words[3], sizeof(words[3]), "%llu", (unsigned long long)place->interface_offset);
  snprintf(words[4], sizeof(words[4]), "%u", first);
  snprintf(words[5], sizeof(words[5]), "%u", place->count);
  for (int i = 0; i < 6; i++) pointers[i] = words[i];
}

int main(int argc, char** argv) {
  if (argc == 8) {
    be_heir(argv + 2);
    return 0;
  }
  CHECK(argc == 3);
  struct place place = {.count = (uint32_t)atoi(argv[2])};
  int ends[2];
  int status;
  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(ends[0]);
    be_receiver(ends[1]);
    return 0;
  }
  close(ends[1]);
  int fd = open_place(argv[1], &place);
  send_descriptor(ends[0], fd, &place);
  CHECK(close(fd) == 0 && close(ends[0]) == 0);
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);

  /* A spawned program has it under another number. */
  pid_t spawned;
  char words[6][24];
  char* arguments[9] = {argv[0], argv[1]};
  posix_spawn_file_actions_t actions;
  fd = open_place(argv[1], &place);
  CHECK(posix_spawn_file_actions_init(&actions) == 0);
  CHECK(posix_spawn_file_actions_adddup2(&actions, fd, 77) == 0);
  CHECK(posix_spawn_file_actions_addclose(&actions, fd) == 0);
  put_words(words, arguments + 2, "spawned", 77, &place, place.count);
  CHECK(posix_spawn(&spawned, "/proc/self/exe", &actions, NULL, arguments, environ) == 0);
  CHECK(waitpid(spawned, &status, 0) == spawned && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(ioctl(fd, NIOCTXSYNC) == 0);

  put_words(words, arguments + 2, "heir", fd, &place, 2 * place.count);
  execv("/proc/self/exe", arguments);
  CHECK(!"started");
}
