#include "nic/af_xdp.h"

#include <linux/if_ether.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>

#include "nic/bpf/btf.h"
#include "nic/bpf/object.h"
#include "nic/xdp_attachment.h"
#include "nic/xdp_refusal.h"
#include "nic/xdp_support.h"
#include "nic/xsk_program.h"
#include "nic/xsk_queue.h"

namespace nm::nic {

namespace {

using engine::BoundRing;

// How many buffers the region has at least, so that a socket need not be made anew for each port that comes after it. 20 MB,
// where there is so much.
constexpr uint32_t kBuffersAhead = 10240;

class AfXdp final : public Driver {
 public:
  AfXdp(const Target& target, XskMode mode) : target_(target), mode_(mode) {}

  Refusal open(const BoundRing& ring, int* error) override {
    std::unique_ptr<XskQueue>& queue = queues_[ring.number];
    if (queue == nullptr) {
      target_.region->reserve_buffers(kBuffersAhead);
      queue = std::make_unique<XskQueue>(target_, ring.number, mode_);
      const Refusal refusal = queue->open(error);
      if (refusal != Refusal::none) return refusal;
    }
    // Without copies the interface's driver must know of XDP to send as well.
    if (!ring.is_tx || mode_.zero_copy) {
      const Refusal refusal = attach(error);
      if (refusal != Refusal::none) return refusal;
    }
    queue->start(ring);
    if (!ring.is_tx) queue->listen(attachment_->map(0));
    return Refusal::none;
  }

  Status send(BoundRing& ring, uint32_t head) override { return queue(ring).send(ring, head); }
  Status receive(BoundRing& ring, uint32_t head) override { return queue(ring).receive(ring, head); }
  bool has_news(const BoundRing& ring) const override { return queue(ring).has_news(ring); }
  Notice notice(const BoundRing& ring) const override { return queue(ring).notice(ring); }
  int64_t before_sleep(BoundRing& ring) override { return queue(ring).before_sleep(ring); }
  void count(BoundRing& ring) override { queue(ring).count(ring); }
  bool takes_from_host() const override { return true; }

 private:
  XskQueue& queue(const BoundRing& ring) const { return *queues_.find(ring.number)->second; }

  Refusal attach(int* error) {
    if (attachment_ != nullptr) return Refusal::none;
    attachment_ = std::make_unique<XdpAttachment>();
    if (attachment_->join(target_)) return Refusal::none;

    const Interface& interface = target_.interface;
    const uint32_t queues = std::max(interface.rx_queues, interface.tx_queues);
    std::array<FileDescriptor, 2> maps;
    *error = bpf::create_map({bpf::MapType::xskmap, "nm_sockets", sizeof(uint32_t), sizeof(uint32_t), queues},
                             &maps[0]);
    // Where frames lie as they were on the wire, the interface is told to leave the tag in them.
    const bool may_ask = !mode_.generic && !mode_.zero_copy && xdp_support(interface.index).tells_vlan_tag;
    const uint32_t vlan_function = may_ask ? bpf::Btf::of_kernel().function(kVlanFunction).value_or(0) : 0;
    bpf::ProgramShape shape = {bpf::ProgramType::xdp, "nm_redirect"};
    if (interface.longest_frame() > XskSocket::kPiece) shape.flags |= bpf::kProgramHasFrags;
    if (vlan_function != 0) {
      shape.flags |= bpf::kProgramDeviceBound;
      shape.interface = interface.index;
    }
    FileDescriptor program;
    std::string log;
    if (*error == 0) {
      *error = bpf::load_program(shape, xsk_receiver(maps[0].number(), vlan_function), &program, &log);
    }
    if (*error != 0) return bpf_refusal(*error);
    return attachment_->attach(target_, program.number(), mode_.generic ? bpf::kXdpGeneric : bpf::kXdpNative,
                               std::move(maps), 0, error);
  }

  const Target target_;
  const XskMode mode_;
  std::map<uint32_t, std::unique_ptr<XskQueue>> queues_;
  std::unique_ptr<XdpAttachment> attachment_;
};

Refusal probe(const Target& target, XskMode mode, int* error) {
  const FileDescriptor socket(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) {
    *error = errno;
    if (*error == EPERM || *error == EACCES) return Refusal::no_net_raw;
    return *error == EAFNOSUPPORT ? Refusal::kernel_lacks_it : Refusal::system_refused;
  }
  if (!XskSocket::suits(*target.region)) return Refusal::buffers_unfit;
  const XdpSupport support = xdp_support(target.interface.index);
  if (!support.is_known || mode.generic) return Refusal::none;
  if (mode.zero_copy && !support.zero_copy) return Refusal::interface_lacks_it;
  return support.native ? Refusal::none : Refusal::interface_lacks_it;
}

template <bool zero_copy, bool generic>
Refusal probe_mode(const Target& target, int* error) {
  return probe(target, {zero_copy, generic}, error);
}
template <bool zero_copy, bool generic>
std::unique_ptr<Driver> make_mode(const Target& target) {
  return std::make_unique<AfXdp>(target, XskMode{zero_copy, generic});
}

}  // namespace

const DriverKind kAfXdpZeroCopy = {"af-xdp-zero-copy",    2, true, false, probe_mode<true, false>,
                                   make_mode<true, false>};
const DriverKind kAfXdpNative = {"af-xdp-native",        3, true, false, probe_mode<false, false>,
                                 make_mode<false, false>};
const DriverKind kAfXdpGeneric = {"af-xdp-generic",      5, true, true, probe_mode<false, true>,
                                  make_mode<false, true>};

}  // namespace nm::nic
