// Stations that send numbered packets through ports and check those that arrive, and two of them with a forwarder between.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "clock.h"
#include "test/check.h"
#include "test/engine_rig.h"
#include "traffic/forwarder.h"

namespace nm::test {

inline constexpr uint32_t kSlotBytes = 500;

inline uint8_t byte_of(uint64_t number, uint32_t position) {
  return static_cast<uint8_t>((number + position) * 0x9e3779b97f4a7c15 >> 56);
}

// What sends numbered packets through a port, of one slot or several, and checks those that arrive there. A packet's
// number decides its length and every byte of it.
class Station {
 public:
  explicit Station(std::unique_ptr<Port> port) : port_(std::move(port)) {}

  Port& port() { return *port_; }
  uint64_t sent() const { return sent_; }
  uint64_t received() const { return received_; }

  // Sends up to `count` packets, as many as there is room for.
  void send(uint64_t count) {
    const Ring& ring = port_->tx_rings()[0];
    for (; count > 0 && put(ring, sent_); count--) sent_++;
    CHECK_EQUAL(port_->device().tx_sync(), Status::ok);
  }

  // Takes what is there. Numbers may be missing, but never come late.
  void receive() {
    CHECK_EQUAL(port_->device().rx_sync(), Status::ok);
    const Ring& ring = port_->rx_rings()[0];
    for (uint32_t left = ring.space(); left > 0;) {
      const PacketSlots packet = find_packet(ring, ring.head(), left);
      CHECK(packet.slots > 0);
      check(ring, packet);
      ring.advance((packet.first + packet.slots) % ring.slots());
      left -= packet.slots;
    }
  }

  // Receives what is under way, until `all` says that it has come, or nothing has come for 2 s.
  template <typename All>
  void receive_rest(const All& all) {
    uint64_t last = received_;
    for (uint64_t quiet_since = monotonic_ns(); !all() && monotonic_ns() < quiet_since + 2 * kSecond_ns;) {
      receive();
      if (received_ != last) quiet_since = monotonic_ns();
      last = received_;
    }
  }

  // Packets that rings of this port dropped.
  uint64_t dropped() {
    Counters tx, rx;
    port_->device().tx_counters(0, &tx);
    port_->device().rx_counters(0, &rx);
    return tx.drops_no_destination + rx.drops_full;
  }

  static uint32_t length_of(uint64_t number) { return 60 + static_cast<uint32_t>(number * 997 % 1440); }

 private:
  bool put(const Ring& ring, uint64_t number) {
    const uint32_t length = length_of(number);
    // Every third packet is spread over as many slots as it takes.
    const uint32_t most = number % 3 == 0 ? kSlotBytes : ring.buffer_size();
    const uint32_t slots = (length + most - 1) / most;
    if (ring.space() < slots) return false;
    uint32_t at = ring.head();
    uint32_t position = 0;
    for (uint32_t i = 0; i < slots; i++) {
      const uint32_t piece = std::min(most, length - position);
      const uint32_t buffer = ring.descriptor(at).buf_idx;
      uint8_t* const bytes = ring.start(buffer);
      for (uint32_t j = 0; j < piece; j++) bytes[j] = expected(number, position + j);
      const auto more = static_cast<uint16_t>(i + 1 < slots ? abi::NS_MOREFRAG : 0);
      ring.put(at, {buffer, static_cast<uint16_t>(piece), more});
      position += piece;
      at = ring.next(at);
    }
    ring.advance(at);
    return true;
  }

  // To everybody, and then the number.
  static uint8_t expected(uint64_t number, uint32_t position) {
    if (position < 6) return 0xff;
    if (position < 12) return 2;
    if (position < 14) return 0x88;
    if (position < 22) return static_cast<uint8_t>(number >> 8 * (position - 14));
    return byte_of(number, position);
  }

  void check(const Ring& ring, const PacketSlots& packet) {
    std::vector<uint8_t> bytes;
    each_piece(ring, packet, [&](const uint8_t* piece, uint32_t count) {
      bytes.insert(bytes.end(), piece, piece + count);
    });
    CHECK(bytes.size() >= 60);
    uint64_t number = 0;
    for (uint32_t i = 0; i < 8; i++) number |= uint64_t{bytes[14 + i]} << 8 * i;
    CHECK(number >= next_);
    next_ = number + 1;
    CHECK_EQUAL(bytes.size(), length_of(number));
    for (uint32_t i = 0; i < bytes.size(); i++) CHECK_EQUAL(bytes[i], expected(number, i));
    received_++;
  }

  std::unique_ptr<Port> port_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  uint64_t next_ = 0;
};

inline uint64_t dropped_at(Port& port) {
  Counters rx;
  CHECK_EQUAL(port.device().rx_counters(0, &rx), Status::ok);
  return rx.drops_full;
}

// What the other station sent and `station` got, or is known to have been lost on the way to it: at the forwarder's
// port on the other side, `near`, or at the station itself.
inline uint64_t accounted(Station& station, Port& near) {
  return station.received() + station.dropped() + dropped_at(near);
}

// Two stations with a forwarder between them that owns two ports in the middle.
//
//     left station === left ==== forwarder ==== right === right station
struct Line {
  Line(Rig& rig, const char* left_far, const char* left_near, const char* right_near, const char* right_far,
       const LaneOptions& lane = {})
      : Line(rig.open(left_far), rig.open(left_near), rig.open(right_near), rig.open(right_far), lane) {}

  Line(std::unique_ptr<Port> left_far, std::unique_ptr<Port> left_near, std::unique_ptr<Port> right_near,
       std::unique_ptr<Port> right_far, const LaneOptions& lane = {})
      : left(std::move(left_far)),
        right(std::move(right_far)),
        left_near_port(std::move(left_near)),
        right_near_port(std::move(right_near)) {
    ForwarderOptions options;
    options.lanes = {{0, 1, lane}, {1, 0, lane}};
    options.linger_ns = 0;
    forwarder.emplace(std::vector<Port*>{left_near_port.get(), right_near_port.get()}, options);
  }

  uint64_t count(uint32_t lane, std::atomic<uint64_t> LaneCounts::* counter) const {
    return (forwarder->lane_counts(lane).*counter).load();
  }

  // Loads both directions at once until each station has sent `packets`, then lets what is under way arrive.
  void exchange(uint64_t packets) {
    std::thread middle([&] { CHECK_EQUAL(forwarder->run(), Status::ok); });
    std::atomic<int> sending{2};
    const auto work = [&](Station& station, Port& near, const Station& other) {
      while (station.sent() < packets) {
        station.send(std::min<uint64_t>(64, packets - station.sent()));
        station.receive();
      }
      sending--;
      // Nobody stops to receive while the other sends.
      while (sending > 0) station.receive();
      station.receive_rest([&] { return accounted(station, near) == other.sent(); });
    };
    std::thread one([&] { work(left, *right_near_port, right); });
    work(right, *left_near_port, left);
    one.join();
    forwarder->stop();
    middle.join();
  }

  Station left;
  Station right;
  std::unique_ptr<Port> left_near_port;
  std::unique_ptr<Port> right_near_port;
  std::optional<Forwarder> forwarder;
};

inline void check_accounts(Line& line) {
  CHECK_EQUAL(accounted(line.right, *line.left_near_port), line.left.sent());
  CHECK_EQUAL(accounted(line.left, *line.right_near_port), line.right.sent());
}

}  // namespace nm::test
