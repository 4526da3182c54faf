// The engine's figures: processes that send and receive through its ports.
//
// The loops are those of pkt-gen and nmreplay, traffic/generator.h, traffic/sink.h and traffic/replay/replayer.h, but for the
// sender that writes each payload, payload_sender.h, and for both ends of what stands between, ends.h.
#pragma once

#include <cstdint>
#include <string>

#include "bench/limits.h"
#include "bench/window.h"

namespace nm::bench {

enum class Engine {
  vale,
  pipe,
  // Two pipes of one parent, and a process between them that swaps their buffers; another is both ends, see ends.h.
  bridge,
  // What is both ends of a bridge, with one pipe and no bridge between them. On a machine with two processors no bridge passes
  // more.
  ends,
  // A bridge's pipes with a load balancer, which spreads flows over four pipes.
  lb
};

inline constexpr uint32_t kBalancedPipes = 4;

// name, what is done with packets.
#define NM_BENCH_WORKLOADS(row)                                                                             \
  row(bare, "a loop that can do nothing else writes slots, and the receiver gives them back")               \
  row(untouched, "pkt-gen's sender writes slots and the receiver gives them back; nobody looks into packets")\
  row(touched, "a sender writes the payload of each packet, the receiver reads each line of it")            \
  row(ranged, "the sender gives each packet other ports, from a range, and right checksums")                \
  row(random, "the sender gives each packet random addresses and ports, and right checksums")               \
  row(marked, "the sender marks each packet, the receiver looks into each and measures")                     \
  row(replayed, "nmreplay's sender sends a capture, again and again, as fast as it can")

enum class Workload {
#define row(name, text) name,
  NM_BENCH_WORKLOADS(row)
#undef row
};

struct Traffic {
  Engine engine;
  uint32_t length;
  // Of a VALE port; the others have one.
  uint32_t senders;
  // On switches only `untouched` and `marked`: what is written otherwise has no address that a switch could know. Not `touched`
  // and `replayed` where something stands between; a load balancer needs many flows: `ranged` or `random`.
  Workload workload;
};

struct PortOutcome {
  Outcome window;
  // Packets a second that the receiver took.
  double per_second = 0;
  // Of what was sent, the share that was lost because the receiver had no room.
  double dropped_share = 0;
};

// Sends from processes on placement.from_cpu to one on placement.to_cpu, for `seconds`. What stands between two ends is on the
// latter.
PortOutcome measure_ports(const Traffic& traffic, Placement placement, double seconds);

}  // namespace nm::bench
