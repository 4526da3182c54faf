#include "preload/requests.h"

#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "device/legacy.h"
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

// Whether a program may have its header read there, which only the kernel can say.
bool is_readable(const void* memory, size_t size) {
  char copy[sizeof(abi::nmreq_header)];
  const iovec to = {copy, size};
  const iovec from = {const_cast<void*>(memory), size};
  if (process_vm_readv(getpid(), &to, 1, &from, 1, 0) == static_cast<ssize_t>(size)) return true;
  // Not allowed to ask: then the program is believed.
  return memory != nullptr && errno != EFAULT;
}

// Notes where the registration's rings are.
void remember(OpenFile& file, const abi::nmreq_header& header) {
  const auto& granted = *reinterpret_cast<const abi::nmreq_register*>(header.nr_body);
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
  }
  Status status;
  {
    Inside inside;
    status = file->device->control(header);
  }
  TableLock lock;
  drop_hold(file);
  return result(status);
}

int control(OpenFile* file, int fd, abi::nmreq_header* header) {
  if (!is_readable(header, sizeof(*header))) {
    errno = EFAULT;
    return -1;
  }
  const uint16_t type = header->nr_reqtype;
  if (type == abi::NETMAP_REQ_SYNC_KLOOP_START || type == abi::NETMAP_REQ_SYNC_KLOOP_STOP) {
    return control_loop(file, fd, header);
  }
  TableLock lock;
  FileGuard guard(file->lock);
  if (!guard.taken() || !still_open(fd, file)) {
    errno = guard.taken() ? EBADF : EBUSY;
    return -1;
  }
  Status status;
  {
    Inside inside;
    status = file->device->control(header);
    if (status == Status::ok && type == abi::NETMAP_REQ_REGISTER) {
      remember(*file, *header);
      // Where this fails, only other processes that are given the descriptor miss something.
      file->device->keep(fd);
    }
  }
  return result(status);
}

// The ioctls from before NIOCCTRL, in its terms.
int control_legacy(OpenFile* file, int fd, uint32_t request, abi::nmreq_legacy* argument) {
  if (!is_readable(argument, sizeof(*argument))) {
    errno = EFAULT;
    return -1;
  }
  LegacyRequest translated;
  const Status status = translated.read(request, *argument);
  if (status != Status::ok) return result(status);
  if (control(file, fd, translated.header()) != 0) return -1;
  translated.reply(argument);
  return 0;
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
      return control(file, fd, static_cast<abi::nmreq_header*>(argument));
    case abi::NIOCREGIF:
    case abi::NIOCGINFO:
      return control_legacy(file, fd, static_cast<uint32_t>(request),
                            static_cast<abi::nmreq_legacy*>(argument));
    case abi::NIOCCONFIG:
      // There is no switch that a module has replaced.
      errno = EINVAL;
      return -1;
    default:
      errno = EOPNOTSUPP;
      return -1;
  }
}

}  // namespace nm::preload
