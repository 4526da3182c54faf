#include "addon/open_port.h"

#include <utility>

namespace nm::addon {

Napi::ArrayBuffer OpenPort::expose(Napi::Env env, void* start, size_t size) {
  auto* held = new std::shared_ptr<Shared>(shared_);
  const auto release = [](Napi::Env, void*, std::shared_ptr<Shared>* hold) { delete hold; };
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, start, size, release, held);
  exposed_.push_back(Napi::Persistent(buffer));
  return buffer;
}

void OpenPort::close() {
  bool unseen = true;
  for (auto& reference : exposed_) {
    Napi::ArrayBuffer buffer = reference.Value();
    // Somebody detached it before us: its memory is in an ArrayBuffer that we do not know.
    if (buffer.IsDetached()) unseen = false;
    buffer.Detach();
    if (!buffer.IsDetached()) unseen = false;
  }
  exposed_.clear();
  if (unseen) shared_->port.reset();
  shared_.reset();
}

}  // namespace nm::addon
