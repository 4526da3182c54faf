#include "traffic/filter.h"

#include <dlfcn.h>

#include <mutex>
#include <utility>
#include <vector>

#include "capture/reader.h"

namespace nm {
namespace {

// What libpcap declares, as far as we call it. [pcap(3pcap)]
struct PcapHandle;
struct PcapProgram {
  unsigned int length;
  BpfProgram::Instruction* instructions;
};

// libpcap, found at run time. It is never unloaded.
struct Libpcap {
  PcapHandle* (*open_dead)(int link_type, int snaplen) = nullptr;
  void (*close)(PcapHandle*) = nullptr;
  int (*compile)(PcapHandle*, PcapProgram*, const char* expression, int optimize,
                 unsigned int netmask) = nullptr;
  void (*free_code)(PcapProgram*) = nullptr;
  char* (*error_of)(PcapHandle*) = nullptr;

  bool load(const std::string& name, std::string* reason) {
    void* const library = open_library(name, reason);
    return library != nullptr && find(library, "pcap_open_dead", &open_dead, reason) &&
           find(library, "pcap_close", &close, reason) && find(library, "pcap_compile", &compile, reason) &&
           find(library, "pcap_freecode", &free_code, reason) &&
           find(library, "pcap_geterr", &error_of, reason);
  }

 private:
  // Debian calls the library .0.8, others .1.
  static void* open_library(const std::string& name, std::string* reason) {
    const std::vector<std::string> usual = {"libpcap.so.0.8", "libpcap.so.1", "libpcap.so"};
    for (const std::string& one : name.empty() ? usual : std::vector<std::string>{name}) {
      if (void* const library = dlopen(one.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
      // The first name is the one that the reason should tell.
      if (reason->empty()) *reason = dlerror();
    }
    return nullptr;
  }

  template <typename Function>
  static bool find(void* library, const char* name, Function* function, std::string* reason) {
    *function = reinterpret_cast<Function>(dlsym(library, name));
    if (*function == nullptr) *reason = std::string("it has no ") + name;
    return *function != nullptr;
  }
};

// Older libraries compile one expression at a time.
std::mutex compiling;

}  // namespace

FilterOutcome Filter::compile(const std::string& expression, const std::string& library,
                              std::shared_ptr<const Filter>* filter, std::string* reason) {
  constexpr unsigned int kNoNetmask = 0xffffffff;
  constexpr int kSnaplen = 262144;
  const std::lock_guard<std::mutex> hold(compiling);
  Libpcap pcap;
  reason->clear();
  if (!pcap.load(library, reason)) return FilterOutcome::no_library;

  PcapHandle* const handle = pcap.open_dead(kLinkTypeEthernet, kSnaplen);
  if (handle == nullptr) {
    *reason = "it has no memory left";
    return FilterOutcome::no_library;
  }
  PcapProgram compiled = {};
  std::optional<BpfProgram> program;
  if (pcap.compile(handle, &compiled, expression.c_str(), 1, kNoNetmask) == 0) {
    program = BpfProgram::take({compiled.instructions, compiled.instructions + compiled.length});
    if (!program) *reason = "it compiles to a program that cannot run";
    pcap.free_code(&compiled);
  } else {
    *reason = pcap.error_of(handle);
  }
  pcap.close(handle);
  if (!program) return FilterOutcome::bad_expression;
  filter->reset(new Filter(*std::move(program)));
  return FilterOutcome::compiled;
}

}  // namespace nm
