// The header of a netmap request, as NIOCCTRL takes it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "abi/netmap.h"

namespace nm {

// A request about the port `name`, which `body` belongs to. A name that is too long is cut, which makes it another one:
// whoever takes names from people refuses such before.
inline abi::nmreq_header request_header(uint16_t type, std::string_view name, void* body) {
  abi::nmreq_header header = {};
  header.nr_version = abi::NETMAP_API;
  header.nr_reqtype = type;
  header.nr_body = reinterpret_cast<uint64_t>(body);
  memcpy(header.nr_name, name.data(), std::min(name.size(), sizeof(header.nr_name) - 1));
  return header;
}

}  // namespace nm
