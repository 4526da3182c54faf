// A descriptor that a BPF program makes readable: a ring buffer map in which nothing matters but that something is.
#pragma once

#include <cstdint>

#include "file_descriptor.h"

namespace nm::bpf {

class Doorbell {
 public:
  Doorbell() = default;
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;

  // Returns 0, or an errno.
  int create(const char* name);
  int open(FileDescriptor map);

  // Of the map, to be polled for POLLIN.
  int descriptor() const { return map_.number(); }
  // Makes it unreadable until it is rung again.
  void silence();

 private:
  FileDescriptor map_;
  uint64_t* taken_ = nullptr;          // how far we have read, in a page that we write
  const uint64_t* written_ = nullptr;  // how far programs have written, in a page that they do
};

}  // namespace nm::bpf
