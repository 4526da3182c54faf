#include "device/bell.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace nm {

namespace {

// Sleeps that are limited to more than this need no timer: nothing relies on them.
constexpr int64_t kTimedBelowNs = 250'000'000;

constexpr int64_t kSecond = 1'000'000'000;

timespec as_timespec(int64_t ns) { return {ns / kSecond, ns % kSecond}; }

void drain(int descriptor) {
  uint64_t notices[8];
  while (read(descriptor, notices, sizeof(notices)) > 0) {
  }
}

bool add(int set, int descriptor, short events) {
  epoll_event event = {};
  event.events = static_cast<uint16_t>(events);
  return epoll_ctl(set, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

bool same(const nic::Notice& a, const nic::Notice& b) {
  return a.descriptor == b.descriptor && a.events == b.events;
}

}  // namespace

Status Bell::open(const std::string& path, bool others_have_it, bool with_set) {
  if (is_open()) return Status::ok;
  if (!others_have_it) unlink(path.c_str());
  if (mkfifo(path.c_str(), 0600) != 0 && !(others_have_it && errno == EEXIST)) {
    return errno == ENOSPC ? Status::space_exhausted : Status::system_error;
  }
  // Open for both, so that it never reads as ended and a waker always finds a reader.
  FileDescriptor fifo(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW));
  if (!fifo.is_open()) return Status::system_error;
  if (with_set) {
    set_ = FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
    timer_ = FileDescriptor(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!add(set_.number(), fifo.number(), POLLIN) || !add(set_.number(), timer_.number(), POLLIN)) {
      return Status::system_error;
    }
  }
  fifo_ = std::move(fifo);
  return Status::ok;
}

void Bell::listen(const std::vector<nic::Notice>& notices, int64_t longest_ns) {
  set_timer(longest_ns < kTimedBelowNs ? longest_ns : 0);
  if (std::equal(notices.begin(), notices.end(), heard_.begin(), heard_.end(), same)) return;
  for (const nic::Notice& notice : heard_)
    epoll_ctl(set_.number(), EPOLL_CTL_DEL, notice.descriptor, nullptr);
  heard_ = notices;
  for (const nic::Notice& notice : heard_) add(set_.number(), notice.descriptor, notice.events);
}

void Bell::set_timer(int64_t ns) {
  itimerspec time = {};
  time.it_value = as_timespec(ns);
  timerfd_settime(timer_.number(), 0, &time, nullptr);
}

void Bell::sleep(int64_t timeout_ns) const {
  pollfd bell = {descriptor(), POLLIN, 0};
  const timespec timeout = as_timespec(timeout_ns);
  ppoll(&bell, 1, &timeout, nullptr);
}

void Bell::silence() {
  drain(fifo_.number());
  if (timer_.is_open()) drain(timer_.number());
}

}  // namespace nm
