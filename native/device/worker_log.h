// What a switch worker writes down (switch_worker.h): a line of JSON for each event, in the form of nm's own log, in a file of
// the namespace, `attached.SWITCH:INTERFACE`.
//
// The file is there for as long as the interface is attached. A worker that ends without having been asked to leaves it
// behind: a file whose process is no more tells of that end, and why. Who attaches the interface anew writes over it.
//
// Failure   A line that cannot be written is lost. Packets never wait for one.
#pragma once

#include <cstdint>
#include <string>

#include "file_descriptor.h"
#include "status.h"

namespace nm {

// What the names of these files begin with; then comes that of the port.
inline constexpr char kWorkerLogPrefix[] = "attached.";
// What the kernel calls the processes that write them.
inline constexpr char kWorkerName[] = "nm-switch-worker";

class WorkerLog {
 public:
  // Takes away what a worker that is no more left behind.
  static void forget(const std::string& directory, const std::string& port);

  // As pino numbers them.
  enum class Level { info = 30, warning = 40, error = 50 };

  // Of the worker that attaches `port`, "vale0:eth0", in the namespace of this directory. Forgets what was written before.
  void begin(const std::string& directory, const std::string& port);
  void write(Level level, const std::string& event);
  // Why something is as it is.
  void write(Level level, const std::string& event, Status reason);
  // With more: `name` and `value` are a field of the line.
  void write(Level level, const std::string& event, const char* name, const std::string& value);
  // The interface is attached no longer: nobody is to be told anything.
  void remove();

 private:
  void write_line(Level level, const std::string& event, const std::string& fields);

  std::string path_;
  std::string port_;
  FileDescriptor file_;
  uint64_t left_ = 0;  // bytes that it may still get
};

}  // namespace nm
