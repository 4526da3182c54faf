#include "capture/encoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "capture/pcap.h"
#include "capture/pcapng.h"
#include "clock.h"

namespace nm {
namespace {

// What readers take for "all of a packet". [draft-ietf-opsawg-pcap]
constexpr uint32_t kWholePackets = 262144;

// Options of blocks. [draft-ietf-opsawg-pcapng]
constexpr uint16_t kUserApplication = 4;
constexpr uint16_t kName = 2;
constexpr uint16_t kDescription = 3;
constexpr uint16_t kTimeResolution = 9;
constexpr uint16_t kFilter = 11;
constexpr uint16_t kPacketFlags = 2;
constexpr uint16_t kReceived = 4;
constexpr uint16_t kDropped = 5;
constexpr uint8_t kNanosecondsResolution = 9;
constexpr uint32_t kOptionHeader = 4;
// A packet's flags option with its end.
constexpr uint32_t kPacketFlagsLength = kOptionHeader + 4 + kOptionHeader;

constexpr uint32_t kEnhancedHeader = 28;

constexpr uint32_t padded(uint32_t length) { return (length + 3) & ~3u; }

template <typename Value>
void store(uint8_t* to, Value value) {
  std::memcpy(to, &value, sizeof(value));
}
template <typename Value>
Value load(const uint8_t* from) {
  Value value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

// Appends numbers, options and texts.
class Bytes {
 public:
  template <typename Value>
  Bytes& put(Value value) {
    bytes_.resize(bytes_.size() + sizeof(value));
    store(&bytes_[bytes_.size() - sizeof(value)], value);
    return *this;
  }
  Bytes& put_time(int64_t time_ns) {
    // The upper half first, whatever the byte order.
    put(static_cast<uint32_t>(static_cast<uint64_t>(time_ns) >> 32));
    return put(static_cast<uint32_t>(time_ns));
  }
  Bytes& option(uint16_t code, const void* value, size_t length) {
    put(code).put(static_cast<uint16_t>(length));
    const auto* const from = static_cast<const uint8_t*>(value);
    bytes_.insert(bytes_.end(), from, from + length);
    bytes_.resize(padded(static_cast<uint32_t>(bytes_.size())));
    return *this;
  }
  Bytes& option(uint16_t code, const std::string& text) {
    constexpr size_t kLongestText = 4096;
    return text.empty() ? *this : option(code, text.data(), std::min(text.size(), kLongestText));
  }
  Bytes& option(uint16_t code, uint64_t number) { return option(code, &number, sizeof(number)); }
  Bytes& end_of_options() { return put<uint32_t>(0); }

  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

void append_block(std::vector<uint8_t>& file, uint32_t type, Bytes& body) {
  const std::vector<uint8_t> content = body.take();
  const uint32_t length = static_cast<uint32_t>(content.size()) + Pcapng::kBlockOverhead;
  const size_t at = file.size();
  file.resize(at + length);
  store(&file[at], type);
  store(&file[at + 4], length);
  std::memcpy(&file[at + 8], content.data(), content.size());
  store(&file[at + length - 4], length);
}

std::vector<uint8_t> pcap_opening(const std::vector<CaptureInterface>& interfaces) {
  uint32_t snaplen = 0;
  for (const CaptureInterface& interface : interfaces) {
    snaplen = std::max(snaplen, interface.snaplen == 0 ? kWholePackets : interface.snaplen);
  }
  Bytes header;
  header.put(Pcap::kNanoseconds).put<uint16_t>(2).put<uint16_t>(4).put<uint64_t>(0);
  header.put(snaplen).put<uint32_t>(kLinkTypeEthernet);
  return header.take();
}

std::vector<uint8_t> pcapng_opening(const std::string& application,
                                    const std::vector<CaptureInterface>& interfaces) {
  std::vector<uint8_t> file;
  Bytes section;
  // A length of -1 says that nobody knows it yet.
  section.put(Pcapng::kByteOrderMagic).put<uint16_t>(1).put<uint16_t>(0).put<int64_t>(-1);
  section.option(kUserApplication, application).end_of_options();
  append_block(file, Pcapng::kSection, section);
  for (const CaptureInterface& interface : interfaces) {
    Bytes body;
    body.put(kLinkTypeEthernet).put<uint16_t>(0).put(interface.snaplen);
    body.option(kName, interface.name).option(kDescription, interface.description);
    body.option(kTimeResolution, &kNanosecondsResolution, 1);
    // A 0 before the filter says that it is a text.
    if (!interface.filter.empty()) body.option(kFilter, std::string(1, '\0') + interface.filter);
    body.end_of_options();
    append_block(file, Pcapng::kInterface, body);
  }
  return file;
}

bool has_flags(const CaptureRecord& record) { return record.direction != CaptureDirection::unknown; }

}  // namespace

CaptureEncoder::CaptureEncoder(CaptureKind kind, std::string application,
                               std::vector<CaptureInterface> interfaces)
    : kind_(kind),
      opening_(kind == CaptureKind::pcap ? pcap_opening(interfaces)
                                         : pcapng_opening(application, interfaces)) {}

size_t CaptureEncoder::size(const CaptureRecord& record) const {
  if (kind_ == CaptureKind::pcap) return Pcap::kRecordLength + size_t{record.captured};
  return kEnhancedHeader + size_t{padded(record.captured)} + (has_flags(record) ? kPacketFlagsLength : 0) +
         sizeof(uint32_t);
}

uint8_t* CaptureEncoder::put(const CaptureRecord& record, uint8_t* to) const {
  if (kind_ == CaptureKind::pcap) {
    store(to, static_cast<uint32_t>(record.time_ns / kSecond_ns));
    store(to + 4, static_cast<uint32_t>(record.time_ns % kSecond_ns));
    store(to + 8, record.captured);
    store(to + 12, record.length);
    return to + Pcap::kRecordLength;
  }

  const auto length = static_cast<uint32_t>(size(record));
  store(to, uint32_t{Pcapng::kEnhancedPacket});
  store(to + 4, length);
  store(to + 8, record.interface);
  store(to + 12, static_cast<uint32_t>(static_cast<uint64_t>(record.time_ns) >> 32));
  store(to + 16, static_cast<uint32_t>(record.time_ns));
  store(to + 20, record.captured);
  store(to + 24, record.length);
  uint8_t* const bytes = to + kEnhancedHeader;
  for (uint32_t i = record.captured; i < padded(record.captured); i++) bytes[i] = 0;
  if (has_flags(record)) {
    uint8_t* const option = bytes + padded(record.captured);
    store(option, kPacketFlags);
    store(option + 2, uint16_t{4});
    // The lowest bits are 1 for what came in and 2 for what went out.
    store(option + 4, record.direction == CaptureDirection::received ? uint32_t{1} : uint32_t{2});
    store(option + 8, uint32_t{0});
  }
  store(to + length - sizeof(length), length);
  return bytes;
}

std::vector<uint8_t> CaptureEncoder::statistics(const CaptureStatistics& statistics) const {
  std::vector<uint8_t> bytes;
  if (kind_ == CaptureKind::pcap) return bytes;
  Bytes body;
  body.put(statistics.interface).put_time(statistics.time_ns);
  body.option(kReceived, statistics.received).option(kDropped, statistics.dropped).end_of_options();
  append_block(bytes, Pcapng::kStatistics, body);
  return bytes;
}

size_t CaptureEncoder::size_at(const uint8_t* record) const {
  return kind_ == CaptureKind::pcap ? Pcap::kRecordLength + size_t{load<uint32_t>(record + 8)}
                                    : load<uint32_t>(record + 4);
}

int64_t CaptureEncoder::time_at(const uint8_t* record) const {
  if (kind_ == CaptureKind::pcap) {
    return int64_t{load<uint32_t>(record)} * kSecond_ns + load<uint32_t>(record + 4);
  }
  return static_cast<int64_t>(uint64_t{load<uint32_t>(record + 12)} << 32 | load<uint32_t>(record + 16));
}

}  // namespace nm
