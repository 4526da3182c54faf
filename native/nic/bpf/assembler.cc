#include "nic/bpf/assembler.h"

#include <cassert>

namespace nm::bpf {

Label Assembler::label() {
  places_.push_back(-1);
  return {static_cast<uint32_t>(places_.size() - 1)};
}

void Assembler::place(Label label) { places_[label.number] = static_cast<int64_t>(instructions_.size()); }

void Assembler::jump(Label to) {
  jumps_.push_back({static_cast<uint32_t>(instructions_.size()), to.number});
  emit(kJump, 0, 0, 0, 0);
}

void Assembler::jump_if(Condition condition, Label to) {
  jumps_.push_back({static_cast<uint32_t>(instructions_.size()), to.number});
  operate(kJump, condition.operation, condition.left, condition.right, 0);
}

void Assembler::jump_if32(Condition condition, Label to) {
  jumps_.push_back({static_cast<uint32_t>(instructions_.size()), to.number});
  operate(kJump32, condition.operation, condition.left, condition.right, 0);
}

std::vector<Instruction> Assembler::finish() {
  for (const Jump& jump : jumps_) {
    const int64_t place = places_[jump.label];
    assert(place >= 0);
    const int64_t distance = place - jump.from - 1;
    assert(distance >= INT16_MIN && distance <= INT16_MAX);
    instructions_[jump.from].offset = static_cast<int16_t>(distance);
  }
  return std::move(instructions_);
}

void Assembler::emit(int code, uint8_t to, uint8_t from, int16_t offset, int32_t constant) {
  instructions_.push_back({static_cast<uint8_t>(code), Instruction::registers(to, from), offset, constant});
}

void Assembler::operate(uint8_t kind, uint8_t operation, uint8_t to, Operand by, int16_t offset) {
  emit(kind | operation | (by.is_register ? kRegister : 0), to, by.reg_number, offset, by.value);
}

// An instruction of two: the second carries the upper half of the constant.
void Assembler::wide(Reg to, uint8_t kind, uint32_t low, uint64_t high) {
  emit(kLoadConstant | kDoubleWord, to.number, kind, 0, static_cast<int32_t>(low));
  emit(0, 0, 0, 0, static_cast<int32_t>(high));
}

}  // namespace nm::bpf
