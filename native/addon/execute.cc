#include "addon/execute.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "addon/result.h"
#include "device/open.h"

namespace nm::addon {
namespace {

// Strings as execve takes them.
class Words {
 public:
  explicit Words(Napi::Array from) {
    for (uint32_t i = 0; i < from.Length(); i++) words_.push_back(from.Get(i).ToString().Utf8Value());
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
  }
  char** data() { return pointers_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<char*> pointers_;
};

// Node marks the standard descriptors as not to be inherited, makes pipes among them non-blocking, and ignores
// SIGPIPE. The program must find them as the user's shell left them.
void undo_what_node_did() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    const int descriptor_flags = fcntl(fd, F_GETFD);
    if (descriptor_flags >= 0) fcntl(fd, F_SETFD, descriptor_flags & ~FD_CLOEXEC);
    const int file_flags = fcntl(fd, F_GETFL);
    if (file_flags >= 0) fcntl(fd, F_SETFL, file_flags & ~O_NONBLOCK);
  }
  signal(SIGPIPE, SIG_DFL);
}

Napi::Value execute(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].ToString().Utf8Value();
  Words arguments(info[1].As<Napi::Array>());
  Words environment(info[2].As<Napi::Array>());

  // The program would only see that /dev/netmap does not open.
  std::unique_ptr<Device> device;
  const Status status = open_embedded_device(info[3].ToString().Utf8Value(), &device);
  if (status != Status::ok) return failure(env, status);
  device.reset();

  undo_what_node_did();
  execve(path.c_str(), arguments.data(), environment.data());
  const int error = errno;
  signal(SIGPIPE, SIG_IGN);
  return Napi::Number::New(env, error);
}

}  // namespace

void install_execute(Napi::Env env, Napi::Object exports) {
  exports.Set("execute", Napi::Function::New(env, execute, "execute"));
}

}  // namespace nm::addon
