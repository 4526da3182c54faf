// The embedded engine behind the device interface: one descriptor's requests, syncs and sleeps.
//
//   sync      check the user's words (engine/bound_ring.h), let the port's kind move packets (engine/data_path.h)
//   wait      sync, spin a little, say that we sleep (engine/wake.h), look again, sleep
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "device/bell.h"
#include "device/device.h"
#include "device/kloop.h"
#include "device/request.h"
#include "engine/attachment.h"
#include "engine/bound_ring.h"
#include "engine/data_path.h"
#include "engine/engine.h"
#include "engine/yield.h"
#include "nic/open_interface.h"

namespace nm {

class EmbeddedDevice final : public Device, private KloopHost {
 public:
  explicit EmbeddedDevice(std::shared_ptr<engine::Namespace> space);
  ~EmbeddedDevice() override;

  // A descriptor that can keep a registration open, see engine::keep(); -1 with errno. `flags` are open's.
  int open_keeper(int flags) const { return space_->open_life_line(flags); }
  // Makes `keeper` keep this device's registration.
  Status keep(int keeper);
  // Takes part in the registration that `keeper` keeps, which other processes use too.
  Status join(int keeper);

  // The next REGISTER makes the port of a switch by which this interface comes to it. Empty: any other port.
  void attach(const std::string& interface) { attached_ = interface; }
  // Waits at most so long to be asked to close the port, see engine/attachment.h. By any thread.
  bool wait_to_be_asked(int64_t timeout_ns);
  // How it was asked to wait for packets.
  engine::Polling polling() const;

  // The reply of the registration.
  const abi::nmreq_register& granted() const { return granted_; }

  void choose_driver(const std::string& name) override { driver_.wanted = name; }
  DriverReport driver_report() const override;
  Status control(abi::nmreq_header* request) override;
  Status map(Mapping* mapping) override;
  Status tx_sync() override;
  Status rx_sync() override;
  Status wait(uint32_t events, int64_t timeout_ns, uint32_t* ready) override;
  void stop_waiting() override;
  void allow_waiting() override { stopping_.store(false, std::memory_order_relaxed); }
  Status tx_counters(uint32_t number, Counters* counters) override;
  Status rx_counters(uint32_t number, Counters* counters) override;
  int poll_descriptor(Status* status) override;
  Status arm(uint32_t events, uint32_t* ready) override;
  void disarm() override;
  bool has_news(uint32_t events) const override;
  bool hands_over_buffers() const override {
    return paths_.hardware && paths_.hardware->hands_over_buffers();
  }

 private:
  bool is_bound() const { return binding_.client != 0; }
  // Whether the program keeps its words in control blocks: then only a sync loop syncs.
  bool in_csb_mode() const { return client_->csb_atok != 0; }
  Status serve_register(abi::nmreq_header* header);
  Status do_register(Request* request);
  Status attach_port(const std::string& name, abi::nmreq_vale_attach* request);
  Status detach_port(const std::string& name, abi::nmreq_vale_detach* request);
  Status serve_csb_enable(abi::nmreq_header* header);
  Status enable_csb(const abi::nmreq_opt_csb& csb);
  Status serve_kloop_start(abi::nmreq_header* header);
  Status run_kloop(Request* request);
  Status serve_kloop_stop(abi::nmreq_header* header);
  void unregister();
  void bind_rings();
  engine::BoundRing bind_ring(bool is_tx, uint32_t number) const;
  void note_reset(const engine::BoundRing& ring);
  Status sync_one_tx(engine::BoundRing& ring);
  Status sync_one_rx(engine::BoundRing& ring);
  uint32_t poll_once(uint32_t events);
  bool spin(uint32_t events, int64_t until_ns);
  bool must_look_again_soon();
  void announce(uint32_t events);
  int64_t listen(uint32_t events);
  Status open_bell();
  void sleep(engine::Client& client, uint32_t ticket, int64_t timeout_ns);
  void give_way() override;
  int bell() override;
  int64_t lie_down() override;
  void get_up() override { disarm(); }
  bool is_closing() const override { return stopping_.load(std::memory_order_relaxed); }
  template <typename Visit>
  void for_each_ring(uint32_t events, Visit visit);

  std::shared_ptr<engine::Namespace> space_;
  nic::DriverChoice driver_;
  DriverReport worker_report_;  // of an interface that was attached to a switch
  std::string attached_;
  engine::Binding binding_;
  engine::Client* client_ = nullptr;  // what others see of this registration, while there is one
  uint64_t flags_ = 0;
  abi::nmreq_register granted_{};
  std::vector<engine::BoundRing> tx_;
  std::vector<engine::BoundRing> rx_;
  engine::DataPaths paths_;
  bool joined_ = false;
  bool ring_error_ = false;
  engine::Yielder yielder_;
  std::atomic<bool> stopping_{false};
  bool polls_ = false;  // whether a sleeper must ask the kernel, see engine::needs_polling()
  Bell bell_;
};

}  // namespace nm
