// A walk through the addresses and ports of two endpoints, a step for each packet.
//
// Ranges are walked like an odometer, fastest first: from's port, from's address, to's port, to's address. An
// endpoint that is random gets another address and port at each step, and the odometer leaves it out.
#pragma once

#include <array>
#include <cstdint>

#include "traffic/random.h"

namespace nm {

// Addresses and ports in host order, ends included, first <= last. Of an IPv6 address one group of 16 bits is
// walked, and `address` holds the others.
struct EndpointRange {
  uint32_t first_address = 0;
  uint32_t last_address = 0;
  uint16_t first_port = 1234;
  uint16_t last_port = 1234;
  std::array<uint8_t, 16> address{};
  uint8_t group = 7;
  bool random = false;

  bool is_one() const { return first_address == last_address && first_port == last_port && !random; }
};

// The addresses, or their groups, and the ports of one packet.
struct Endpoints {
  uint32_t from_address;
  uint32_t to_address;
  uint16_t from_port;
  uint16_t to_port;
};

class Walk {
 public:
  // Random addresses have the bits of `random_bits`.
  Walk(const EndpointRange& from, const EndpointRange& to, uint32_t random_bits, uint64_t seed)
      : from_(from), to_(to), random_bits_(random_bits), random_(seed) {
    now_ = {from_.first_address, to_.first_address, from_.first_port, to_.first_port};
    draw();
  }

  const Endpoints& now() const { return now_; }

  // Goes on to the next packet's, after the last to the first.
  void step() {
    step_odometer();
    draw();
  }

 private:
  struct Range {
    explicit Range(const EndpointRange& range)
        : first_address(range.random ? 0 : range.first_address),
          last_address(range.random ? 0 : range.last_address),
          first_port(range.random ? uint16_t{0} : range.first_port),
          last_port(range.random ? uint16_t{0} : range.last_port),
          random(range.random) {}

    uint32_t first_address;
    uint32_t last_address;
    uint16_t first_port;
    uint16_t last_port;
    bool random;
  };

  void step_odometer() {
    if (!from_.random) {
      if (!step_field(now_.from_port, from_.first_port, from_.last_port)) return;
      if (!step_field(now_.from_address, from_.first_address, from_.last_address)) return;
    }
    if (to_.random) return;
    if (!step_field(now_.to_port, to_.first_port, to_.last_port)) return;
    step_field(now_.to_address, to_.first_address, to_.last_address);
  }

  // Steps one field. Returns whether it wrapped, so that the next slower one has to step too.
  template <typename Field>
  static bool step_field(Field& field, Field first, Field last) {
    const bool wraps = field == last;
    field = wraps ? first : static_cast<Field>(field + 1);
    return wraps;
  }

  void draw() {
    if (from_.random) draw(now_.from_address, now_.from_port);
    if (to_.random) draw(now_.to_address, now_.to_port);
  }
  void draw(uint32_t& address, uint16_t& port) {
    const uint64_t drawn = random_.next();
    address = static_cast<uint32_t>(drawn >> 32) & random_bits_;
    port = static_cast<uint16_t>(drawn);
  }

  Range from_;
  Range to_;
  uint32_t random_bits_;
  Endpoints now_;
  Random random_;
};

}  // namespace nm
