#include "bench/namespace_directory.h"

#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "bench/window.h"
#include "device/open.h"

namespace nm::bench {

NamespaceDirectory::NamespaceDirectory() {
  char path[] = "/dev/shm/nm-bench-XXXXXX";
  if (mkdtemp(path) == nullptr) give_up("cannot make a namespace in /dev/shm");
  path_ = path;
}

NamespaceDirectory::~NamespaceDirectory() { std::filesystem::remove_all(path_); }

std::unique_ptr<Port> open_port(const std::string& directory, const std::string& name) {
  std::unique_ptr<Device> device;
  std::unique_ptr<Port> port;
  abi::nmreq_register wanted = {};
  wanted.nr_mode = abi::NR_REG_ALL_NIC;
  Status status = open_embedded_device(directory, &device);
  if (status == Status::ok) status = Port::open(std::move(device), name, wanted, &port);
  if (status != Status::ok) give_up(("cannot open " + name).c_str());
  return port;
}

}  // namespace nm::bench
