// A switch worker: the process that brings a network interface to the switch that it is attached to.
//
//   eth0, its queues      <== buffers change places ==>  port vale0:eth0   <== copied by the switch ==>  other ports
//   eth0, its host stack  <==========================>  port vale0:eth0^        (attached with the host stack)
//
// VALE_ATTACH starts it, in whatever process the request is made, and VALE_DETACH asks it to end (engine/attachment.h). It
// outlives that process and its terminal. The program is switch_worker/main.cc; it lies in the directory of the file that
// this code is in, the addon's or the preload library's.
//
// Until it is ready the two talk through a socket: an order, an answer.
//
// Failure   A worker that dies leaves the interface to the host, and the switch without the port, as any program does. Nobody
//           starts it again.
#pragma once

#include <climits>
#include <cstdint>
#include <string>

#include "abi/netmap.h"
#include "device/device.h"
#include "status.h"

namespace nm {

// The worker's end of the socket.
inline constexpr int kWorkerSocket = 3;

struct WorkerOrder {
  char directory[PATH_MAX];             // of the namespace
  char name[abi::NETMAP_REQ_IFNAMSIZ];  // "vale0:eth0"
  char driver[32];                      // empty: the best that works
  abi::nmreq_register wanted;
};

struct WorkerAnswer {
  static constexpr uint32_t kMostAttempts = 8;
  struct Attempt {
    char driver[32];
    uint32_t refusal;
    int32_t error;
  };

  Status status;
  uint32_t port_index;  // on the switch
  uint32_t attempt_count;
  Attempt attempts[kMostAttempts];
  char mode[64];

  void set_report(const DriverReport& report);
  DriverReport report() const;
};

// Starts the worker that attaches what `request` names, and waits until it is ready or has failed. *report gets what the
// drivers said.
Status attach_interface(const std::string& directory, const std::string& name, const std::string& driver,
                        abi::nmreq_vale_attach* request, DriverReport* report);

}  // namespace nm
