// A classic BPF program: a small machine that looks at one packet and says how much of it to keep.
// [McCanne and Jacobson, The BSD Packet Filter, 1993; pcap-filter(7) for what compiles to it]
//
// Failure   A program is checked once, when it is taken: its jumps go forward and stay inside, it ends, it uses only the
//           sixteen words of scratch memory. A load beyond the packet ends a run with 0, as it must.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace nm {

class BpfProgram {
 public:
  // As compilers of filters write it, in the machine's byte order.
  struct Instruction {
    uint16_t code;
    uint8_t jump_true;
    uint8_t jump_false;
    uint32_t k;
  };
  static_assert(sizeof(Instruction) == 8);

  // Nothing, if the instructions are no program.
  static std::optional<BpfProgram> take(std::vector<Instruction> instructions);

  // How many bytes of the packet to keep, 0 to leave it out. `captured` bytes of its `length` are at `packet`.
  uint32_t run(const uint8_t* packet, uint32_t captured, uint32_t length) const;

  const std::vector<Instruction>& instructions() const { return instructions_; }

 private:
  static constexpr uint32_t kScratchWords = 16;

  explicit BpfProgram(std::vector<Instruction> instructions) : instructions_(std::move(instructions)) {}
  static bool is_valid(const std::vector<Instruction>& program);

  std::vector<Instruction> instructions_;
};

}  // namespace nm
