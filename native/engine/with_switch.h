// Lets something look at a switch, or tell it something: what all requests of people about one have in common.
#pragma once

#include <memory>
#include <string>

#include "engine/clean_up.h"
#include "engine/names.h"
#include "engine/namespace.h"
#include "engine/switch.h"

namespace nm::engine {

// Calls use(switch) with the control lock held, and gives what that gives.
template <typename Use>
Status with_switch(const std::shared_ptr<Namespace>& space, const std::string& name, Use use) {
  ControlLock lock(*space);
  Status status = enter(*space, lock, true, nullptr);
  std::shared_ptr<Switch> vale;
  if (status == Status::ok) status = Switch::open(*space, name, false, &vale);
  if (status == Status::no_such_port) status = Status::no_such_switch;
  return status == Status::ok ? use(*vale) : status;
}

// Calls use(switch, place) for the port "vale0:a".
template <typename Use>
Status with_switch_port(const std::shared_ptr<Namespace>& space, const std::string& name, Use use) {
  PortName parsed;
  const Status status = read_name(name, &parsed);
  if (status != Status::ok) return status;
  if (parsed.kind != NameKind::vale) return Status::not_on_a_switch;
  return with_switch(space, parsed.switch_name, [&](Switch& vale) {
    const uint32_t place = vale.find(parsed.port_name);
    return place == Switch::kNowhere ? Status::no_such_port : use(vale, place);
  });
}

}  // namespace nm::engine
