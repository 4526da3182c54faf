// A file that all who have one ring open use, in whatever process they are, because each may be there only once: a second
// packet socket would get each packet again.
//
// Whoever opens the ring writes process and descriptor number into the ring's driver words; whoever opens it next has the
// kernel copy the descriptor from there. The file's identity tells it from another that a dead process's number may stand for
// by now.
//
// Threads   Under the control lock.
// Failure   A process that dies leaves its entry behind. It is found to lead nowhere, and is written over.
#pragma once

#include "engine/layout.h"
#include "file_descriptor.h"
#include "nic/refusal.h"

namespace nm::nic {

class SharedDescriptor {
 public:
  // Words of DriverWords that this takes, from `first` on.
  static constexpr uint32_t kHolders = 5;
  static constexpr uint32_t kWords = 1 + kHolders;

  // `identity_of` tells files apart: another number for each that was ever open, 0 for what is no such file.
  SharedDescriptor(engine::DriverWords& words, uint32_t first, uint64_t (*identity_of)(int descriptor))
      : words_(words), first_(first), identity_of_(identity_of) {}

  // Gets the file that somebody has, if somebody has one. Refusal::owner_unreachable: it is there, but not for us.
  Refusal join(FileDescriptor* file, int* error);
  // Says that this process has it. `fresh`: nobody had one.
  Refusal offer(int descriptor, bool fresh);
  // Says that it no longer has.
  void withdraw(int descriptor);
  // Whether others have it too.
  bool is_shared() const;

 private:
  engine::Relaxed<uint64_t>& identity() { return words_.word[first_]; }
  engine::Relaxed<uint64_t>& holder(uint32_t i) { return words_.word[first_ + 1 + i]; }

  engine::DriverWords& words_;
  uint32_t first_;
  uint64_t (*identity_of_)(int descriptor);
};

// Of sockets.
uint64_t socket_identity(int socket);

}  // namespace nm::nic
