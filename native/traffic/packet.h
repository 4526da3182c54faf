// The frames that the generator sends: Ethernet, IPv4 or IPv6, UDP and pkt-gen's well-known text.
//
//     0          14                          34                    42
//     +----------+---------------------------+---------------------+------------------------- - -
//     | Ethernet | IPv4 len  | ip sum | from to | ports | len | sum | netmap pkt-gen DIRECT payload...
//     +----------+-----------+--------+------+--+-------+-----+-----+------------------------- - -
//                      16        24       26       34      38    40
//
//     0          14                          54                    62
//     +----------+---------------------------+---------------------+------------------------- - -
//     | Ethernet | IPv6 len     | from | to   | ports | len | sum | netmap pkt-gen DIRECT payload...
//     +----------+--------------+------+------+-------+-----+-----+------------------------- - -
//                      18         22     38     54      58    60
//
// Addresses and ports may be ranges or random, see walk.h, and lengths random. All that differs between the frames
// of a spec is in the headers; a longer frame goes on where a shorter one ends. So a buffer that holds the longest
// of them becomes any other by rewriting a few bytes of its headers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "bytes.h"
#include "checksum.h"
#include "traffic/random.h"
#include "traffic/walk.h"

namespace nm {

using Mac = std::array<uint8_t, 6>;

// Values are what lib/layout.ts calls the families.
enum class Family : uint8_t { ipv4 = 4, ipv6 = 6 };

struct FrameSpec {
  Mac to_mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  Mac from_mac{};
  EndpointRange from{0x0a000001, 0x0a000001, 1234, 1234};
  EndpointRange to{0x0a010001, 0x0a010001, 1234, 1234};
  // Bytes without CRC, 16 to 65535. One that is too short for its headers carries their first part.
  uint32_t length = 60;
  // When it is not 0, each frame has a random length from this to `length`.
  uint32_t shortest_length = 0;
  // How many zero bytes end the payload instead of text, for whoever writes something there.
  uint32_t reserved_at_end = 0;
  Family family = Family::ipv4;
  // The text says that it came by way of an indirect buffer.
  bool indirect = false;
  // Of all that is random.
  uint64_t seed = 0;
};

inline constexpr uint32_t kShortestFrame = 16;
inline constexpr uint32_t kLongestFrame = 65535;
inline constexpr uint32_t kUdpHeaderLength = 8;

// Where things are in the frames of a family.
struct FrameLayout {
  uint32_t ip_length;      // the length that the IP header tells
  uint32_t first_varying;  // no byte before it differs between frames of one length
  uint32_t from_address;
  uint32_t to_address;
  uint32_t udp;
  uint32_t udp_checksum;
  uint32_t payload;
};

constexpr FrameLayout layout_of(Family family) {
  return family == Family::ipv4 ? FrameLayout{16, 24, 26, 30, 34, 40, 42}
                                : FrameLayout{18, 22, 22, 38, 54, 60, 62};
}

constexpr uint32_t headers_length(Family family) { return layout_of(family).payload; }

// The text of the payload, by the number of its bytes: what they add to a checksum.
class TextSum {
 public:
  // Long enough for the text once, which has an even number of bytes.
  static constexpr uint32_t kMost = 80;

  constexpr TextSum(const char* text, uint32_t period)
      : period_(period), reciprocal_((uint64_t{1} << 32) / period + 1) {
    for (uint32_t i = 0; i < period; i++) {
      const uint32_t byte = static_cast<uint8_t>(text[i]);
      sums_[i + 1] = sums_[i] + (i % 2 == 0 ? byte << 8 : byte);
    }
  }
  constexpr uint64_t of(uint32_t bytes) const {
    // The quotient by multiplication is right for all that fits into a frame.
    const uint32_t whole = static_cast<uint32_t>(bytes * reciprocal_ >> 32);
    return uint64_t{whole} * sums_[period_] + sums_[bytes - whole * period_];
  }

 private:
  uint32_t period_;
  uint64_t reciprocal_;
  std::array<uint32_t, kMost + 1> sums_{};
};

// What differs between the headers of N frames in a row, as numbers.
template <uint32_t N>
struct HeaderRun {
  EndpointsRun<N> endpoints;
  uint32_t udp_sum[N];  // What write() returns, see there.
  uint32_t udp_checksum[N];
  // IPv4: the 16 bytes before the UDP checksum, from the IP checksum on. IPv6: the UDP header alone, in the second.
  uint64_t first[N];
  uint64_t second[N];
};

// The headers of one frame after the other, as far as they differ. Small, so that a loop can work on a copy.
class Headers {
 public:
  Headers(const FrameSpec& spec, uint64_t ip_sum, uint64_t udp_sum, const TextSum& text);

  // Writes what differs into a buffer that holds any frame of the spec. Returns what the UDP checksum was made
  // of, with the reserved bytes as zeros: a sum that was folded in parts, from which nothing can be subtracted but by
  // adding its complement. Stores words of the size that marks read them in.
  uint32_t write(uint8_t* to) const {
    const Endpoints& now = walk_.now();
    HeaderRun<1> run{};
    run.endpoints = {{now.from_address}, {now.to_address}, {now.from_port}, {now.to_port}};
    make(&run);
    put(run, 1, [to](uint32_t) { return to; });
    return run.udp_sum[0];
  }

  // Writes the present frame and the next ones into where(0), where(1), ...: up to `most`, at least one. Returns how many,
  // and goes on to the one after them. They are made as many at a time as a compiler manages.
  template <typename Where>
  [[gnu::always_inline]] uint32_t write_some(uint32_t most, Where where) {
    constexpr uint32_t kAtOnce = 16;
    HeaderRun<kAtOnce> run;
    const uint32_t count = walk_.take(most, &run.endpoints);
    make(&run);
    put(run, count, where);
    return count;
  }

  // What write() gives, without writing.
  uint32_t udp_sum() const {
    const Endpoints& now = walk_.now();
    return udp_sum_ + length_sum_ + sum_words(now.from_address) + sum_words(now.to_address) + now.from_port +
           now.to_port;
  }

  // Goes on to the addresses and ports of the next frame.
  void step() { walk_.step(); }

  // Makes the frame another length: at most the spec's.
  void set_length(uint32_t length) {
    const uint32_t size = length > payload_ ? length : payload_;
    const uint32_t text = size - payload_;
    const uint32_t udp_length = text + kUdpHeaderLength;
    ip_length_ = static_cast<uint16_t>(family_ == Family::ipv4 ? udp_length + kIpv4HeaderLength : udp_length);
    udp_length_ = static_cast<uint16_t>(udp_length);
    // The length counts twice: in the header, and in the pseudo-header.
    length_sum_ = fold(2 * uint64_t{udp_length} + text_->of(text > reserved_ ? text - reserved_ : 0));
  }

 private:
  static constexpr uint32_t kIpv4HeaderLength = 20;

  template <uint32_t N>
  [[gnu::always_inline]] void make(HeaderRun<N>* run) const {
    const EndpointsRun<N>& at = run->endpoints;
    const uint32_t ip_sum = ip_sum_ + ip_length_;
    const uint32_t udp_sum = udp_sum_ + length_sum_;
    const uint32_t udp_length = udp_length_;
    uint32_t ip_checksums[N];
    for (uint32_t i = 0; i < N; i++) {
      const uint32_t addresses = sum_words(at.from_address[i]) + sum_words(at.to_address[i]);
      ip_checksums[i] = ip_checksum_of_words(ip_sum + addresses);
      run->udp_sum[i] = udp_sum + addresses + at.from_port[i] + at.to_port[i];
      run->udp_checksum[i] = udp_checksum_of_words(run->udp_sum[i]);
    }
    if (family_ == Family::ipv4) {
      for (uint32_t i = 0; i < N; i++) {
        run->first[i] = pair(ip_checksums[i] << 16 | at.from_address[i] >> 16,
                             at.from_address[i] << 16 | at.to_address[i] >> 16);
        run->second[i] = pair(at.to_address[i] << 16 | at.from_port[i], at.to_port[i] << 16 | udp_length);
      }
    } else {
      for (uint32_t i = 0; i < N; i++) {
        run->second[i] = pair(at.from_port[i] << 16 | at.to_port[i], udp_length << 16 | run->udp_checksum[i]);
      }
    }
  }
  static uint64_t pair(uint32_t high, uint32_t low) { return uint64_t{high} << 32 | low; }

  template <uint32_t N, typename Where>
  [[gnu::always_inline]] void put(const HeaderRun<N>& run, uint32_t count, Where where) const {
    if (lengths_vary_) {
      for (uint32_t i = 0; i < count; i++) {
        store_big<uint16_t>(where(i) + layout_of(family_).ip_length, ip_length_);
      }
    }
    if (family_ == Family::ipv4) {
      constexpr FrameLayout at = layout_of(Family::ipv4);
      for (uint32_t i = 0; i < count; i++) {
        uint8_t* const to = where(i);
        store_big(to + at.first_varying, run.first[i]);
        store_big(to + at.first_varying + 8, run.second[i]);
        store_big(to + at.udp_checksum, static_cast<uint16_t>(run.udp_checksum[i]));
      }
    } else {
      constexpr FrameLayout at = layout_of(Family::ipv6);
      for (uint32_t i = 0; i < count; i++) {
        uint8_t* const to = where(i);
        store_big(to + from_offset_, static_cast<uint16_t>(run.endpoints.from_address[i]));
        store_big(to + to_offset_, static_cast<uint16_t>(run.endpoints.to_address[i]));
        store_big(to + at.udp, run.second[i]);
      }
    }
  }

  Walk walk_;
  const TextSum* text_;
  // Sums of what no frame changes, and what the present length adds: folded, so that 32 bits hold the others too.
  uint32_t ip_sum_;
  uint32_t udp_sum_;
  uint32_t length_sum_ = 0;
  uint32_t payload_;
  uint32_t reserved_;
  uint16_t ip_length_ = 0;
  uint16_t udp_length_ = 0;
  uint8_t from_offset_;
  uint8_t to_offset_;
  Family family_;
  bool lengths_vary_;
};

// The lengths of one frame after the other.
class Lengths {
 public:
  Lengths(uint32_t shortest, uint32_t longest, uint64_t seed)
      : shortest_(shortest), choices_(longest - shortest + 1), random_(seed) {
    step();
  }

  bool vary() const { return choices_ > 1; }
  uint32_t now() const { return now_; }
  void step() { now_ = shortest_ + random_.below(choices_); }

 private:
  uint32_t shortest_;
  uint32_t choices_;
  uint32_t now_ = 0;
  Random random_;
};

class Frame {
 public:
  explicit Frame(const FrameSpec& spec);

  // Of the present frame, and of the longest.
  uint32_t length() const { return lengths_.now(); }
  uint32_t longest() const { return longest_; }
  const FrameLayout& layout() const { return layout_; }

  // Whether step() leads to a different frame, and whether to one of different length.
  bool varies() const { return varies_; }
  bool lengths_vary() const { return lengths_.vary(); }
  // No byte before it differs between frames.
  uint32_t first_varying() const { return lengths_vary() ? layout_.ip_length : layout_.first_varying; }

  // The bytes of the longest frame. Those in the headers that differ are the first frame's.
  const uint8_t* bytes() const { return bytes_.data(); }
  // What the UDP checksum is made of, with the reserved bytes as zeros.
  uint32_t udp_sum() const { return headers_.udp_sum(); }

  // Writes the whole frame. `to` has room for the headers at least, however short the frame.
  void write(uint8_t* to) const;
  // Writes as much as any frame of the spec has. What differs between frames is left to write_varying().
  void write_longest(uint8_t* to) const;
  // Makes any frame of the spec that `to` holds into the present one, if it held the longest before.
  void write_varying(uint8_t* to) const { headers_.write(to); }

  // Goes on to the next frame.
  void step();

  // For a loop that goes on by itself: it takes copies, and gives them back.
  const Headers& headers() const { return headers_; }
  const Lengths& lengths() const { return lengths_; }
  // Inline, so that what the loop changes may stay in registers: a function could keep the address.
  void resume(const Headers& headers, const Lengths& lengths) {
    headers_ = headers;
    lengths_ = lengths;
    headers_.set_length(lengths_.now());
  }

 private:
  explicit Frame(const FrameSpec& spec, std::vector<uint8_t> bytes);

  FrameLayout layout_;
  uint32_t longest_;
  bool varies_;
  Lengths lengths_;
  std::vector<uint8_t> bytes_;
  Headers headers_;
};

}  // namespace nm
