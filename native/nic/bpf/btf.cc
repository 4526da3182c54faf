#include "nic/bpf/btf.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "file_descriptor.h"

namespace nm::bpf {

namespace {

constexpr uint32_t kMagic = 0xeb9f;
constexpr uint32_t kHeader = 24;

// Kinds of types that have more than their three words.
enum Kind : uint32_t {
  kInteger = 1,
  kArray = 3,
  kStruct = 4,
  kUnion = 5,
  kEnum = 6,
  kTypedef = 8,
  kFunction = 12,
  kPrototype = 13,
  kVariable = 14,
  kSection = 15,
  kDeclarationTag = 17,
  kEnum64 = 19,
};

// Words that follow the first three of a type.
uint32_t extra_words(uint32_t kind, uint32_t count) {
  switch (kind) {
    case kInteger:
    case kVariable:
    case kDeclarationTag:
      return 1;
    case kEnum:
    case kPrototype:
      return 2 * count;
    case kArray:
      return 3;
    case kStruct:
    case kUnion:
    case kSection:
    case kEnum64:
      return 3 * count;
    default:
      return 0;
  }
}

}  // namespace

struct Btf::Type {
  uint32_t id;
  std::string_view name;
  uint32_t kind;
  uint32_t count;
  uint64_t members_at;
  bool has_bit_fields;  // the upper byte of a member's place is then its width
};

Btf Btf::of_kernel() {
  const FileDescriptor file(open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC));
  struct stat info;
  if (!file.is_open() || fstat(file.number(), &info) != 0) return Btf(std::vector<uint8_t>{});
  const auto size = static_cast<size_t>(info.st_size);
  // Since Linux 6.16. Reading it takes up to 50 ms, a page with each call.
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (mapped != MAP_FAILED) return Btf(static_cast<uint8_t*>(mapped), size);
  std::vector<uint8_t> bytes(size);
  size_t have = 0;
  for (ssize_t got; (got = read(file.number(), bytes.data() + have, size - have)) > 0;) {
    have += static_cast<size_t>(got);
  }
  bytes.resize(have);
  return Btf(std::move(bytes));
}

Btf::Btf(std::vector<uint8_t> bytes) : read_(std::move(bytes)), bytes_(read_.data()), size_(read_.size()) {
  find_sections();
}

Btf::Btf(const uint8_t* mapped, size_t size) : bytes_(mapped), size_(size), is_mapped_(true) {
  find_sections();
}

Btf::~Btf() {
  if (is_mapped_) munmap(const_cast<uint8_t*>(bytes_), size_);
}

void Btf::find_sections() {
  if (size_ < kHeader || (word(0) & 0xffff) != kMagic) return;
  const uint64_t after_header = word(4);
  types_at_ = after_header + word(8);
  types_end_ = types_at_ + word(12);
  texts_at_ = after_header + word(16);
  texts_end_ = texts_at_ + word(20);
  if (types_end_ > size_ || texts_end_ > size_) types_at_ = types_end_ = 0;
}

uint32_t Btf::word(uint64_t at) const {
  uint32_t value = 0;
  if (at + sizeof(value) <= size_) memcpy(&value, bytes_ + at, sizeof(value));
  return value;
}

std::string_view Btf::text(uint32_t offset) const {
  const uint64_t at = texts_at_ + offset;
  if (at >= texts_end_) return {};
  const char* const begin = reinterpret_cast<const char*>(bytes_) + at;
  return {begin, strnlen(begin, texts_end_ - at)};
}

// Types have no index: the number of one is how many lie before it, and 1.
template <typename Use>
void Btf::for_each_type(Use use) const {
  uint32_t id = 1;
  for (uint64_t at = types_at_; at + 12 <= types_end_; id++) {
    const uint32_t info = word(at + 4);
    const Type type{id, text(word(at)), info >> 24 & 0x1f, info & 0xffff, at + 12, info >> 31 != 0};
    if (use(type)) return;
    at = type.members_at + uint64_t{extra_words(type.kind, type.count)} * 4;
  }
}

std::optional<uint32_t> Btf::find(uint32_t kind, std::string_view name) const {
  std::optional<uint32_t> found;
  for_each_type([&](const Type& type) {
    if (type.kind == kind && type.name == name) found = type.id;
    return found.has_value();
  });
  return found;
}

std::optional<uint32_t> Btf::function(std::string_view name) const { return find(kFunction, name); }

std::optional<uint32_t> Btf::tracepoint(std::string_view name) const {
  return find(kTypedef, "btf_trace_" + std::string(name));
}

std::optional<uint32_t> Btf::member_offset(std::string_view struct_name, std::string_view member) const {
  std::optional<uint32_t> found;
  for_each_type([&](const Type& type) {
    if (type.kind != kStruct || type.name != struct_name) return false;
    for (uint32_t i = 0; i < type.count; i++) {
      const uint64_t at = type.members_at + uint64_t{i} * 12;
      if (text(word(at)) != member) continue;
      const uint32_t bits = word(at + 8);
      found = (type.has_bit_fields ? bits & 0xffffff : bits) / 8;
    }
    return found.has_value();
  });
  return found;
}

}  // namespace nm::bpf
