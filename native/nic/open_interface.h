// One descriptor's hold on a network interface: the driver of its hardware rings, and what keeps the host out meanwhile.
//
// It is made and destroyed under the namespace's control lock.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "nic/cut_off.h"
#include "nic/drivers.h"
#include "nic/host_stack.h"

namespace nm::nic {

// With which driver an interface is to be opened, and what came of it.
struct DriverChoice {
  std::string wanted;             // empty: the best that works
  std::vector<Attempt> attempts;  // one by one; the last is the driver that was taken, if one was
  std::string mode;               // how that one works here, see Driver::mode()
};

class OpenInterface {
 public:
  // Opens the rings that the binding's client has of the interface's port.
  static Status open(const engine::Binding& binding, DriverChoice* choice,
                     std::shared_ptr<OpenInterface>* opened);

  // Null when no hardware ring is open.
  Driver* driver() const { return driver_.get(); }
  HostStack& host() const { return *host_; }

 private:
  static Status open_tap(Target* target, const engine::Client& client, DriverChoice* choice,
                         std::shared_ptr<OpenInterface>* opened);
  Status open_hardware(const Target& target, const engine::Client& client, DriverChoice* choice);
  Status open_host(const Target& target, const engine::Client& client, DriverChoice* choice);
  Refusal keep_host_out(const Target& target, const engine::Client& client, int* error);

  // In this order: the host comes back when packets no longer come here.
  CutOff cut_off_;
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<HostStack> host_;
};

}  // namespace nm::nic
