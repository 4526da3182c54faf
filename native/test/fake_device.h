// A netmap device in a test's own memory, for testing what works on ports without any engine.
//
//   FakeDevice --tx_sync--> FakeWire --rx_sync--> FakeDevice
//
// A wire holds copies of slots, up to its capacity: a sender then finds its ring full, as on a pipe. It can
// be told to lose or change what passes. A device without a wire to send on takes everything at once; one
// without a wire to receive from always shows a full ring, whose slots are as they were left.
#pragma once

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "device/device.h"
#include "port.h"
#include "test/check.h"
#include "traffic/alarm.h"

namespace nm::check {

struct FakeSlot {
  uint16_t flags;
  std::vector<uint8_t> bytes;
};

class FakeWire {
 public:
  explicit FakeWire(size_t capacity) : capacity_(capacity) {}

  // What becomes of each slot: what the function puts into the deque arrives.
  using Fault = std::function<void(FakeSlot, std::deque<FakeSlot>&)>;
  void set_fault(Fault fault) { fault_ = std::move(fault); }

  bool send(FakeSlot slot) {
    const std::lock_guard<std::mutex> hold(lock_);
    if (slots_.size() >= capacity_) return false;
    if (fault_) {
      fault_(std::move(slot), slots_);
    } else {
      slots_.push_back(std::move(slot));
    }
    return true;
  }
  bool receive(FakeSlot* slot) {
    const std::lock_guard<std::mutex> hold(lock_);
    if (slots_.empty()) return false;
    *slot = std::move(slots_.front());
    slots_.pop_front();
    return true;
  }
  size_t size() {
    const std::lock_guard<std::mutex> hold(lock_);
    return slots_.size();
  }

 private:
  const size_t capacity_;
  std::mutex lock_;
  std::deque<FakeSlot> slots_;
  Fault fault_;
};

struct FakeGeometry {
  uint32_t rings = 1;
  uint32_t slots = 256;
  uint32_t buffer_size = 2048;
  // What the device says of itself.
  bool hands_over_buffers = false;
};

class FakeDevice final : public Device {
 public:
  FakeDevice(std::shared_ptr<FakeWire> to, std::shared_ptr<FakeWire> from, FakeGeometry geometry = {})
      : to_(std::move(to)), from_(std::move(from)), geometry_(geometry) {
    const size_t ring_size = round_up(sizeof(abi::netmap_ring) + geometry.slots * sizeof(abi::netmap_slot));
    const size_t interface_size = round_up(sizeof(abi::netmap_if) + 2 * geometry.rings * sizeof(int64_t));
    const size_t buffers_offset = interface_size + 2 * geometry.rings * ring_size;
    buffer_count_ = 2 + 2 * geometry.rings * geometry.slots + kExtraBuffers;
    size_ = buffers_offset + size_t{buffer_count_} * geometry.buffer_size;
    memory_.reset(static_cast<uint8_t*>(aligned_alloc(kPage, (size_ + kPage - 1) / kPage * kPage)));
    memset(memory_.get(), 0, size_);

    interface_ = reinterpret_cast<abi::netmap_if*>(memory_.get());
    interface_->ni_tx_rings = interface_->ni_rx_rings = geometry.rings;
    uint32_t next_buffer = 2;
    for (uint32_t i = 0; i < 2 * geometry.rings; i++) {
      const size_t offset = interface_size + i * ring_size;
      interface_->ring_ofs[i] = static_cast<int64_t>(offset);
      auto* const ring = reinterpret_cast<abi::netmap_ring*>(memory_.get() + offset);
      ring->buf_ofs = static_cast<int64_t>(buffers_offset - offset);
      ring->num_slots = geometry.slots;
      ring->nr_buf_size = geometry.buffer_size;
      ring->ringid = static_cast<uint16_t>(i % geometry.rings);
      for (uint32_t slot = 0; slot < geometry.slots; slot++) ring->slot[slot] = {next_buffer++, 60, 0, 0};
      (i < geometry.rings ? tx_ : rx_).push_back({ring, 0});
    }
    for (Side& side : tx_) side.ring->tail = geometry.slots - 1;
  }

  // A buffer that no slot names, to exchange one for.
  uint32_t extra_buffer(uint32_t number) const { return buffer_count_ - kExtraBuffers + number; }
  static constexpr uint32_t kExtraBuffers = 8;

  uint64_t waits() const { return waits_; }
  bool hands_over_buffers() const override { return geometry_.hands_over_buffers; }

  Status control(abi::nmreq_header* request) override {
    if (request->nr_reqtype != abi::NETMAP_REQ_REGISTER) return Status::unsupported_request;
    auto* const reply = reinterpret_cast<abi::nmreq_register*>(request->nr_body);
    reply->nr_offset = 0;
    reply->nr_memsize = size_;
    reply->nr_tx_slots = reply->nr_rx_slots = geometry_.slots;
    reply->nr_tx_rings = reply->nr_rx_rings = static_cast<uint16_t>(geometry_.rings);
    reply->nr_host_tx_rings = reply->nr_host_rx_rings = 0;
    return Status::ok;
  }

  Status map(Mapping* mapping) override {
    *mapping = {memory_.get(), size_, buffer_count_};
    return Status::ok;
  }

  Status tx_sync() override {
    for (Side& side : tx_) {
      abi::netmap_ring* const ring = side.ring;
      for (; side.device != ring->head && sent(ring->slot[side.device]); side.device = next(side.device))
        continue;
      ring->tail = side.device == 0 ? geometry_.slots - 1 : side.device - 1;
    }
    return Status::ok;
  }

  Status rx_sync() override {
    for (Side& side : rx_) {
      abi::netmap_ring* const ring = side.ring;
      while (next(side.device) != ring->head && received(ring->slot[side.device]))
        side.device = next(side.device);
      ring->tail = side.device;
    }
    return Status::ok;
  }

  Status wait(uint32_t events, int64_t timeout_ns, uint32_t* ready) override {
    waits_++;
    const uint64_t deadline = timeout_ns < 0 ? kNever_ns : monotonic_ns() + static_cast<uint64_t>(timeout_ns);
    for (;;) {
      tx_sync();
      rx_sync();
      *ready = 0;
      for (const Side& side : tx_) *ready |= side.ring->cur != side.ring->tail ? kWritable : 0;
      for (const Side& side : rx_) *ready |= side.ring->cur != side.ring->tail ? kReadable : 0;
      *ready &= events;
      if (stopped_.load()) return Status::interrupted;
      if (*ready != 0 || monotonic_ns() >= deadline) return Status::ok;
      wait_until(std::min(deadline, monotonic_ns() + kLook_ns), stopped_);
    }
  }

  void stop_waiting() override { stopped_.store(true); }
  void allow_waiting() override { stopped_.store(false); }

  Status tx_counters(uint32_t, Counters*) override { return Status::ok; }
  Status rx_counters(uint32_t, Counters*) override { return Status::ok; }
  int poll_descriptor(Status* status) override {
    *status = Status::unsupported_request;
    return -1;
  }
  Status arm(uint32_t, uint32_t*) override { return Status::unsupported_request; }
  void disarm() override {}

 private:
  static constexpr size_t kPage = 4096;
  static constexpr uint64_t kLook_ns = 200'000;

  struct Side {
    abi::netmap_ring* ring;
    uint32_t device;  // The first slot that the device has not dealt with.
  };
  struct Free {
    void operator()(uint8_t* memory) const { free(memory); }
  };

  static size_t round_up(size_t size) { return (size + 127) / 128 * 128; }
  uint32_t next(uint32_t slot) const { return slot + 1 == geometry_.slots ? 0 : slot + 1; }
  uint8_t* buffer(const abi::netmap_slot& slot) const {
    return memory_.get() + size_ - size_t{buffer_count_ - slot.buf_idx} * geometry_.buffer_size;
  }

  bool sent(const abi::netmap_slot& slot) {
    if (!to_) return true;
    CHECK(slot.len <= geometry_.buffer_size);
    const uint8_t* const bytes = buffer(slot);
    return to_->send({slot.flags, {bytes, bytes + slot.len}});
  }
  bool received(abi::netmap_slot& slot) {
    FakeSlot from;
    if (!from_) return true;
    if (!from_->receive(&from)) return false;
    std::copy(from.bytes.begin(), from.bytes.end(), buffer(slot));
    slot.len = static_cast<uint16_t>(from.bytes.size());
    slot.flags = from.flags;
    return true;
  }

  std::shared_ptr<FakeWire> to_;
  std::shared_ptr<FakeWire> from_;
  FakeGeometry geometry_;
  std::unique_ptr<uint8_t, Free> memory_;
  size_t size_ = 0;
  uint32_t buffer_count_ = 0;
  abi::netmap_if* interface_ = nullptr;
  std::vector<Side> tx_;
  std::vector<Side> rx_;
  uint64_t waits_ = 0;
  std::atomic<bool> stopped_{false};
};

inline std::unique_ptr<Port> fake_port(std::shared_ptr<FakeWire> to, std::shared_ptr<FakeWire> from,
                                       FakeGeometry geometry = {}) {
  std::unique_ptr<Port> port;
  const Status status =
      Port::open(std::make_unique<FakeDevice>(std::move(to), std::move(from), geometry), "fake", {}, &port);
  CHECK_EQUAL(status, Status::ok);
  return port;
}

}  // namespace nm::check
