#include "device/switch_worker.h"

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "device/worker_log.h"
#include "file_descriptor.h"

namespace nm {

namespace {

// How long it may take to open an interface.
constexpr int kPatienceMs = 20'000;

template <size_t size>
void put(char (&to)[size], const std::string& text) {
  memcpy(to, text.data(), std::min(text.size(), size - 1));
}

// Beside the file that this function was loaded from.
std::string program_path() {
  Dl_info here = {};
  if (dladdr(reinterpret_cast<const void*>(&attach_interface), &here) == 0) return "";
  const std::unique_ptr<char, decltype(&free)> file(realpath(here.dli_fname, nullptr), &free);
  if (file == nullptr) return "";
  const std::string path = file.get();
  return path.substr(0, path.rfind('/') + 1) + kWorkerName;
}

// Ours, but for what would make a netmap program of the worker, which is the engine itself.
std::vector<char*> environment() {
  std::vector<char*> words;
  for (char** word = environ; *word != nullptr; word++) {
    if (strncmp(*word, "LD_PRELOAD=", 11) != 0) words.push_back(*word);
  }
  words.push_back(nullptr);
  return words;
}

// Starts the program with the socket. It goes into the background by itself, so what we start ends at once.
bool start(const std::string& name, int socket) {
  const std::string path = program_path();
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, socket, kWorkerSocket);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string program = kWorkerName;
  std::string argument = name;
  char* const words[] = {program.data(), argument.data(), nullptr};
  pid_t process = 0;
  const int error = posix_spawn(&process, path.c_str(), &files, &attributes, words, environment().data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) return false;
  while (waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
  }
  return true;
}

// Whether all of the answer came.
bool receive(int socket, WorkerAnswer* answer) {
  pollfd there = {socket, POLLIN, 0};
  int count = 0;
  while ((count = poll(&there, 1, kPatienceMs)) < 0 && errno == EINTR) {
  }
  return count == 1 && recv(socket, answer, sizeof(*answer), MSG_WAITALL) == sizeof(*answer);
}

}  // namespace

Status attach_interface(const std::string& directory, const std::string& name, const std::string& driver,
                        abi::nmreq_vale_attach* request, DriverReport* report) {
  const std::unique_ptr<char, decltype(&free)> path(realpath(directory.c_str(), nullptr), &free);
  if (path == nullptr || strlen(path.get()) >= PATH_MAX) return Status::namespace_unusable;
  int ends[2];
  // Both ends are above those that the worker gives another number.
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return Status::system_error;
  const FileDescriptor ours(ends[0]);
  FileDescriptor theirs(ends[1]);

  WorkerOrder order = {};
  put(order.directory, path.get());
  put(order.name, name);
  put(order.driver, driver);
  order.wanted = request->reg;
  if (send(ours.number(), &order, sizeof(order), MSG_NOSIGNAL) != sizeof(order)) return Status::system_error;
  if (!start(name, theirs.number())) return Status::worker_missing;
  theirs.reset();

  WorkerAnswer answer = {};
  if (!receive(ours.number(), &answer)) return Status::worker_failed;
  *report = answer.report();
  if (answer.status != Status::ok) return answer.status;
  request->port_index = answer.port_index;
  return Status::ok;
}

void WorkerAnswer::set_report(const DriverReport& report) {
  attempt_count = static_cast<uint32_t>(std::min<size_t>(report.attempts.size(), kMostAttempts));
  for (uint32_t i = 0; i < attempt_count; i++) {
    put(attempts[i].driver, report.attempts[i].driver);
    attempts[i].refusal = report.attempts[i].refusal;
    attempts[i].error = report.attempts[i].error;
  }
  put(mode, report.mode);
}

DriverReport WorkerAnswer::report() const {
  DriverReport report;
  for (uint32_t i = 0; i < std::min(attempt_count, kMostAttempts); i++) {
    const Attempt& attempt = attempts[i];
    report.attempts.push_back({std::string(attempt.driver, strnlen(attempt.driver, sizeof(attempt.driver))),
                               attempt.refusal, attempt.error});
  }
  report.mode = std::string(mode, strnlen(mode, sizeof(mode)));
  return report;
}

}  // namespace nm
