// The numbers of bpf(2) that we use. Written down here, because a machine may have a newer kernel than the headers
// that it compiles with. [linux/bpf.h, linux/if_link.h]
#pragma once

#include <bit>
#include <cstdint>

namespace nm::bpf {

struct Instruction {
  uint8_t code;
  uint8_t registers_;
  int16_t offset;
  int32_t constant;

  // Two fields of four bits, which a compiler lays out by the byte order.
  static constexpr uint8_t registers(uint8_t to, uint8_t from) {
    return std::endian::native == std::endian::little ? static_cast<uint8_t>(from << 4 | to)
                                                      : static_cast<uint8_t>(to << 4 | from);
  }
  bool operator==(const Instruction&) const = default;
};
static_assert(sizeof(Instruction) == 8);

enum class Helper : int32_t {
  map_lookup_elem = 1,
  ktime_get_ns = 5,
  get_smp_processor_id = 8,
  skb_store_bytes = 9,
  redirect = 23,
  skb_load_bytes = 26,
  get_hash_recalc = 34,
  get_current_task = 35,
  skb_change_tail = 38,
  xdp_adjust_head = 44,
  redirect_map = 51,
  xdp_adjust_tail = 65,
  ringbuf_output = 130,
  xdp_get_buff_len = 188,
  xdp_load_bytes = 189,
  xdp_store_bytes = 190,
};

enum class ProgramType : uint32_t { sched_cls = 3, xdp = 6, tracing = 26 };

enum class MapType : uint32_t { array = 2, array_of_maps = 12, xskmap = 17, ringbuf = 27 };

enum class AttachType : uint32_t { none = 0, trace_raw_tp = 23, xdp = 37, tcx_ingress = 46, tcx_egress = 47 };

// Flags of programs and of maps.
inline constexpr uint32_t kProgramHasFrags = 1u << 5;
inline constexpr uint32_t kProgramDeviceBound = 1u << 6;
inline constexpr uint32_t kMapMmapable = 1u << 10;

// Flags of a run.
inline constexpr uint32_t kRunLiveFrames = 1u << 1;

// Flags of an XDP link: how it is to be attached.
inline constexpr uint32_t kXdpGeneric = 1u << 1;
inline constexpr uint32_t kXdpNative = 1u << 2;

// Flags of a tcx link: before all programs that are attached already.
inline constexpr uint32_t kTcxBefore = 1u << 3;

// Verdicts.
inline constexpr int32_t kXdpAborted = 0;
inline constexpr int32_t kXdpDrop = 1;
inline constexpr int32_t kXdpPass = 2;
inline constexpr int32_t kXdpTx = 3;
inline constexpr int32_t kXdpRedirect = 4;
inline constexpr int32_t kTcxNext = -1;
inline constexpr int32_t kTcxPass = 0;
inline constexpr int32_t kTcxDrop = 2;
inline constexpr int32_t kTcxRedirect = 7;

// Flags of helpers.
inline constexpr int32_t kRedirectToIngress = 1;
inline constexpr int32_t kRingbufNoWakeup = 1;
inline constexpr int32_t kRingbufForceWakeup = 2;

// Offsets in what an XDP program is given, struct xdp_md. All fields have 32 bits.
inline constexpr int kXdpData = 0;
inline constexpr int kXdpDataEnd = 4;
inline constexpr int kXdpIngressIfindex = 12;
inline constexpr int kXdpRxQueueIndex = 16;

// Offsets in what a tcx program is given, struct __sk_buff. All fields have 32 bits.
inline constexpr int kSkbLength = 0;
inline constexpr int kSkbMark = 8;
inline constexpr int kSkbQueueMapping = 12;
inline constexpr int kSkbProtocol = 16;
inline constexpr int kSkbVlanPresent = 20;
inline constexpr int kSkbVlanTci = 24;
inline constexpr int kSkbIngressIfindex = 36;
inline constexpr int kSkbIfindex = 40;
inline constexpr int kSkbData = 76;
inline constexpr int kSkbDataEnd = 80;

}  // namespace nm::bpf
