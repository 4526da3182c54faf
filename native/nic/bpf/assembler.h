// Writes BPF programs as instructions, in words close to those that the kernel's own listings use.
//
//   Assembler code;
//   const Label drop = code.label();
//   code.load<uint32_t>(r2, r1[kXdpData]);          // r2 = *(u32 *)(r1 + 0)
//   code.load<uint32_t>(r3, r1[kXdpDataEnd]);
//   code.move(r4, r2);
//   code.add(r4, 14);
//   code.jump_if(r4 > r3, drop);                    // if r4 > r3 goto drop
//   ...
//   code.place(drop);
//   code.exit_with(kXdpDrop);
//   program = code.finish();
//
// Registers hold 64 bits; operations whose name ends in 32 work on the lower half and clear the upper one. Comparisons
// are unsigned. By the calling convention r0 is what a helper returns, r1 to r5 are its arguments and do not survive
// it, r6 to r9 do, and fp points behind the 512 bytes of stack: fp[-8] is its first word. [kernel: Documentation/bpf]
#pragma once

#include <cstdint>
#include <vector>

#include "nic/bpf/abi.h"

namespace nm::bpf {

struct Memory {
  uint8_t base;
  int16_t offset;
};

struct Reg {
  uint8_t number;

  // The memory `offset` bytes past where the register points.
  constexpr Memory operator[](int offset) const { return {number, static_cast<int16_t>(offset)}; }
};

inline constexpr Reg r0{0}, r1{1}, r2{2}, r3{3}, r4{4}, r5{5}, r6{6}, r7{7}, r8{8}, r9{9}, fp{10};

// The second operand of an operation or a comparison.
struct Operand {
  constexpr Operand(Reg reg) : is_register(true), reg_number(reg.number) {}
  constexpr Operand(int32_t constant) : value(constant) {}

  bool is_register = false;
  uint8_t reg_number = 0;
  int32_t value = 0;
};

struct Condition {
  uint8_t operation;
  uint8_t left;
  Operand right;
};

constexpr Condition operator==(Reg left, Operand right) { return {0x10, left.number, right}; }
constexpr Condition operator>(Reg left, Operand right) { return {0x20, left.number, right}; }
constexpr Condition operator>=(Reg left, Operand right) { return {0x30, left.number, right}; }
// Whether some bit is set in both.
constexpr Condition operator&(Reg left, Operand right) { return {0x40, left.number, right}; }
constexpr Condition operator!=(Reg left, Operand right) { return {0x50, left.number, right}; }
constexpr Condition operator<(Reg left, Operand right) { return {0xa0, left.number, right}; }
constexpr Condition operator<=(Reg left, Operand right) { return {0xb0, left.number, right}; }
constexpr Condition is_negative(Reg left) { return {0xc0, left.number, 0}; }

// A place in the program that jumps go to.
struct Label {
  uint32_t number;
};

class Assembler {
 public:
  void move(Reg to, Operand from) { alu(0xb0, to, from); }
  void add(Reg to, Operand by) { alu(0x00, to, by); }
  void subtract(Reg from, Operand by) { alu(0x10, from, by); }
  void multiply(Reg to, Operand by) { alu(0x20, to, by); }
  void divide(Reg to, Operand by) { alu(0x30, to, by); }
  void bit_or(Reg to, Operand with) { alu(0x40, to, with); }
  void bit_and(Reg to, Operand with) { alu(0x50, to, with); }
  void shift_left(Reg to, Operand by) { alu(0x60, to, by); }
  void shift_right(Reg to, Operand by) { alu(0x70, to, by); }
  void modulo(Reg to, Operand by) { alu(0x90, to, by); }
  void bit_xor(Reg to, Operand with) { alu(0xa0, to, with); }

  void move32(Reg to, Operand from) { alu32(0xb0, to, from); }
  void add32(Reg to, Operand by) { alu32(0x00, to, by); }
  void bit_and32(Reg to, Operand with) { alu32(0x50, to, with); }
  // To and from network order, 16 or 32 bits; what is above them becomes 0.
  void swap_big16(Reg value) { emit(kAlu32 | 0xd0 | kRegister, value.number, 0, 0, 16); }
  void swap_big32(Reg value) { emit(kAlu32 | 0xd0 | kRegister, value.number, 0, 0, 32); }

  template <typename Value>
  void load(Reg to, Memory from) {
    emit(kLoad | kPlain | size_code<Value>(), to.number, from.base, from.offset, 0);
  }
  template <typename Value>
  void store(Memory to, Reg from) {
    emit(kStore | kPlain | size_code<Value>(), to.base, from.number, to.offset, 0);
  }
  template <typename Value>
  void store(Memory to, int32_t constant) {
    emit(kStoreConstant | kPlain | size_code<Value>(), to.base, 0, to.offset, constant);
  }

  // Adds in memory, without an order among processors.
  template <typename Value>
  void atomic_add(Memory to, Reg by) {
    emit(kStore | kAtomic | size_code<Value>(), to.base, by.number, to.offset, 0);
  }
  // Writes `value` and leaves in it what was there. A full fence.
  template <typename Value>
  void exchange(Memory with, Reg value) {
    emit(kStore | kAtomic | size_code<Value>(), with.base, value.number, with.offset, 0xe1);
  }

  void load_constant(Reg to, uint64_t value) { wide(to, 0, static_cast<uint32_t>(value), value >> 32); }
  // The map itself, as helpers take it.
  void load_map(Reg to, int map) { wide(to, 1, static_cast<uint32_t>(map), 0); }
  // The address of the only value of an array map, `offset` bytes into it.
  void load_map_value(Reg to, int map, uint32_t offset = 0) {
    wide(to, 2, static_cast<uint32_t>(map), offset);
  }

  // Calls a function of the kernel that is no helper, by its number in the kernel's BTF.
  void call_kernel(uint32_t function) { emit(kJump | 0x80, 0, 2, 0, static_cast<int32_t>(function)); }
  void call(Helper helper) { emit(kJump | 0x80, 0, 0, 0, static_cast<int32_t>(helper)); }
  // r0 = the address of the value in the map whose key lies at fp + `key`, 0 where there is none.
  void look_up(int map, int32_t key) {
    load_map(r1, map);
    move(r2, fp);
    add(r2, key);
    call(Helper::map_lookup_elem);
  }
  void exit() { emit(kJump | 0x90, 0, 0, 0, 0); }
  void exit_with(int32_t verdict) {
    move(r0, verdict);
    exit();
  }

  Label label();
  // What is written next is where `label` is.
  void place(Label label);
  void jump(Label to);
  void jump_if(Condition condition, Label to);
  // The same with the lower halves.
  void jump_if32(Condition condition, Label to);

  // The program, jumps resolved. All labels that are jumped to must have been placed.
  std::vector<Instruction> finish();

 private:
  static constexpr uint8_t kLoadConstant = 0x00;
  static constexpr uint8_t kLoad = 0x01;
  static constexpr uint8_t kStoreConstant = 0x02;
  static constexpr uint8_t kStore = 0x03;
  static constexpr uint8_t kAlu32 = 0x04;
  static constexpr uint8_t kJump = 0x05;
  static constexpr uint8_t kJump32 = 0x06;
  static constexpr uint8_t kAlu = 0x07;
  static constexpr uint8_t kRegister = 0x08;  // the second operand is one
  static constexpr uint8_t kPlain = 0x60;
  static constexpr uint8_t kAtomic = 0xc0;
  static constexpr uint8_t kDoubleWord = 0x18;

  template <typename Value>
  static constexpr uint8_t size_code() {
    static_assert(sizeof(Value) == 1 || sizeof(Value) == 2 || sizeof(Value) == 4 || sizeof(Value) == 8);
    return sizeof(Value) == 1 ? 0x10 : sizeof(Value) == 2 ? 0x08 : sizeof(Value) == 4 ? 0x00 : kDoubleWord;
  }

  struct Jump {
    uint32_t from;
    uint32_t label;
  };

  void emit(int code, uint8_t to, uint8_t from, int16_t offset, int32_t constant);
  void alu(uint8_t operation, Reg to, Operand by) { operate(kAlu, operation, to.number, by, 0); }
  void alu32(uint8_t operation, Reg to, Operand by) { operate(kAlu32, operation, to.number, by, 0); }
  void operate(uint8_t kind, uint8_t operation, uint8_t to, Operand by, int16_t offset);
  void wide(Reg to, uint8_t kind, uint32_t low, uint64_t high);

  std::vector<Instruction> instructions_;
  std::vector<int64_t> places_;  // by label; -1 is not placed yet
  std::vector<Jump> jumps_;
};

}  // namespace nm::bpf
