// Traffic loops on ports whose packets begin inside their buffers: what one end sends is what the other finds.
#include <thread>

#include "test/check.h"
#include "test/engine_rig.h"
#include "traffic/generator.h"
#include "traffic/pinger.h"
#include "traffic/ponger.h"
#include "traffic/sink.h"

namespace nm {
namespace {

using test::Rig;

// How far into their buffers the packets of either end begin; 0: it does not ask for offsets.
struct Places {
  uint64_t from;
  uint64_t to;
};
// In the last one the receiver has asked first, and the sender knows nothing of it.
constexpr Places kPlaces[] = {{64, 64}, {100, 0}, {30, 256}, {0, 100}};

struct Ends {
  Ends(Rig& rig, const char* from_name, const char* to_name, Places places) {
    // A pipe has one agreement, of whoever comes first: who needs most.
    const bool to_first = places.to > places.from;
    if (to_first) to = open(rig, to_name, places.to);
    from = open(rig, from_name, places.from);
    if (!to_first) to = open(rig, to_name, places.to);
  }

  static std::unique_ptr<Port> open(Rig& rig, const char* name, uint64_t offset) {
    return offset == 0 ? rig.open(name) : rig.open_offset(name, offset);
  }

  std::unique_ptr<Port> from;
  std::unique_ptr<Port> to;
};

uint64_t value(const std::atomic<uint64_t>& counter) { return counter.load(std::memory_order_relaxed); }

constexpr uint64_t kCount = 3000;

TEST("marked packets arrive as they were sent, wherever they begin at either end") {
  for (const Places places : kPlaces) {
    for (const uint32_t fragments : {1u, 3u}) {
      Rig rig;
      Ends ends(rig, "p{1", "p}1", places);
      GeneratorOptions sending;
      sending.count = kCount;
      sending.mark = true;
      sending.frame.length = 700;
      sending.fragments = fragments;
      SinkOptions receiving;
      receiving.count = kCount;
      receiving.measure = true;
      Generator generator(*ends.from, sending);
      Sink sink(*ends.to, receiving);
      std::thread sender([&] { CHECK_EQUAL(generator.run(), Status::ok); });
      CHECK_EQUAL(sink.run(), Status::ok);
      sender.join();
      CHECK_EQUAL(value(sink.progress().packets), kCount);
      CHECK_EQUAL(value(sink.progress().bytes), kCount * 700);
      for (const auto* wrong : {&sink.progress().lost, &sink.progress().corrupt, &sink.progress().unmarked}) {
        CHECK_EQUAL(value(*wrong), 0u);
      }
    }
  }
}

TEST("requests are answered, wherever packets begin at either end") {
  for (const char* const* names :
       {(const char* const[]){"p{1", "p}1"}, (const char* const[]){"vale0:a", "vale0:b"}}) {
    for (const Places places : kPlaces) {
      Rig rig;
      Ends ends(rig, names[0], names[1], places);
      PingerOptions asking;
      asking.count = 300;
      Pinger pinger(*ends.from, asking);
      Ponger ponger(*ends.to, {});
      std::thread other([&] { CHECK_EQUAL(ponger.run(), Status::ok); });
      CHECK_EQUAL(pinger.run(), Status::ok);
      ponger.stop();
      other.join();
      CHECK_EQUAL(value(pinger.progress().packets), 300u);
      CHECK_EQUAL(value(pinger.progress().lost), 0u);
      CHECK_EQUAL(value(pinger.progress().unmarked), 0u);
    }
  }
}

}  // namespace
}  // namespace nm
