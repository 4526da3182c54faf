#include "traffic/survey.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>

#include "traffic/header_places.h"

namespace nm {

Survey::Survey(int descriptor, Depth depth)
    : descriptor_(descriptor), stop_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), depth_(depth) {
  if (depth == Depth::all) bins_.resize(kBins);
}

Survey::~Survey() {
  close(stop_descriptor_);
  close(descriptor_);
}

void Survey::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  eventfd_write(stop_descriptor_, 1);
}

void Survey::run() {
  // How many packets pass between looks at what others ask and want to see.
  constexpr uint64_t kLook = 4096;
  CaptureReader reader(descriptor_, stop_descriptor_);
  for (CapturedPacket packet; reader.next(&packet);) {
    count(packet);
    if (counts_.packets % kLook != 0) continue;
    offset_.store(reader.offset(), std::memory_order_relaxed);
    if (stopping_.load(std::memory_order_relaxed)) return;
  }
  fault_ = reader.fault();
  interfaces_ = reader.interfaces();
  counts_.file_bytes = reader.offset();
}

void Survey::count(const CapturedPacket& packet) {
  Counts& counts = counts_;
  counts.shortest = counts.packets == 0 ? packet.length : std::min<uint64_t>(counts.shortest, packet.length);
  counts.longest = std::max<uint64_t>(counts.longest, packet.length);
  counts.packets++;
  counts.bytes += packet.length;
  counts.captured += packet.captured;
  if (packet.captured < packet.length) counts.cut++;
  if (packet.length == 0) counts.empty++;
  if (packet.link_type != kLinkTypeEthernet) {
    if (counts.not_ethernet++ == 0) counts.link_type = packet.link_type;
  }
  note_time(packet);
  if (depth_ == Depth::all) look_into(packet);
}

void Survey::note_time(const CapturedPacket& packet) {
  if (!packet.timed) {
    counts_.untimed++;
    return;
  }
  if (!timed_) {
    timed_ = true;
    first_ns_ = earliest_ns_ = latest_ns_ = packet.time_ns;
    return;
  }
  // In 64 bits without a sign, where no two times are too far apart.
  const uint64_t gap_ns = packet.time_ns <= latest_ns_
                              ? 0
                              : static_cast<uint64_t>(packet.time_ns) - static_cast<uint64_t>(latest_ns_);
  if (packet.time_ns < latest_ns_) counts_.out_of_order++;
  if (gap_ns > counts_.longest_gap_ns) {
    counts_.longest_gap_ns = gap_ns;
    counts_.longest_gap_at = counts_.packets;
  }
  earliest_ns_ = std::min(earliest_ns_, packet.time_ns);
  latest_ns_ = std::max(latest_ns_, packet.time_ns);
  if (depth_ == Depth::all) gaps_ns_.record(gap_ns);
}

void Survey::look_into(const CapturedPacket& packet) {
  size_t size = 0;
  while (packet.length >= kSizes[size] && size + 1 < kSizes.size()) size++;
  sizes_[size].add(packet.length);

  if (!packet.comment.empty()) {
    counts_.comments++;
    if (comments_.size() < kMostComments) comments_.emplace_back(packet.comment.substr(0, kLongestComment));
  }

  const uint64_t since_ns = packet.time_ns <= first_ns_
                                ? 0
                                : static_cast<uint64_t>(packet.time_ns) - static_cast<uint64_t>(first_ns_);
  while (since_ns >> bin_bits_ >= kBins) join_bins();
  bins_[since_ns >> bin_bits_].add(packet.length);

  if (packet.link_type != kLinkTypeEthernet) return;
  const auto is = [&](Protocol protocol) { protocols_[static_cast<size_t>(protocol)].add(packet.length); };
  const HeaderPlaces places = find_headers(packet.bytes, packet.captured);
  if (places.vlan_tags > 0) is(Protocol::vlan);
  if (places.ip == 0) return is(places.ether_type == kEtherArp ? Protocol::arp : Protocol::other_ether);
  is(places.ip == 4 ? Protocol::ipv4 : Protocol::ipv6);
  if (places.fragment) is(Protocol::fragment);
  switch (places.protocol) {
    case kProtocolTcp:
      return is(Protocol::tcp);
    case kProtocolUdp:
      return is(Protocol::udp);
    case kProtocolIcmp:
    case kProtocolIcmp6:
      return is(Protocol::icmp);
    default:
      return is(Protocol::other_ip);
  }
}

void Survey::join_bins() {
  for (size_t i = 0; i < kBins; i++) {
    Tally joined;
    if (2 * i < kBins) {
      joined = bins_[2 * i];
      joined.packets += bins_[2 * i + 1].packets;
      joined.bytes += bins_[2 * i + 1].bytes;
    }
    bins_[i] = joined;
  }
  bin_bits_++;
}

}  // namespace nm
