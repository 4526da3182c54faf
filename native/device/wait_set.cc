#include "device/wait_set.h"

#include <algorithm>

#include "clock.h"

namespace nm {
namespace {

// A wake-up takes about 20 us, and costs whoever wakes nearly as much.
constexpr uint64_t kSpin_ns = 30'000;

// The longest sleep: a sender that died wakes nobody. And the longest while a device has nothing to poll.
constexpr int64_t kLongestSleep_ns = 250'000'000;
constexpr int64_t kBlindSleep_ns = 1'000'000;

}  // namespace

WaitSet::WaitSet(std::vector<Device*> devices) {
  for (Device* const device : devices) {
    watches_.push_back({device});
    if (Polled* const polled = device->polled()) polled_.push_back({polled, 0});
  }
  if (polled_.size() < watches_.size()) polled_.clear();
  bells_.reserve(2 * devices.size());
}

Status WaitSet::wait(int64_t timeout_ns) {
  bool any = false;
  if (watches_.size() == 1) {
    Watch& watch = watches_.front();
    return watch.device->wait(watch.wanted, timeout_ns, &watch.ready);
  }
  if (!polled_.empty()) return wait_polled(timeout_ns);

  const uint64_t start_ns = monotonic_ns();
  const uint64_t deadline_ns = timeout_ns < 0 ? kNever_ns : start_ns + static_cast<uint64_t>(timeout_ns);
  Status status = look(&any);
  while (status == Status::ok && !any) {
    const uint64_t now_ns = monotonic_ns();
    if (now_ns >= deadline_ns) break;
    status = spin(std::min(now_ns + kSpin_ns, deadline_ns), &any);
    if (status != Status::ok || any) break;

    status = arm(&any);
    const uint64_t armed_ns = monotonic_ns();
    if (status == Status::ok && !any && armed_ns < deadline_ns) {
      const uint64_t left_ns = deadline_ns - armed_ns;
      sleep(static_cast<int64_t>(std::min<uint64_t>(left_ns, kLongestSleep_ns)));
    }
    disarm();
    if (status == Status::ok) status = look(&any);
  }
  return status;
}

Status WaitSet::wait_polled(int64_t timeout_ns) {
  for (size_t i = 0; i < watches_.size(); i++) polled_[i].wanted = watches_[i].wanted;
  bells_.resize(2 * watches_.size());
  const Status status = wait_for_polled(polled_, bells_, timeout_ns);
  for (size_t i = 0; i < watches_.size(); i++) watches_[i].ready = polled_[i].ready;
  return status;
}

Status WaitSet::look(bool* any) {
  for (Watch& watch : watches_) {
    const Status status = watch.device->wait(watch.wanted, 0, &watch.ready);
    if (status != Status::ok) return status;
    *any |= watch.ready != 0;
  }
  return Status::ok;
}

bool WaitSet::has_news() const {
  return std::any_of(watches_.begin(), watches_.end(),
                     [](const Watch& watch) { return watch.device->has_news(watch.wanted); });
}

Status WaitSet::spin(uint64_t until_ns, bool* any) {
  Status status = Status::ok;
  const auto found = [&] {
    if (has_news()) status = look(any);
    return status != Status::ok || *any;
  };
  for (;;) {
    if (yielder_.spin(found) || monotonic_ns() >= until_ns) return status;
    if (!yielder_.gives_way()) return look(any);
  }
}

Status WaitSet::arm(bool* any) {
  bells_.clear();
  for (Watch& watch : watches_) {
    Status status = Status::ok;
    const int bell = watch.device->poll_descriptor(&status);
    if (bell < 0) continue;
    status = watch.device->arm(watch.wanted, &watch.ready);
    if (status != Status::ok) return status;
    *any |= watch.ready != 0;
    watch.armed = true;
    bells_.push_back({bell, POLLIN, 0});
  }
  return Status::ok;
}

void WaitSet::sleep(int64_t timeout_ns) {
  const bool blind = bells_.size() < watches_.size();
  if (blind) timeout_ns = std::min(timeout_ns, kBlindSleep_ns);
  const timespec timeout = {timeout_ns / kSecond_ns, timeout_ns % kSecond_ns};
  ppoll(bells_.data(), bells_.size(), &timeout, nullptr);
}

void WaitSet::disarm() {
  for (Watch& watch : watches_) {
    if (watch.armed) watch.device->disarm();
    watch.armed = false;
  }
}

}  // namespace nm
