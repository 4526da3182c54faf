#include "device/kernel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "device/kernel_refusal.h"
#include "device/legacy.h"
#include "request_header.h"

namespace nm {
namespace {

uint32_t events_of(short bits) {
  return ((bits & POLLIN) != 0 ? kReadable : 0) | ((bits & POLLOUT) != 0 ? kWritable : 0) |
         ((bits & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? kRingError : 0);
}

}  // namespace

Status KernelDevice::open(const std::string& path, std::unique_ptr<Device>* device) {
  FileDescriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == EACCES || errno == EPERM) return Status::device_not_permitted;
    // A node that was made by hand stays when its module goes.
    if (errno == ENXIO || errno == ENODEV) return Status::no_module;
    return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? Status::system_error : Status::no_device;
  }
  std::unique_ptr<KernelDevice> opened(new KernelDevice(path, std::move(file)));
  const Status status = opened->find_api();
  if (status == Status::ok) *device = std::move(opened);
  return status;
}

// Which requests the module understands. Modules from before version 14 accept requests that say 14, and read bodies that
// look otherwise; where the reply has the id of region 1 tells them apart. They are spoken to in the words from before
// NIOCCTRL, which all of them know and which never changed.
Status KernelDevice::find_api() {
  struct {
    abi::nmreq_port_info_get today;
    uint8_t more[64];  // the older body is longer
  } body = {};
  abi::nmreq_header header = request_header(abi::NETMAP_REQ_PORT_INFO_GET, "", &body);
  if (ioctl(file_.number(), abi::NIOCCTRL, &header) == 0 && body.today.nr_mem_id != 0) {
    speaks_control_ = true;
    return Status::ok;
  }
  abi::nmreq_legacy legacy = {};
  legacy.nr_version = abi::NETMAP_API;
  return ioctl(file_.number(), abi::NIOCGINFO, &legacy) == 0 ? Status::ok : Status::module_version;
}

int KernelDevice::ask(abi::nmreq_header* request) {
  return ioctl(file_.number(), abi::NIOCCTRL, request) == 0 ? 0 : errno;
}

int KernelDevice::ask_legacy(abi::nmreq_header* request) {
  abi::nmreq_legacy legacy;
  uint32_t number = 0;
  const Status status = to_legacy(*request, &number, &legacy);
  if (status != Status::ok) return status_errno(status);
  if (ioctl(file_.number(), number, &legacy) != 0) return errno;
  reply_from_legacy(legacy, request);
  return 0;
}

Status KernelDevice::control(abi::nmreq_header* request) {
  const int error = speaks_control_ ? ask(request) : ask_legacy(request);
  if (error != 0) {
    const auto again = [&](abi::nmreq_header* question) {
      // Asking needs a descriptor that is not bound.
      std::unique_ptr<Device> other;
      if (KernelDevice::open(path_, &other) != Status::ok) return EIO;
      auto* const device = static_cast<KernelDevice*>(other.get());
      return speaks_control_ ? device->ask(question) : device->ask_legacy(question);
    };
    return kernel_refusal(*request, error, bound_, again);
  }
  if (request->nr_reqtype == abi::NETMAP_REQ_REGISTER) {
    granted_ = *reinterpret_cast<const abi::nmreq_register*>(request->nr_body);
    bound_ = true;
    return make_stoppable();
  }
  return Status::ok;
}

Status KernelDevice::map(Mapping* mapping) {
  if (!bound_) return Status::not_registered;
  if (memory_ == nullptr) {
    const Status status = KernelMemory::map(path_, file_.number(), granted_, &memory_);
    if (status != Status::ok) return status;
  }
  *mapping = {memory_->base(), memory_->size(), 0, nullptr};
  auto* const interface = reinterpret_cast<abi::netmap_if*>(memory_->base() + granted_.nr_offset);
  // Before version 14 these words are spare, and there is one host ring in each direction.
  if (!speaks_control_) interface->ni_host_tx_rings = interface->ni_host_rx_rings = 1;

  // The buffers lie behind everything else, up to the end.
  const uint32_t entries = interface->ni_tx_rings + interface->ni_host_tx_rings + interface->ni_rx_rings +
                           interface->ni_host_rx_rings;
  if (said_.empty()) list_rings(*interface);
  for (uint32_t i = 0; i < entries; i++) {
    if (interface->ring_ofs[i] == 0) continue;
    const uint64_t at = granted_.nr_offset + static_cast<uint64_t>(interface->ring_ofs[i]);
    const auto* const ring = reinterpret_cast<const abi::netmap_ring*>(memory_->base() + at);
    const uint64_t buffers = at + static_cast<uint64_t>(ring->buf_ofs);
    if (ring->nr_buf_size == 0 || buffers >= memory_->size()) break;
    mapping->buffer_count = static_cast<uint32_t>((memory_->size() - buffers) / ring->nr_buf_size);
    break;
  }
  return Status::ok;
}

// The rings without an offset are not bound.
void KernelDevice::list_rings(const abi::netmap_if& interface) {
  const uint32_t all_tx = interface.ni_tx_rings + interface.ni_host_tx_rings;
  const uint32_t all_rx = interface.ni_rx_rings + interface.ni_host_rx_rings;
  for (uint32_t i = 0; i < all_tx + all_rx; i++) {
    if (interface.ring_ofs[i] == 0) continue;
    const auto* const ring = reinterpret_cast<const abi::netmap_ring*>(
        memory_->base() + granted_.nr_offset + static_cast<uint64_t>(interface.ring_ofs[i]));
    const bool is_tx = i < all_tx;
    said_.add(ring, ring->num_slots, is_tx, is_tx ? i : i - all_tx);
  }
}

// The call succeeds where a ring was set back, too.
Status KernelDevice::sync(uint32_t request) {
  said_.note();
  if (ioctl(file_.number(), request, nullptr) == 0) {
    const bool is_tx = request == abi::NIOCTXSYNC;
    if (const auto reset = said_.find_impossible(is_tx)) note_reset(*reset);
    return Status::ok;
  }
  switch (errno) {
    case EBUSY:
      return Status::csb_mode;
    case EINTR:
      return Status::ok;
    case ENXIO:
      return bound_ ? Status::port_gone : Status::not_registered;
    default:
      return Status::port_gone;
  }
}

Status KernelDevice::tx_sync() { return sync(abi::NIOCTXSYNC); }
Status KernelDevice::rx_sync() { return sync(abi::NIOCRXSYNC); }

Status KernelDevice::after_poll(short found, uint32_t* ready) {
  *ready = events_of(found);
  if ((*ready & kRingError) != 0) return explain_error(ready);
  said_.agree();
  return Status::ok;
}

// poll() says that something is wrong. A sync says whether it is more than a ring that the kernel has set back; but that the
// port of a monitor was closed no sync of the module says, only every poll.
Status KernelDevice::explain_error(uint32_t* ready) {
  const RingReset wrong = said_.find_wrong();
  const bool receives = granted_.nr_flags & abi::NR_RX_RINGS_ONLY;
  Status status = receives ? rx_sync() : tx_sync();
  if (status == Status::ok && is_monitor()) {
    pollfd again = {file_.number(), POLLIN, 0};
    if (poll(&again, 1, 0) > 0 && (again.revents & POLLERR) != 0) status = Status::port_gone;
  }
  if (status == Status::ok) {
    note_reset(wrong);
  } else {
    *ready = 0;
  }
  return status;
}

Status KernelDevice::make_stoppable() {
  if (stop_read_.is_open()) return Status::ok;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return Status::system_error;
  stop_read_ = FileDescriptor(ends[0]);
  stop_write_ = FileDescriptor(ends[1]);
  return Status::ok;
}

// The rings that are to be sent are synced by any poll(2), unless that was declined.
Polled* KernelDevice::polled() { return (granted_.nr_flags & abi::NR_NO_TX_POLL) == 0 ? this : nullptr; }

Status KernelDevice::wait(uint32_t events, int64_t timeout_ns, uint32_t* ready) {
  *ready = 0;
  if (!bound_) return Status::not_registered;
  PolledWait wait = {this, events};
  pollfd entries[2];
  const Status status = wait_for_polled({&wait, 1}, entries, timeout_ns);
  *ready = wait.ready;
  return status;
}

void KernelDevice::stop_waiting() {
  stopping_.store(true, std::memory_order_release);
  const char byte = 0;
  if (stop_write_.is_open()) [[maybe_unused]]
    const ssize_t written = write(stop_write_.number(), &byte, 1);
}

void KernelDevice::allow_waiting() {
  stopping_.store(false, std::memory_order_release);
  char bytes[64];
  while (stop_read_.is_open() && read(stop_read_.number(), bytes, sizeof(bytes)) > 0) continue;
}

int KernelDevice::poll_descriptor(Status* status) {
  *status = bound_ ? Status::ok : Status::not_registered;
  if (*status == Status::ok && !bell_.is_open()) {
    *status = bell_.open();
    if (*status == Status::ok) *status = bell_.watch(stop_read_.number(), kReadable);
  }
  return *status == Status::ok ? bell_.descriptor() : -1;
}

Status KernelDevice::arm(uint32_t events, uint32_t* ready) {
  const Status status = wait(events, 0, ready);
  if (status != Status::ok || *ready != 0) return status;
  return bell_.watch(file_.number(), events);
}

// Nobody looks at the descriptor until it is armed again.
void KernelDevice::disarm() {}

}  // namespace nm
