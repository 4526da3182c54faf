#include "nic/bpf/object.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace nm::bpf {

namespace {

enum class Command : int {
  map_create = 0,
  map_update_elem = 2,
  map_delete_elem = 3,
  program_load = 5,
  program_test_run = 10,
  program_get_by_id = 13,
  map_get_by_id = 14,
  object_get_info = 15,
  raw_tracepoint_open = 17,
  link_create = 28,
  link_get_by_id = 30,
};

uint64_t pointer(const void* to) { return reinterpret_cast<uint64_t>(to); }

// A command's arguments; the kernel takes what is behind them for zeros.
template <typename Arguments>
int call(Command command, Arguments& arguments) {
  return static_cast<int>(syscall(SYS_bpf, static_cast<int>(command), &arguments, sizeof(arguments)));
}

template <typename Arguments>
int call(Command command, Arguments& arguments, FileDescriptor* made) {
  *made = FileDescriptor(call(command, arguments));
  return made->is_open() ? 0 : errno;
}

void set_name(char (&name)[16], const char* text) { memcpy(name, text, strnlen(text, sizeof(name) - 1)); }

}  // namespace

int create_map(const MapShape& shape, FileDescriptor* map) {
  struct {
    MapType type;
    uint32_t key_size;
    uint32_t value_size;
    uint32_t entries;
    uint32_t flags;
    uint32_t inner_map;
    uint32_t numa_node = 0;
    char name[16] = {};
  } arguments{shape.type,    shape.key_size, shape.value_size,
              shape.entries, shape.flags,    static_cast<uint32_t>(std::max(shape.inner, 0))};
  set_name(arguments.name, shape.name);
  return call(Command::map_create, arguments, map);
}

int update_map(int map, const void* key, const void* value) {
  struct {
    uint64_t map;
    uint64_t key;
    uint64_t value;
    uint64_t flags = 0;
  } arguments{static_cast<uint32_t>(map), pointer(key), pointer(value)};
  return call(Command::map_update_elem, arguments) < 0 ? errno : 0;
}

int delete_from_map(int map, const void* key) {
  struct {
    uint64_t map;
    uint64_t key;
  } arguments{static_cast<uint32_t>(map), pointer(key)};
  return call(Command::map_delete_elem, arguments) < 0 ? errno : 0;
}

int load_program(const ProgramShape& shape, const std::vector<Instruction>& code, FileDescriptor* program,
                 std::string* log) {
  struct {
    ProgramType type;
    uint32_t instruction_count;
    uint64_t instructions;
    uint64_t license;
    uint32_t log_level;
    uint32_t log_size;
    uint64_t log;
    uint32_t kernel_version;
    uint32_t flags;
    char name[16];
    uint32_t interface;
    AttachType attach;
    uint32_t types_of_program = 0;
    uint32_t function_size = 0;
    uint64_t functions = 0;
    uint32_t function_count = 0;
    uint32_t line_size = 0;
    uint64_t lines = 0;
    uint32_t line_count = 0;
    uint32_t attach_to;
  } arguments{.type = shape.type,
              .instruction_count = static_cast<uint32_t>(code.size()),
              .instructions = pointer(code.data()),
              .license = pointer("Dual BSD/GPL"),
              .log_level = 0,
              .log_size = 0,
              .log = 0,
              .kernel_version = 0,
              .flags = shape.flags,
              .name = {},
              .interface = shape.interface,
              .attach = shape.attach,
              .attach_to = shape.attach_to};
  set_name(arguments.name, shape.name);
  const int error = call(Command::program_load, arguments, program);
  if (error == 0) return 0;

  // Once more, to be told why. A program that is right never pays for the words.
  log->assign(64 << 10, '\0');
  arguments.log_level = 1;
  arguments.log_size = static_cast<uint32_t>(log->size());
  arguments.log = pointer(log->data());
  const int again = call(Command::program_load, arguments, program);
  log->resize(strnlen(log->data(), log->size()));
  return again == 0 ? 0 : error;
}

int attach_program(int program, AttachType type, uint32_t interface, uint32_t flags, FileDescriptor* link) {
  struct {
    uint32_t program;
    uint32_t target;
    AttachType type;
    uint32_t flags;
  } arguments{static_cast<uint32_t>(program), interface, type, flags};
  return call(Command::link_create, arguments, link);
}

int attach_tracing(int program, FileDescriptor* link) {
  struct {
    uint64_t name = 0;  // the program knows its tracepoint
    uint32_t program;
    uint32_t reserved = 0;
  } arguments{.program = static_cast<uint32_t>(program)};
  return call(Command::raw_tracepoint_open, arguments, link);
}

int run_live(int program, const void* data, uint32_t length, uint32_t frames, uint32_t batch) {
  struct {
    uint32_t program;
    uint32_t verdict = 0;
    uint32_t data_length;
    uint32_t output_length = 0;
    uint64_t data;
    uint64_t output = 0;
    uint32_t repeat;
    uint32_t duration = 0;
    uint32_t context_length = 0;
    uint32_t context_output_length = 0;
    uint64_t context = 0;
    uint64_t context_output = 0;
    uint32_t flags = kRunLiveFrames;
    uint32_t processor = 0;
    uint32_t batch;
    uint32_t reserved = 0;
  } arguments{.program = static_cast<uint32_t>(program),
              .data_length = length,
              .data = pointer(data),
              .repeat = frames,
              .batch = batch};
  return call(Command::program_test_run, arguments) < 0 ? errno : 0;
}

int object_id(int object, uint32_t* id) {
  // Programs and maps have their kind first and then their number, and so do links. [struct bpf_prog_info and so on]
  uint32_t info[64] = {};
  struct {
    uint32_t object;
    uint32_t info_length;
    uint64_t info;
  } arguments{static_cast<uint32_t>(object), sizeof(info), pointer(info)};
  if (call(Command::object_get_info, arguments) < 0) return errno;
  *id = info[1];
  return 0;
}

int open_object(ObjectKind kind, uint32_t id, FileDescriptor* object) {
  struct {
    uint32_t id;
    uint32_t next_id = 0;
    uint32_t flags = 0;
  } arguments{id};
  const Command command = kind == ObjectKind::program ? Command::program_get_by_id
                          : kind == ObjectKind::map   ? Command::map_get_by_id
                                                      : Command::link_get_by_id;
  return call(command, arguments, object);
}

MappedValue::~MappedValue() {
  if (bytes_ != nullptr) munmap(bytes_, size_);
}

MappedValue::MappedValue(MappedValue&& other) noexcept { *this = std::move(other); }

MappedValue& MappedValue::operator=(MappedValue&& other) noexcept {
  std::swap(map_, other.map_);
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  return *this;
}

int MappedValue::create(const char* name, uint32_t size) {
  FileDescriptor map;
  const int error = create_map({MapType::array, name, sizeof(uint32_t), size, 1, kMapMmapable}, &map);
  return error != 0 ? error : open(std::move(map), size);
}

int MappedValue::open(FileDescriptor map, uint32_t size) {
  void* bytes = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, map.number(), 0);
  if (bytes == MAP_FAILED) return errno;
  *this = MappedValue();
  map_ = std::move(map);
  bytes_ = static_cast<uint8_t*>(bytes);
  size_ = size;
  return 0;
}

}  // namespace nm::bpf
