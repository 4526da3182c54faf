// Where the ports of one measurement live.
#pragma once

#include <memory>
#include <string>

#include "port.h"

namespace nm::bench {

// A namespace directory that lives as long as this object.
class NamespaceDirectory {
 public:
  NamespaceDirectory();
  ~NamespaceDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Opens all rings of a port in it, or gives up.
std::unique_ptr<Port> open_port(const std::string& directory, const std::string& name);

}  // namespace nm::bench
