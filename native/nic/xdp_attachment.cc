#include "nic/xdp_attachment.h"

#include "nic/bpf/object.h"
#include "nic/xdp_refusal.h"

namespace nm::nic {

namespace {

// Of the port's driver words.
constexpr uint32_t kLinkWord = 0;
constexpr uint32_t kMapWord = 1;
constexpr uint32_t kNoteWord = 3;

bool open_by_id(bpf::ObjectKind kind, uint64_t id, FileDescriptor* object) {
  return id != 0 && bpf::open_object(kind, static_cast<uint32_t>(id), object) == 0;
}

uint32_t id_of(const FileDescriptor& object) {
  uint32_t id = 0;
  return object.is_open() && bpf::object_id(object.number(), &id) == 0 ? id : 0;
}

}  // namespace

bool XdpAttachment::join(const Target& target) {
  const engine::DriverWords& words = target.record().driver_words;
  if (!open_by_id(bpf::ObjectKind::link, words.word[kLinkWord], &link_)) return false;
  for (uint32_t i = 0; i < maps_.size(); i++) {
    const uint64_t id = words.word[kMapWord + i];
    if (id != 0 && !open_by_id(bpf::ObjectKind::map, id, &maps_[i])) {
      link_.reset();
      return false;
    }
  }
  note_ = words.word[kNoteWord];
  return true;
}

Refusal XdpAttachment::attach(const Target& target, int program, uint32_t how,
                              std::array<FileDescriptor, 2> maps, uint64_t note, int* error) {
  *error = bpf::attach_program(program, bpf::AttachType::xdp, target.interface.index, how, &link_);
  if (*error != 0) return attach_refusal(*error);
  maps_ = std::move(maps);
  note_ = note;
  engine::DriverWords& words = target.record().driver_words;
  words.word[kLinkWord] = id_of(link_);
  for (uint32_t i = 0; i < maps_.size(); i++) words.word[kMapWord + i] = id_of(maps_[i]);
  words.word[kNoteWord] = note;
  return Refusal::none;
}

}  // namespace nm::nic
