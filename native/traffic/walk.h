// A walk through the addresses and ports of two endpoints, a step for each packet.
//
// Ranges are walked like an odometer, fastest first: from's port, from's address, to's port, to's address. An
// endpoint that is random gets another address and port at each step, and the odometer leaves it out.
#pragma once

#include <algorithm>
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

// The same of N packets in a row: lists of numbers of one size, of which a compiler makes several at a time.
template <uint32_t N>
struct EndpointsRun {
  uint32_t from_address[N];
  uint32_t to_address[N];
  uint32_t from_port[N];
  uint32_t to_port[N];
};

class Walk {
 public:
  // Random addresses have the bits of `random_bits`.
  Walk(const EndpointRange& from, const EndpointRange& to, uint32_t random_bits, uint64_t seed)
      : from_(from), to_(to), random_bits_(random_bits), random_(seed), lanes_(~seed) {
    now_ = {from_.first_address, to_.first_address, from_.first_port, to_.first_port};
    draw();
  }

  const Endpoints& now() const { return now_; }

  // Goes on to the next packet's, after the last to the first.
  void step() {
    step_odometer();
    draw();
  }

  // Takes the present packet and the next ones, at most `most`, which is not 0, and at most N: up to where the fastest
  // range starts over. Returns how many they are, and goes on to the one after them. What is random is drawn anew for all of them;
  // what was drawn for the present one is the next one's.
  template <uint32_t N>
  [[gnu::always_inline]] uint32_t take(uint32_t most, EndpointsRun<N>* run) {
    const bool from_port = from_.first_port != from_.last_port;
    const bool from_address = !from_port && from_.first_address != from_.last_address;
    const bool to_port = !from_port && !from_address && to_.first_port != to_.last_port;
    const bool to_address = !from_port && !from_address && !to_port && to_.first_address != to_.last_address;
    uint32_t left = UINT32_MAX;
    if (from_port) left = from_.last_port - now_.from_port;
    if (from_address) left = from_.last_address - now_.from_address;
    if (to_port) left = to_.last_port - now_.to_port;
    if (to_address) left = to_.last_address - now_.to_address;
    const uint32_t others = std::min(std::min(most, N) - 1, left);

    count_up(now_.from_address, from_address, run->from_address);
    count_up(now_.to_address, to_address, run->to_address);
    count_up(now_.from_port, from_port, run->from_port);
    count_up(now_.to_port, to_port, run->to_port);
    if (from_.random || to_.random) draw(run);

    if (!from_.random) {
      now_.from_address = run->from_address[others];
      now_.from_port = static_cast<uint16_t>(run->from_port[others]);
    }
    if (!to_.random) {
      now_.to_address = run->to_address[others];
      now_.to_port = static_cast<uint16_t>(run->to_port[others]);
    }
    step_odometer();
    return others + 1;
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

  // The numbers from `first` on, or all the same one.
  template <uint32_t N>
  static void count_up(uint32_t first, bool counts, uint32_t (&to)[N]) {
    const uint32_t step = counts ? UINT32_MAX : 0;
    for (uint32_t i = 0; i < N; i++) to[i] = first + (i & step);
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
  template <uint32_t N>
  [[gnu::always_inline]] void draw(EndpointsRun<N>* run) {
    RandomLanes random = lanes_;
    if (from_.random && to_.random) {
      // Both ports are in one number.
      uint32_t ports[N];
      draw(random, run->from_address);
      draw(random, run->to_address);
      random.fill(ports);
      for (uint32_t i = 0; i < N; i++) run->from_port[i] = ports[i] & UINT16_MAX;
      for (uint32_t i = 0; i < N; i++) run->to_port[i] = ports[i] >> 16;
    } else if (from_.random) {
      draw(random, run->from_address);
      draw_ports(random, run->from_port);
    } else {
      draw(random, run->to_address);
      draw_ports(random, run->to_port);
    }
    lanes_ = random;
  }
  template <uint32_t N>
  [[gnu::always_inline]] void draw(RandomLanes& random, uint32_t (&addresses)[N]) const {
    random.fill(addresses);
    for (uint32_t i = 0; i < N; i++) addresses[i] &= random_bits_;
  }
  template <uint32_t N>
  [[gnu::always_inline]] static void draw_ports(RandomLanes& random, uint32_t (&ports)[N]) {
    random.fill(ports);
    for (uint32_t i = 0; i < N; i++) ports[i] &= UINT16_MAX;
  }

  Range from_;
  Range to_;
  uint32_t random_bits_;
  Endpoints now_;
  Random random_;
  RandomLanes lanes_;
};

}  // namespace nm
