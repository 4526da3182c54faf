// The kernel's netmap behind the device interface: one descriptor of /dev/netmap.
//
//   control   ioctl NIOCCTRL; of a module from before version 14, NIOCREGIF and NIOCGINFO (legacy.h)
//   map       the region's one mapping in this process (kernel_memory.h)
//   sync      ioctl NIOCTXSYNC, NIOCRXSYNC
//   wait      poll(2), which syncs (polled.h); a pipe beside it ends it
//
// What this file calls is there on FreeBSD as well, with the same numbers; it has been run on Linux only.
//
// Failure   The kernel says an errno. What it means is found out by asking more (kernel_refusal.h).
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "device/device.h"
#include "device/kernel_bell.h"
#include "device/kernel_memory.h"
#include "device/polled.h"
#include "device/said_rings.h"
#include "file_descriptor.h"

namespace nm {

class KernelDevice final : public Device, private Polled {
 public:
  // Opens `path`, and finds out what the module speaks. no_device, no_module, device_not_permitted or module_version.
  static Status open(const std::string& path, std::unique_ptr<Device>* device);

  Status control(abi::nmreq_header* request) override;
  Status map(Mapping* mapping) override;
  Status tx_sync() override;
  Status rx_sync() override;
  Status wait(uint32_t events, int64_t timeout_ns, uint32_t* ready) override;
  Polled* polled() override;
  void stop_waiting() override;
  void allow_waiting() override;
  // The kernel counts nothing that a program could ask for.
  Status tx_counters(uint32_t, Counters*) override { return Status::not_counted; }
  Status rx_counters(uint32_t, Counters*) override { return Status::not_counted; }
  int poll_descriptor(Status* status) override;
  Status arm(uint32_t events, uint32_t* ready) override;
  void disarm() override;

 private:
  KernelDevice(std::string path, FileDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}

  Status find_api();
  // 0, or an errno.
  int ask(abi::nmreq_header* request);
  int ask_legacy(abi::nmreq_header* request);
  void list_rings(const abi::netmap_if& interface);
  bool is_monitor() const { return (granted_.nr_flags & (abi::NR_MONITOR_TX | abi::NR_MONITOR_RX)) != 0; }
  Status sync(uint32_t request);
  int descriptor() const override { return file_.number(); }
  int stop_descriptor() const override { return stop_read_.number(); }
  bool is_stopped() const override { return stopping_.load(std::memory_order_acquire); }
  void before_poll() override { said_.note(); }
  Status after_poll(short found, uint32_t* ready) override;
  Status explain_error(uint32_t* ready);
  Status make_stoppable();

  const std::string path_;
  FileDescriptor file_;
  bool speaks_control_ = false;
  abi::nmreq_register granted_ = {};
  bool bound_ = false;
  std::shared_ptr<KernelMemory> memory_;
  SaidRings said_;
  // Written to while waiting is to end.
  FileDescriptor stop_read_;
  FileDescriptor stop_write_;
  std::atomic<bool> stopping_{false};
  KernelBell bell_;
};

}  // namespace nm
