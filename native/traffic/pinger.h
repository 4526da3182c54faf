// The pinger: sends requests, and measures how long each takes to come back.
//
//      round:   send what is due  ->  tx_sync  ->  wait for answers  ->  match each with its request
//
// Times are taken on this side only, right before the sync that sends a request and right after the one that shows its
// answer. What an answer says is compared with what was sent and not believed: an answer that fits no request, because
// somebody else asked, is counted apart.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "traffic/dump.h"
#include "traffic/histogram.h"
#include "traffic/loop.h"
#include "traffic/pace.h"
#include "traffic/round_trip.h"

namespace nm {

inline constexpr uint32_t kLargestPingBurst = 1 << 16;

struct PingerOptions {
  FrameSpec frame;
  // Requests to send; 0: until stopped.
  uint64_t count = 0;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
  // When to begin, on the monotonic clock; 0: at once.
  uint64_t start_ns = 0;
  // So many requests leave together, and the next when all are answered or lost. At most kLargestPingBurst.
  uint32_t burst = 1;
  // With a schedule, requests leave by the clock, whether or not others are answered.
  ScheduleSpec schedule;
  PaceOptions pace;
  // Zeros before each frame, as part of the packet: a virtio-net header that asks for nothing.
  uint32_t header_length = 0;
  // Where to put copies of the slots that were sent and received; it outlives the pinger.
  Dump* dump = nullptr;
  // An answer that takes longer is lost.
  uint64_t patience_ns = 3 * kSecond_ns;
};

class Pinger final : public Loop {
 public:
  // The frame is at least RoundTripFrame::shortest() long and fits one buffer with its header; the port has TX and RX rings.
  Pinger(Port& port, const PingerOptions& options);

  const Histogram* histogram(Measured what) const override {
    return what == Measured::rtt_ns ? &round_trips_ : nullptr;
  }

 private:
  // A request that was sent: its words say when, too.
  struct Request {
    uint64_t number = 0;
    uint64_t sent_ns = 0;
    bool waiting = false;
    bool lost = false;
  };

  Status work() override;
  uint64_t wanted(uint64_t now_ns);
  uint32_t send(uint64_t requests);
  uint32_t put(const Ring& ring, uint32_t requests, uint64_t now_ns);
  void receive(uint64_t now_ns);
  void answered(const uint8_t* frame, uint32_t length, uint64_t now_ns);
  void give_up(uint64_t now_ns);
  uint64_t next_event_ns(uint64_t end_ns) const;
  bool all_sent() const;

  Request& request(uint64_t number) { return requests_[number % requests_.size()]; }
  static RoundTripWords words_of(uint64_t number, uint64_t sent_ns);

  const PingerOptions options_;
  RoundTripFrame frame_;
  std::optional<Pace> pace_;
  Histogram round_trips_;

  // The last requests. As many as can wait at a time: more are not sent meanwhile.
  std::vector<Request> requests_;
  uint64_t sent_ = 0;
  // Requests before this one are not waited for any more.
  uint64_t oldest_ = 0;
  uint32_t waiting_ = 0;
};

}  // namespace nm
