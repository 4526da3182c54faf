#include "device/worker_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "clock.h"

namespace nm {

namespace {

// An interface that goes up and down for ever fills no memory.
constexpr uint64_t kMostBytes = 1 << 20;

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') result += '\\';
    char escaped[8];
    if (static_cast<unsigned char>(character) < ' ') {
      snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned char>(character));
      result += escaped;
    } else {
      result += character;
    }
  }
  return result + '"';
}

std::string path_of(const std::string& directory, const std::string& port) {
  return directory + '/' + kWorkerLogPrefix + port;
}

}  // namespace

void WorkerLog::forget(const std::string& directory, const std::string& port) {
  unlink(path_of(directory, port).c_str());
}

void WorkerLog::begin(const std::string& directory, const std::string& port) {
  path_ = path_of(directory, port);
  port_ = port;
  left_ = kMostBytes;
  file_ = FileDescriptor(
      open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
}

void WorkerLog::write(Level level, const std::string& event) { write_line(level, event, ""); }

void WorkerLog::write(Level level, const std::string& event, Status reason) {
  const char* const name = status_name(reason);
  write(level, event, "status", name != nullptr ? name : "unknown");
}

void WorkerLog::write(Level level, const std::string& event, const char* name, const std::string& value) {
  write_line(level, event, "," + quoted(name) + ":" + quoted(value));
}

void WorkerLog::write_line(Level level, const std::string& event, const std::string& fields) {
  const int64_t now_ms = real_time_ns() / 1'000'000;
  const std::string line = "{\"level\":" + std::to_string(static_cast<int>(level)) +
                           ",\"time\":" + std::to_string(now_ms) + ",\"pid\":" + std::to_string(getpid()) +
                           ",\"port\":" + quoted(port_) + fields + ",\"msg\":" + quoted(event) + "}\n";
  if (line.size() > left_ || !file_.is_open()) return;
  left_ -= line.size();
  // In one piece, so that who reads meanwhile finds whole lines.
  [[maybe_unused]] const ssize_t written = ::write(file_.number(), line.data(), line.size());
}

void WorkerLog::remove() {
  if (file_.is_open()) unlink(path_.c_str());
  file_.reset();
}

}  // namespace nm
