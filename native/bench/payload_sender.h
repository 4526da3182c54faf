// Sends packets whose payload is written anew each time, as an application does that makes its own packets, or slots alone.
//
// The generator of pkt-gen can do that too, one packet after the other. Here all descriptors of a burst come
// first and all payloads after them: a processor has room for few stores that wait for a line from another
// core, and these should all be payload.
#pragma once

#include <cstdint>

#include "traffic/loop.h"

namespace nm::bench {

struct PayloadSenderOptions {
  uint32_t length = 60;
  bool writes_payload = true;
  uint64_t duration_ns = 0;
  // At most this many packets per round.
  uint32_t burst = 512;
};

class PayloadSender final : public Loop {
 public:
  PayloadSender(Port& port, const PayloadSenderOptions& options) : Loop(port), options_(options) {}

 private:
  Status work() override;
  void fill(const Ring& ring, uint32_t packets);

  const PayloadSenderOptions options_;
  uint64_t sent_ = 0;
};

}  // namespace nm::bench
