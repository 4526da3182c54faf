#include "preload/epoll_set.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "preload/libc.h"
#include "preload/table.h"

namespace nm::preload {

namespace {

// Members that one call looks at without asking for memory.
constexpr size_t kUsualMembers = 32;

// Every EpollSet there is, and those of them that are not in use.
EpollSet* all_sets = nullptr;
EpollSet* free_sets = nullptr;

EpollMember* find_member(EpollSet& set, int fd, const OpenFile* file) {
  for (EpollMember& member : set.members) {
    if (member.fd == fd && member.file == file) return &member;
  }
  return nullptr;
}

bool put_bell(EpollSet& set, int bell) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = &set;
  return libc::epoll_ctl(set.kernel_fd, EPOLL_CTL_ADD, bell, &event) == 0 || errno == EEXIST;
}

// Two members can share a bell: descriptors of one file.
void take_bell_of(EpollSet& set, const EpollMember& gone) {
  if (gone.bell < 0) return;
  for (const EpollMember& member : set.members) {
    if (&member != &gone && member.bell == gone.bell) return;
  }
  libc::epoll_ctl(set.kernel_fd, EPOLL_CTL_DEL, gone.bell, nullptr);
}

void ring_doorbell(const EpollSet& set) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t rung = libc::write(set.doorbell, &one, sizeof(one));
}

void close_descriptors(EpollSet& set) {
  for (int* fd : {&set.doorbell, &set.kernel_fd}) {
    engine_closes(*fd);
    if (*fd >= 0) libc::close(*fd);
    *fd = -1;
  }
}

void free_set(EpollSet& set) {
  close_descriptors(set);
  set.members.clear();
  set.nested.store(false, std::memory_order_relaxed);
  set.next_free = free_sets;
  free_sets = &set;
}

EpollSet* make_set() {
  EpollSet* set = free_sets;
  if (set != nullptr) {
    free_sets = set->next_free;
    return set;
  }
  set = new (std::nothrow) EpollSet;
  if (set == nullptr) return nullptr;
  set->next = all_sets;
  all_sets = set;
  return set;
}

// Gives the instance what it needs to have members of ours. False with errno, also for what is no instance.
bool make_serve(EpollSet& set, int epoll) {
  set.kernel_fd = keep_for_engine(libc::dup(epoll));
  set.doorbell = keep_for_engine(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (set.kernel_fd >= 0 && set.doorbell >= 0 && put_bell(set, set.doorbell)) return true;
  const int error = errno;
  close_descriptors(set);
  errno = error;
  return false;
}

// The set of an instance that gets its first member.
EpollSet* serve_epoll(int epoll) {
  if (EpollSet* set = find_plain_epoll(epoll)) {
    if (!make_serve(*set, epoll)) return nullptr;
    serve_plain_epoll(set);
    return set;
  }
  EpollSet* set = make_set();
  if (set == nullptr) {
    errno = ENOMEM;
    return nullptr;
  }
  if (!make_serve(*set, epoll)) {
    free_set(*set);
    return nullptr;
  }
  add_epoll(epoll, Kind::epoll, set);
  return set;
}

int change_member(EpollSet& set, int operation, int fd, OpenFile* file, const epoll_event* event) {
  FileGuard guard(set.lock);
  if (!guard.taken()) return EBUSY;
  EpollMember* member = find_member(set, fd, file);
  if (operation == EPOLL_CTL_ADD) {
    if (member != nullptr) return EEXIST;
    set.members.push_back({fd, file, *event});
    ring_doorbell(set);
    return 0;
  }
  if (member == nullptr) return ENOENT;
  if (operation == EPOLL_CTL_MOD) {
    member->event = *event;
    member->disabled = false;
    member->reported = 0;
    ring_doorbell(set);
    return 0;
  }
  take_bell_of(set, *member);
  set.members.erase(set.members.begin() + (member - set.members.data()));
  return 0;
}

// The kernel's instance: what it has goes into the program's array, but for bells.
class EpollOthers final : public Others {
 public:
  EpollOthers(EpollSet& set, int epoll, epoll_event* events, int room, Watch* watches, size_t count)
      : set_(set), epoll_(epoll), events_(events), room_(room), watches_(watches), count_(count) {}

  // There may be some: the kernel does not say.
  bool empty() const override { return false; }
  bool changed() const override { return changed_; }
  int found() const { return found_; }
  int look() override {
    if (found_ == 0 && take(timespec{0, 0}, nullptr) < 0) return -1;
    return found_;
  }
  int sleep(const timespec& timeout, const sigset_t* mask) override {
    put_bells();
    return take(timeout, mask);
  }

 private:
  int take(const timespec& timeout, const sigset_t* mask) {
    // Rounded up: a sleep that ends early would be repeated until it is over.
    const int64_t timeout_ms = timeout.tv_sec * 1000 + (timeout.tv_nsec + 999'999) / 1'000'000;
    const int taken = static_cast<int>(
        syscall(SYS_epoll_pwait, epoll_, events_, room_, static_cast<int>(timeout_ms), mask, _NSIG / 8));
    if (taken < 0) return taken;
    found_ = 0;
    for (int i = 0; i < taken; i++) {
      if (events_[i].data.ptr == &set_) {
        uint64_t rings;
        changed_ |= libc::read(set_.doorbell, &rings, sizeof(rings)) > 0;
      } else {
        events_[found_++] = events_[i];
      }
    }
    return found_;
  }

  void put_bells() {
    FileGuard guard(set_.lock);
    if (!guard.taken()) return;
    for (size_t i = 0; i < count_; i++) {
      EpollMember* member = find_member(set_, watches_[i].fd, watches_[i].file);
      if (member == nullptr || member->bell == watches_[i].bell || !watches_[i].asleep) continue;
      if (put_bell(set_, watches_[i].bell)) member->bell = watches_[i].bell;
    }
  }

  EpollSet& set_;
  const int epoll_;
  epoll_event* events_;
  const int room_;
  Watch* watches_;
  const size_t count_;
  int found_ = 0;
  bool changed_ = false;
};

class NoOthers final : public Others {
 public:
  int look() override { return 0; }
  int sleep(const timespec&, const sigset_t*) override { return 0; }
  bool empty() const override { return true; }
};

// Adds what is ready of ours behind the `found` events of others.
int report(EpollSet& set, const Watch* watches, size_t count, epoll_event* events, int found, int room) {
  FileGuard guard(set.lock);
  if (!guard.taken()) return found;
  for (size_t i = 0; i < count && found < room; i++) {
    const Watch& watch = watches[i];
    EpollMember* member = find_member(set, watch.fd, watch.file);
    if (member == nullptr || (watch.ready & POLLNVAL) != 0) continue;
    member->reported = watch.ready | watch.held_back;
    member->reported_tails = watch.reported_tails;
    member->just_reported = watch.ready != 0;
    if (watch.ready == 0) continue;
    events[found].events = watch.ready;
    events[found].data = member->event.data;
    found++;
    // Not asked again until it is changed.
    if ((member->event.events & EPOLLONESHOT) != 0) member->disabled = true;
  }
  return found;
}

void tell_of_members(EpollSet& set) {
  std::vector<OpenFile*> files;
  {
    FileGuard guard(set.lock);
    if (!guard.taken()) return;
    for (const EpollMember& member : set.members) files.push_back(member.file);
  }
  for (OpenFile* file : files) tell_nested(file);
}

// After a wait, which took in the bells.
void tell_again(EpollSet& set) {
  const int error = errno;
  {
    TableLock lock;
    tell_of_members(set);
  }
  errno = error;
}

// One call's worth, on the members of now. `*changed` says that they no longer are.
int wait_for_members(EpollSet& set, int epoll, epoll_event* events, int count, int64_t timeout_ns,
                     const sigset_t* mask, bool* changed) {
  Watch usual[kUsualMembers];
  std::vector<Watch> many;
  Watch* watches = usual;
  size_t watched = epoll_watches(set, usual, kUsualMembers);
  if (watched > kUsualMembers) {
    many.resize(watched);
    watches = many.data();
    watched = std::min(watched, epoll_watches(set, watches, many.size()));
  }

  // Where there is room for one event only, ours and the others take turns to be first.
  set.ours_first = !set.ours_first;
  if (count == 1 && set.ours_first) {
    NoOthers nobody;
    if (wait_for(watches, watched, nobody, 0, nullptr) > 0)
      return report(set, watches, watched, events, 0, 1);
  }
  const int room_for_others = count - static_cast<int>(std::min<size_t>(watched, count - 1));
  EpollOthers others(set, epoll, events, room_for_others, watches, watched);
  const int result = wait_for(watches, watched, others, timeout_ns, mask);
  *changed = others.changed();
  return result < 0 ? result : report(set, watches, watched, events, others.found(), count);
}

}  // namespace

int control_epoll(int epoll, int operation, int fd, epoll_event* event) {
  if (borrowed_memory()) return libc::epoll_ctl(epoll, operation, fd, event);
  if (operation != EPOLL_CTL_DEL && event == nullptr) {
    errno = EFAULT;
    return -1;
  }
  TableLock lock;
  OpenFile* file = find_file(fd);
  EpollSet* set = find_epoll(epoll);
  const bool is_other = is_ours(epoll) && set == nullptr && find_plain_epoll(epoll) == nullptr;
  if (file == nullptr || is_other) {
    errno = file == nullptr ? EBADF : EINVAL;
    return -1;
  }
  if (set == nullptr) set = serve_epoll(epoll);
  if (set == nullptr) return -1;
  const int error = change_member(*set, operation, fd, file, event);
  if (error == 0) {
    if (set->nested.load(std::memory_order_relaxed)) tell_nested(file);
    return 0;
  }
  errno = error;
  return -1;
}

int note_epoll(int epoll) {
  if (epoll < 0 || Inside::is() || borrowed_memory()) return epoll;
  TableLock lock;
  // Without memory for it the instance works, but not as a member of another.
  if (EpollSet* set = make_set()) add_epoll(epoll, Kind::plain_epoll, set);
  return epoll;
}

void nest_epoll(int inner) {
  if (find_epoll(inner) == nullptr && find_plain_epoll(inner) == nullptr) return;
  if (borrowed_memory()) return;
  TableLock lock;
  EpollSet* set = find_epoll(inner);
  if (set == nullptr) set = find_plain_epoll(inner);
  if (set == nullptr) return;
  set->nested.store(true, std::memory_order_relaxed);
  tell_of_members(*set);
}

int wait_for_epoll(EpollSet& set, int epoll, epoll_event* events, int count, int64_t timeout_ns,
                   const sigset_t* mask) {
  if (count <= 0) {
    errno = EINVAL;
    return -1;
  }
  const int64_t deadline = timeout_ns < 0 ? INT64_MAX : now_ns() + timeout_ns;
  for (;;) {
    const int64_t left = timeout_ns <= 0 ? timeout_ns : std::max<int64_t>(deadline - now_ns(), 0);
    bool changed = false;
    const int found = wait_for_members(set, epoll, events, count, left, mask, &changed);
    if (found == 0 && changed && left != 0) continue;
    if (set.nested.load(std::memory_order_relaxed)) tell_again(set);
    return found;
  }
}

size_t epoll_watches(EpollSet& set, Watch* watches, size_t room) {
  FileGuard guard(set.lock);
  if (!guard.taken()) return 0;
  size_t count = 0;
  for (const EpollMember& member : set.members) {
    if (member.disabled || count++ >= room) continue;
    Watch& watch = watches[count - 1];
    watch = Watch{};
    watch.fd = member.fd;
    watch.file = member.file;
    watch.wanted = member.event.events & (EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM);
    watch.edge = (member.event.events & EPOLLET) != 0;
    watch.reported = member.reported;
    watch.reported_tails = member.reported_tails;
  }
  return count;
}

void drop_epoll_set(EpollSet* set) {
  if (--set->descriptors == 0) free_set(*set);
}

void forget_in_epoll_sets(OpenFile* file) {
  for (EpollSet* set = all_sets; set != nullptr; set = set->next) {
    FileGuard guard(set->lock);
    if (!guard.taken()) continue;
    for (size_t i = set->members.size(); i > 0; i--) {
      EpollMember& member = set->members[i - 1];
      if (member.file != file) continue;
      take_bell_of(*set, member);
      set->members.erase(set->members.begin() + static_cast<ptrdiff_t>(i - 1));
    }
  }
}

void tell_nested(OpenFile* file) {
  int bell = -1;
  {
    FileGuard guard(file->lock);
    if (!guard.taken() || !file->device) return;
    Inside inside;
    Status status;
    bell = file->device->poll_descriptor(&status);
  }
  uint32_t level = 0;
  uint32_t edge = 0;
  for (EpollSet* set = all_sets; set != nullptr; set = set->next) {
    if (!set->nested.load(std::memory_order_relaxed)) continue;
    FileGuard guard(set->lock);
    if (!guard.taken()) continue;
    for (EpollMember& member : set->members) {
      if (member.file != file || member.disabled) continue;
      if (member.bell != bell && bell >= 0 && put_bell(*set, bell)) member.bell = bell;
      // What the last wait has reported the program takes after it: only the next one finds the ring unready.
      const bool is_new = member.reported == 0 || member.just_reported;
      const bool is_level = (member.event.events & EPOLLET) == 0 || is_new;
      (is_level ? level : edge) |= device_events(member.event.events);
    }
  }
  FileGuard guard(file->lock);
  if (!guard.taken() || !file->device) return;
  file->told_level = level;
  file->told_edge = edge;
  keep_told(*file);
}

void reset_epoll_sets() {
  for (EpollSet* set = all_sets; set != nullptr; set = set->next) set->lock.reset();
}

}  // namespace nm::preload
