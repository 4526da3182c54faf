// The open port behind one JavaScript port, and the memory of it that JavaScript can see.
//
// Memory    JavaScript sees the rings and the buffers through ArrayBuffers that copy nothing. close()
// detaches them
//           first, so every view over them has length 0 from then on, and only then lets go of the mapping. A
//           program can move the memory of an ArrayBuffer into another one that nobody here knows of; the
//           port then stays open until the garbage collector has taken that one too.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "port.h"

namespace nm::addon {

class OpenPort {
 public:
  explicit OpenPort(std::unique_ptr<Port> port) : shared_(std::make_shared<Shared>(std::move(port))) {}

  Port& port() const { return *shared_->port; }

  // An ArrayBuffer over `size` bytes of the mapping, detached by close().
  Napi::ArrayBuffer expose(Napi::Env env, void* start, size_t size);

  void close();

 private:
  // Outlives the OpenPort when an ArrayBuffer does.
  struct Shared {
    explicit Shared(std::unique_ptr<Port> opened) : port(std::move(opened)) {}
    std::unique_ptr<Port> port;
  };

  std::shared_ptr<Shared> shared_;
  std::vector<Napi::Reference<Napi::ArrayBuffer>> exposed_;
};

}  // namespace nm::addon
