#include "nic/packet_receiver.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "nic/cut_off.h"
#include "nic/queue.h"

namespace nm::nic {

namespace {

using engine::BoundRing;

constexpr uint32_t kBlock = 256 << 10;
constexpr uint64_t kMostMemory = 8 << 20;
constexpr uint32_t kFewestFrames = 64;
// What lies before the packet in a frame: the kernel's header and address, padding, and the virtio-net header. [af_packet.c]
constexpr uint32_t kBefore = 96;
constexpr uint32_t kLargestPacket = 256 << 10;
constexpr int kSocketBuffer = 16 << 20;
constexpr uint32_t kIdleSyncsPerLook = 4096;

template <typename Value>
int set_option(int socket, int level, int name, const Value& value) {
  return setsockopt(socket, level, name, &value, sizeof(value)) == 0 ? 0 : errno;
}

sock_filter load(uint32_t what) { return {BPF_LD | BPF_W | BPF_ABS, 0, 0, SKF_AD_OFF + what}; }
sock_filter jump_unless(uint32_t value, uint8_t over) { return {BPF_JMP | BPF_JEQ | BPF_K, 0, over, value}; }
sock_filter give(uint32_t bytes) { return {BPF_RET | BPF_K, 0, 0, bytes}; }

// Takes what came through the queue, but not what goes up to the host on a program's behalf.
int filter(int socket, const Interface& interface, uint32_t queue) {
  std::vector<sock_filter> code = {load(SKF_AD_MARK), jump_unless(kUpwardMark, 1), give(0)};
  if (interface.rx_queues > 1) {
    code.push_back(load(SKF_AD_QUEUE));
    for_each_recorded(interface, queue, [&](uint32_t recorded) {
      code.push_back(jump_unless(recorded, 1));
      code.push_back(give(kLargestPacket));
    });
    code.push_back(give(0));
  } else {
    code.push_back(give(kLargestPacket));
  }
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  return set_option(socket, SOL_SOCKET, SO_ATTACH_FILTER, program);
}

Refusal refusal_of(int error) {
  return error == 0                          ? Refusal::none
         : error == EPERM || error == EACCES ? Refusal::no_net_raw
                                             : Refusal::system_refused;
}

}  // namespace

struct PacketReceiver::Frame {
  tpacket2_hdr header;

  uint32_t status() const { return __atomic_load_n(&header.tp_status, __ATOMIC_ACQUIRE); }
  bool is_ours() const { return (status() & TP_STATUS_USER) != 0; }
  void give_back() { __atomic_store_n(&header.tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE); }
  const uint8_t* at(uint32_t offset) const { return reinterpret_cast<const uint8_t*>(this) + offset; }

  uint32_t tag() const {
    if ((header.tp_status & TP_STATUS_VLAN_VALID) == 0) return 0;
    const uint32_t type =
        (header.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? header.tp_vlan_tpid : ETH_P_8021Q;
    return type << 16 | header.tp_vlan_tci;
  }
};

PacketReceiver::PacketReceiver(const Target& target, const BoundRing& ring)
    : words_(ring.state->driver_words),
      sharing_(words_, kSharedWord, socket_identity),
      intake_(target.region->buffer_stride(), target.interface.longest_frame()),
      link_(target.interface.index) {}

PacketReceiver::~PacketReceiver() {
  if (memory_ != nullptr) munmap(memory_, memory_size());
  if (socket_.is_open()) sharing_.withdraw(socket_.number());
}

void PacketReceiver::choose_size(const Target& target, uint32_t slots) {
  const uint32_t lines = (kBefore + target.interface.longest_frame() + kCacheLine - 1) / kCacheLine;
  // An odd number of lines, so that the first lines of frames do not meet in the cache.
  frame_size_ = std::min((lines | 1) * kCacheLine, kBlock);
  frames_per_block_ = kBlock / frame_size_;
  const uint64_t most = std::max<uint64_t>(kMostMemory / frame_size_, kFewestFrames);
  const auto wanted = static_cast<uint32_t>(std::min<uint64_t>(std::max(slots, kFewestFrames), most));
  blocks_ = (wanted + frames_per_block_ - 1) / frames_per_block_;
  frames_ = blocks_ * frames_per_block_;
}

// Of a ring that somebody else made. The interface's MTU may have been another one then.
bool PacketReceiver::read_size() {
  const uint64_t size = words_.word[kSizeWord];
  frame_size_ = static_cast<uint32_t>(size >> 32);
  blocks_ = static_cast<uint32_t>(size);
  if (frame_size_ <= kBefore || frame_size_ > kBlock || blocks_ == 0) return false;
  frames_per_block_ = kBlock / frame_size_;
  frames_ = blocks_ * frames_per_block_;
  return true;
}

Refusal PacketReceiver::open(const Target& target, const BoundRing& ring, int* error) {
  Refusal refusal = sharing_.join(&socket_, error);
  const bool is_fresh = !socket_.is_open();
  if (refusal == Refusal::none && is_fresh) {
    choose_size(target, ring.slots);
    refusal = make_socket(target, ring, error);
  }
  if (refusal != Refusal::none) return refusal;
  if (!is_fresh && !read_size()) return Refusal::owner_unreachable;

  void* memory = mmap(nullptr, memory_size(), PROT_READ | PROT_WRITE, MAP_SHARED, socket_.number(), 0);
  if (memory == MAP_FAILED) {
    *error = errno;
    return Refusal::system_refused;
  }
  memory_ = static_cast<uint8_t*>(memory);
  if (is_fresh) {
    words_.word[kCursorWord] = 0;
    words_.word[kSizeWord] = uint64_t{frame_size_} << 32 | blocks_;
  }
  return sharing_.offer(socket_.number(), is_fresh);
}

Refusal PacketReceiver::make_socket(const Target& target, const BoundRing& ring, int* error) {
  // Without a protocol it receives nothing until it is bound.
  socket_ = FileDescriptor(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_.is_open()) {
    *error = errno;
    return refusal_of(*error);
  }
  const int fd = socket_.number();
  tpacket_req ring_size = {};
  ring_size.tp_block_size = kBlock;
  ring_size.tp_block_nr = blocks_;
  ring_size.tp_frame_size = frame_size_;
  ring_size.tp_frame_nr = frames_;
  packet_mreq everything = {};
  everything.mr_ifindex = static_cast<int>(target.interface.index);
  everything.mr_type = PACKET_MR_PROMISC;
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(target.interface.index);

  // More than the usual limit, where we may. What does not fit is only slower to be sent or sooner lost.
  set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, kSocketBuffer);
  int failed = set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  if (failed == 0) failed = set_option(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
  if (failed != 0) {
    *error = failed;
    return Refusal::kernel_lacks_it;
  }
  failed = set_option(fd, SOL_PACKET, PACKET_VERSION, int{TPACKET_V2});
  if (failed == 0) failed = set_option(fd, SOL_PACKET, PACKET_COPY_THRESH, 1);
  if (failed == 0) failed = set_option(fd, SOL_PACKET, PACKET_RX_RING, ring_size);
  if (failed == 0) failed = filter(fd, target.interface, ring.number);
  if (failed == 0 && target.promiscuous) {
    failed = set_option(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, everything);
  }
  if (failed == 0 && bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) failed = errno;
  // An interface that is down says so at once. That is no news.
  int down = 0;
  socklen_t size = sizeof(down);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &down, &size);
  *error = failed;
  return refusal_of(failed);
}

Status PacketReceiver::receive(BoundRing& ring, uint32_t head) {
  ring.state->hwcur = head;
  uint32_t at = cursor();
  bool lost = false;
  uint32_t taken = 0;
  for (; taken < frames_; taken++) {
    Frame& next = frame(at);
    const uint32_t status = next.status();
    if ((status & TP_STATUS_USER) == 0 || !deliver(ring, next)) break;
    lost |= (status & TP_STATUS_LOSING) != 0;
    at = at + 1 == frames_ ? 0 : at + 1;
    words_.word[kCursorWord] = at;
    next.give_back();
  }
  if (lost) count_lost(ring);
  if (taken == 0 && ++idle_syncs_ % kIdleSyncsPerLook == 0) look_around(ring);
  return link_.status();
}

uint64_t PacketReceiver::memory_size() const { return uint64_t{blocks_} * kBlock; }

bool PacketReceiver::has_news(const BoundRing& ring) const {
  return frame(cursor()).is_ours() && Intake::room(ring) != 0;
}

void PacketReceiver::look_around(BoundRing& ring) {
  link_.ask(socket_.number());
  // The last who synced the ring may have died before it gave back the frame behind the cursor.
  const uint32_t at = cursor();
  Frame& behind = frame(at == 0 ? frames_ - 1 : at - 1);
  if (behind.is_ours() && !frame(at).is_ours()) behind.give_back();
  count_lost(ring);
}

void PacketReceiver::count_lost(BoundRing& ring) {
  tpacket_stats lost = {};  // since it was asked for the last time
  socklen_t size = sizeof(lost);
  if (getsockopt(socket_.number(), SOL_PACKET, PACKET_STATISTICS, &lost, &size) != 0 || lost.tp_drops == 0)
    return;
  ring.state->drops_full.fetch_add(lost.tp_drops, std::memory_order_relaxed);
}

PacketReceiver::Frame& PacketReceiver::frame(uint32_t index) const {
  const uint64_t block = index / frames_per_block_;
  const uint64_t place = index % frames_per_block_;
  return *reinterpret_cast<Frame*>(memory_ + block * kBlock + place * frame_size_);
}

uint32_t PacketReceiver::cursor() const {
  const uint64_t at = words_.word[kCursorWord];
  return at < frames_ ? static_cast<uint32_t>(at) : 0;
}

// False: the ring has no room for it.
bool PacketReceiver::deliver(BoundRing& ring, Frame& next) {
  const tpacket2_hdr& header = next.header;
  KernelPacket packet;
  packet.tag = next.tag();
  if ((header.tp_status & TP_STATUS_COPY) != 0) {
    // Taken out of the socket at the first try, it waits here when the ring has no room.
    if (large_length_ == 0) large_length_ = read_large(header.tp_len);
    packet.bytes = large_.data();
    packet.length = large_length_;
  } else if (header.tp_mac >= sizeof(header) + engine::kVnetHeader &&
             uint64_t{header.tp_mac} + header.tp_snaplen <= frame_size_ &&
             header.tp_snaplen == header.tp_len) {
    packet.bytes = next.at(header.tp_mac - engine::kVnetHeader);
    packet.length = header.tp_snaplen + engine::kVnetHeader;
  }
  if (packet.length == 0) {
    ring.state->drops_too_long.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  if (!intake_.put(ring, packet)) return false;
  large_length_ = 0;
  return true;
}

// The packet of `length` bytes that is next in the socket, whose frame was too small for it. 0: it is not there, for there
// was no room in the socket either, or it is another one.
uint32_t PacketReceiver::read_large(uint32_t length) {
  large_.resize(engine::kVnetHeader + kLargestPacket);
  const ssize_t read = recv(socket_.number(), large_.data(), large_.size(), MSG_DONTWAIT);
  return read == static_cast<ssize_t>(length) + engine::kVnetHeader ? static_cast<uint32_t>(read) : 0;
}

}  // namespace nm::nic
