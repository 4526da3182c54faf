// A socket that all descriptors of one ring use, in whatever process they are: a second socket would get each packet again.
//
// Whoever opens the ring writes process and descriptor number into the ring's driver words; whoever opens it next has the
// kernel copy the descriptor from there. The socket's cookie tells it from another that a dead process's number may stand
// for by now.
//
// Threads   Under the control lock.
// Failure   A process that dies leaves its entry behind. It is found to lead nowhere, and is written over.
#pragma once

#include "engine/layout.h"
#include "file_descriptor.h"
#include "nic/refusal.h"

namespace nm::nic {

class SharedSocket {
 public:
  // Words of DriverWords that this takes, from `first` on.
  static constexpr uint32_t kHolders = 5;
  static constexpr uint32_t kWords = 1 + kHolders;

  SharedSocket(engine::DriverWords& words, uint32_t first) : words_(words), first_(first) {}

  // Gets the socket that somebody has, if somebody has one. Refusal::owner_unreachable: it is there, but not for us.
  Refusal join(FileDescriptor* socket, int* error);
  // Says that this process has it. `fresh`: nobody had one.
  Refusal offer(int socket, bool fresh);
  // Says that it no longer has.
  void withdraw(int socket);

 private:
  engine::Relaxed<uint64_t>& cookie() { return words_.word[first_]; }
  engine::Relaxed<uint64_t>& holder(uint32_t i) { return words_.word[first_ + 1 + i]; }

  engine::DriverWords& words_;
  uint32_t first_;
};

}  // namespace nm::nic
