// Persistent ports: VALE ports that are there from VALE_NEWIF to VALE_DELIF, whoever lives meanwhile.
//
// They are opened by their own name ("netmap:p"), and once they are on a switch (attachment.h) also by their name
// there ("vale0:p"). Under either, they keep the name that they were made with.
//
// Failure   The file port.NAME is made last and goes first. A record of the kind without it is half of a port, and
//           goes when the namespace is repaired.
#pragma once

#include <memory>
#include <string>

#include "engine/namespace.h"

namespace nm::engine {

// Serves VALE_NEWIF: makes port `name`, and tells the geometry that it got.
Status new_interface(const std::shared_ptr<Namespace>& space, const std::string& name,
                     abi::nmreq_vale_newif* wanted);

// Serves VALE_DELIF: unmakes port `name`, which nobody may use.
Status delete_interface(const std::shared_ptr<Namespace>& space, const std::string& name);

}  // namespace nm::engine
