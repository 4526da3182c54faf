// The engine's figures: processes that send and receive through its ports.
//
// The loops are those of pkt-gen, traffic/generator.h and traffic/sink.h, but for the sender that writes each payload,
// payload_sender.h.
#pragma once

#include <cstdint>
#include <string>

#include "bench/limits.h"
#include "bench/window.h"

namespace nm::bench {

enum class Engine { vale, pipe };

struct Traffic {
  Engine engine;
  uint32_t length;
  // Of a VALE port; a pipe has one.
  uint32_t senders;
  // The sender writes the payload of each packet, the receiver reads each line of it. Pipes only: what is
  // written anew has no address that a switch could know.
  bool touched;
};

struct PortOutcome {
  Outcome window;
  // Packets a second that the receiver took.
  double per_second = 0;
  // Of what was sent, the share that was lost because the receiver had no room.
  double dropped_share = 0;
};

// Sends from processes on placement.from_cpu to one on placement.to_cpu, for `seconds`.
PortOutcome measure_ports(const Traffic& traffic, Placement placement, double seconds);

}  // namespace nm::bench
