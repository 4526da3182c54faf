#include "addon/execute.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/xattr.h>
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
  // False if `from` is not an array of strings.
  bool read(Napi::Value from) {
    if (!from.IsArray()) return false;
    const auto array = from.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) {
      const Napi::Value word = array.Get(i);
      if (!word.IsString()) return false;
      words_.push_back(word.As<Napi::String>());
    }
    for (std::string& word : words_) pointers_.push_back(word.data());
    pointers_.push_back(nullptr);
    return true;
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
  Words arguments;
  Words environment;
  if (!info[0].IsString() || !info[3].IsString() || !arguments.read(info[1]) || !environment.read(info[2])) {
    return failure(env, Status::bad_request);
  }
  const std::string path = info[0].As<Napi::String>();

  // The program would only see that /dev/netmap does not open.
  const std::string directory = info[3].As<Napi::String>();
  if (!directory.empty()) {
    std::unique_ptr<Device> device;
    const Status status = open_embedded_device(directory, &device);
    if (status != Status::ok) return failure(env, status);
  }

  undo_what_node_did();
  execve(path.c_str(), arguments.data(), environment.data());
  const int error = errno;
  signal(SIGPIPE, SIG_IGN);
  return Napi::Number::New(env, error);
}

Napi::Value has_capabilities(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) return failure(info.Env(), Status::bad_request);
  const std::string path = info[0].ToString();
  return Napi::Boolean::New(info.Env(), getxattr(path.c_str(), "security.capability", nullptr, 0) > 0);
}

}  // namespace

void install_execute(Napi::Env env, Napi::Object exports) {
  exports.Set("execute", Napi::Function::New(env, execute, "execute"));
  exports.Set("hasCapabilities", Napi::Function::New(env, has_capabilities, "hasCapabilities"));
}

}  // namespace nm::addon
