#include "preload/requests.h"

#include <sys/ioctl.h>

#include <cerrno>

#include "device/legacy.h"
#include "engine/caller_memory.h"
#include "preload/epoll_set.h"
#include "preload/libc.h"
#include "preload/table.h"

namespace nm::preload {

namespace {

int result(Status status) {
  if (status == Status::ok) return 0;
  errno = status_errno(status);
  return -1;
}

// The way of every packet. A file that this thread is syncing already (we are in a signal handler) is skipped,
// as netmap skips rings that somebody else is syncing.
template <Status (EmbeddedDevice::*kSync)()>
int sync(OpenFile* file, int fd) {
  FileGuard guard(file->lock);
  if (!guard.taken()) return 0;
  Status status = Status::ok;
  bool open = false;
  {
    Inside inside;
    open = still_open(fd, file);
    if (open) status = (file->device.get()->*kSync)();
  }
  if (open) return result(status);
  errno = EBADF;
  return -1;
}

// Notes where the registration's rings are.
void remember(OpenFile& file, const abi::nmreq_register& granted) {
  const auto with_host = [](uint32_t rings, uint32_t host) { return rings + (host == 0 ? 1 : host); };
  file.interface_offset = granted.nr_offset;
  file.tx_entries = with_host(granted.nr_tx_rings, granted.nr_host_tx_rings);
  file.rx_entries = with_host(granted.nr_rx_rings, granted.nr_host_rx_rings);
}

// A loop that syncs blocks until another thread stops it, on the same file: neither may have a lock.
int control_loop(OpenFile* file, int fd, abi::nmreq_header* header) {
  {
    TableLock lock;
    if (!still_open(fd, file)) {
      errno = EBADF;
      return -1;
    }
    file->holds++;
    file->loops++;
  }
  Status status;
  {
    Inside inside;
    status = file->device->control(header);
  }
  TableLock lock;
  file->loops--;
  drop_hold(file);
  return result(status);
}

// `header` is a copy of the program's.
int control(OpenFile* file, int fd, abi::nmreq_header* header) {
  const uint16_t type = header->nr_reqtype;
  if (type == abi::NETMAP_REQ_SYNC_KLOOP_START || type == abi::NETMAP_REQ_SYNC_KLOOP_STOP) {
    return control_loop(file, fd, header);
  }
  TableLock lock;
  Status status;
  {
    FileGuard guard(file->lock);
    if (!guard.taken() || !still_open(fd, file)) {
      errno = guard.taken() ? EBADF : EBUSY;
      return -1;
    }
    Inside inside;
    status = file->device->control(header);
    if (status == Status::ok && type == abi::NETMAP_REQ_REGISTER) {
      remember(*file, file->device->granted());
      // Where this fails, only other processes that are given the descriptor miss something.
      file->device->keep(fd);
    }
  }
  if (status == Status::ok && type == abi::NETMAP_REQ_REGISTER) tell_nested(file);
  return result(status);
}

// The ioctls from before NIOCCTRL, in its terms.
int control_legacy(OpenFile* file, int fd, uint32_t request, abi::nmreq_legacy* argument) {
  LegacyRequest translated;
  const Status status = translated.read(request, *argument);
  if (status != Status::ok) return result(status);
  if (control(file, fd, translated.header()) != 0) return -1;
  translated.reply(argument);
  return 0;
}

// Serves the ioctl whose argument is an Argument at `address` of the program, with a copy of it.
template <typename Argument, typename Serve>
int with_argument(void* address, Serve serve) {
  Argument argument;
  if (!engine::read_caller(&argument, reinterpret_cast<uint64_t>(address), sizeof(argument))) {
    errno = EFAULT;
    return -1;
  }
  const int outcome = serve(&argument);
  const int number = errno;
  const bool written = engine::write_caller(reinterpret_cast<uint64_t>(address), &argument, sizeof(argument));
  errno = written ? number : EFAULT;
  return written ? outcome : -1;
}

}  // namespace

int serve_request(OpenFile* file, int fd, unsigned long request, void* argument) {
  // Programs that keep the number in an int extend its sign.
  switch (static_cast<uint32_t>(request)) {
    case abi::NIOCTXSYNC:
      return sync<&EmbeddedDevice::tx_sync>(file, fd);
    case abi::NIOCRXSYNC:
      return sync<&EmbeddedDevice::rx_sync>(file, fd);
    case abi::NIOCCTRL:
      return with_argument<abi::nmreq_header>(
          argument, [&](abi::nmreq_header* header) { return control(file, fd, header); });
    case abi::NIOCREGIF:
    case abi::NIOCGINFO:
      return with_argument<abi::nmreq_legacy>(argument, [&](abi::nmreq_legacy* legacy) {
        return control_legacy(file, fd, static_cast<uint32_t>(request), legacy);
      });
    case abi::NIOCCONFIG:
      // There is no switch that a module has replaced.
      errno = EINVAL;
      return -1;
    case FIOCLEX:
    case FIONCLEX:
    case FIONBIO:
      // Not the device's business.
      return libc::ioctl(fd, request, argument);
    default:
      errno = EOPNOTSUPP;
      return -1;
  }
}

}  // namespace nm::preload
