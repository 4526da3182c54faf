// A link: one direction of a wire between two ports that has a bandwidth, a delay, a queue, and faults.
//
//   RX rings -> held back? -> lost? -> queue -> bandwidth -> delay -> under way -> due: TX rings
//                  |            |        |          |           |                   |
//                waits          '--------+----------+- drops, each counted by its reason
//
// A packet's times follow from when it was seen in its RX ring: it waits until the link has transmitted those before it, takes
// its own transmission, then its delay. Packets leave in the order in which they came, but for those that are held back. One
// that a smaller delay would let overtake leaves with the one before it, or is dropped where that is asked for.
//
// Until something is to be done the thread sleeps, so that the next packet is seen as late as waking takes; it spins when a
// packet is due soon.
//
// Threads   One runs the link. Any other may change it meanwhile.
// Memory    Copies of what is under way, up to a limit.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "traffic/alarm.h"
#include "traffic/delay_line.h"
#include "traffic/loop.h"
#include "traffic/models/bandwidth.h"
#include "traffic/models/delay.h"
#include "traffic/models/loss.h"
#include "traffic/models/queue.h"
#include "traffic/models/reorder.h"
#include "traffic/slots.h"

namespace nm {

// name, meaning
#define NM_LINK_COUNTS(row)                                                                   \
  row(received, "packets that came in")                                                       \
  row(received_bytes, "bytes in those packets, without CRC")                                  \
  row(held, "packets that were held back, so that others overtook them")                      \
  row(drops_loss, "packets that the loss model lost")                                         \
  row(drops_queue_full, "packets that found the queue over its limit")                        \
  row(drops_over_rate, "packets that an average bandwidth did not let pass")                  \
  row(drops_overtaking, "packets that would have overtaken those before them")                \
  row(drops_late, "packets that could only leave later than is allowed")                      \
  row(drops_no_memory, "packets that found no memory to wait in")                             \
  row(drops_too_long, "packets of more slots than a ring of the other port has")              \
  row(drops_undelivered, "packets that were still under way when the run ended")              \
  row(under_way, "packets that are under way or held back now")                               \
  row(queued_bytes, "bytes that wait to be transmitted now, where the queue has a limit")

struct alignas(64) LinkCounts {
#define row(name, text) std::atomic<uint64_t> name{0};
  NM_LINK_COUNTS(row)
#undef row
};

// What may change while the link runs.
struct LinkSpec {
  BandwidthSpec bandwidth;
  DelaySpec delay;
  LossSpec loss;
  ReorderSpec reorder;
  // Bytes that may wait to be transmitted; 0: any number.
  uint64_t queue_bytes = 0;
  // So much is taken off each delay: what the path around the link takes anyway.
  uint64_t less_ns = 0;
  // Drop what would overtake, instead of letting it leave with the packet before it.
  bool drops_overtaking = false;
  // Drop what cannot leave so soon after it is due.
  uint64_t patience_ns = kNever_ns;

  // Whether models can have these values, and the bandwidth is not one of captures.
  bool can_be() const;
};

struct LinkOptions {
  // Most packets of a ring in one turn.
  uint32_t burst = 512;
  // Ends after this time; 0: never.
  uint64_t duration_ns = 0;
  // Bytes for packets that are under way.
  uint64_t memory = uint64_t{1} << 30;
  // Of what is random.
  uint64_t seed = 1;
};

class Link final : public Loop {
 public:
  // From the RX rings of one port, which has some, to the TX rings of the other. `spec` can be.
  Link(Port& from, Port& to, const LinkSpec& spec, const LinkOptions& options);

  // Goes on with other models; what is under way stays as it is. By any thread.
  bool reconfigure(const LinkSpec& spec) override;

  const Histogram* histogram(Measured what) const override {
    return what == Measured::lateness_ns ? &lateness_ns_ : nullptr;
  }
  // One for each row of NM_LINK_COUNTS.
  std::vector<double> counts() const override;
  const LinkCounts& link_counts() const { return counts_; }

 private:
  // The models of a spec, with their random numbers.
  struct Models {
    Models(const LinkSpec& wanted, uint64_t seed);

    LinkSpec spec;
    std::unique_ptr<Bandwidth> bandwidth;
    std::unique_ptr<Delay> delay;
    std::unique_ptr<Loss> loss;
    Reorder reorder;
    Queue queue;
    bool serial;
  };

  Status work() override;
  void take_changes();
  Status receive(uint64_t now_ns, bool* moved);
  uint32_t drop_fragments(const Ring& ring, uint32_t slots);
  void take(const Ring& ring, const PacketSlots& packet, uint64_t now_ns);
  bool hold_back(const Ring& ring, const PacketSlots& packet, uint64_t now_ns);
  void release_held(uint64_t now_ns);
  std::optional<uint64_t> due(uint32_t length, uint64_t now_ns);
  uint8_t* put(uint32_t length, uint64_t now_ns);
  Status send(uint64_t now_ns, bool* moved);
  Status wait_for_work(uint64_t now_ns);
  void note_state();

  const LinkOptions options_;
  std::vector<Ring> from_;
  std::vector<Ring> to_;
  std::optional<Models> models_;
  uint64_t generation_ = 0;
  uint64_t end_ns_ = kNever_ns;

  std::mutex change_lock_;
  std::optional<LinkSpec> change_;
  std::atomic<bool> changed_{false};

  DelayLine under_way_;
  DelayLine held_;
  uint64_t last_release_ns_ = 0;
  // When the link has transmitted what it was given, and when the last packet leaves.
  uint64_t transmitted_ns_ = 0;
  uint64_t leaves_ns_ = 0;
  // Whether a packet that is due finds no room.
  bool blocked_ = false;
  // When those left that the last sync took.
  std::vector<uint64_t> sent_due_ns_;

  SleepLead lead_;
  Histogram lateness_ns_;
  LinkCounts counts_;
};

}  // namespace nm
