#include "engine/names.h"

#include <net/if.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace nm::engine {

namespace {

constexpr size_t kMaxPart = 15;

bool starts_with_vale(const std::string& name) { return name.compare(0, 3, "val") == 0; }

bool is_identifier(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

// Whether an interface could have the name, and it means no pipe.
bool is_interface_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxPart && name != "." && name != ".." &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isspace(c) != 0 || c == '/' || c == ':' || c == '{' || c == '}';
         });
}

// A "%" is where the kernel would put a number.
bool is_device_name(const std::string& name) {
  return is_interface_name(name) && name.find('%') == std::string::npos;
}

}  // namespace

Status read_name(const std::string& name, PortName* result) {
  *result = PortName{};
  result->full = name;

  size_t brace = name.rfind('{');
  result->is_master = brace != std::string::npos;
  if (!result->is_master) brace = name.rfind('}');
  if (brace != std::string::npos) {
    if (brace == 0 || brace + 1 == name.size()) return Status::bad_name;
    result->kind = NameKind::pipe;
    result->parent = name.substr(0, brace);
    result->peer = name;
    result->peer[brace] = result->is_master ? '}' : '{';
    return Status::ok;
  }

  if (name.compare(0, strlen(kTapPrefix), kTapPrefix) == 0) {
    result->kind = NameKind::tap;
    result->device = name.substr(strlen(kTapPrefix));
    return is_device_name(result->device) ? Status::ok : Status::no_such_interface;
  }
  if (!starts_with_vale(name)) return name.empty() ? Status::no_such_interface : Status::ok;
  result->kind = NameKind::vale;
  const size_t colon = name.find(':');
  if (colon == std::string::npos || colon > kMaxPart) return Status::bad_switch_name;
  result->switch_name = name.substr(0, colon);
  result->port_name = name.substr(colon + 1);
  if (!is_identifier(result->switch_name) || result->port_name.empty() ||
      result->port_name.size() > kMaxPart) {
    return Status::bad_switch_name;
  }
  return Status::ok;
}

bool is_persistent_name(const std::string& name) {
  return is_interface_name(name) && !starts_with_vale(name);
}

bool is_interface(const std::string& name) {
  return name.size() <= kMaxPart && if_nametoindex(name.c_str()) != 0;
}

}  // namespace nm::engine
