// Processes of a test. Each runs a piece of the test and ends without its parent's clean-up.
#pragma once

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "engine/bound_ring.h"
#include "test/check.h"

namespace nm::test {

// How many processes a test kills: $NM_KILLS, or the usual number.
inline uint32_t kills_wanted(uint32_t usual) {
  const char* const text = getenv("NM_KILLS");
  return text != nullptr ? static_cast<uint32_t>(strtoul(text, nullptr, 10)) : usual;
}

class Child {
 public:
  // Runs `body` in a process of its own, which dies with this one.
  template <typename Body>
  explicit Child(Body body) {
    fflush(stdout);
    const pid_t parent = getpid();
    process_ = fork();
    CHECK(process_ >= 0);
    if (process_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    body();
    fflush(stdout);
    _exit(0);
  }
  Child(Child&& other) noexcept : process_(std::exchange(other.process_, 0)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(process_, other.process_);
    return *this;
  }
  ~Child() {
    if (process_ != 0) kill();
  }

  pid_t process() const { return process_; }

  // Kills it, and waits until it is gone. It must have lived until then.
  void kill() {
    ::kill(process_, SIGKILL);
    int status;
    CHECK_EQUAL(waitpid(process_, &status, 0), process_);
    process_ = 0;
    CHECK(WIFSIGNALED(status));
    CHECK_EQUAL(WTERMSIG(status), SIGKILL);
  }

  // Waits until it has ended by itself, and well. A child that does not is a test that hangs.
  void join(int64_t patience_ns = 30 * kSecond_ns) {
    const int64_t deadline = engine::monotonic_ns() + patience_ns;
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(process_, &status, WNOHANG)) == 0) {
      CHECK(engine::monotonic_ns() < deadline);
      usleep(500);
    }
    CHECK_EQUAL(ended, process_);
    process_ = 0;
    CHECK(WIFEXITED(status));
    CHECK_EQUAL(WEXITSTATUS(status), 0);
  }

 private:
  pid_t process_ = 0;
};

}  // namespace nm::test
