// What is in a capture: counts, sizes, protocols, gaps, and the rate over time.
//
// Everything is gathered in one pass, in memory that does not depend on the file's size. The time line has a fixed number of
// bins: when the capture lasts longer than they reach, pairs become one.
//
//   time line   |.:|| .|:|...|  kBins of bin_ns   ->   pairs joined   |:|.:..          |  kBins of 2 * bin_ns
#pragma once

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "capture/reader.h"
#include "traffic/histogram.h"

namespace nm {

// name, which packets. One packet may be of several.
#define NM_PROTOCOLS(row)                                    \
  row(ipv4, "IPv4")                                          \
  row(ipv6, "IPv6")                                          \
  row(arp, "ARP")                                            \
  row(other_ether, "neither IP nor ARP")                     \
  row(vlan, "with a VLAN tag")                               \
  row(tcp, "TCP")                                            \
  row(udp, "UDP")                                            \
  row(icmp, "ICMP, of IPv4 or IPv6")                         \
  row(other_ip, "another protocol over IP")                  \
  row(fragment, "a fragment of an IP datagram")

enum class Protocol : uint32_t {
#define row(name, text) name,
  NM_PROTOCOLS(row)
#undef row
};
#define row(name, text) +1
inline constexpr size_t kProtocols = 0 NM_PROTOCOLS(row);
#undef row

// name, meaning
#define NM_SURVEY_COUNTS(row)                                                            \
  row(packets, "packets")                                                                \
  row(bytes, "bytes that they had on the wire")                                          \
  row(captured, "bytes of them in the file")                                             \
  row(cut, "packets that were captured in part")                                         \
  row(empty, "packets without a byte")                                                   \
  row(shortest, "bytes of the shortest packet")                                          \
  row(longest, "bytes of the longest packet")                                            \
  row(untimed, "packets without a time")                                                 \
  row(out_of_order, "packets with a time before that of a packet before them")           \
  row(not_ethernet, "packets of another link type than Ethernet")                        \
  row(link_type, "the link type of the first of those")                                  \
  row(comments, "packets with a comment")                                                \
  row(longest_gap_ns, "longest time between two packets")                                \
  row(longest_gap_at, "number of the packet after it, from 1 on")                        \
  row(file_bytes, "bytes of the file that were read")

struct Tally {
  uint64_t packets = 0;
  uint64_t bytes = 0;

  void add(uint32_t length) {
    packets++;
    bytes += length;
  }
};

class Survey {
 public:
  // What is gathered: counts and times, or all.
  enum class Depth { counts, all };

  // The lengths at which classes of sizes end; the last has no end.
  static constexpr std::array<uint32_t, 7> kSizes = {64, 128, 256, 512, 1024, 1519, UINT32_MAX};
  static constexpr size_t kBins = 4096;
  static constexpr size_t kMostComments = 5;
  static constexpr size_t kLongestComment = 200;

  // Reads from `descriptor`, which becomes the survey's.
  Survey(int descriptor, Depth depth);
  ~Survey();
  Survey(const Survey&) = delete;
  Survey& operator=(const Survey&) = delete;

  // Reads all packets, until stop(). Once.
  void run();
  // By any thread.
  void stop();
  // Bytes of the file that were read so far. By any thread.
  uint64_t offset() const { return offset_.load(std::memory_order_relaxed); }

  struct Counts {
#define row(name, text) uint64_t name = 0;
    NM_SURVEY_COUNTS(row)
#undef row
  };
  const Counts& counts() const { return counts_; }
  const CaptureFault& fault() const { return fault_; }
  // Of the first packet, the earliest and the latest; 0 of none with a time.
  int64_t first_ns() const { return first_ns_; }
  int64_t earliest_ns() const { return earliest_ns_; }
  int64_t latest_ns() const { return latest_ns_; }
  const std::vector<CapturedInterface>& interfaces() const { return interfaces_; }
  const std::array<Tally, kSizes.size()>& sizes() const { return sizes_; }
  const std::array<Tally, kProtocols>& protocols() const { return protocols_; }
  const std::vector<std::string>& comments() const { return comments_; }
  const Histogram& gaps_ns() const { return gaps_ns_; }
  // Bins of bin_ns(), from the first packet on.
  const std::vector<Tally>& bins() const { return bins_; }
  uint64_t bin_ns() const { return uint64_t{1} << bin_bits_; }

 private:
  void count(const CapturedPacket& packet);
  void note_time(const CapturedPacket& packet);
  void look_into(const CapturedPacket& packet);
  void join_bins();

  const int descriptor_;
  const int stop_descriptor_;
  const Depth depth_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> offset_{0};
  Counts counts_;
  CaptureFault fault_;
  bool timed_ = false;
  int64_t first_ns_ = 0;
  int64_t earliest_ns_ = 0;
  int64_t latest_ns_ = 0;
  std::vector<CapturedInterface> interfaces_;
  std::array<Tally, kSizes.size()> sizes_;
  std::array<Tally, kProtocols> protocols_;
  std::vector<std::string> comments_;
  Histogram gaps_ns_;
  std::vector<Tally> bins_;
  uint32_t bin_bits_ = 10;
};

}  // namespace nm
