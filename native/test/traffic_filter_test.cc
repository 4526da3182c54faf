// Packet filters: programs that are refused, and those of libpcap beside libpcap's own machine.
#include <dlfcn.h>

#include <cstring>
#include <string>
#include <vector>

#include "bytes.h"
#include "test/check.h"
#include "traffic/bpf.h"
#include "traffic/filter.h"

namespace nm {
namespace {

using Instruction = BpfProgram::Instruction;
using Packet = std::vector<uint8_t>;

// An Ethernet frame with up to two VLAN tags, of IPv4, IPv6, ARP or nonsense, with random fields.
Packet random_packet(check::Random& random) {
  Packet packet(random.between(0, 120));
  for (uint8_t& byte : packet)
    byte = static_cast<uint8_t>(random.below(4) == 0 ? random.next() : random.below(3));
  size_t at = 12;
  const auto put16 = [&](uint16_t value) {
    if (at + 2 <= packet.size()) store_big(&packet[at], value);
    at += 2;
  };
  for (uint64_t tags = random.below(3); tags > 0; tags--) {
    put16(random.below(2) == 0 ? 0x8100 : 0x88a8);
    put16(static_cast<uint16_t>(random.below(4)));
  }
  const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8847, 0x0800};
  put16(types[random.below(5)]);
  if (at < packet.size()) packet[at] = static_cast<uint8_t>(random.below(2) == 0 ? 0x45 : 0x46);
  const uint8_t protocols[] = {6, 17, 1, 47, 58};
  if (at + 9 < packet.size()) packet[at + 9] = protocols[random.below(5)];
  return packet;
}

std::shared_ptr<const Filter> compiled(const std::string& expression) {
  std::shared_ptr<const Filter> filter;
  std::string reason;
  const FilterOutcome outcome = Filter::compile(expression, "", &filter, &reason);
  if (outcome == FilterOutcome::bad_expression) printf("    %s: %s\n", expression.c_str(), reason.c_str());
  CHECK(outcome != FilterOutcome::bad_expression);
  if (outcome == FilterOutcome::no_library) printf("    skipped: libpcap is not installed (libpcap0.8)\n");
  return filter;
}

// libpcap's own machine.
struct Reference {
  using RunProgram = unsigned int (*)(const Instruction*, const uint8_t*, unsigned int, unsigned int);
  void* library = dlopen("libpcap.so.0.8", RTLD_NOW);
  RunProgram run = library ? reinterpret_cast<RunProgram>(dlsym(library, "bpf_filter")) : nullptr;
};

constexpr uint16_t kReturn = 0x06;
constexpr uint16_t kJumpEqual = 0x15;
constexpr uint16_t kLoadHalf = 0x28;

TEST("a program that does not end, jumps out of itself or uses memory it has not is refused") {
  const Instruction keep = {kReturn, 0, 0, 100};
  CHECK(BpfProgram::take({keep}).has_value());
  CHECK(BpfProgram::take({{kJumpEqual, 0, 1, 5}, keep, keep}).has_value());
  CHECK(!BpfProgram::take({}).has_value());
  CHECK(!BpfProgram::take({{kLoadHalf, 0, 0, 12}}).has_value());
  CHECK(!BpfProgram::take({{kJumpEqual, 0, 1, 5}, keep}).has_value());
  CHECK(!BpfProgram::take({{kJumpEqual, 255, 0, 5}, keep, keep}).has_value());
  CHECK(!BpfProgram::take({{0x05, 0, 0, 0xffffffff}, keep}).has_value());
  CHECK(!BpfProgram::take({{0x60, 0, 0, 16}, keep}).has_value());
  CHECK(!BpfProgram::take({{0x02, 0, 0, 16}, keep}).has_value());
  CHECK(!BpfProgram::take({{0x34, 0, 0, 0}, keep}).has_value());
  CHECK(!BpfProgram::take({{0xffff, 0, 0, 0}, keep}).has_value());
}

TEST("a load beyond the packet leaves the packet out") {
  const auto program = BpfProgram::take({{kLoadHalf, 0, 0, 12}, {kReturn, 0, 0, 100}});
  const Packet packet(14);
  CHECK_EQUAL(program->run(packet.data(), 14, 14), 100u);
  CHECK_EQUAL(program->run(packet.data(), 13, 14), 0u);
  const auto wrapping = BpfProgram::take({{0x20, 0, 0, 0xfffffffe}, {kReturn, 0, 0, 100}});
  CHECK_EQUAL(wrapping->run(packet.data(), 14, 14), 0u);
}

TEST("any program that is accepted ends and stays in its packet") {
  check::Random random;
  uint32_t accepted = 0;
  for (uint32_t i = 0; i < 200000; i++) {
    std::vector<Instruction> program(random.between(1, 6));
    for (Instruction& one : program) {
      one = {static_cast<uint16_t>(random.below(0xc0)), static_cast<uint8_t>(random.below(3)),
             static_cast<uint8_t>(random.below(3)), static_cast<uint32_t>(random.below(20))};
      if (random.below(8) == 0) one.k = static_cast<uint32_t>(random.next());
    }
    program.back() = {static_cast<uint16_t>(random.below(2) == 0 ? 0x06 : 0x16), 0, 0, 1};
    const auto taken = BpfProgram::take(program);
    if (!taken) continue;
    accepted++;
    const Packet packet(random.below(40), 0x33);
    taken->run(packet.data(), static_cast<uint32_t>(packet.size()), 2000);
  }
  CHECK(accepted > 100);
}

TEST("filters choose the packets that libpcap's own machine chooses") {
  check::Random random;
  const Reference reference;
  for (const char* expression : {"",
                                 "ip",
                                 "ip6",
                                 "arp",
                                 "udp",
                                 "tcp port 2",
                                 "vlan",
                                 "vlan 2 and ip",
                                 "vlan and vlan 1 and udp",
                                 "host 0.0.0.1 or host 1.2.0.1",
                                 "net 0.0.0.0/8",
                                 "ip[8] < 3 and not tcp",
                                 "len > 64",
                                 "ether[0] & 1 != 0",
                                 "ip6 proto 58",
                                 "portrange 0-1",
                                 "mpls",
                                 "greater 80 and less 100",
                                 "ether host 0:0:1:2:0:1",
                                 "tcp[13] & 2 != 0",
                                 "icmp or icmp6",
                                 "(ip[0] * 4) % 7 = 3",
                                 "ip[2:2] / 2 > 10 or len - 3 = 99"}) {
    const std::shared_ptr<const Filter> filter = compiled(expression);
    if (!filter || !reference.run) return;
    uint32_t chosen = 0;
    for (uint32_t i = 0; i < 3000; i++) {
      const Packet packet = random_packet(random);
      const auto size = static_cast<uint32_t>(packet.size());
      const bool ours = filter->matches(packet.data(), size, size);
      const bool theirs = reference.run(filter->instructions().data(), packet.data(), size, size) != 0;
      CHECK_EQUAL(ours, theirs);
      chosen += ours;
    }
    if (*expression == '\0') CHECK_EQUAL(chosen, 3000u);
  }
}

TEST("an expression that cannot be compiled comes with libpcap's reason") {
  std::shared_ptr<const Filter> filter;
  std::string reason;
  const FilterOutcome outcome = Filter::compile("udp prot 53", "", &filter, &reason);
  CHECK(filter == nullptr);
  if (outcome == FilterOutcome::no_library) return;
  CHECK_EQUAL(outcome, FilterOutcome::bad_expression);
  CHECK(!reason.empty());
}

TEST("a library that is not there is told from an expression that is wrong") {
  std::shared_ptr<const Filter> filter;
  std::string reason;
  CHECK_EQUAL(Filter::compile("udp", "/nowhere/libpcap.so", &filter, &reason), FilterOutcome::no_library);
  CHECK(reason.find("/nowhere/libpcap.so") != std::string::npos);
}

}  // namespace
}  // namespace nm
