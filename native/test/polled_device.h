// A FakeDevice that poll(2) syncs as it waits, as it does the kernel's, and that counts the syncs besides.
#pragma once

#include <sys/eventfd.h>

#include <memory>
#include <utility>

#include "device/polled.h"
#include "file_descriptor.h"
#include "test/fake_device.h"

namespace nm::check {

struct SyncCounts {
  uint64_t tx_syncs = 0;
  uint64_t rx_syncs = 0;
  uint64_t polls = 0;
  // At which poll(2) it says that it set a ring back; 0: never.
  uint64_t sets_back_at_poll = 0;
};

// Its descriptor is always ready: what the rings have decides, as each poll(2) finds it.
class PolledDevice final : public Device, private Polled {
 public:
  PolledDevice(std::unique_ptr<FakeDevice> inner, SyncCounts* counts)
      : inner_(std::move(inner)), counts_(counts), ready_(eventfd(1, EFD_CLOEXEC)) {}

  Status control(abi::nmreq_header* request) override { return inner_->control(request); }
  Status map(Mapping* mapping) override { return inner_->map(mapping); }
  Status tx_sync() override {
    counts_->tx_syncs++;
    return inner_->tx_sync();
  }
  Status rx_sync() override {
    counts_->rx_syncs++;
    return inner_->rx_sync();
  }
  Status wait(uint32_t events, int64_t timeout_ns, uint32_t* ready) override {
    PolledWait wait = {this, events};
    pollfd entries[2];
    const Status status = wait_for_polled({&wait, 1}, entries, timeout_ns);
    *ready = wait.ready;
    return status;
  }
  Polled* polled() override { return this; }
  void stop_waiting() override { stopped_.store(true); }
  void allow_waiting() override { stopped_.store(false); }
  Status tx_counters(uint32_t, Counters*) override { return Status::not_counted; }
  Status rx_counters(uint32_t, Counters*) override { return Status::not_counted; }
  int poll_descriptor(Status* status) override { return inner_->poll_descriptor(status); }
  Status arm(uint32_t events, uint32_t* ready) override { return inner_->arm(events, ready); }
  void disarm() override {}

 private:
  int descriptor() const override { return ready_.number(); }
  int stop_descriptor() const override { return -1; }
  bool is_stopped() const override { return stopped_.load(); }
  Status after_poll(short found, uint32_t* ready) override {
    counts_->polls++;
    if (counts_->polls == counts_->sets_back_at_poll) {
      note_reset({});
      *ready = kRingError;
      return Status::ok;
    }
    const uint32_t asked = ((found & POLLIN) != 0 ? kReadable : 0) | ((found & POLLOUT) != 0 ? kWritable : 0);
    return inner_->wait(asked, 0, ready);
  }

  const std::unique_ptr<FakeDevice> inner_;
  SyncCounts* const counts_;
  const FileDescriptor ready_;
  std::atomic<bool> stopped_{false};
};

inline std::unique_ptr<Port> polled_port(std::shared_ptr<FakeWire> to, std::shared_ptr<FakeWire> from,
                                         SyncCounts* counts) {
  std::unique_ptr<Port> port;
  auto inner = std::make_unique<FakeDevice>(std::move(to), std::move(from));
  auto device = std::make_unique<PolledDevice>(std::move(inner), counts);
  CHECK_EQUAL(Port::open(std::move(device), "polled", {}, &port), Status::ok);
  return port;
}

}  // namespace nm::check
