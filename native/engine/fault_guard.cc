#include "engine/fault_guard.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include <atomic>
#include <mutex>

// The thread sanitizer's own loads and stores cannot be jumped out of: these are not its, and it is told what they order.
#ifdef __SANITIZE_THREAD__
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
#define NM_TOUCHES gnu::noinline, gnu::no_sanitize_thread
#else
#define NM_TOUCHES gnu::noinline
#endif

namespace nm::engine {

namespace {

constexpr int kSignals[] = {SIGSEGV, SIGBUS};
constexpr int kSignalCount = 2;

// Where this thread goes on when its load or store faults. Initial-exec: a signal handler may not wait for memory to keep
// it in.
__attribute__((tls_model("initial-exec"))) thread_local sigjmp_buf* landing = nullptr;

std::mutex guards_mutex;
uint32_t guards = 0;
struct sigaction before[kSignalCount];

void pass_on(int signal, siginfo_t* info, void* context) {
  const struct sigaction& previous = before[signal == kSignals[0] ? 0 : 1];
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler == SIG_DFL || previous.sa_handler == SIG_IGN) {
    // The instruction faults again when we return, and the process ends as it would have without us.
    sigaction(signal, &previous, nullptr);
  } else {
    previous.sa_handler(signal);
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
  if (landing != nullptr) siglongjmp(*landing, 1);
  pass_on(signal, info, context);
}

void has_read([[maybe_unused]] const void* address) {
#ifdef __SANITIZE_THREAD__
  __tsan_acquire(const_cast<void*>(address));
#endif
}

void will_write([[maybe_unused]] void* address) {
#ifdef __SANITIZE_THREAD__
  __tsan_release(address);
#endif
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_fault;
}

}  // namespace

FaultGuard::FaultGuard() {
  sigset_t faults;
  sigemptyset(&faults);
  for (const int signal : kSignals) sigaddset(&faults, signal);
  // A fault of a thread that blocks its signal ends the process.
  pthread_sigmask(SIG_UNBLOCK, &faults, &mask_before_);
  std::lock_guard lock(guards_mutex);
  if (guards++ != 0) return;
  struct sigaction ours = {};
  ours.sa_sigaction = on_fault;
  // Not blocked while it runs: it may leave by a jump.
  ours.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  for (int i = 0; i < kSignalCount; i++) {
    // Read first: from the moment that ours is in place it may be asked what was there before.
    sigaction(kSignals[i], nullptr, &before[i]);
    sigaction(kSignals[i], &ours, nullptr);
  }
}

FaultGuard::~FaultGuard() {
  pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  std::lock_guard lock(guards_mutex);
  if (--guards != 0) return;
  for (int i = 0; i < kSignalCount; i++) {
    struct sigaction now;
    sigaction(kSignals[i], nullptr, &now);
    // Who came after us knows of ours and may still pass on to it: then it stays.
    if (is_ours(now)) sigaction(kSignals[i], &before[i], nullptr);
  }
}

// Not inlined: nothing but these few instructions is jumped out of.
[[NM_TOUCHES]] bool touch_load(const uint32_t* address, uint32_t* words, uint32_t count) {
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {
    landing = nullptr;
    return false;
  }
  landing = &here;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  for (uint32_t i = 0; i < count; i++) words[i] = __atomic_load_n(address + i, __ATOMIC_ACQUIRE);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  landing = nullptr;
  for (uint32_t i = 0; i < count; i++) has_read(address + i);
  return true;
}

[[NM_TOUCHES]] bool touch_store(uint32_t* address, uint32_t word) {
  will_write(address);
  sigjmp_buf here;
  if (sigsetjmp(here, 0) != 0) {
    landing = nullptr;
    return false;
  }
  landing = &here;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  __atomic_store_n(address, word, __ATOMIC_RELEASE);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  landing = nullptr;
  return true;
}

}  // namespace nm::engine
