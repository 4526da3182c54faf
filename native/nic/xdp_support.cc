#include "nic/xdp_support.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstring>

#include "file_descriptor.h"

namespace nm::nic {

namespace {

// Numbers of the kernel's "netdev" family, which older headers lack. [linux/netdev.h]
constexpr uint8_t kGetDevice = 1;
constexpr uint16_t kInterfaceIndex = 1;
constexpr uint16_t kXdpFeatures = 3;
constexpr uint16_t kZeroCopyPieces = 4;
constexpr uint16_t kMetadataFeatures = 5;

constexpr uint64_t kBasic = 1;
constexpr uint64_t kTakesFrames = 4;
constexpr uint64_t kZeroCopy = 8;
constexpr uint64_t kReceivesPieces = 32;
constexpr uint64_t kTakesPieces = 64;
constexpr uint64_t kTellsVlanTag = 4;

// One question with one attribute, and its answer's attributes.
class GenericNetlink {
 public:
  GenericNetlink() : socket_(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC)) {
    // The kernel answers at once. Who waits for ever for what does not come would hang.
    const timeval patience = {1, 0};
    setsockopt(socket_.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }

  bool ask(uint16_t family, uint8_t command, uint16_t attribute, const void* value, uint16_t length) {
    struct {
      nlmsghdr message = {};
      genlmsghdr command = {};
      nlattr attribute = {};
      char value[16] = {};
    } question;
    question.message.nlmsg_type = family;
    question.message.nlmsg_flags = NLM_F_REQUEST;
    question.command.cmd = command;
    question.command.version = 1;
    question.attribute.nla_type = attribute;
    question.attribute.nla_len = static_cast<uint16_t>(sizeof(nlattr) + length);
    memcpy(question.value, value, length);
    question.message.nlmsg_len =
        static_cast<uint32_t>(sizeof(question) - sizeof(question.value) + NLA_ALIGN(length));
    if (send(socket_.number(), &question, question.message.nlmsg_len, 0) < 0) return false;
    const ssize_t got = recv(socket_.number(), answer_, sizeof(answer_), 0);
    size_ = got < 0 ? 0 : static_cast<size_t>(got);
    return size_ >= kAttributesAt && reinterpret_cast<nlmsghdr*>(answer_)->nlmsg_type == family;
  }

  // Copies an attribute of the answer. False: it has none.
  bool find(uint16_t wanted, void* value, size_t length) const {
    for (size_t at = kAttributesAt; at + sizeof(nlattr) <= size_;) {
      nlattr attribute;
      memcpy(&attribute, answer_ + at, sizeof(attribute));
      if (attribute.nla_len < sizeof(nlattr) || at + attribute.nla_len > size_) return false;
      if ((attribute.nla_type & NLA_TYPE_MASK) == wanted) {
        if (attribute.nla_len < sizeof(nlattr) + length) return false;
        memcpy(value, answer_ + at + sizeof(nlattr), length);
        return true;
      }
      at += NLA_ALIGN(attribute.nla_len);
    }
    return false;
  }

 private:
  static constexpr size_t kAttributesAt = NLMSG_HDRLEN + GENL_HDRLEN;

  FileDescriptor socket_;
  alignas(nlmsghdr) char answer_[8192];
  size_t size_ = 0;
};

}  // namespace

XdpSupport xdp_support(uint32_t interface) {
  XdpSupport support;
  GenericNetlink netlink;
  uint16_t family = 0;
  if (!netlink.ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, "netdev", sizeof("netdev")) ||
      !netlink.find(CTRL_ATTR_FAMILY_ID, &family, sizeof(family))) {
    return support;
  }
  uint64_t features = 0;
  uint64_t metadata = 0;
  if (!netlink.ask(family, kGetDevice, kInterfaceIndex, &interface, sizeof(interface)) ||
      !netlink.find(kXdpFeatures, &features, sizeof(features))) {
    return support;
  }
  support.is_known = true;
  support.native = (features & kBasic) != 0;
  support.takes_frames = (features & kTakesFrames) != 0;
  support.takes_pieces = (features & kTakesPieces) != 0;
  support.receives_pieces = (features & kReceivesPieces) != 0;
  support.zero_copy = (features & kZeroCopy) != 0;
  netlink.find(kZeroCopyPieces, &support.zero_copy_pieces, sizeof(support.zero_copy_pieces));
  if (netlink.find(kMetadataFeatures, &metadata, sizeof(metadata))) {
    support.tells_vlan_tag = (metadata & kTellsVlanTag) != 0;
  }
  return support;
}

}  // namespace nm::nic
