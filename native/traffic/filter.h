// A packet filter: an expression as tcpdump takes it, see pcap-filter(7), compiled by libpcap where that is installed.
//
// libpcap is looked for when the first filter is compiled, so that nobody who filters nothing needs it. Its program runs
// here, see bpf.h.
#pragma once

#include <memory>
#include <string>

#include "traffic/bpf.h"

namespace nm {

// name, meaning: what may come of compiling a filter
#define NM_FILTER_OUTCOMES(row)                                                \
  row(compiled, "there is a program")                                          \
  row(no_library, "libpcap is not installed; the reason is the loader's")      \
  row(bad_expression, "libpcap does not understand it; the reason is libpcap's")

enum class FilterOutcome {
#define row(name, text) name,
  NM_FILTER_OUTCOMES(row)
#undef row
};

class Filter {
 public:
  // Compiles an expression for Ethernet frames. Another library than the usual libpcap may be named. When there is no
  // program, *reason says why.
  static FilterOutcome compile(const std::string& expression, const std::string& library,
                               std::shared_ptr<const Filter>* filter, std::string* reason);

  // Whether the filter chooses the packet, of whose `length` bytes `captured` are at `packet`.
  bool matches(const uint8_t* packet, uint32_t captured, uint32_t length) const {
    return program_.run(packet, captured, length) != 0;
  }

  const std::vector<BpfProgram::Instruction>& instructions() const { return program_.instructions(); }

 private:
  explicit Filter(BpfProgram program) : program_(std::move(program)) {}

  BpfProgram program_;
};

}  // namespace nm
