// Maps, programs and links: what bpf(2) makes. Each lives as long as some descriptor of it is open, in any process,
// and goes with the last one. A process that dies so takes its programs off the interface.
//
// Functions return 0, or the errno that the kernel gave.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "file_descriptor.h"
#include "nic/bpf/abi.h"

namespace nm::bpf {

struct MapShape {
  MapType type;
  const char* name;  // as bpftool shows it, at most 15 characters
  uint32_t key_size;
  uint32_t value_size;
  uint32_t entries;
  uint32_t flags = 0;
  int inner = -1;  // of an array of maps: one like those that it is to hold
};

int create_map(const MapShape& shape, FileDescriptor* map);
int update_map(int map, const void* key, const void* value);
int delete_from_map(int map, const void* key);

struct ProgramShape {
  ProgramType type;
  const char* name;
  uint32_t flags = 0;
  uint32_t interface = 0;  // with kProgramDeviceBound: the only one that it can be attached to
  // Of a tracing program: how it is to be attached, and to which type of the kernel's (btf.h).
  AttachType attach = AttachType::none;
  uint32_t attach_to = 0;
};

// When the kernel refuses the program, `log` says what its verifier found.
int load_program(const ProgramShape& shape, const std::vector<Instruction>& code, FileDescriptor* program,
                 std::string* log);

// Attaches the program to an interface for as long as the link is open. `flags`: kXdpNative or kXdpGeneric, 0 for tcx.
int attach_program(int program, AttachType type, uint32_t interface, uint32_t flags, FileDescriptor* link);

// Attaches a tracing program to the tracepoint that it was loaded for, for as long as the link is open.
int attach_tracing(int program, FileDescriptor* link);

// Runs an XDP program on `frames` frames that the kernel makes from `data`, and does with them what it says: those
// it redirects leave through the device. At most one page less what the kernel keeps in it, see kLongestLiveFrame.
// `batch`: how many frames it makes before it lets them go, at most 256; 0 leaves that to the kernel.
int run_live(int program, const void* data, uint32_t length, uint32_t frames, uint32_t batch);

enum class ObjectKind { program, map, link };

// The number that names an object to all processes. Whoever may, gets a descriptor of its own with it.
int object_id(int object, uint32_t* id);
int open_object(ObjectKind kind, uint32_t id, FileDescriptor* object);

// An array map of one value, mapped into this process.
class MappedValue {
 public:
  MappedValue() = default;
  ~MappedValue();
  MappedValue(MappedValue&& other) noexcept;
  MappedValue& operator=(MappedValue&& other) noexcept;

  int create(const char* name, uint32_t size);
  // Maps the value of a map that somebody else made.
  int open(FileDescriptor map, uint32_t size);

  int map() const { return map_.number(); }
  uint8_t* bytes() const { return bytes_; }

 private:
  FileDescriptor map_;
  uint8_t* bytes_ = nullptr;
  uint32_t size_ = 0;
};

}  // namespace nm::bpf
