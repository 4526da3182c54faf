// A namespace: the directory that engines of several processes share.
//
// Threads   Any number of threads and processes. Control operations hold the control lock, one at a time; the
//           data path never takes it.
// Memory    The namespace file is mapped once per process and directory.
// Failure   The control lock and the clients' life lines are file locks: the kernel drops them when a process
//           dies. ControlLock::interrupted() says that its last holder died inside an operation.
#pragma once

#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/layout.h"
#include "engine/shared_file.h"
#include "status.h"

namespace nm::engine {

class Namespace {
 public:
  // The namespace of `directory`, made if it is not there. Processes keep one per directory.
  static Status open(const std::string& directory, std::shared_ptr<Namespace>* result);

  const std::string& directory() const { return directory_; }
  std::string path(const std::string& file) const { return directory_ + "/" + file; }
  // The names of all that is in the directory.
  std::vector<std::string> files() const;
  NamespaceHeader& header() const { return *file_.at<NamespaceHeader>(0); }

  // Client `id`, 1 … clients_high().
  Client& client(uint32_t id) const { return file_.at<Client>(kClientsOffset)[id]; }
  uint32_t clients_high() const;

  // Finds an unused client and takes its life line: `*life_line` is a descriptor that keeps it alive, also
  // across fork, until all its copies are closed. Control lock held.
  Status take_client(uint32_t* id, int* life_line);
  // Another life line of a client that is in use, on `descriptor`, which open_life_line() gave.
  Status share_client(uint32_t id, int descriptor);
  // A descriptor that can carry a life line; -1 with errno. `flags` are open's.
  int open_life_line(int flags) const;
  // Whether somebody still has a life line of client `id`.
  bool client_alive(uint32_t id) const;

  // Removed from its directory since it was opened: nobody new will come here.
  bool removed() const { return file_.removed(); }
  // Opened by the process that forked us. Its descriptor is shared with that one, so no lock keeps the two
  // apart.
  bool inherited() const { return process_ != getpid(); }

  std::mutex& control_mutex() { return control_mutex_; }

 private:
  friend class ControlLock;
  Namespace() = default;
  Status open_file();

  std::string directory_;
  pid_t process_ = getpid();
  SharedFile file_;
  std::mutex control_mutex_;
};

// Moves a life line to a descriptor above all others that this process has open. A dying process closes its descriptors in
// the order of their numbers, so this one goes last, and who finds it gone knows that the others went too.
void raise_life_line(int* life_line);

// How long a process waits for the control lock, in time that it could have had it. Operations hold it for milliseconds.
inline constexpr uint32_t kControlPatienceUs = 10'000'000;

// Holds the control lock while it lives.
class ControlLock {
 public:
  explicit ControlLock(Namespace& space, uint32_t patience_us = kControlPatienceUs);
  ~ControlLock();
  ControlLock(const ControlLock&) = delete;

  // ok, or why the lock could not be had.
  Status status() const { return status_; }
  // A holder died before it had finished, and nobody has called repaired() since: control state must be
  // repaired first.
  bool interrupted() const { return interrupted_; }
  void repaired() { interrupted_ = false; }

 private:
  Namespace& space_;
  std::unique_lock<std::mutex> in_process_;
  Status status_;
  bool interrupted_ = false;
};

}  // namespace nm::engine
