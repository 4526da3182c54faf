// A frame that the generator sends: Ethernet, IPv4, UDP and pkt-gen's well-known text.
//
//     0          14                          34                    42
//     +----------+---------------------------+---------------------+------------------------- - -
//     | Ethernet | IPv4      | ip sum | from to | ports | len | sum | netmap pkt-gen DIRECT payload...
//     +----------+-----------+--------+------+--+-------+-----+-----+------------------------- - -
//                            24       26           34      38    40
//
// Addresses and ports may be ranges. They are walked like an odometer, fastest first: from's port, from's
// address, to's port, to's address. Only bytes 24 to 41 differ between the frames of a range, so a buffer
// that holds one of them becomes another by rewriting those.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace nm {

using Mac = std::array<uint8_t, 6>;

// Addresses and ports in host order, ends included, first <= last.
struct EndpointRange {
  uint32_t first_address = 0;
  uint32_t last_address = 0;
  uint16_t first_port = 1234;
  uint16_t last_port = 1234;
};

struct FrameSpec {
  Mac to_mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  Mac from_mac{};
  EndpointRange from{0x0a000001, 0x0a000001, 1234, 1234};
  EndpointRange to{0x0a010001, 0x0a010001, 1234, 1234};
  // Bytes without CRC, 16 to 65535. One that is too short for its headers carries their first part.
  uint32_t length = 60;
  // How many zero bytes end the payload instead of text, for whoever writes something there.
  uint32_t reserved_at_end = 0;
};

inline constexpr uint32_t kShortestFrame = 16;
inline constexpr uint32_t kLongestFrame = 65535;
inline constexpr uint32_t kHeadersLength = 42;
inline constexpr uint32_t kVaryingOffset = 24;
inline constexpr uint32_t kUdpChecksumOffset = 40;

class Frame {
 public:
  explicit Frame(const FrameSpec& spec);

  uint32_t length() const { return length_; }
  // Whether step() leads to a different frame.
  bool varies() const { return varies_; }

  // The parts of the frame that no step changes, in place; the other bytes are those of the first frame.
  const uint8_t* bytes() const { return bytes_.data(); }
  // What the UDP checksum is made of, with the reserved bytes as zeros.
  uint64_t udp_sum() const { return udp_sum_; }

  // Writes the whole frame. `to` has room for the headers at least, however short the frame.
  void write(uint8_t* to) const;
  // Makes any frame of the range that `to` holds into the present one. Stores bytes 24 to 39 as two words.
  void write_varying(uint8_t* to) const;

  // Goes on to the next frame of the range, after the last to the first.
  void step();

 private:
  void renew();

  EndpointRange from_;
  EndpointRange to_;
  uint32_t length_;
  bool varies_;

  uint32_t from_address_;
  uint32_t to_address_;
  uint16_t from_port_;
  uint16_t to_port_;
  uint16_t udp_length_;

  // Bytes 24 to 31 and 32 to 39 of the present frame. Not side by side, or the compiler would load both at
  // once, which has to wait for the two stores of step().
  uint64_t varying_first_;
  uint64_t udp_sum_;
  uint64_t varying_second_;

  // Sums of everything but addresses and ports.
  uint64_t ip_sum_fixed_;
  uint64_t udp_sum_fixed_;
  std::vector<uint8_t> bytes_;
};

}  // namespace nm
