/*
 * descriptors: what /dev/netmap's descriptors and mappings do apart from moving packets. Each check stands for a sentence
 * of netmap's behaviour on Linux.
 */
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
  CHECK(close(fd) == 0);
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
}

int main(void) {
  the_device_looks_like_one();
  an_unregistered_descriptor_refuses();
  one_file_has_one_registration();
  duplicates_keep_the_port();
  a_mapping_keeps_the_port();
  mappings_are_of_one_memory();
  a_transmit_ring_is_ready_at_once();
  parameters_can_be_read();
  numbers_are_the_lowest_and_the_engines_stay();
  puts("all as on Linux");
  return 0;
}
