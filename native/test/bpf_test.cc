// BPF programs: what the assembler writes, and whether this kernel takes it and does what it says.
#include <unistd.h>

#include "nic/bpf/assembler.h"
#include "nic/bpf/btf.h"
#include "nic/bpf/object.h"
#include "test/check.h"

using namespace nm;
using namespace nm::bpf;

namespace {

// The bytes as they lie in memory on a machine of little order, which is how listings show them.
std::string bytes_of(const std::vector<Instruction>& code) {
  std::string text;
  for (const Instruction& instruction : code) {
    char part[32];
    snprintf(part, sizeof(part), "%s%02x %02x %04x %08x", text.empty() ? "" : ", ", instruction.code,
             instruction.registers_, static_cast<uint16_t>(instruction.offset),
             static_cast<uint32_t>(instruction.constant));
    text += part;
  }
  return text;
}

template <typename Write>
std::string assembled(Write write) {
  Assembler code;
  write(code);
  return bytes_of(code.finish());
}

// Why a test cannot run here, or nullptr.
const char* no_bpf() { return geteuid() == 0 ? nullptr : "needs root (CAP_BPF, CAP_NET_ADMIN)"; }

#define SKIP_WITHOUT_BPF()                       \
  if (const char* reason = no_bpf(); reason) {   \
    printf("    skipped: %s\n", reason);         \
    return;                                      \
  }

// Runs a program once and returns its verdict by what it leaves in the map's first word.
uint64_t run_and_read(const std::vector<Instruction>& code, const MappedValue& value) {
  FileDescriptor program;
  std::string log;
  const int error = load_program({ProgramType::xdp, "nm_test"}, code, &program, &log);
  if (error != 0) printf("%s\n", log.c_str());
  CHECK_EQUAL(error, 0);
  const uint8_t frame[60] = {};
  CHECK_EQUAL(run_live(program.number(), frame, sizeof(frame), 1, 0), 0);
  return *reinterpret_cast<const uint64_t*>(value.bytes());
}

}  // namespace

TEST("the assembler encodes moves and arithmetic as the instruction set says") {
  CHECK_EQUAL(assembled([](Assembler& code) { code.move(r0, 1); }), "b7 00 0000 00000001");
  CHECK_EQUAL(assembled([](Assembler& code) { code.move(r6, r1); }), "bf 16 0000 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.add(r4, 14); }), "07 04 0000 0000000e");
  CHECK_EQUAL(assembled([](Assembler& code) { code.subtract(r4, r5); }), "1f 54 0000 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.bit_and(r2, -2); }), "57 02 0000 fffffffe");
  CHECK_EQUAL(assembled([](Assembler& code) { code.shift_left(r2, 11); }), "67 02 0000 0000000b");
  CHECK_EQUAL(assembled([](Assembler& code) { code.move32(r2, r3); }), "bc 32 0000 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.swap_big16(r7); }), "dc 07 0000 00000010");
}

TEST("the assembler encodes loads, stores and atomic operations of each width") {
  CHECK_EQUAL(assembled([](Assembler& code) { code.load<uint32_t>(r2, r1[kXdpDataEnd]); }),
              "61 12 0004 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.load<uint64_t>(r2, fp[-8]); }), "79 a2 fff8 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.load<uint16_t>(r3, r2[12]); }), "69 23 000c 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.load<uint8_t>(r3, r2[0]); }), "71 23 0000 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.store<uint32_t>(fp[-4], r6); }), "63 6a fffc 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.store<uint32_t>(fp[-4], 7); }), "62 0a fffc 00000007");
  CHECK_EQUAL(assembled([](Assembler& code) { code.atomic_add<uint64_t>(r0[8], r1); }),
              "db 10 0008 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.exchange<uint64_t>(r0[8], r1); }), "db 10 0008 000000e1");
}

TEST("the assembler encodes constants and maps in two instructions") {
  CHECK_EQUAL(assembled([](Assembler& code) { code.load_constant(r1, 0x1122334455667788); }),
              "18 01 0000 55667788, 00 00 0000 11223344");
  CHECK_EQUAL(assembled([](Assembler& code) { code.load_map(r1, 5); }),
              "18 11 0000 00000005, 00 00 0000 00000000");
  CHECK_EQUAL(assembled([](Assembler& code) { code.load_map_value(r1, 5, 64); }),
              "18 21 0000 00000005, 00 00 0000 00000040");
}

TEST("the assembler resolves jumps forwards and backwards") {
  CHECK_EQUAL(assembled([](Assembler& code) {
                const Label again = code.label();
                const Label end = code.label();
                code.place(again);
                code.jump_if(r2 == 0, end);
                code.load_constant(r1, 1);
                code.jump_if32(r3 > r4, again);
                code.jump(again);
                code.place(end);
                code.exit_with(kXdpDrop);
              }),
              "15 02 0004 00000000, 18 01 0000 00000001, 00 00 0000 00000000, 2e 43 fffc 00000000, "
              "05 00 fffb 00000000, b7 00 0000 00000001, 95 00 0000 00000000");
}

TEST("the kernel runs what the assembler wrote") {
  SKIP_WITHOUT_BPF();
  MappedValue value;
  CHECK_EQUAL(value.create("nm_test", 4096), 0);
  Assembler code;
  const Label again = code.label();
  const Label end = code.label();
  // value = 0; do value += 7; while (++i < 6); then what was there is exchanged for 1000, and the sum of both kept
  code.load_map_value(r6, value.map());
  code.move(r7, 7);
  code.move(r8, 0);
  code.place(again);
  code.atomic_add<uint64_t>(r6[0], r7);
  code.add(r8, 1);
  code.jump_if(r8 < 6, again);
  code.move(r1, 1000);
  code.exchange<uint64_t>(r6[0], r1);
  code.jump_if(r1 != 42, end);
  code.load<uint64_t>(r2, r6[0]);
  code.add(r2, r1);
  code.store<uint64_t>(r6[0], r2);
  code.place(end);
  code.exit_with(kXdpDrop);
  CHECK_EQUAL(run_and_read(code.finish(), value), 1042);
}

TEST("a program that the kernel refuses comes back with the verifier's words") {
  SKIP_WITHOUT_BPF();
  Assembler code;
  code.load<uint32_t>(r0, r5[0]);
  code.exit();
  FileDescriptor program;
  std::string log;
  CHECK_EQUAL(load_program({ProgramType::xdp, "nm_test"}, code.finish(), &program, &log), EACCES);
  CHECK(log.find("R5 !read_ok") != std::string::npos);
  CHECK(!program.is_open());
}

TEST("an object can be opened again by its number") {
  SKIP_WITHOUT_BPF();
  MappedValue value;
  CHECK_EQUAL(value.create("nm_test", 4096), 0);
  value.bytes()[5] = 99;
  uint32_t id = 0;
  CHECK_EQUAL(object_id(value.map(), &id), 0);
  FileDescriptor map;
  CHECK_EQUAL(open_object(ObjectKind::map, id, &map), 0);
  MappedValue same;
  CHECK_EQUAL(same.open(std::move(map), 4096), 0);
  CHECK_EQUAL(same.bytes()[5], 99);
}

TEST("the kernel's own types say where a field is and which number a function has") {
  const Btf btf = Btf::of_kernel();
  if (!btf.member_offset("list_head", "next")) {
    printf("    skipped: this kernel has no /sys/kernel/btf/vmlinux\n");
    return;
  }
  CHECK_EQUAL(btf.member_offset("list_head", "next").value(), 0);
  CHECK_EQUAL(btf.member_offset("list_head", "prev").value(), sizeof(void*));
  CHECK(btf.function("schedule").has_value());
  CHECK(!btf.function("no_such_function_in_any_kernel").has_value());
}

TEST("types that are cut off or overwritten are not found, and never read past their end") {
  check::Random random;
  const uint8_t some[] = {0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0,  0, 0, 12, 0, 0, 0,   12,  0,   0,   0, 8, 0,
                          0,    0,    1, 0, 0,  0, 0, 0, 0, 12, 0, 0, 0,  0, 0, 'w', 'a', 'k', 'e', 0, 0, 0};
  CHECK(Btf(std::vector<uint8_t>(some, some + sizeof(some))).function("wake") == 1u);
  for (uint32_t round = 0; round < 10000; round++) {
    std::vector<uint8_t> bytes(some, some + random.below(sizeof(some) + 1));
    for (uint32_t i = 0; i < 3 && !bytes.empty(); i++) {
      bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.next());
    }
    const Btf btf(std::move(bytes));
    btf.function("wake");
    btf.member_offset("wake", "up");
  }
}
