#include "engine/kloop.h"

#include <sched.h>
#include <time.h>

#include <cerrno>

#include "engine/wake.h"

namespace nm::engine {

namespace {

// netmap looks as often.
constexpr timespec kBetweenLooks = {0, 1'000'000};

bool take(Client& client) {
  const int result = pthread_mutex_trylock(&client.kloop_runner);
  if (result != EOWNERDEAD) return result == 0;
  pthread_mutex_consistent(&client.kloop_runner);
  client.kloop.store(0);
  return true;
}

void give_back(Client& client) { pthread_mutex_unlock(&client.kloop_runner); }

}  // namespace

KloopRun::KloopRun(Client& client) : client_(client), mine_(false) {
  // Whoever only looks has the mutex for a moment.
  while (!(mine_ = take(client_)) && (client_.kloop.load() & kKloopRunning) == 0) sched_yield();
  if (mine_) client_.kloop.fetch_or(kKloopRunning);
}

KloopRun::~KloopRun() {
  if (!mine_) return;
  client_.kloop.store(0);
  give_back(client_);
}

bool kloop_runs(Client& client) {
  if (!take(client)) return (client.kloop.load() & kKloopRunning) != 0;
  give_back(client);
  return false;
}

void stop_kloop(const Namespace& space, uint32_t id) {
  Client& client = space.client(id);
  client.kloop.fetch_or(kKloopStopping);
  sleep_fence();
  while (!take(client)) {
    wake_client(space, id);
    nanosleep(&kBetweenLooks, nullptr);
  }
  give_back(client);
}

void forget_kloop(Client& client) {
  client.csb_atok = 0;
  client.csb_ktoa = 0;
  client.kloop.store(0);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&client.kloop_runner, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

}  // namespace nm::engine
