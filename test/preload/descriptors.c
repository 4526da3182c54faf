/*
 * descriptors: what /dev/netmap's descriptors and mappings do apart from moving packets. Each check stands for a sentence
 * of netmap's behaviour on Linux.
 */
#include <limits.h>
#include <linux/close_range.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "check.h"

static int port_is_there(const char* name) {
  struct nmreq_port_hdr body = {0};
  struct nmreq_header header = {.nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_PORT_HDR_GET};
  const int fd = open("/dev/netmap", O_RDWR);
  CHECK(fd >= 0);
  snprintf(header.nr_name, sizeof(header.nr_name), "%s", name);
  header.nr_body = (uintptr_t)&body;
  const int result = ioctl(fd, NIOCCTRL, &header);
  CHECK(result == 0 || errno == ENXIO);
  CHECK(close(fd) == 0);
  return result == 0;
}

static void the_device_looks_like_one(void) {
  struct stat info;
  CHECK(access("/dev/netmap", R_OK | W_OK) == 0);
  CHECK(stat("/dev/netmap", &info) == 0 && S_ISCHR(info.st_mode));
  const int fd = open("/dev/netmap", O_RDWR);
  struct stat open_info;
  CHECK(fstat(fd, &open_info) == 0 && open_info.st_rdev == info.st_rdev);
  CHECK(major(info.st_rdev) == 10);
  CHECK(fstatat(fd, "", &open_info, AT_EMPTY_PATH) == 0 && open_info.st_rdev == info.st_rdev);
  CHECK(close(fd) == 0);
  char path[PATH_MAX];
  CHECK(realpath("/dev/netmap", path) == path && strcmp(path, "/dev/netmap") == 0);
  FILE* stream = fopen("/dev/netmap", "r");
  CHECK(stream != NULL && fclose(stream) == 0);
  const int root = open("/", O_RDONLY | O_DIRECTORY);
  const int beside = openat(root, "/dev/netmap", O_RDWR);
  CHECK(beside >= 0 && close(beside) == 0 && close(root) == 0);
}

static void flags_are_those_it_was_opened_with(void) {
  int yes = 1;
  const int fd = open("/dev/netmap", O_RDWR | O_CLOEXEC);
  CHECK((fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK)) == O_RDWR);
  CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
  CHECK(ioctl(fd, FIONBIO, &yes) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK(ioctl(fd, FIONCLEX) == 0 && fcntl(fd, F_GETFD) == 0);
  CHECK(ioctl(fd, FIOCLEX) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
  const int copy = fcntl(fd, F_DUPFD, 0);
  CHECK(fcntl(copy, F_GETFD) == 0);
  CHECK(dup3(copy, fd, O_CLOEXEC) == fd && fcntl(fd, F_GETFD) == FD_CLOEXEC);
  CHECK(close(fd) == 0 && close(copy) == 0);
}

/* Whether a program that is started now has the descriptor. */
static int is_inherited(int fd) {
  char command[64];
  snprintf(command, sizeof(command), "test -e /proc/self/fd/%d", fd);
  return system(command) == 0;
}

static void programs_inherit_what_is_not_close_on_exec(void) {
  const int kept = open("/dev/netmap", O_RDWR);
  const int closed = open("/dev/netmap", O_RDWR | O_CLOEXEC);
  CHECK(is_inherited(kept) && !is_inherited(closed));
  CHECK(close_range((unsigned)kept, (unsigned)kept, CLOSE_RANGE_CLOEXEC) == 0);
  CHECK(!is_inherited(kept));
  CHECK(close(kept) == 0 && close(closed) == 0);
}

static void an_unregistered_descriptor_refuses(void) {
  char byte = 0;
  const int fd = open("/dev/netmap", O_RDWR);
  REFUSES(ENXIO, ioctl(fd, NIOCTXSYNC));
  REFUSES(ENXIO, ioctl(fd, NIOCRXSYNC));
  REFUSES(EOPNOTSUPP, ioctl(fd, FIONREAD, &byte));
  REFUSES(EFAULT, ioctl(fd, NIOCCTRL, NULL));
  REFUSES(EFAULT, ioctl(fd, NIOCCTRL, (void*)16));
  struct nmreq_header header = {.nr_version = NETMAP_API, .nr_reqtype = NETMAP_REQ_REGISTER, .nr_body = 16};
  REFUSES(EFAULT, ioctl(fd, NIOCCTRL, &header));
  struct nmreq_register body = {.nr_mode = NR_REG_ALL_NIC};
  header.nr_body = (uintptr_t)&body;
  header.nr_options = UINT64_MAX - 100;
  REFUSES(EFAULT, ioctl(fd, NIOCCTRL, &header));
  REFUSES(EINVAL, (int)read(fd, &byte, 1));
  REFUSES(EINVAL, (int)write(fd, &byte, 1));
  REFUSES(EINVAL, (int)pread(fd, &byte, 1, 0));
  REFUSES(EINVAL, (int)pwrite(fd, &byte, 1, 0));
  REFUSES(ESPIPE, (int)lseek(fd, 0, SEEK_CUR));
  CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
  struct pollfd waits = {.fd = fd, .events = POLLIN};
  CHECK(poll(&waits, 1, 1000) == 1 && waits.revents == POLLERR);
  CHECK(close(fd) == 0);
  REFUSES(EBADF, ioctl(fd, NIOCTXSYNC));
  REFUSES(EBADF, close(fd));
}

static void one_file_has_one_registration(void) {
  struct nmreq_register granted;
  const int fd = open("/dev/netmap", O_RDWR);
  CHECK(register_port(fd, "vale1:one", &granted) == 0);
  REFUSES(EBUSY, register_port(fd, "vale1:two", &granted));
  CHECK(close(fd) == 0);
}

static void duplicates_keep_the_port(void) {
  struct nmreq_register granted;
  const int fd = open("/dev/netmap", O_RDWR);
  const int second = dup(fd);
  const int third = fcntl(fd, F_DUPFD_CLOEXEC, 50);
  CHECK(second >= 0 && third >= 50);
  CHECK(register_port(second, "vale1:dup", &granted) == 0);
  CHECK(dup2(fd, 60) == 60);
  CHECK(dup2(fd, fd) == fd);
  CHECK(close(fd) == 0);
  CHECK(close(second) == 0);
  CHECK(ioctl(third, NIOCTXSYNC) == 0);
  /* Another file takes the number: that is a close. */
  CHECK(dup2(1, third) == third);
  REFUSES(ENOTTY, ioctl(third, NIOCTXSYNC));
  CHECK(ioctl(60, NIOCTXSYNC) == 0);
  CHECK(port_is_there("vale1:dup"));
  CHECK(close_range(50, 60, 0) == 0);
  CHECK(!port_is_there("vale1:dup"));
}

static void a_mapping_keeps_the_port(void) {
  struct nmreq_register granted;
  const int fd = open("/dev/netmap", O_RDWR);
  CHECK(register_port(fd, "vale1:map", &granted) == 0);
  char* memory = mmap(NULL, granted.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(memory != MAP_FAILED);
  CHECK(close(fd) == 0);
  CHECK(port_is_there("vale1:map"));
  CHECK(NETMAP_IF(memory, granted.nr_offset)->ni_version == NETMAP_API);
  const size_t half = granted.nr_memsize / 2 / 4096 * 4096;
  CHECK(munmap(memory, half) == 0);
  CHECK(port_is_there("vale1:map"));
  CHECK(munmap(memory + half, granted.nr_memsize - half) == 0);
  CHECK(!port_is_there("vale1:map"));
}

static void mappings_are_of_one_memory(void) {
  struct nmreq_register granted;
  const int fd = open("/dev/netmap", O_RDWR);
  CHECK(register_port(fd, "vale1:maps", &granted) == 0);
  const size_t size = granted.nr_memsize;
  char* first = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char* second = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char* read_only = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  char* place = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char* fixed = mmap(place, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
  CHECK(first != MAP_FAILED && second != MAP_FAILED && read_only != MAP_FAILED && fixed == place);

  struct netmap_ring* ring = NETMAP_TXRING(NETMAP_IF(first, granted.nr_offset), 0);
  const ptrdiff_t at = NETMAP_BUF(ring, ring->slot[0].buf_idx) - first;
  strcpy(first + at, "seen everywhere");
  CHECK(strcmp(second + at, "seen everywhere") == 0);
  CHECK(strcmp(read_only + at, "seen everywhere") == 0);
  CHECK(memcmp(fixed, first, 4096) == 0);
  CHECK(mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EINVAL);
  char* part = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at / 4096 * 4096);
  CHECK(part != MAP_FAILED && strcmp(part + at % 4096, "seen everywhere") == 0);

  CHECK(munmap(second, size) == 0 && munmap(part, 4096) == 0 && munmap(place, 8192) == 0);
  CHECK(strcmp(read_only + at, "seen everywhere") == 0);
  CHECK(munmap(read_only, size) == 0 && munmap(first, size) == 0);
  CHECK(close(fd) == 0);
}

static void mappings_become_smaller_and_move(void) {
  struct nmreq_register granted;
  const int fd = open("/dev/netmap", O_RDWR);
  CHECK(register_port(fd, "vale1:remap", &granted) == 0);
  const size_t size = granted.nr_memsize;
  const size_t part = 1 << 20;
  char* memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(memory != MAP_FAILED);
  CHECK(mremap(memory, size, size + 4096, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
  CHECK(mremap(memory, size, part, 0) == memory);
  memory[part - 1] = 77;

  char* place = mmap(NULL, part, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(mremap(memory, part, part, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
  CHECK(place[part - 1] == 77);
  /* The old place is not mapped any more for the program; the engine goes on. */
  CHECK(ioctl(fd, NIOCTXSYNC) == 0);
  CHECK(close(fd) == 0);
  CHECK(port_is_there("vale1:remap"));
  CHECK(munmap(place, part) == 0);
  CHECK(!port_is_there("vale1:remap"));
}

static void what_the_engine_uses_too_stays_accessible(void) {
  struct nmreq_register granted;
  const int fd = open("/dev/netmap", O_RDWR);
  CHECK(register_port(fd, "vale1:protect", &granted) == 0);
  char* memory = mmap(NULL, granted.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  REFUSES(EACCES, mprotect(memory, 4096, PROT_READ));
  CHECK(mprotect(memory, 4096, PROT_READ | PROT_WRITE) == 0);
  CHECK(munmap(memory, granted.nr_memsize) == 0 && close(fd) == 0);
}

static void a_range_is_closed_in_a_table_of_ones_own(void) {
  struct nmreq_register granted;
  const int fd = open("/dev/netmap", O_RDWR);
  const int kept = open("/dev/netmap", O_RDWR);
  const int first = fd < kept ? fd : kept;
  CHECK(register_port(fd, "vale1:range", &granted) == 0);
  CHECK(close_range((unsigned)first, (unsigned)first, CLOSE_RANGE_UNSHARE) == 0);
  CHECK(port_is_there("vale1:range") == (first != fd));
  CHECK(close_range(3, ~0u, CLOSE_RANGE_UNSHARE) == 0);
  CHECK(!port_is_there("vale1:range"));
}

static void many_are_waited_for_at_once(void) {
  enum { MANY = 40 };
  struct nm_desc* ports[MANY];
  struct pollfd fds[2 * MANY];
  char name[32];
  struct nm_desc* sender = open_port("vale3:sender");
  for (int i = 0; i < MANY; i++) {
    snprintf(name, sizeof(name), "vale3:%d", i);
    ports[i] = open_port(name);
    fds[2 * i] = (struct pollfd){.fd = NETMAP_FD(ports[i]), .events = POLLIN};
    /* Beside others, and among places that are not used. */
    fds[2 * i + 1] = (struct pollfd){.fd = i % 2 ? -1 : 2, .events = POLLPRI};
  }
  CHECK(poll(fds, 2 * MANY, 10) == 0);
  put_numbered(sender, 0);
  CHECK(ioctl(NETMAP_FD(sender), NIOCTXSYNC) == 0);
  CHECK(poll(fds, 2 * MANY, 10000) == MANY);
  for (int i = 0; i < MANY; i++) {
    uint32_t expected = 0;
    CHECK(fds[2 * i].revents == POLLIN && fds[2 * i + 1].revents == 0);
    take_numbered(ports[i], &expected);
    CHECK(expected == 1 && nm_close(ports[i]) == 0);
  }
  CHECK(nm_close(sender) == 0);
}

static void numbers_are_the_lowest_and_the_engines_stay(void) {
  struct rlimit limit;
  const int fd = open("/dev/netmap", O_RDWR);
  struct nmreq_register granted;
  CHECK(register_port(fd, "vale1:low", &granted) == 0);
  const int next = open("/dev/null", O_RDONLY);
  CHECK(next == fd + 1);
  CHECK(close(next) == 0);
  /* As daemons do. */
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (int other = 3; other < 4096; other++) {
    if (other != fd) close(other);
  }
  struct nm_desc* port = open_port("vale1:after");
  CHECK(ioctl(fd, NIOCTXSYNC) == 0);
  CHECK(port_is_there("vale1:low"));
  CHECK(nm_close(port) == 0);
  CHECK(close(fd) == 0);
  CHECK(!port_is_there("vale1:low"));
}

static void a_transmit_ring_is_ready_at_once(void) {
  struct nm_desc* port = open_port("vale1:ready");
  const int fd = NETMAP_FD(port);
  struct pollfd waits = {.fd = fd, .events = POLLOUT | POLLIN};
  CHECK(poll(&waits, 1, 0) == 1 && waits.revents == POLLOUT);
  waits.events = POLLIN;
  CHECK(poll(&waits, 1, 20) == 0);
  waits.events = 0;
  CHECK(poll(&waits, 1, 0) == 0);

  fd_set write;
  FD_ZERO(&write);
  FD_SET(fd, &write);
  struct timeval none = {0, 0};
  CHECK(select(fd + 1, NULL, &write, NULL, &none) == 1 && FD_ISSET(fd, &write));

  /* Once after it was asked for, and again after it was changed. */
  struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.fd = fd};
  const int set = epoll_create1(0);
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
  CHECK(epoll_wait(set, &event, 1, 1000) == 1 && event.events == EPOLLOUT && event.data.fd == fd);
  CHECK(epoll_wait(set, &event, 1, 20) == 0);
  event.events = EPOLLOUT | EPOLLET;
  CHECK(epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) == 0);
  CHECK(epoll_wait(set, &event, 1, 1000) == 1);
  CHECK(epoll_wait(set, &event, 1, 20) == 0);
  CHECK(epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL) == 0);
  REFUSES(ENOENT, epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL));
  CHECK(close(set) == 0);
  CHECK(nm_close(port) == 0);
}

static void parameters_can_be_read(void) {
  char text[32] = "";
  FILE* file = fopen("/sys/module/netmap/parameters/buf_size", "r");
  CHECK(file != NULL && fgets(text, sizeof(text), file) != NULL && strcmp(text, "2048\n") == 0);
  CHECK(fclose(file) == 0);
  file = fopen("/sys/module/netmap/parameters/max_bridges", "r");
  CHECK(file != NULL && fgets(text, sizeof(text), file) != NULL && strcmp(text, "1024\n") == 0);
  CHECK(fclose(file) == 0);
  REFUSES(EACCES, open("/sys/module/netmap/parameters/buf_size", O_WRONLY));
  REFUSES(ENOENT, open("/sys/module/netmap/parameters/nonsense", O_RDONLY));
  struct stat info;
  CHECK(stat("/sys/module/netmap/parameters", &info) == 0 && S_ISDIR(info.st_mode));
  CHECK(stat("/sys/module/netmap/", &info) == 0 && S_ISDIR(info.st_mode));
  CHECK(access("/sys/module/netmap/parameters/admode", R_OK) == 0);
  CHECK(setenv("NM_BUF_SIZE", "4096", 1) == 0);
  file = fopen("/sys/module/netmap/parameters/priv_buf_size", "r");
  CHECK(file != NULL && fgets(text, sizeof(text), file) != NULL && strcmp(text, "4096\n") == 0);
  CHECK(fclose(file) == 0);
  struct nm_desc* port = open_port("vale1:large");
  CHECK(NETMAP_TXRING(port->nifp, 0)->nr_buf_size == 4096);
  CHECK(nm_close(port) == 0 && unsetenv("NM_BUF_SIZE") == 0);
}

int main(void) {
  the_device_looks_like_one();
  flags_are_those_it_was_opened_with();
  programs_inherit_what_is_not_close_on_exec();
  an_unregistered_descriptor_refuses();
  one_file_has_one_registration();
  duplicates_keep_the_port();
  a_mapping_keeps_the_port();
  mappings_are_of_one_memory();
  mappings_become_smaller_and_move();
  what_the_engine_uses_too_stays_accessible();
  many_are_waited_for_at_once();
  a_transmit_ring_is_ready_at_once();
  parameters_can_be_read();
  numbers_are_the_lowest_and_the_engines_stay();
  a_range_is_closed_in_a_table_of_ones_own();
  puts("all as on Linux");
  return 0;
}
