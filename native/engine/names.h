// Port names as the engine gets them in a request: what kind of port a name means.
#pragma once

#include <string>

#include "engine/layout.h"
#include "status.h"

namespace nm::engine {

inline constexpr char kTapPrefix[] = "tap:";

enum class NameKind { vale, pipe, interface, tap };

struct PortName {
  NameKind kind = NameKind::interface;
  std::string full;         // as given
  std::string switch_name;  // vale: before the colon, "vale0"
  std::string port_name;    // vale: after it
  std::string parent;       // pipe: before the last brace
  bool is_master = false;   // pipe: the brace was {
  std::string peer;         // pipe: the name of the other end
  std::string device;       // tap: after "tap:"
  std::string attached;     // vale: the interface that the port is to bring to the switch; empty for others
};

// netmap's rules: the last "{", else the last "}", makes a pipe; a name that begins with "val" is on a
// switch. And ours: what follows "tap:" is a TAP device, made with its port.
Status read_name(const std::string& name, PortName* result);

// Whether the name may be given to a persistent port: one that an interface could have, and that means no other kind
// of port.
bool is_persistent_name(const std::string& name);

// Whether the operating system has an interface of this name.
bool is_interface(const std::string& name);

}  // namespace nm::engine
