#include "traffic/bpf.h"

#include <linux/bpf_common.h>

#include <utility>

#include "bytes.h"

namespace nm {
namespace {

// Not in linux/bpf_common.h, which is what cBPF and eBPF share.
constexpr uint16_t kReturnA = BPF_RET | 0x10;
constexpr uint16_t kTax = BPF_MISC | 0x00;
constexpr uint16_t kTxa = BPF_MISC | 0x80;

// Whether `size` bytes from `at` on are there. In 64 bits, so that no offset wraps.
bool holds(uint32_t captured, uint64_t at, uint32_t size) { return at + size <= captured; }

template <typename Value>
bool load(const uint8_t* packet, uint32_t captured, uint64_t at, uint32_t* value) {
  if (!holds(captured, at, sizeof(Value))) return false;
  *value = load_big<Value>(packet + at);
  return true;
}

bool load_byte(const uint8_t* packet, uint32_t captured, uint64_t at, uint32_t* value) {
  if (!holds(captured, at, 1)) return false;
  *value = packet[at];
  return true;
}

bool is_known_load(uint16_t code) {
  switch (code) {
    case BPF_LD | BPF_W | BPF_ABS:
    case BPF_LD | BPF_H | BPF_ABS:
    case BPF_LD | BPF_B | BPF_ABS:
    case BPF_LD | BPF_W | BPF_IND:
    case BPF_LD | BPF_H | BPF_IND:
    case BPF_LD | BPF_B | BPF_IND:
    case BPF_LD | BPF_IMM:
    case BPF_LD | BPF_MEM:
    case BPF_LD | BPF_LEN:
    case BPF_LDX | BPF_IMM:
    case BPF_LDX | BPF_MEM:
    case BPF_LDX | BPF_LEN:
    case BPF_LDX | BPF_B | BPF_MSH:
      return true;
    default:
      return false;
  }
}

bool is_known_operation(uint16_t code) {
  switch (BPF_OP(code)) {
    case BPF_ADD:
    case BPF_SUB:
    case BPF_MUL:
    case BPF_DIV:
    case BPF_MOD:
    case BPF_OR:
    case BPF_AND:
    case BPF_XOR:
    case BPF_LSH:
    case BPF_RSH:
    case BPF_NEG:
      return true;
    default:
      return false;
  }
}

bool is_known_jump(uint16_t code) {
  switch (BPF_OP(code)) {
    case BPF_JA:
    case BPF_JEQ:
    case BPF_JGT:
    case BPF_JGE:
    case BPF_JSET:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::optional<BpfProgram> BpfProgram::take(std::vector<Instruction> instructions) {
  if (!is_valid(instructions)) return std::nullopt;
  return BpfProgram(std::move(instructions));
}

bool BpfProgram::is_valid(const std::vector<Instruction>& program) {
  constexpr size_t kMostInstructions = 1 << 20;
  if (program.empty() || program.size() > kMostInstructions) return false;
  if (BPF_CLASS(program.back().code) != BPF_RET) return false;
  for (size_t i = 0; i < program.size(); i++) {
    const Instruction& instruction = program[i];
    const uint16_t code = instruction.code;
    // How far a jump may go: to the last instruction.
    const size_t far = program.size() - i - 2;
    switch (BPF_CLASS(code)) {
      case BPF_LD:
      case BPF_LDX:
        if (!is_known_load(code)) return false;
        if (BPF_MODE(code) == BPF_MEM && instruction.k >= kScratchWords) return false;
        break;
      case BPF_ST:
      case BPF_STX:
        if (code != BPF_CLASS(code) || instruction.k >= kScratchWords) return false;
        break;
      case BPF_ALU:
        if (!is_known_operation(code)) return false;
        if ((BPF_OP(code) == BPF_DIV || BPF_OP(code) == BPF_MOD) && BPF_SRC(code) == BPF_K &&
            instruction.k == 0) {
          return false;
        }
        break;
      case BPF_JMP:
        if (!is_known_jump(code) || i + 1 == program.size()) return false;
        if (BPF_OP(code) == BPF_JA ? instruction.k > far
                                   : instruction.jump_true > far || instruction.jump_false > far) {
          return false;
        }
        break;
      case BPF_RET:
        if (code != (BPF_RET | BPF_K) && code != kReturnA) return false;
        break;
      default:
        if (code != kTax && code != kTxa) return false;
    }
  }
  return true;
}

uint32_t BpfProgram::run(const uint8_t* packet, uint32_t captured, uint32_t length) const {
  uint32_t a = 0;
  uint32_t x = 0;
  uint32_t scratch[kScratchWords] = {};
  for (const Instruction* next = instructions_.data();;) {
    const Instruction& at = *next++;
    const uint32_t k = at.k;
    const auto jump = [&](bool is_so) { next += is_so ? at.jump_true : at.jump_false; };
    switch (at.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (!load<uint32_t>(packet, captured, k, &a)) return 0;
        break;
      case BPF_LD | BPF_H | BPF_ABS:
        if (!load<uint16_t>(packet, captured, k, &a)) return 0;
        break;
      case BPF_LD | BPF_B | BPF_ABS:
        if (!load_byte(packet, captured, k, &a)) return 0;
        break;
      case BPF_LD | BPF_W | BPF_IND:
        if (!load<uint32_t>(packet, captured, uint64_t{x} + k, &a)) return 0;
        break;
      case BPF_LD | BPF_H | BPF_IND:
        if (!load<uint16_t>(packet, captured, uint64_t{x} + k, &a)) return 0;
        break;
      case BPF_LD | BPF_B | BPF_IND:
        if (!load_byte(packet, captured, uint64_t{x} + k, &a)) return 0;
        break;
      case BPF_LD | BPF_IMM:
        a = k;
        break;
      case BPF_LD | BPF_MEM:
        a = scratch[k];
        break;
      case BPF_LD | BPF_LEN:
        a = length;
        break;
      case BPF_LDX | BPF_IMM:
        x = k;
        break;
      case BPF_LDX | BPF_MEM:
        x = scratch[k];
        break;
      case BPF_LDX | BPF_LEN:
        x = length;
        break;
      case BPF_LDX | BPF_B | BPF_MSH:
        // The length of an IPv4 header, from its first byte.
        if (!load_byte(packet, captured, k, &x)) return 0;
        x = (x & 0xf) * 4;
        break;
      case BPF_ST:
        scratch[k] = a;
        break;
      case BPF_STX:
        scratch[k] = x;
        break;
      case BPF_ALU | BPF_ADD | BPF_K:
        a += k;
        break;
      case BPF_ALU | BPF_ADD | BPF_X:
        a += x;
        break;
      case BPF_ALU | BPF_SUB | BPF_K:
        a -= k;
        break;
      case BPF_ALU | BPF_SUB | BPF_X:
        a -= x;
        break;
      case BPF_ALU | BPF_MUL | BPF_K:
        a *= k;
        break;
      case BPF_ALU | BPF_MUL | BPF_X:
        a *= x;
        break;
      case BPF_ALU | BPF_DIV | BPF_K:
        a /= k;
        break;
      case BPF_ALU | BPF_DIV | BPF_X:
        if (x == 0) return 0;
        a /= x;
        break;
      case BPF_ALU | BPF_MOD | BPF_K:
        a %= k;
        break;
      case BPF_ALU | BPF_MOD | BPF_X:
        if (x == 0) return 0;
        a %= x;
        break;
      case BPF_ALU | BPF_OR | BPF_K:
        a |= k;
        break;
      case BPF_ALU | BPF_OR | BPF_X:
        a |= x;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= k;
        break;
      case BPF_ALU | BPF_AND | BPF_X:
        a &= x;
        break;
      case BPF_ALU | BPF_XOR | BPF_K:
        a ^= k;
        break;
      case BPF_ALU | BPF_XOR | BPF_X:
        a ^= x;
        break;
      case BPF_ALU | BPF_LSH | BPF_K:
        a = k < 32 ? a << k : 0;
        break;
      case BPF_ALU | BPF_LSH | BPF_X:
        a = x < 32 ? a << x : 0;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        a = k < 32 ? a >> k : 0;
        break;
      case BPF_ALU | BPF_RSH | BPF_X:
        a = x < 32 ? a >> x : 0;
        break;
      case BPF_ALU | BPF_NEG:
      case BPF_ALU | BPF_NEG | BPF_X:
        a = -a;
        break;
      case BPF_JMP | BPF_JA:
      case BPF_JMP | BPF_JA | BPF_X:
        next += k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(a == k);
        break;
      case BPF_JMP | BPF_JEQ | BPF_X:
        jump(a == x);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(a > k);
        break;
      case BPF_JMP | BPF_JGT | BPF_X:
        jump(a > x);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(a >= k);
        break;
      case BPF_JMP | BPF_JGE | BPF_X:
        jump(a >= x);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((a & k) != 0);
        break;
      case BPF_JMP | BPF_JSET | BPF_X:
        jump((a & x) != 0);
        break;
      case BPF_RET | BPF_K:
        return k;
      case kReturnA:
        return a;
      case kTax:
        x = a;
        break;
      case kTxa:
        a = x;
        break;
      default:
        return 0;
    }
  }
}

}  // namespace nm
