// The program of a switch worker, see device/switch_worker.h. Nobody runs it by hand.
//
// Threads   One moves packets, the first one waits to be asked to end.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "device/embedded.h"
#include "device/switch_worker.h"
#include "device/worker_log.h"
#include "port.h"
#include "traffic/forwarder.h"

namespace {

using namespace nm;

// How often an interface that is down is looked at.
constexpr useconds_t kDownPause_us = 100'000;
// How soon the one thread notices that the other is done.
constexpr int64_t kAskPause_ns = 200'000'000;

class Attachment {
 public:
  // Opens the ports that the order asks for, and answers.
  Status open(const WorkerOrder& order, WorkerAnswer* answer);
  // Nobody knows of it.
  void abandon() { log_.remove(); }
  // Moves packets until it is asked to end, or the interface is no more.
  void serve();
  // The interface goes last: who waits for that knows that all is over.
  ~Attachment() {
    while (!ports_.empty()) ports_.pop_back();
  }

 private:
  Status open_port(const std::string& name, const std::string& attached, abi::nmreq_register wanted,
                   const std::string& driver, DriverReport* report);
  Status open_pair(uint32_t mode, const std::string& interface, const std::string& name,
                   const WorkerOrder& order, DriverReport* report);
  Status forward();
  void place(pthread_t mover);
  void stop();

  std::shared_ptr<engine::Namespace> space_;
  WorkerLog log_;  // of the thread that moves packets
  // An interface's rings, then the port on the switch that they are brought to; the host's rings likewise.
  std::vector<std::unique_ptr<Port>> ports_;
  EmbeddedDevice* device_ = nullptr;  // of the first, which is asked

  std::mutex mutex_;
  Forwarder* forwarder_ = nullptr;  // that runs now
  std::atomic<bool> over_{false};
  std::atomic<bool> is_detached_{false};

  std::atomic<bool> polls_{false};
  engine::Polling polling_;  // as it is done now
  cpu_set_t usual_{};        // processors of the mover while it does not
};

Status Attachment::open_port(const std::string& name, const std::string& attached, abi::nmreq_register wanted,
                             const std::string& driver, DriverReport* report) {
  auto device = std::make_unique<EmbeddedDevice>(space_);
  if (device_ == nullptr) device_ = device.get();
  device->choose_driver(driver);
  device->attach(attached);
  wanted.nr_flags = abi::NR_EXCLUSIVE;
  std::unique_ptr<Port> port;
  DriverReport said;
  const Status status = Port::open(std::move(device), name, wanted, &port, &said);
  if (!said.attempts.empty()) *report = said;
  if (status == Status::ok) ports_.push_back(std::move(port));
  return status;
}

Status Attachment::open_pair(uint32_t mode, const std::string& interface, const std::string& name,
                             const WorkerOrder& order, DriverReport* report) {
  abi::nmreq_register wanted = order.wanted;
  wanted.nr_mode = mode;
  Status status = open_port(interface, "", wanted, order.driver, report);
  if (status != Status::ok) return status;
  const abi::nmreq_register& granted = ports_.back()->granted();
  wanted = {};
  wanted.nr_mode = abi::NR_REG_ALL_NIC;
  wanted.nr_mem_id = granted.nr_mem_id;
  wanted.nr_tx_slots = granted.nr_tx_slots;
  wanted.nr_rx_slots = granted.nr_rx_slots;
  const bool is_host = mode == abi::NR_REG_SW;
  const auto most = [](uint32_t rings) {
    return static_cast<uint16_t>(rings < engine::kMaxValeRings ? rings : engine::kMaxValeRings);
  };
  wanted.nr_tx_rings = most(is_host ? granted.nr_host_rx_rings : granted.nr_rx_rings);
  wanted.nr_rx_rings = most(is_host ? granted.nr_host_tx_rings : granted.nr_tx_rings);
  return open_port(name, interface, wanted, "", report);
}

Status Attachment::open(const WorkerOrder& order, WorkerAnswer* answer) {
  Status status = engine::Namespace::open(order.directory, &space_);
  if (status != Status::ok) return status;
  const std::string name = order.name;
  const std::string interface = name.substr(name.find(':') + 1);
  DriverReport report;
  status = open_pair(abi::NR_REG_ALL_NIC, interface, name, order, &report);
  if (status == Status::ok && order.wanted.nr_mode == abi::NR_REG_NIC_SW) {
    status = open_pair(abi::NR_REG_SW, interface, name + "^", order, &report);
  }
  answer->set_report(report);
  if (status != Status::ok) return status;
  abi::nmreq_vale_list place = {};
  std::string asked = name;
  status = engine::list_switch_port(space_, &asked, &place);
  answer->port_index = place.nr_port_idx;
  if (status != Status::ok) return status;
  log_.begin(order.directory, name);
  log_.write(WorkerLog::Level::info, "attached", "driver", report.attempts.back().driver);
  return Status::ok;
}

void Attachment::serve() {
  std::thread asked([this, mover = pthread_self()] {
    // Without its directory nobody could ask it any more.
    while (!over_ && !space_->removed() && !is_detached_) {
      is_detached_ = device_->wait_to_be_asked(kAskPause_ns);
      place(mover);
    }
    stop();
  });
  Status status = Status::ok;
  Status before = Status::ok;
  while (!over_) {
    status = forward();
    if (status == Status::interface_gone || status == Status::port_gone) break;
    // Down, perhaps, and up again some time. Or somebody wrote into the rings, which go on.
    const bool is_reset = status == Status::ring_reset;
    if (status != before && !over_)
      log_.write(WorkerLog::Level::warning, is_reset ? "went on" : "waiting for the interface", status);
    before = status;
    if (status != Status::ok && !over_) usleep(kDownPause_us);
  }
  over_ = true;
  asked.join();
  if (is_detached_) {
    log_.remove();
  } else {
    log_.write(WorkerLog::Level::error, "ended", status);
  }
}

Status Attachment::forward() {
  std::vector<Port*> ports;
  for (const auto& port : ports_) ports.push_back(port.get());
  ForwarderOptions options;
  options.polls = &polls_;
  for (size_t i = 0; i < ports.size(); i += 2) {
    options.lanes.push_back({i, i + 1, {}});
    options.lanes.push_back({i + 1, i, {}});
  }
  Forwarder forwarder(ports, options);
  {
    const std::lock_guard lock(mutex_);
    if (over_) return Status::ok;
    forwarder_ = &forwarder;
  }
  const Status status = forwarder.run();
  const std::lock_guard lock(mutex_);
  forwarder_ = nullptr;
  return status;
}

// Has the thread that moves packets poll, where that was asked for, on the processors that were asked for.
void Attachment::place(pthread_t mover) {
  const engine::Polling wanted = device_->polling();
  if (wanted.pack() == polling_.pack()) return;
  if (polling_.count == 0) pthread_getaffinity_np(mover, sizeof(usual_), &usual_);
  cpu_set_t processors = usual_;
  if (wanted.count != 0) CPU_ZERO(&processors);
  for (uint32_t i = 0; i < wanted.count; i++) CPU_SET(wanted.first + i, &processors);
  pthread_setaffinity_np(mover, sizeof(processors), &processors);
  polling_ = wanted;
  polls_ = wanted.count != 0;
}

void Attachment::stop() {
  const std::lock_guard lock(mutex_);
  over_ = true;
  if (forwarder_ != nullptr) forwarder_->stop();
}

// Leaves the session, the terminal and the files of whoever started it.
bool go_into_background() {
  const pid_t process = fork();
  if (process != 0) _exit(process < 0 ? 1 : 0);
  const int null = open("/dev/null", O_RDWR);
  for (const int standard : {0, 1, 2}) dup2(null, standard);
  return setsid() > 0 && chdir("/") == 0 && syscall(SYS_close_range, kWorkerSocket + 1, ~0u, 0) == 0;
}

}  // namespace

int main() {
  WorkerOrder order = {};
  if (recv(kWorkerSocket, &order, sizeof(order), MSG_WAITALL) != sizeof(order)) {
    fputs("nm-switch-worker is started by what attaches an interface to a switch\n", stderr);
    return 2;
  }
  if (!go_into_background()) return 1;
  WorkerAnswer answer = {};
  Attachment attachment;
  answer.status = attachment.open(order, &answer);
  const bool told = send(kWorkerSocket, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer);
  close(kWorkerSocket);
  // Nobody waits any more for one that nobody knows of.
  if (answer.status != Status::ok || !told) {
    attachment.abandon();
    return 1;
  }
  attachment.serve();
  return 0;
}
