// What the kernel says of its own types and functions (BTF): the numbers by which programs call functions that are no
// helpers, and where in its structs a field lies. [kernel: Documentation/bpf/btf.rst]
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace nm::bpf {

class Btf {
 public:
  // The running kernel's. Empty where it does not tell.
  static Btf of_kernel();

  // Takes the contents of a BTF file.
  explicit Btf(std::vector<uint8_t> bytes);
  ~Btf();
  Btf(const Btf&) = delete;

  std::optional<uint32_t> function(std::string_view name) const;
  // What tracing programs are attached to.
  std::optional<uint32_t> tracepoint(std::string_view name) const;
  // Bytes from the beginning of the struct.
  std::optional<uint32_t> member_offset(std::string_view struct_name, std::string_view member) const;

 private:
  struct Type;
  Btf(const uint8_t* mapped, size_t size);
  void find_sections();
  std::optional<uint32_t> find(uint32_t kind, std::string_view name) const;
  template <typename Use>
  void for_each_type(Use use) const;
  std::string_view text(uint32_t offset) const;
  uint32_t word(uint64_t at) const;

  std::vector<uint8_t> read_;
  const uint8_t* bytes_ = nullptr;
  size_t size_ = 0;
  bool is_mapped_ = false;
  uint64_t types_at_ = 0;
  uint64_t types_end_ = 0;
  uint64_t texts_at_ = 0;
  uint64_t texts_end_ = 0;
};

}  // namespace nm::bpf
