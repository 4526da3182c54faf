// The control lock, which one process at a time holds.
#include "test/child.h"
#include "test/engine_rig.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::engine;
using namespace nm::test;

namespace {

void wait_until_stopped(const Child& child) {
  int status;
  CHECK_EQUAL(waitpid(child.process(), &status, WUNTRACED), child.process());
  CHECK(WIFSTOPPED(status));
}

}  // namespace

TEST("whoever waits for the control lock gives up after a while, and says that it is held") {
  Rig rig;
  auto space = open_space(rig);
  Child waiter([&] {
    auto mine = open_space(rig);
    raise(SIGSTOP);
    CHECK_EQUAL(ControlLock(*mine, 50'000).status(), Status::namespace_busy);
  });
  wait_until_stopped(waiter);
  ControlLock held(*space);
  kill(waiter.process(), SIGCONT);
  waiter.join();
}

TEST("time in which the waiter was stopped is no time that it waited for the control lock") {
  Rig rig;
  auto space = open_space(rig);
  constexpr uint32_t kPatience_us = 2'000'000;
  Child waiter([&] {
    auto mine = open_space(rig);
    raise(SIGSTOP);
    CHECK_EQUAL(ControlLock(*mine, kPatience_us).status(), Status::ok);
  });
  wait_until_stopped(waiter);
  {
    ControlLock held(*space);
    kill(waiter.process(), SIGCONT);
    usleep(50'000);
    kill(waiter.process(), SIGSTOP);
    wait_until_stopped(waiter);
    usleep(kPatience_us + 100'000);
    kill(waiter.process(), SIGCONT);
    usleep(50'000);
  }
  waiter.join();
}
