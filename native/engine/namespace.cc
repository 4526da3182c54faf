#include "engine/namespace.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "engine/kloop.h"

namespace nm::engine {

namespace {

struct flock one_byte(short type, uint64_t byte) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}

Status check_directory(const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno == ENOSPC ? Status::space_exhausted : Status::namespace_unusable;
  }
  struct stat info;
  if (lstat(directory.c_str(), &info) != 0) return Status::namespace_unusable;
  if (!S_ISDIR(info.st_mode)) return Status::namespace_not_directory;
  if (info.st_uid != geteuid()) return Status::namespace_foreign;
  if ((info.st_mode & 077) != 0) return Status::namespace_open;
  return Status::ok;
}

std::mutex open_namespaces_mutex;

std::map<std::string, std::weak_ptr<Namespace>>& open_namespaces() {
  static auto* map = new std::map<std::string, std::weak_ptr<Namespace>>;
  return *map;
}

}  // namespace

Status Namespace::open(const std::string& directory, std::shared_ptr<Namespace>* result) {
  const Status checked = check_directory(directory);
  if (checked != Status::ok) return checked;

  std::lock_guard guard(open_namespaces_mutex);
  std::weak_ptr<Namespace>& known = open_namespaces()[directory];
  if (auto space = known.lock(); space && !space->inherited() && !space->removed()) {
    *result = std::move(space);
    return Status::ok;
  }
  std::shared_ptr<Namespace> space(new Namespace);
  space->directory_ = directory;
  const Status status = space->open_file();
  if (status != Status::ok) return status;
  known = space;
  *result = std::move(space);
  return Status::ok;
}

Status Namespace::open_file() {
  const Status opened = file_.open(path("namespace"), kNamespaceSize, SharedFile::Mode::create_or_existing);
  if (opened != Status::ok) return opened;

  const Status reserved = file_.reserve(0, kClientsOffset);
  if (reserved != Status::ok) return reserved;
  ControlLock lock(*this);
  if (lock.status() != Status::ok) return lock.status();
  FileHeader& file = header().file;
  const uint64_t magic = file.magic.load(std::memory_order_acquire);
  if (magic == kNamespaceMagic)
    return file.version == kLayoutVersion ? Status::ok : Status::namespace_version;
  if (magic != 0) return Status::namespace_corrupt;
  file.version = kLayoutVersion;
  header().next_region = kGlobalRegion + 1;
  file.magic.store(kNamespaceMagic, std::memory_order_release);
  return Status::ok;
}

std::vector<std::string> Namespace::files() const {
  std::vector<std::string> names;
  if (DIR* directory = opendir(directory_.c_str())) {
    while (const dirent* entry = readdir(directory)) names.emplace_back(entry->d_name);
    closedir(directory);
  }
  return names;
}

uint32_t Namespace::clients_high() const {
  const uint32_t high = header().clients_high;
  return high <= kMaxClients ? high : kMaxClients;
}

Status Namespace::take_client(uint32_t* id, int* life_line) {
  const int descriptor = open_life_line(O_RDWR | O_CLOEXEC);
  if (descriptor < 0)
    return errno == EMFILE || errno == ENFILE ? Status::clients_full : Status::not_permitted;
  uint32_t free = 0;
  struct flock lock;
  do {
    free++;
    while (free <= clients_high() && client(free).used.load(std::memory_order_relaxed) != 0) free++;
    lock = one_byte(F_WRLCK, kClientLockBase + free);
    // A process that was forked from the last owner may still have its life line: such a number is not free
    // yet.
  } while (free <= kMaxClients && fcntl(descriptor, F_OFD_SETLK, &lock) != 0);
  Status status = free > kMaxClients ? Status::clients_full : Status::ok;
  if (status == Status::ok && free > clients_high()) {
    status = file_.reserve(kClientsOffset + free * sizeof(Client), sizeof(Client));
    if (status == Status::ok) header().clients_high = free;
  }
  if (status != Status::ok) {
    ::close(descriptor);
    return status;
  }

  // Taken alone, held so that others can join.
  lock.l_type = F_RDLCK;
  fcntl(descriptor, F_OFD_SETLK, &lock);

  Client& taken = client(free);
  taken.generation = ++header().next_generation;
  taken.pid = static_cast<uint32_t>(getpid());
  prctl(PR_GET_NAME, taken.command);
  taken.sleeping.store(Sleep::awake, std::memory_order_relaxed);
  taken.owes_elsewhere = 0;
  taken.asked_to_end.store(0, std::memory_order_relaxed);
  taken.polling.store(0, std::memory_order_relaxed);
  forget_kloop(taken);
  *id = free;
  *life_line = descriptor;
  return Status::ok;
}

int Namespace::open_life_line(int flags) const {
  return ::open(path("namespace").c_str(), flags | O_NOFOLLOW);
}

Status Namespace::share_client(uint32_t id, int descriptor) {
  struct flock lock = one_byte(F_RDLCK, kClientLockBase + id);
  return fcntl(descriptor, F_OFD_SETLK, &lock) == 0 ? Status::ok : Status::system_error;
}

bool Namespace::client_alive(uint32_t id) const {
  if (id == 0 || id > clients_high()) return false;
  // Asked through the shared descriptor, which never holds a life line, so our own clients count as alive.
  struct flock lock = one_byte(F_WRLCK, kClientLockBase + id);
  if (fcntl(file_.descriptor(), F_OFD_GETLK, &lock) != 0) return true;
  return lock.l_type != F_UNLCK;
}

void raise_life_line(int* life_line) {
  int highest = *life_line;
  if (DIR* const directory = opendir("/proc/self/fd")) {
    while (const dirent* entry = readdir(directory)) highest = std::max(highest, atoi(entry->d_name));
    closedir(directory);
  }
  if (highest == *life_line) return;
  const int raised = fcntl(*life_line, F_DUPFD_CLOEXEC, highest + 1);
  // At the limit of descriptors it stays where it is.
  if (raised < 0) return;
  close(*life_line);
  *life_line = raised;
}

ControlLock::ControlLock(Namespace& space, uint32_t patience_us)
    : space_(space), in_process_(space.control_mutex_) {
  struct flock lock = one_byte(F_WRLCK, kControlLockByte);
  // Pauses are added up and the clock is not read: it goes on while this process is stopped, or its whole container with the
  // holder in it, and nobody has been waited for then.
  uint32_t waited_us = 0;
  uint32_t pause_us = 20;
  while (fcntl(space.file_.descriptor(), F_OFD_SETLK, &lock) != 0) {
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
      status_ = Status::system_error;
      return;
    }
    if (waited_us > patience_us) {
      status_ = Status::namespace_busy;
      return;
    }
    usleep(pause_us);
    waited_us += pause_us;
    if (pause_us < 2000) pause_us *= 2;
  }
  status_ = Status::ok;
  interrupted_ = space.header().changing.exchange(static_cast<uint32_t>(getpid())) != 0;
}

ControlLock::~ControlLock() {
  if (status_ != Status::ok) return;
  // Whoever did not repair leaves the mark to the next one.
  if (!interrupted_) space_.header().changing.store(0);
  struct flock lock = one_byte(F_UNLCK, kControlLockByte);
  fcntl(space_.file_.descriptor(), F_OFD_SETLK, &lock);
}

}  // namespace nm::engine
