// A recording: the packets of a capture file in memory, and the filler that sends them, one after the other, again and
// again.
//
// Memory    All packets with their captured bytes; at most kMostBytes. A file that has more is for who reads it while it
//           is sent.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "capture/reader.h"
#include "port.h"
#include "traffic/dump.h"
#include "traffic/filler.h"

namespace nm {

// name, meaning
#define NM_RECORDING_OUTCOMES(row)                                                        \
  row(whole, "all packets of the file are there")                                         \
  row(faulty, "the packets before the fault are there")                                   \
  row(too_large, "the file holds more than may be kept in memory")                        \
  row(too_long, "a packet is longer than a slot can tell")                                \
  row(not_ethernet, "a packet is not of Ethernet, but of the link type that was found")

class Recording {
 public:
  static constexpr uint64_t kMostBytes = uint64_t{1} << 30;

  struct Packet {
    uint64_t offset;
    uint32_t captured;
    // Bytes to send: what was not captured is zeros.
    uint32_t length;
  };

  // What came of reading a file.
#define row(name, text) name,
  enum class Outcome { NM_RECORDING_OUTCOMES(row) };
#undef row

  // Reads all packets from `descriptor`.
  Outcome read(int descriptor, CaptureFault* fault);

  const std::vector<Packet>& packets() const { return packets_; }
  const uint8_t* bytes(const Packet& packet) const { return bytes_.data() + packet.offset; }
  // Of the longest packet, and of all.
  uint32_t longest() const { return longest_; }
  uint64_t length() const { return length_; }

 private:
  std::vector<Packet> packets_;
  std::vector<uint8_t> bytes_;
  uint32_t longest_ = 0;
  uint64_t length_ = 0;
};

struct RecordingFillerOptions {
  std::shared_ptr<const Recording> recording;
  // Where several send the packets of one recording, each sends packet `first` and every `step`-th after it.
  uint64_t first = 0;
  uint64_t step = 1;
  // Zeros before each frame, as part of the packet: a virtio-net header that asks for nothing.
  uint32_t header_length = 0;
  // Bytes in one slot, at most: 0 is as many as a buffer holds.
  uint32_t longest_fragment = 0;
  // Where to put copies of the slots; it outlives the filler.
  Dump* dump = nullptr;
};

class RecordingFiller final : public Filler {
 public:
  // The recording has packets.
  RecordingFiller(Port& port, const RecordingFillerOptions& options);

  uint32_t slots_per_packet() const override { return slots_per_packet_; }
  Filled fill(size_t lane, uint32_t packets, uint64_t now_ns) override;

 private:
  uint32_t put(const Ring& ring, uint32_t slot, const Recording::Packet& packet, uint16_t report);

  const RecordingFillerOptions options_;
  std::vector<Ring> rings_;
  uint32_t longest_fragment_;
  uint32_t slots_per_packet_;
  // The packet that comes next, on whichever ring.
  size_t next_;
};

}  // namespace nm
