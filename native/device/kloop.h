// The sync loop: syncs the rings of a device by the words of their control blocks (engine/csb.h), in the thread that asked
// for it, until somebody stops it.
//
//   turn     each TX ring, each RX ring: read atok, sync, write ktoa, tell the program if it wants to know
//   between  sleep for a given time; or, where the program gave a descriptor to kick for each ring, until it kicks or the
//            other side has news
//
// When there is nothing more to do on a ring the loop says that it wants a kick, looks once more, and then leaves the ring
// alone until it gets one. In direct mode the rings of a direction are synced for kicks only, and what the other side
// has to say goes straight to the program's descriptors.
//
// Failure   Control blocks that are not there any more end the loop with bad_address. Words that cannot be are counted and
//           not acted on; nobody but the program itself waits for it to mend them.
#pragma once

#include <vector>

#include "abi/netmap.h"
#include "engine/bound_ring.h"
#include "engine/csb.h"
#include "engine/kloop.h"
#include "file_descriptor.h"
#include "status.h"

namespace nm {

// How long the loop sleeps, and what program and loop tell each other through.
struct KloopSettings {
  uint32_t sleep_us = 0;
  abi::nmreq_opt_sync_kloop_mode* mode = nullptr;          // null where they were not given
  abi::nmreq_opt_sync_kloop_eventfds* eventfds = nullptr;  // with as many entries as its size says
};

// What the loop needs of its device.
class KloopHost {
 public:
  virtual ~KloopHost() = default;
  // Called after the syncs of a turn.
  virtual void give_way() = 0;
  // A descriptor that is readable when a ring has news, once lie_down() was called; -1 when there can be none.
  virtual int bell() = 0;
  // Says that the loop is going to sleep. Returns for how many nanoseconds it may.
  virtual int64_t lie_down() = 0;
  virtual void get_up() = 0;
  // Whether the device is going away.
  virtual bool is_closing() const = 0;
};

class Kloop {
 public:
  static constexpr uint32_t kMaxSleepUs = 1'000'000;

  Kloop(KloopHost& host, const engine::Namespace& space, uint32_t client, std::vector<engine::BoundRing>& tx,
        std::vector<engine::BoundRing>& rx);

  // Checks the settings and takes hold of the descriptors in them. Sets the options' statuses.
  Status prepare(const KloopSettings& settings);
  // Loops until `run` is to stop.
  Status loop(const engine::KloopRun& run);

 private:
  struct RingLoop {
    engine::BoundRing* ring;
    engine::RingCsb csb;
    FileDescriptor kick;  // the program rings it
    FileDescriptor call;  // we ring it
    uint32_t shown_tail;
    bool direct = false;
    bool called = false;  // a direct ring's news were passed on, and it was not synced since
    bool stuck = false;   // its last sync did not work
  };
  // What came of a round. `gone`: the control blocks are.
  enum class Round { done, again, stop, gone };

  Status check_mode(abi::nmreq_opt_sync_kloop_mode* mode, bool* direct_tx, bool* direct_rx);
  Status hold_descriptors(abi::nmreq_opt_sync_kloop_eventfds* given);
  bool has_all_kicks() const;
  bool turn(RingLoop& one);
  Round round(RingLoop& one, engine::UserView* user, bool* news, uint32_t* dry);
  bool sync(RingLoop& one, engine::UserView said);
  Round ask_for_kick(RingLoop& one, engine::UserView* user, uint32_t head);
  bool call_if_wanted(RingLoop& one, bool* news);
  bool rest(const engine::KloopRun& run);
  bool await_kicks(const engine::KloopRun& run);
  bool has_news(const RingLoop& one) const;
  void pass_on_news(bool is_tx);

  KloopHost& host_;
  const engine::Namespace& space_;
  const uint32_t client_;
  std::vector<RingLoop> rings_;
  uint32_t sleep_us_ = 0;
  bool sleeps_by_time_ = true;
  bool moved_ = false;  // a ring did, in this turn
  bool again_ = false;  // a ring was left before it was done
};

}  // namespace nm
