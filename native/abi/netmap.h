// netmap's binary interface: what a program and a netmap device exchange, byte for byte.
//
//   ioctl argument   nmreq_header -> body (one struct per request) and a chain of nmreq_option
//   mapped memory    netmap_if -> netmap_ring (header, then slots) -> buffers
//
//   base of the region
//   +-- netmap_if ---------+        +-- netmap_ring -------+        +-- buffers --------+
//   | rings, ring_ofs[] ---|------> | buf_ofs -------------|------> | 0 | 1 | 2 | 3 | …  |
//   +----------------------+        | head cur tail        |        +-------------------+
//                                   | slot[] (buf_idx) ----|--------------^
//                                   +----------------------+
//
// Every offset here is a promise to programs that were compiled elsewhere: each is asserted below and printed
// into lib/abi.ts by native/abi/print_ts.cc. Nothing in this file is ours to change.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nm::abi {

// name, value. The C++ type is the type of the field that the value goes into.
#define NM_ABI_CONSTANTS(row)                                                                            \
  /* nmreq_header.nr_version */                                                                          \
  row(uint16_t, NETMAP_API, 14)                                                                          \
  row(uint16_t, NETMAP_MIN_API, 14)                                                                      \
  row(uint16_t, NETMAP_MAX_API, 15)                                                                      \
  row(uint32_t, NETMAP_REQ_IFNAMSIZ, 64)                                                                 \
  /* nmreq_header.nr_reqtype */                                                                          \
  row(uint16_t, NETMAP_REQ_REGISTER, 1)                                                                  \
  row(uint16_t, NETMAP_REQ_PORT_INFO_GET, 2)                                                             \
  row(uint16_t, NETMAP_REQ_VALE_ATTACH, 3)                                                               \
  row(uint16_t, NETMAP_REQ_VALE_DETACH, 4)                                                               \
  row(uint16_t, NETMAP_REQ_VALE_LIST, 5)                                                                 \
  row(uint16_t, NETMAP_REQ_PORT_HDR_SET, 6)                                                              \
  row(uint16_t, NETMAP_REQ_PORT_HDR_GET, 7)                                                              \
  row(uint16_t, NETMAP_REQ_VALE_NEWIF, 8)                                                                \
  row(uint16_t, NETMAP_REQ_VALE_DELIF, 9)                                                                \
  row(uint16_t, NETMAP_REQ_VALE_POLLING_ENABLE, 10)                                                      \
  row(uint16_t, NETMAP_REQ_VALE_POLLING_DISABLE, 11)                                                     \
  row(uint16_t, NETMAP_REQ_POOLS_INFO_GET, 12)                                                           \
  row(uint16_t, NETMAP_REQ_SYNC_KLOOP_START, 13)                                                         \
  row(uint16_t, NETMAP_REQ_SYNC_KLOOP_STOP, 14)                                                          \
  row(uint16_t, NETMAP_REQ_CSB_ENABLE, 15)                                                               \
  /* nmreq_option.nro_reqtype */                                                                         \
  row(uint32_t, NETMAP_REQ_OPT_EXTMEM, 1)                                                                \
  row(uint32_t, NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS, 2)                                                   \
  row(uint32_t, NETMAP_REQ_OPT_CSB, 3)                                                                   \
  row(uint32_t, NETMAP_REQ_OPT_SYNC_KLOOP_MODE, 4)                                                       \
  row(uint32_t, NETMAP_REQ_OPT_OFFSETS, 5)                                                               \
  row(uint32_t, NETMAP_REQ_OPT_MAX, 6)                                                                   \
  /* nmreq_register.nr_mode */                                                                           \
  row(uint32_t, NR_REG_DEFAULT, 0)                                                                       \
  row(uint32_t, NR_REG_ALL_NIC, 1)                                                                       \
  row(uint32_t, NR_REG_SW, 2)                                                                            \
  row(uint32_t, NR_REG_NIC_SW, 3)                                                                        \
  row(uint32_t, NR_REG_ONE_NIC, 4)                                                                       \
  row(uint32_t, NR_REG_PIPE_MASTER, 5)                                                                   \
  row(uint32_t, NR_REG_PIPE_SLAVE, 6)                                                                    \
  row(uint32_t, NR_REG_NULL, 7)                                                                          \
  row(uint32_t, NR_REG_ONE_SW, 8)                                                                        \
  /* nmreq_register.nr_flags */                                                                          \
  row(uint64_t, NR_MONITOR_TX, 0x100)                                                                    \
  row(uint64_t, NR_MONITOR_RX, 0x200)                                                                    \
  row(uint64_t, NR_ZCOPY_MON, 0x400)                                                                     \
  row(uint64_t, NR_EXCLUSIVE, 0x800)                                                                     \
  row(uint64_t, NR_RX_RINGS_ONLY, 0x2000)                                                                \
  row(uint64_t, NR_TX_RINGS_ONLY, 0x4000)                                                                \
  row(uint64_t, NR_ACCEPT_VNET_HDR, 0x8000)                                                              \
  row(uint64_t, NR_DO_RX_POLL, 0x10000)                                                                  \
  row(uint64_t, NR_NO_TX_POLL, 0x20000)                                                                  \
  /* netmap_slot.flags; the high byte counts the slots of a packet that VALE delivered */                \
  row(uint16_t, NS_BUF_CHANGED, 0x0001)                                                                  \
  row(uint16_t, NS_REPORT, 0x0002)                                                                       \
  row(uint16_t, NS_FORWARD, 0x0004)                                                                      \
  row(uint16_t, NS_NO_LEARN, 0x0008)                                                                     \
  row(uint16_t, NS_INDIRECT, 0x0010)                                                                     \
  row(uint16_t, NS_MOREFRAG, 0x0020)                                                                     \
  row(uint16_t, NS_TXMON, 0x0040)                                                                        \
  /* netmap_ring.flags */                                                                                \
  row(uint32_t, NR_TIMESTAMP, 0x2)                                                                       \
  row(uint32_t, NR_FORWARD, 0x4)                                                                         \
  /* netmap_ring.dir, as the kernel stores it: the opposite of what netmap's header says */              \
  row(uint16_t, NETMAP_RING_RX, 0)                                                                       \
  row(uint16_t, NETMAP_RING_TX, 1)                                                                       \
  /* netmap_if.ni_flags */                                                                               \
  row(uint32_t, NI_PRIV_MEM, 0x1)                                                                        \
  /* ioctl numbers on Linux */                                                                           \
  row(uint32_t, NIOCCTRL, 0xC0586997)                                                                    \
  row(uint32_t, NIOCTXSYNC, 0x6994)                                                                      \
  row(uint32_t, NIOCRXSYNC, 0x6995)                                                                      \
  row(uint32_t, NIOCGINFO, 0xC03C6991)                                                                   \
  row(uint32_t, NIOCREGIF, 0xC03C6992)                                                                   \
  row(uint32_t, NIOCCONFIG, 0xC1106996)                                                                  \
  /* sync-kloop-mode bits */                                                                             \
  row(uint32_t, NM_OPT_SYNC_KLOOP_DIRECT_TX, 1)                                                          \
  row(uint32_t, NM_OPT_SYNC_KLOOP_DIRECT_RX, 2)                                                          \
  /* nmreq_vale_polling.nr_mode */                                                                       \
  row(uint32_t, NETMAP_POLLING_MODE_SINGLE_CPU, 1)                                                       \
  row(uint32_t, NETMAP_POLLING_MODE_MULTI_CPU, 2)                                                        \
  /* limits */                                                                                           \
  row(uint32_t, NETMAP_MAX_FRAGS, 64)                                                                    \
  row(uint32_t, NETMAP_MAX_RINGS, 4096)

#define row(type, name, value) inline constexpr type name = value;
NM_ABI_CONSTANTS(row)
#undef row

struct netmap_slot {
  uint32_t buf_idx;
  uint16_t len;
  uint16_t flags;
  uint64_t ptr;
};

struct netmap_ring {
  int64_t buf_ofs;
  uint32_t num_slots;
  uint32_t nr_buf_size;
  uint16_t ringid;
  uint16_t dir;
  uint32_t head;
  uint32_t cur;
  uint32_t tail;
  uint32_t flags;
  uint32_t reserved;
  int64_t ts_sec;
  int64_t ts_usec;
  uint64_t offset_mask;
  uint64_t buf_align;
  alignas(128) uint8_t sem[128];
  netmap_slot slot[];
};

struct netmap_if {
  char ni_name[16];
  uint32_t ni_version;
  uint32_t ni_flags;
  uint32_t ni_tx_rings;
  uint32_t ni_rx_rings;
  uint32_t ni_bufs_head;
  uint32_t ni_host_tx_rings;
  uint32_t ni_host_rx_rings;
  uint32_t ni_spare[3];
  int64_t ring_ofs[];
};

struct nmreq_header {
  uint16_t nr_version;
  uint16_t nr_reqtype;
  uint32_t nr_reserved;
  char nr_name[NETMAP_REQ_IFNAMSIZ];
  uint64_t nr_options;
  uint64_t nr_body;
};

struct nmreq_register {
  uint64_t nr_offset;
  uint64_t nr_memsize;
  uint32_t nr_tx_slots;
  uint32_t nr_rx_slots;
  uint16_t nr_tx_rings;
  uint16_t nr_rx_rings;
  uint16_t nr_host_tx_rings;
  uint16_t nr_host_rx_rings;
  uint16_t nr_mem_id;
  uint16_t nr_ringid;
  uint32_t nr_mode;
  uint32_t nr_extra_bufs;
  uint32_t pad1;
  uint64_t nr_flags;
};

struct nmreq_port_info_get {
  uint64_t nr_memsize;
  uint32_t nr_tx_slots;
  uint32_t nr_rx_slots;
  uint16_t nr_tx_rings;
  uint16_t nr_rx_rings;
  uint16_t nr_host_tx_rings;
  uint16_t nr_host_rx_rings;
  uint16_t nr_mem_id;
  uint16_t pad1[3];
};

struct nmreq_vale_attach {
  nmreq_register reg;
  uint32_t port_index;
  uint32_t pad1;
};

struct nmreq_vale_detach {
  uint32_t port_index;
  uint32_t pad1;
};

struct nmreq_vale_list {
  uint16_t nr_bridge_idx;
  uint16_t pad1;
  uint32_t nr_port_idx;
};

struct nmreq_port_hdr {
  uint32_t nr_hdr_len;
  uint32_t pad1;
};

struct nmreq_vale_newif {
  uint32_t nr_tx_slots;
  uint32_t nr_rx_slots;
  uint16_t nr_tx_rings;
  uint16_t nr_rx_rings;
  uint16_t nr_mem_id;
  uint16_t pad1;
};

struct nmreq_vale_polling {
  uint32_t nr_mode;
  uint32_t nr_first_cpu_id;
  uint32_t nr_num_polling_cpus;
  uint32_t pad1;
};

struct nmreq_pools_info {
  uint64_t nr_memsize;
  uint16_t nr_mem_id;
  uint16_t pad1[3];
  uint64_t nr_if_pool_offset;
  uint32_t nr_if_pool_objtotal;
  uint32_t nr_if_pool_objsize;
  uint64_t nr_ring_pool_offset;
  uint32_t nr_ring_pool_objtotal;
  uint32_t nr_ring_pool_objsize;
  uint64_t nr_buf_pool_offset;
  uint32_t nr_buf_pool_objtotal;
  uint32_t nr_buf_pool_objsize;
};

struct nmreq_sync_kloop_start {
  uint32_t sleep_us;
  uint32_t pad1;
};

struct nmreq_option {
  uint64_t nro_next;
  uint32_t nro_reqtype;
  uint32_t nro_status;
  uint64_t nro_size;
};

struct nmreq_opt_extmem {
  nmreq_option nro_opt;
  uint64_t nro_usrptr;
  nmreq_pools_info nro_info;
};

struct nmreq_opt_sync_kloop_eventfds {
  nmreq_option nro_opt;
  struct {
    int32_t ioeventfd;
    int32_t irqfd;
  } eventfds[];
};

struct nmreq_opt_csb {
  nmreq_option nro_opt;
  uint64_t csb_atok;
  uint64_t csb_ktoa;
};

struct nmreq_opt_sync_kloop_mode {
  nmreq_option nro_opt;
  uint32_t mode;
  uint32_t pad1;
};

struct nmreq_opt_offsets {
  nmreq_option nro_opt;
  uint64_t nro_max_offset;
  uint64_t nro_initial_offset;
  uint32_t nro_offset_bits;
  uint32_t nro_tx_align;
  uint64_t nro_min_gap;
};

// The application's half of a ring's control block, 64 bytes a ring; csb_ktoa below is the device's half.
struct nm_csb_atok {
  uint32_t head;
  uint32_t cur;
  uint32_t appl_need_kick;
  uint32_t sync_flags;
  uint32_t pad[12];
};

struct nm_csb_ktoa {
  uint32_t hwcur;
  uint32_t hwtail;
  uint32_t kern_need_kick;
  uint32_t pad[13];
};

// The argument of NIOCREGIF and NIOCGINFO, from before NIOCCTRL.
struct nmreq_legacy {
  char nr_name[16];
  uint32_t nr_version;
  uint32_t nr_offset;
  uint32_t nr_memsize;
  uint32_t nr_tx_slots;
  uint32_t nr_rx_slots;
  uint16_t nr_tx_rings;
  uint16_t nr_rx_rings;
  uint16_t nr_ringid;
  uint16_t nr_cmd;
  uint16_t nr_arg1;
  uint16_t nr_arg2;
  uint32_t nr_arg3;
  uint32_t nr_flags;
  uint32_t spare2[1];
};

// struct, size in bytes, then each field that has a documented place: field, offset.
#define NM_ABI_LAYOUT(structure, field)                                                                  \
  structure(netmap_slot, 16)                                                                             \
  field(netmap_slot, buf_idx, 0) field(netmap_slot, len, 4) field(netmap_slot, flags, 6)                 \
  field(netmap_slot, ptr, 8)                                                                             \
  structure(netmap_ring, 256)                                                                            \
  field(netmap_ring, buf_ofs, 0) field(netmap_ring, num_slots, 8) field(netmap_ring, nr_buf_size, 12)    \
  field(netmap_ring, ringid, 16) field(netmap_ring, dir, 18) field(netmap_ring, head, 20)                \
  field(netmap_ring, cur, 24) field(netmap_ring, tail, 28) field(netmap_ring, flags, 32)                 \
  field(netmap_ring, ts_sec, 40) field(netmap_ring, ts_usec, 48) field(netmap_ring, offset_mask, 56)     \
  field(netmap_ring, buf_align, 64) field(netmap_ring, sem, 128) field(netmap_ring, slot, 256)           \
  structure(netmap_if, 56)                                                                               \
  field(netmap_if, ni_name, 0) field(netmap_if, ni_version, 16) field(netmap_if, ni_flags, 20)           \
  field(netmap_if, ni_tx_rings, 24) field(netmap_if, ni_rx_rings, 28) field(netmap_if, ni_bufs_head, 32) \
  field(netmap_if, ni_host_tx_rings, 36) field(netmap_if, ni_host_rx_rings, 40)                          \
  field(netmap_if, ring_ofs, 56)                                                                         \
  structure(nmreq_header, 88)                                                                            \
  field(nmreq_header, nr_version, 0) field(nmreq_header, nr_reqtype, 2)                                  \
  field(nmreq_header, nr_reserved, 4) field(nmreq_header, nr_name, 8)                                    \
  field(nmreq_header, nr_options, 72) field(nmreq_header, nr_body, 80)                                   \
  structure(nmreq_register, 56)                                                                          \
  field(nmreq_register, nr_offset, 0) field(nmreq_register, nr_memsize, 8)                               \
  field(nmreq_register, nr_tx_slots, 16) field(nmreq_register, nr_rx_slots, 20)                          \
  field(nmreq_register, nr_tx_rings, 24) field(nmreq_register, nr_rx_rings, 26)                          \
  field(nmreq_register, nr_host_tx_rings, 28) field(nmreq_register, nr_host_rx_rings, 30)                \
  field(nmreq_register, nr_mem_id, 32) field(nmreq_register, nr_ringid, 34)                              \
  field(nmreq_register, nr_mode, 36) field(nmreq_register, nr_extra_bufs, 40)                            \
  field(nmreq_register, nr_flags, 48)                                                                    \
  structure(nmreq_port_info_get, 32)                                                                     \
  field(nmreq_port_info_get, nr_memsize, 0) field(nmreq_port_info_get, nr_tx_slots, 8)                   \
  field(nmreq_port_info_get, nr_rx_slots, 12) field(nmreq_port_info_get, nr_tx_rings, 16)                \
  field(nmreq_port_info_get, nr_rx_rings, 18) field(nmreq_port_info_get, nr_host_tx_rings, 20)           \
  field(nmreq_port_info_get, nr_host_rx_rings, 22) field(nmreq_port_info_get, nr_mem_id, 24)             \
  structure(nmreq_vale_attach, 64)                                                                       \
  field(nmreq_vale_attach, reg, 0) field(nmreq_vale_attach, port_index, 56)                              \
  structure(nmreq_vale_detach, 8)                                                                        \
  field(nmreq_vale_detach, port_index, 0)                                                                \
  structure(nmreq_vale_list, 8)                                                                          \
  field(nmreq_vale_list, nr_bridge_idx, 0) field(nmreq_vale_list, nr_port_idx, 4)                        \
  structure(nmreq_port_hdr, 8)                                                                           \
  field(nmreq_port_hdr, nr_hdr_len, 0)                                                                   \
  structure(nmreq_vale_newif, 16)                                                                        \
  field(nmreq_vale_newif, nr_tx_slots, 0) field(nmreq_vale_newif, nr_rx_slots, 4)                        \
  field(nmreq_vale_newif, nr_tx_rings, 8) field(nmreq_vale_newif, nr_rx_rings, 10)                       \
  field(nmreq_vale_newif, nr_mem_id, 12)                                                                 \
  structure(nmreq_vale_polling, 16)                                                                      \
  field(nmreq_vale_polling, nr_mode, 0) field(nmreq_vale_polling, nr_first_cpu_id, 4)                    \
  field(nmreq_vale_polling, nr_num_polling_cpus, 8)                                                      \
  structure(nmreq_pools_info, 64)                                                                        \
  field(nmreq_pools_info, nr_memsize, 0) field(nmreq_pools_info, nr_mem_id, 8)                           \
  field(nmreq_pools_info, nr_if_pool_offset, 16) field(nmreq_pools_info, nr_if_pool_objtotal, 24)        \
  field(nmreq_pools_info, nr_if_pool_objsize, 28) field(nmreq_pools_info, nr_ring_pool_offset, 32)       \
  field(nmreq_pools_info, nr_ring_pool_objtotal, 40) field(nmreq_pools_info, nr_ring_pool_objsize, 44)   \
  field(nmreq_pools_info, nr_buf_pool_offset, 48) field(nmreq_pools_info, nr_buf_pool_objtotal, 56)      \
  field(nmreq_pools_info, nr_buf_pool_objsize, 60)                                                       \
  structure(nmreq_sync_kloop_start, 8)                                                                   \
  field(nmreq_sync_kloop_start, sleep_us, 0)                                                             \
  structure(nmreq_option, 24)                                                                            \
  field(nmreq_option, nro_next, 0) field(nmreq_option, nro_reqtype, 8)                                   \
  field(nmreq_option, nro_status, 12) field(nmreq_option, nro_size, 16)                                  \
  structure(nmreq_opt_extmem, 96)                                                                        \
  field(nmreq_opt_extmem, nro_usrptr, 24) field(nmreq_opt_extmem, nro_info, 32)                          \
  structure(nmreq_opt_sync_kloop_eventfds, 24)                                                           \
  field(nmreq_opt_sync_kloop_eventfds, eventfds, 24)                                                     \
  structure(nmreq_opt_csb, 40)                                                                           \
  field(nmreq_opt_csb, csb_atok, 24) field(nmreq_opt_csb, csb_ktoa, 32)                                  \
  structure(nmreq_opt_sync_kloop_mode, 32)                                                               \
  field(nmreq_opt_sync_kloop_mode, mode, 24)                                                             \
  structure(nmreq_opt_offsets, 56)                                                                       \
  field(nmreq_opt_offsets, nro_max_offset, 24) field(nmreq_opt_offsets, nro_initial_offset, 32)          \
  field(nmreq_opt_offsets, nro_offset_bits, 40) field(nmreq_opt_offsets, nro_tx_align, 44)               \
  field(nmreq_opt_offsets, nro_min_gap, 48)                                                              \
  structure(nm_csb_atok, 64)                                                                             \
  field(nm_csb_atok, head, 0) field(nm_csb_atok, cur, 4) field(nm_csb_atok, appl_need_kick, 8)           \
  field(nm_csb_atok, sync_flags, 12)                                                                     \
  structure(nm_csb_ktoa, 64)                                                                             \
  field(nm_csb_ktoa, hwcur, 0) field(nm_csb_ktoa, hwtail, 4) field(nm_csb_ktoa, kern_need_kick, 8)       \
  structure(nmreq_legacy, 60)                                                                            \
  field(nmreq_legacy, nr_name, 0) field(nmreq_legacy, nr_version, 16) field(nmreq_legacy, nr_offset, 20) \
  field(nmreq_legacy, nr_memsize, 24) field(nmreq_legacy, nr_tx_slots, 28)                               \
  field(nmreq_legacy, nr_rx_slots, 32) field(nmreq_legacy, nr_tx_rings, 36)                              \
  field(nmreq_legacy, nr_rx_rings, 38) field(nmreq_legacy, nr_ringid, 40)                                \
  field(nmreq_legacy, nr_cmd, 42) field(nmreq_legacy, nr_arg1, 44) field(nmreq_legacy, nr_arg2, 46)      \
  field(nmreq_legacy, nr_arg3, 48) field(nmreq_legacy, nr_flags, 52)

#define structure(name, size) static_assert(sizeof(name) == (size), #name " has a fixed size");
#define field(name, member, offset) \
  static_assert(offsetof(name, member) == (offset), #name "." #member " has a fixed place");
NM_ABI_LAYOUT(structure, field)
#undef structure
#undef field

}  // namespace nm::abi
