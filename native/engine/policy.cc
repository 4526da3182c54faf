#include "engine/policy.h"

#include "engine/with_switch.h"

namespace nm::engine {

Policy policy_of(const Switch& vale, uint32_t place) {
  const uint32_t bits = vale.place(place).policy;
  const PortPolicy& words = vale.policy(place);
  Policy policy;
  policy.group = vale.place(place).group;
  policy.waits = (bits & kWaits) != 0;
  if ((bits & kLimitsRate) != 0) {
    policy.rate = words.rate;
    policy.rate_is_bits = words.rate_is_bits != 0;
  }
  if ((bits & kLimitsMacs) != 0) policy.mac_limit = words.mac_limit;
  const uint32_t mirror = words.mirror - 1;
  if ((bits & kMirrors) != 0 && mirror < vale.places() &&
      vale.place(mirror).generation.load(std::memory_order_relaxed) == words.mirror_generation) {
    policy.mirror = vale.port_name(mirror);
  }
  return policy;
}

Status set_policy(const std::shared_ptr<Namespace>& space, const std::string& name, const Policy& policy) {
  return with_switch_port(space, name, [&](Switch& vale, uint32_t place) {
    const uint32_t mirror = policy.mirror.empty() ? Switch::kNowhere : vale.find(policy.mirror);
    if (mirror == place || (mirror == Switch::kNowhere && !policy.mirror.empty()))
      return Status::no_such_mirror;

    SwitchPort& port = vale.place(place);
    PortPolicy& words = vale.policy(place);
    words.rate = policy.rate;
    words.rate_is_bits = policy.rate_is_bits;
    words.mac_limit = policy.mac_limit;
    words.mirror = mirror == Switch::kNowhere ? 0 : mirror + 1;
    if (mirror != Switch::kNowhere) words.mirror_generation = vale.place(mirror).generation.load();
    words.spent_until.store(0, std::memory_order_relaxed);
    port.group = policy.group;
    port.policy = (policy.waits ? kWaits : 0) | (policy.rate != 0 ? kLimitsRate : 0) |
                  (policy.mac_limit != 0 ? kLimitsMacs : 0) | (mirror != Switch::kNowhere ? kMirrors : 0);
    vale.count_waiting_places();
    return Status::ok;
  });
}

}  // namespace nm::engine
