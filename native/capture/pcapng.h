// pcapng: sections of blocks. [draft-ietf-opsawg-pcapng]
//
//   block      type u32 | length u32 | body, padded to 4 | length u32
//   section    0x0a0d0d0a: byte order of all up to the next section
//   interface  1: link type, snaplen, options; interfaces count from 0 in each section
//   packet     6 enhanced, 3 simple (no time, first interface), 2 obsolete
//   statistics 5: what an interface received and dropped
//
// A time counts in the units of its interface, if_tsresol, from if_tsoffset on.
#pragma once

#include <vector>

#include "capture/reader.h"

namespace nm {

class Pcapng final : public CaptureFormat {
 public:
  static std::unique_ptr<CaptureFormat> recognize(const uint8_t* magic);

  bool next(ByteSource& source, CapturedPacket* packet, CaptureFault* fault) override;
  const std::vector<CapturedInterface>& interfaces() const override { return interfaces_; }

  enum BlockType : uint32_t {
    kSection = 0x0a0d0d0a,
    kInterface = 1,
    kObsoletePacket = 2,
    kSimplePacket = 3,
    kStatistics = 5,
    kEnhancedPacket = 6,
  };
  static constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
  // Type and length, and the length again at the end.
  static constexpr uint32_t kBlockOverhead = 12;

 private:
  // What is added to each time of an interface, and what the times count in: `1 / units_per_second` seconds.
  struct TimeBase {
    int64_t offset_s;
    uint64_t units_per_second;
  };
  struct Block {
    uint64_t offset;
    const uint8_t* body;
    uint32_t length;
  };
  static constexpr uint32_t kMostInterfaces = 65536;

  bool read_block(ByteSource& source, uint32_t* type, Block* block, CaptureFault* fault);
  bool read_section(const Block& block, CaptureFault* fault);
  bool read_interface(const Block& block, CaptureFault* fault);
  // Calls `read(code, value, length)` for each option of a block, from byte `from` of its body on, while it returns true.
  template <typename Read>
  bool read_options(const Block& block, uint32_t from, Read read) const;
  bool read_packet(uint32_t type, const Block& block, CapturedPacket* packet, CaptureFault* fault);

  uint16_t number16(const uint8_t* from) const;
  uint32_t number32(const uint8_t* from) const;
  uint64_t number64(const uint8_t* from) const;

  bool swapped_ = false;
  // Of all sections, and their times; those of the present one begin at `first_interface_`.
  std::vector<CapturedInterface> interfaces_;
  std::vector<TimeBase> times_;
  uint32_t first_interface_ = 0;
  int64_t last_time_ns_ = 0;
  uint64_t shown_ = 0;
};

}  // namespace nm
