#include "preload/polling.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <new>
#include <type_traits>
#include <vector>

#include "preload/epoll_set.h"
#include "preload/libc.h"
#include "preload/table.h"
#include "preload/waiting.h"

namespace nm::preload {

namespace {

// How many descriptors are served without asking for memory, which a signal handler may not do.
constexpr size_t kUsualCount = 32;

// Nothing is written into it at first: a poll that finds packets at once takes about as long as clearing 3 kB.
template <typename T>
class Room {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit Room(size_t count) {
    if (count > kUsualCount) much_ = static_cast<T*>(calloc(count, sizeof(T)));
    missing_ = count > kUsualCount && much_ == nullptr;
  }
  ~Room() { free(much_); }
  Room(const Room&) = delete;
  bool missing() const { return missing_; }
  T* data() { return much_ != nullptr ? much_ : reinterpret_cast<T*>(usual_); }
  T& operator[](size_t i) { return data()[i]; }

 private:
  alignas(T) std::byte usual_[kUsualCount * sizeof(T)];
  T* much_ = nullptr;
  bool missing_;
};

class PolledOthers final : public Others {
 public:
  // `fds` has the others at their places, -1 in ours, and room for a bell per watch behind.
  PolledOthers(pollfd* fds, size_t count, bool empty, const Watch* watches, size_t watch_count)
      : fds_(fds), count_(count), empty_(empty), watches_(watches), watch_count_(watch_count) {}

  bool empty() const override { return empty_; }
  int look() override { return empty_ ? 0 : poll_now(count_, timespec{0, 0}, nullptr); }
  int sleep(const timespec& timeout, const sigset_t* mask) override {
    for (size_t i = 0; i < watch_count_; i++) {
      fds_[count_ + i] = {watches_[i].asleep ? watches_[i].bell : -1, POLLIN, 0};
    }
    return poll_now(count_ + watch_count_, timeout, mask);
  }

 private:
  // The system call itself: a cancelled thread would otherwise end here, and be missed by disarm().
  int poll_now(size_t count, timespec timeout, const sigset_t* mask) {
    return static_cast<int>(syscall(SYS_ppoll, fds_, count, &timeout, mask, _NSIG / 8));
  }

  pollfd* fds_;
  const size_t count_;
  const bool empty_;
  const Watch* watches_;
  const size_t watch_count_;
};

constexpr short kReadSet = POLLIN | POLLRDNORM | POLLRDBAND | POLLHUP | POLLERR;
constexpr short kWriteSet = POLLOUT | POLLWRNORM | POLLWRBAND | POLLERR;
constexpr short kExceptSet = POLLPRI;

bool has(int fd, const fd_set* set) { return set != nullptr && FD_ISSET(fd, set); }

}  // namespace

bool polls_ours(const pollfd* fds, nfds_t count) {
  if (open_descriptors.load(std::memory_order_relaxed) == 0) return false;
  for (nfds_t i = 0; i < count; i++) {
    const Kind kind = kind_of(entry(fds[i].fd));
    if (kind == Kind::file || kind == Kind::epoll) return true;
  }
  return false;
}

bool selects_ours(int count, const fd_set* read, const fd_set* write, const fd_set* except) {
  if (open_descriptors.load(std::memory_order_relaxed) == 0) return false;
  for (int fd = 0; fd < count; fd++) {
    const Kind kind = kind_of(entry(fd));
    if ((kind == Kind::file || kind == Kind::epoll) && (has(fd, read) || has(fd, write) || has(fd, except))) {
      return true;
    }
  }
  return false;
}

int poll_ours(pollfd* fds, nfds_t count, int64_t timeout_ns, const sigset_t* mask) {
  // A member of an epoll instance in the set is watched like a descriptor of the set itself.
  size_t watch_count = 0;
  for (nfds_t i = 0; i < count; i++) {
    if (find_file(fds[i].fd) != nullptr) watch_count++;
    if (EpollSet* set = find_epoll(fds[i].fd)) watch_count += epoll_watches(*set, nullptr, 0);
  }
  Room<Watch> watches(watch_count);
  Room<nfds_t> places(watch_count);
  Room<pollfd> others(count + watch_count);
  if (watches.missing() || places.missing() || others.missing()) {
    errno = ENOMEM;
    return -1;
  }

  size_t watched = 0;
  bool no_others = true;
  for (nfds_t i = 0; i < count && watched <= watch_count; i++) {
    const int fd = fds[i].fd;
    const size_t before = watched;
    others[i] = fds[i];
    others[i].revents = 0;
    if (OpenFile* file = find_file(fd); file != nullptr && watched < watch_count) {
      others[i].fd = -1;
      Watch& watch = watches[watched++];
      watch = Watch{};
      watch.fd = fd;
      watch.file = file;
      watch.wanted = static_cast<uint16_t>(fds[i].events);
    } else {
      if (EpollSet* set = find_epoll(fd)) {
        const size_t members = epoll_watches(*set, watches.data() + watched, watch_count - watched);
        watched += members < watch_count - watched ? members : watch_count - watched;
      }
      no_others &= fd < 0;
    }
    for (size_t k = before; k < watched; k++) places[k] = i;
  }

  PolledOthers polled(others.data(), count, no_others, watches.data(), watched);
  const int result = wait_for(watches.data(), watched, polled, timeout_ns, mask);
  if (result < 0) return result;

  for (nfds_t i = 0; i < count; i++) fds[i].revents = others[i].revents;
  for (size_t k = 0; k < watched; k++) {
    pollfd& fd = fds[places[k]];
    if (watches[k].ready == 0) continue;
    fd.revents |= find_epoll(fd.fd) != nullptr ? (fd.events & POLLIN) : static_cast<short>(watches[k].ready);
  }
  int ready = 0;
  for (nfds_t i = 0; i < count; i++) ready += fds[i].revents != 0;
  return ready;
}

int select_ours(int count, fd_set* read, fd_set* write, fd_set* except, int64_t timeout_ns,
                const sigset_t* mask) {
  size_t used = 0;
  for (int fd = 0; fd < count; fd++) used += has(fd, read) || has(fd, write) || has(fd, except);
  Room<pollfd> fds(used);
  if (fds.missing()) {
    errno = ENOMEM;
    return -1;
  }
  size_t at = 0;
  for (int fd = 0; fd < count && at < used; fd++) {
    const int events = (has(fd, read) ? kReadSet : 0) | (has(fd, write) ? kWriteSet : 0) |
                       (has(fd, except) ? kExceptSet : 0);
    if (events != 0) fds[at++] = {fd, static_cast<short>(events), 0};
  }
  const int result = poll_ours(fds.data(), used, timeout_ns, mask);
  if (result < 0) return result;
  for (size_t i = 0; i < used; i++) {
    if ((fds[i].revents & POLLNVAL) == 0) continue;
    errno = EBADF;
    return -1;
  }

  int ready = 0;
  for (size_t i = 0; i < used; i++) {
    const auto settle = [&](fd_set* set, short events) {
      if (!has(fds[i].fd, set)) return;
      if ((fds[i].revents & events) != 0) {
        ready++;
      } else {
        FD_CLR(fds[i].fd, set);
      }
    };
    settle(read, kReadSet);
    settle(write, kWriteSet);
    settle(except, kExceptSet);
  }
  return ready;
}

}  // namespace nm::preload
