// What the kernel's errnos are found to mean, with a module that answers what a test says.
#include "device/kernel_refusal.h"

#include <cerrno>
#include <map>
#include <set>

#include "request_header.h"
#include "test/check.h"

using namespace nm;

namespace {

// An interface that every machine has.
constexpr const char* kInterface = "lo";

// What a module knows, as it answers questions about it.
struct Module {
  // Ports that it tells about, by name, with so many rings in each direction.
  std::map<std::string, uint16_t> ports;
  std::set<uint16_t> regions;
  // Ports of switches, in its order.
  std::vector<std::string> switch_ports;

  int answer(abi::nmreq_header* question) const {
    if (question->nr_reqtype == abi::NETMAP_REQ_VALE_LIST) {
      auto* const body = reinterpret_cast<abi::nmreq_vale_list*>(question->nr_body);
      if (body->nr_port_idx >= switch_ports.size()) return ENOENT;
      strncpy(question->nr_name, switch_ports[body->nr_port_idx].c_str(), sizeof(question->nr_name) - 1);
      return 0;
    }
    CHECK_EQUAL(question->nr_reqtype, abi::NETMAP_REQ_PORT_INFO_GET);
    auto* const body = reinterpret_cast<abi::nmreq_port_info_get*>(question->nr_body);
    const std::string name = question->nr_name;
    if (name.empty()) return regions.contains(body->nr_mem_id) ? 0 : ENXIO;
    const auto port = ports.find(name);
    if (port == ports.end()) return ENXIO;
    body->nr_tx_rings = body->nr_rx_rings = port->second;
    return 0;
  }

  Status refusal(const abi::nmreq_header& request, int error, bool bound = false) const {
    return kernel_refusal(request, error, bound,
                          [&](abi::nmreq_header* question) { return answer(question); });
  }

  // Of a registration.
  Status registering(const std::string& name, int error, abi::nmreq_register body = {},
                     bool bound = false) const {
    return refusal(request_header(abi::NETMAP_REQ_REGISTER, name, &body), error, bound);
  }

  // Of a request that is told by its name alone.
  Status asking(uint16_t type, const std::string& name, int error) const {
    return refusal(request_header(type, name, nullptr), error);
  }

  // Of a registration with an option in which the module wrote `written`.
  Status with_option(uint32_t type, uint32_t written) const {
    abi::nmreq_option fine = {0, abi::NETMAP_REQ_OPT_OFFSETS, 0, 0};
    abi::nmreq_option refused = {0, type, written, 0};
    fine.nro_next = reinterpret_cast<uint64_t>(&refused);
    abi::nmreq_register body = {};
    abi::nmreq_header request = request_header(abi::NETMAP_REQ_REGISTER, "vale0:a", &body);
    request.nr_options = reinterpret_cast<uint64_t>(&fine);
    return refusal(request, EINVAL);
  }
};

abi::nmreq_register with_flags(uint64_t flags) {
  abi::nmreq_register body = {};
  body.nr_flags = flags;
  return body;
}

abi::nmreq_register of_region(uint16_t id) {
  abi::nmreq_register body = {};
  body.nr_mem_id = id;
  return body;
}

abi::nmreq_register of_ring(uint16_t number) {
  abi::nmreq_register body = {};
  body.nr_mode = abi::NR_REG_ONE_NIC;
  body.nr_ringid = number;
  return body;
}

}  // namespace

TEST("a busy port is held exclusively, or wanted so, or on a switch, or the descriptor is bound") {
  Module module;
  CHECK_EQUAL(module.registering("vale0:a", EBUSY), Status::port_exclusive);
  CHECK_EQUAL(module.registering("vale0:a", EBUSY, with_flags(abi::NR_EXCLUSIVE)), Status::port_in_use);
  CHECK_EQUAL(module.registering("vale0:a", EBUSY, {}, true), Status::already_registered);
  CHECK_EQUAL(module.registering(std::string("vale0:") + kInterface, EBUSY), Status::port_attached);
  CHECK_EQUAL(module.registering(kInterface, EBUSY), Status::port_exclusive);
  module.switch_ports = {"vale0:a", std::string("vale3:") + kInterface};
  CHECK_EQUAL(module.registering(kInterface, EBUSY), Status::port_attached);
}

TEST(
    "an invalid registration is told by its monitor, region, ring or interface, and otherwise left as that") {
  Module module;
  module.ports = {{"vale0:a", 2}, {kInterface, 1}};
  module.regions = {5};
  const auto of = [&](const std::string& name, abi::nmreq_register body = {}) {
    return module.registering(name, EINVAL, body);
  };
  CHECK_EQUAL(of("vale0:a", with_flags(abi::NR_MONITOR_TX)), Status::watched_not_open);
  CHECK_EQUAL(of("vale0:a", of_region(6)), Status::no_such_region);
  CHECK_EQUAL(of("vale0:a", of_region(5)), Status::kernel_invalid);
  CHECK_EQUAL(of(std::string("vale0:") + kInterface), Status::interface_not_attached);
  CHECK_EQUAL(of("vale0:a", of_ring(2)), Status::bad_ring);
  CHECK_EQUAL(of("vale0:a", of_ring(1)), Status::kernel_invalid);
  CHECK_EQUAL(of(kInterface), Status::interface_unfit_for_kernel);
  CHECK_EQUAL(of("never0"), Status::bad_name);
}

TEST("a port that the module does not find is a switch's, a pipe's or an interface's") {
  const Module module;
  CHECK_EQUAL(module.registering("vale0:a", ENXIO), Status::no_such_port);
  CHECK_EQUAL(module.registering("never0", ENXIO), Status::no_such_interface);
  CHECK_EQUAL(module.registering("never0", ENODEV), Status::no_such_interface);
  CHECK_EQUAL(module.registering("p{1", ENODEV), Status::no_such_pipe);
}

TEST("no memory for a switch whose name cannot be is an unsound name") {
  const Module module;
  CHECK_EQUAL(module.registering("vale0:a", ENOMEM), Status::kernel_full);
  CHECK_EQUAL(module.registering("p{1", ENOMEM), Status::kernel_full);
  CHECK_EQUAL(module.registering("vale-0:a", ENOMEM), Status::bad_switch_name);
  CHECK_EQUAL(module.registering("vale0:", ENOMEM), Status::bad_switch_name);
  CHECK_EQUAL(module.registering("vale0:a23456789012345", ENOMEM), Status::kernel_full);
  CHECK_EQUAL(module.registering("vale0:a234567890123456", ENOMEM), Status::bad_switch_name);
}

TEST("what the module wrote into an option goes before the errno of the request") {
  const Module module;
  constexpr uint32_t kOffsets = abi::NETMAP_REQ_OPT_OFFSETS;
  constexpr uint32_t kMemory = abi::NETMAP_REQ_OPT_EXTMEM;
  constexpr uint32_t kBlocks = abi::NETMAP_REQ_OPT_CSB;
  CHECK_EQUAL(module.with_option(kOffsets, EOPNOTSUPP), Status::offsets_unsupported);
  CHECK_EQUAL(module.with_option(kOffsets, EBUSY), Status::offsets_agreed);
  CHECK_EQUAL(module.with_option(kOffsets, EINVAL), Status::bad_offsets);
  CHECK_EQUAL(module.with_option(kMemory, EOPNOTSUPP), Status::external_unsupported);
  CHECK_EQUAL(module.with_option(kMemory, ENOMEM), Status::external_too_small);
  CHECK_EQUAL(module.with_option(kMemory, EFAULT), Status::external_unreachable);
  CHECK_EQUAL(module.with_option(kMemory, EINVAL), Status::bad_pools);
  CHECK_EQUAL(module.with_option(kBlocks, EOPNOTSUPP), Status::unsupported_option);
  CHECK_EQUAL(module.with_option(kBlocks, EFAULT), Status::bad_address);
  CHECK_EQUAL(module.with_option(kBlocks, EINVAL), Status::csb_not_exclusive);
  CHECK_EQUAL(module.with_option(abi::NETMAP_REQ_OPT_MAX, EOPNOTSUPP), Status::unsupported_option);
  // It liked all of them: the errno is the request's own.
  CHECK_EQUAL(module.with_option(kOffsets, 0), Status::bad_name);
}

TEST("some errnos mean the same of every request") {
  const Module module;
  for (const uint16_t type :
       {abi::NETMAP_REQ_REGISTER, abi::NETMAP_REQ_VALE_ATTACH, abi::NETMAP_REQ_VALE_LIST,
        abi::NETMAP_REQ_PORT_INFO_GET, abi::NETMAP_REQ_CSB_ENABLE}) {
    CHECK_EQUAL(module.asking(type, "vale0:a", EMSGSIZE), Status::too_long_request);
    CHECK_EQUAL(module.asking(type, "vale0:a", EPERM), Status::not_permitted);
    CHECK_EQUAL(module.asking(type, "vale0:a", EACCES), Status::not_permitted);
    CHECK_EQUAL(module.asking(type, "vale0:a", EINTR), Status::interrupted);
  }
}

TEST("requests about switches tell what is in use, missing, ephemeral or unfit") {
  const Module module;
  const std::string interface_port = std::string("vale0:") + kInterface;
  struct {
    uint16_t type;
    std::string name;
    int error;
    Status means;
  } const rows[] = {
      {abi::NETMAP_REQ_VALE_ATTACH, interface_port, EBUSY, Status::port_used},
      {abi::NETMAP_REQ_VALE_ATTACH, "vale0:never0", EINVAL, Status::nothing_to_attach},
      {abi::NETMAP_REQ_VALE_ATTACH, interface_port, EINVAL, Status::kernel_invalid},
      {abi::NETMAP_REQ_VALE_ATTACH, "a", EINVAL, Status::not_on_a_switch},
      {abi::NETMAP_REQ_VALE_ATTACH, interface_port, EOPNOTSUPP, Status::no_native_driver},
      {abi::NETMAP_REQ_VALE_ATTACH, interface_port, ENOMEM, Status::kernel_full},
      {abi::NETMAP_REQ_VALE_ATTACH, "vale-0:a", ENOMEM, Status::bad_switch_name},
      {abi::NETMAP_REQ_VALE_DETACH, "vale0:a", EBUSY, Status::port_ephemeral},
      {abi::NETMAP_REQ_VALE_DETACH, interface_port, EBUSY, Status::port_attached},
      {abi::NETMAP_REQ_VALE_DETACH, "vale0:a", ENXIO, Status::no_such_port},
      {abi::NETMAP_REQ_VALE_POLLING_ENABLE, interface_port, EFAULT, Status::polls_already},
      {abi::NETMAP_REQ_VALE_POLLING_DISABLE, interface_port, EFAULT, Status::polls_not},
      {abi::NETMAP_REQ_VALE_POLLING_ENABLE, "vale0:a", EOPNOTSUPP, Status::polling_unsupported},
      {abi::NETMAP_REQ_VALE_LIST, "vale9:a", ENOENT, Status::no_such_switch},
      {abi::NETMAP_REQ_VALE_LIST, "", ENOENT, Status::no_more_ports},
      {abi::NETMAP_REQ_VALE_LIST, "a", EINVAL, Status::not_on_a_switch},
      {abi::NETMAP_REQ_VALE_NEWIF, "p", EEXIST, Status::interface_exists},
      {abi::NETMAP_REQ_VALE_NEWIF, "vale0:p", EINVAL, Status::bad_interface_name},
      {abi::NETMAP_REQ_VALE_NEWIF, "p", ENOMEM, Status::kernel_full},
      {abi::NETMAP_REQ_VALE_DELIF, kInterface, EINVAL, Status::not_a_persistent_port},
      {abi::NETMAP_REQ_VALE_DELIF, "p", EBUSY, Status::port_used},
      {abi::NETMAP_REQ_VALE_DELIF, "p", ENXIO, Status::no_such_port},
  };
  for (const auto& row : rows) CHECK_EQUAL(module.asking(row.type, row.name, row.error), row.means);
}

TEST("questions about ports, their headers and control blocks tell what is missing") {
  const Module module;
  struct {
    uint16_t type;
    const char* name;
    int error;
    Status means;
  } const rows[] = {
      {abi::NETMAP_REQ_PORT_HDR_SET, "vale0:a", EINVAL, Status::bad_header_length},
      {abi::NETMAP_REQ_PORT_HDR_SET, "vale0:a", ENXIO, Status::no_such_port},
      {abi::NETMAP_REQ_PORT_HDR_GET, "vale0:a", ENXIO, Status::no_such_port},
      {abi::NETMAP_REQ_PORT_INFO_GET, "vale0:a", ENXIO, Status::no_such_port},
      {abi::NETMAP_REQ_PORT_INFO_GET, "never0", ENXIO, Status::no_such_interface},
      {abi::NETMAP_REQ_PORT_INFO_GET, "p{1", ENODEV, Status::no_such_pipe},
      {abi::NETMAP_REQ_POOLS_INFO_GET, "vale0:a", ENOMEM, Status::kernel_full},
      {abi::NETMAP_REQ_POOLS_INFO_GET, "vale0:a", EINVAL, Status::kernel_invalid},
      {abi::NETMAP_REQ_CSB_ENABLE, "", EBUSY, Status::kloop_running},
      {abi::NETMAP_REQ_SYNC_KLOOP_START, "", ENXIO, Status::not_registered},
      {abi::NETMAP_REQ_SYNC_KLOOP_START, "", EINVAL, Status::csb_missing},
      {999, "", EINVAL, Status::bad_request},
      {999, "", EOPNOTSUPP, Status::unsupported_request},
  };
  for (const auto& row : rows) CHECK_EQUAL(module.asking(row.type, row.name, row.error), row.means);
}

TEST("an errno that netmap never gives is handed on") {
  const Module module;
  CHECK_EQUAL(module.registering("vale0:a", EIO), Status::header_required);
  CHECK_EQUAL(module.registering(kInterface, EOPNOTSUPP), Status::no_native_driver);
  CHECK_EQUAL(module.registering("vale0:a", ENOSPC), Status::system_error);
  CHECK_EQUAL(module.asking(abi::NETMAP_REQ_PORT_INFO_GET, "vale0:a", ENOSPC), Status::system_error);
}
