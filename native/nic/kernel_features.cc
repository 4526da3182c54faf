#include "nic/kernel_features.h"

#include <linux/if_xdp.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>
#include <climits>
#include <thread>

#include "nic/bpf/assembler.h"
#include "nic/bpf/btf.h"
#include "nic/bpf/object.h"
#include "nic/xdp_support.h"
#include "nic/xsk_socket.h"

namespace nm::nic {

namespace {

using namespace bpf;

constexpr uint32_t kLoopback = 1;
// No interface has this number. A request for it fails, but not before its flags and types were found right.
constexpr uint32_t kNoInterface = INT_MAX;

KernelFeature of_error(int error) { return {error == 0, error}; }

int load(ProgramType type, uint32_t flags, FileDescriptor* program) {
  Assembler code;
  code.exit_with(kXdpDrop);
  std::string log;
  return load_program({type, "nm_probe", flags}, code.finish(), program, &log);
}

int try_live_frames() {
  FileDescriptor program;
  const int error = load(ProgramType::xdp, 0, &program);
  const uint8_t frame[60] = {};
  return error != 0 ? error : run_live(program.number(), frame, sizeof(frame), 1, 1);
}

int try_tcx() {
  FileDescriptor program;
  FileDescriptor link;
  int error = load(ProgramType::sched_cls, 0, &program);
  if (error == 0) error = attach_program(program.number(), AttachType::tcx_ingress, kNoInterface, 0, &link);
  return error == ENODEV ? 0 : error;
}

int try_socket(int family) {
  const FileDescriptor made(socket(family, SOCK_RAW | SOCK_CLOEXEC, 0));
  return made.is_open() ? 0 : errno;
}

int try_af_xdp_flags(uint16_t flags) {
  const FileDescriptor made(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!made.is_open()) return errno;
  sockaddr_xdp address = {};
  address.sxdp_family = AF_XDP;
  address.sxdp_ifindex = kNoInterface;
  address.sxdp_flags = flags;
  return bind(made.number(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 || errno == ENODEV
             ? 0
             : errno;
}

int try_af_xdp_budget() {
  const FileDescriptor made(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!made.is_open()) return errno;
  const int budget = 32;
  // EACCES: it is known, and more than a socket without a TX ring may ask for.
  const bool is_known =
      setsockopt(made.number(), SOL_XDP, kXskMostPerCall, &budget, sizeof(budget)) == 0 || errno == EACCES;
  return is_known ? 0 : errno;
}

int try_private_network() {
  int error = 0;
  // On a thread of its own, which ends with what it made.
  std::thread([&] { error = unshare(CLONE_NEWNET) == 0 ? 0 : errno; }).join();
  return error;
}

}  // namespace

KernelFeatures kernel_features() {
  const Btf btf = Btf::of_kernel();
  FileDescriptor program;
  KernelFeatures features;
  features.bpf_programs = of_error(load(ProgramType::xdp, 0, &program));
  features.live_frames = of_error(try_live_frames());
  features.xdp_pieces = of_error(load(ProgramType::xdp, kProgramHasFrags, &program));
  features.tcx = of_error(try_tcx());
  features.kernel_types = {btf.function("schedule").has_value(), 0};
  features.vlan_function = {btf.function(kVlanFunction).has_value(), 0};
  features.interface_features = {xdp_support(kLoopback).is_known, 0};
  features.af_xdp = of_error(try_socket(AF_XDP));
  features.af_xdp_wakeup = of_error(try_af_xdp_flags(XDP_USE_NEED_WAKEUP));
  features.af_xdp_pieces = of_error(try_af_xdp_flags(XDP_USE_NEED_WAKEUP | kXskUseManyPieces));
  features.af_xdp_budget = of_error(try_af_xdp_budget());
  features.packet_sockets = of_error(try_socket(AF_PACKET));
  features.private_network = of_error(try_private_network());
  return features;
}

}  // namespace nm::nic
