/**
 * netmap's binary interface: constants under netmap's own names, sizes and field offsets in bytes.
 *
 * Printed by native/abi/print_ts.cc from native/abi/netmap.h.
 * Change those, then `npm run generate`.
 */

export const NETMAP_API = 14;
export const NETMAP_MIN_API = 14;
export const NETMAP_MAX_API = 15;
export const NETMAP_REQ_IFNAMSIZ = 64;
export const NETMAP_REQ_REGISTER = 1;
export const NETMAP_REQ_PORT_INFO_GET = 2;
export const NETMAP_REQ_VALE_ATTACH = 3;
export const NETMAP_REQ_VALE_DETACH = 4;
export const NETMAP_REQ_VALE_LIST = 5;
export const NETMAP_REQ_PORT_HDR_SET = 6;
export const NETMAP_REQ_PORT_HDR_GET = 7;
export const NETMAP_REQ_VALE_NEWIF = 8;
export const NETMAP_REQ_VALE_DELIF = 9;
export const NETMAP_REQ_VALE_POLLING_ENABLE = 10;
export const NETMAP_REQ_VALE_POLLING_DISABLE = 11;
export const NETMAP_REQ_POOLS_INFO_GET = 12;
export const NETMAP_REQ_SYNC_KLOOP_START = 13;
export const NETMAP_REQ_SYNC_KLOOP_STOP = 14;
export const NETMAP_REQ_CSB_ENABLE = 15;
export const NETMAP_REQ_OPT_EXTMEM = 1;
export const NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS = 2;
export const NETMAP_REQ_OPT_CSB = 3;
export const NETMAP_REQ_OPT_SYNC_KLOOP_MODE = 4;
export const NETMAP_REQ_OPT_OFFSETS = 5;
export const NETMAP_REQ_OPT_MAX = 6;
export const NR_REG_DEFAULT = 0;
export const NR_REG_ALL_NIC = 1;
export const NR_REG_SW = 2;
export const NR_REG_NIC_SW = 3;
export const NR_REG_ONE_NIC = 4;
export const NR_REG_PIPE_MASTER = 5;
export const NR_REG_PIPE_SLAVE = 6;
export const NR_REG_NULL = 7;
export const NR_REG_ONE_SW = 8;
export const NR_MONITOR_TX = 0x100;
export const NR_MONITOR_RX = 0x200;
export const NR_ZCOPY_MON = 0x400;
export const NR_EXCLUSIVE = 0x800;
export const NR_RX_RINGS_ONLY = 0x2000;
export const NR_TX_RINGS_ONLY = 0x4000;
export const NR_ACCEPT_VNET_HDR = 0x8000;
export const NR_DO_RX_POLL = 0x10000;
export const NR_NO_TX_POLL = 0x20000;
export const NS_BUF_CHANGED = 0x0001;
export const NS_REPORT = 0x0002;
export const NS_FORWARD = 0x0004;
export const NS_NO_LEARN = 0x0008;
export const NS_INDIRECT = 0x0010;
export const NS_MOREFRAG = 0x0020;
export const NS_TXMON = 0x0040;
export const NR_TIMESTAMP = 0x2;
export const NR_FORWARD = 0x4;
export const NETMAP_RING_RX = 0;
export const NETMAP_RING_TX = 1;
export const NI_PRIV_MEM = 0x1;
export const NIOCCTRL = 0xc0586997;
export const NIOCTXSYNC = 0x6994;
export const NIOCRXSYNC = 0x6995;
export const NIOCGINFO = 0xc03c6991;
export const NIOCREGIF = 0xc03c6992;
export const NIOCCONFIG = 0xc1106996;
export const NM_OPT_SYNC_KLOOP_DIRECT_TX = 1;
export const NM_OPT_SYNC_KLOOP_DIRECT_RX = 2;
export const NETMAP_POLLING_MODE_SINGLE_CPU = 1;
export const NETMAP_POLLING_MODE_MULTI_CPU = 2;
export const NETMAP_MAX_FRAGS = 64;
export const NETMAP_MAX_RINGS = 4096;

/** Bytes of each structure; of those that end in an array, without the array. */
export const sizes = {
  netmap_slot: 16,
  netmap_ring: 256,
  netmap_if: 56,
  nmreq_header: 88,
  nmreq_register: 56,
  nmreq_port_info_get: 32,
  nmreq_vale_attach: 64,
  nmreq_vale_detach: 8,
  nmreq_vale_list: 8,
  nmreq_port_hdr: 8,
  nmreq_vale_newif: 16,
  nmreq_vale_polling: 16,
  nmreq_pools_info: 64,
  nmreq_sync_kloop_start: 8,
  nmreq_option: 24,
  nmreq_opt_extmem: 96,
  nmreq_opt_sync_kloop_eventfds: 24,
  nmreq_opt_csb: 40,
  nmreq_opt_sync_kloop_mode: 32,
  nmreq_opt_offsets: 56,
  nm_csb_atok: 64,
  nm_csb_ktoa: 64,
  nmreq_legacy: 60,
} as const;

/** Where each field starts, in bytes from the start of its structure. */
export const offsets = {
  netmap_slot: {
    buf_idx: 0,
    len: 4,
    flags: 6,
    ptr: 8,
  },
  netmap_ring: {
    buf_ofs: 0,
    num_slots: 8,
    nr_buf_size: 12,
    ringid: 16,
    dir: 18,
    head: 20,
    cur: 24,
    tail: 28,
    flags: 32,
    ts_sec: 40,
    ts_usec: 48,
    offset_mask: 56,
    buf_align: 64,
    sem: 128,
    slot: 256,
  },
  netmap_if: {
    ni_name: 0,
    ni_version: 16,
    ni_flags: 20,
    ni_tx_rings: 24,
    ni_rx_rings: 28,
    ni_bufs_head: 32,
    ni_host_tx_rings: 36,
    ni_host_rx_rings: 40,
    ring_ofs: 56,
  },
  nmreq_header: {
    nr_version: 0,
    nr_reqtype: 2,
    nr_reserved: 4,
    nr_name: 8,
    nr_options: 72,
    nr_body: 80,
  },
  nmreq_register: {
    nr_offset: 0,
    nr_memsize: 8,
    nr_tx_slots: 16,
    nr_rx_slots: 20,
    nr_tx_rings: 24,
    nr_rx_rings: 26,
    nr_host_tx_rings: 28,
    nr_host_rx_rings: 30,
    nr_mem_id: 32,
    nr_ringid: 34,
    nr_mode: 36,
    nr_extra_bufs: 40,
    nr_flags: 48,
  },
  nmreq_port_info_get: {
    nr_memsize: 0,
    nr_tx_slots: 8,
    nr_rx_slots: 12,
    nr_tx_rings: 16,
    nr_rx_rings: 18,
    nr_host_tx_rings: 20,
    nr_host_rx_rings: 22,
    nr_mem_id: 24,
  },
  nmreq_vale_attach: {
    reg: 0,
    port_index: 56,
  },
  nmreq_vale_detach: {
    port_index: 0,
  },
  nmreq_vale_list: {
    nr_bridge_idx: 0,
    nr_port_idx: 4,
  },
  nmreq_port_hdr: {
    nr_hdr_len: 0,
  },
  nmreq_vale_newif: {
    nr_tx_slots: 0,
    nr_rx_slots: 4,
    nr_tx_rings: 8,
    nr_rx_rings: 10,
    nr_mem_id: 12,
  },
  nmreq_vale_polling: {
    nr_mode: 0,
    nr_first_cpu_id: 4,
    nr_num_polling_cpus: 8,
  },
  nmreq_pools_info: {
    nr_memsize: 0,
    nr_mem_id: 8,
    nr_if_pool_offset: 16,
    nr_if_pool_objtotal: 24,
    nr_if_pool_objsize: 28,
    nr_ring_pool_offset: 32,
    nr_ring_pool_objtotal: 40,
    nr_ring_pool_objsize: 44,
    nr_buf_pool_offset: 48,
    nr_buf_pool_objtotal: 56,
    nr_buf_pool_objsize: 60,
  },
  nmreq_sync_kloop_start: {
    sleep_us: 0,
  },
  nmreq_option: {
    nro_next: 0,
    nro_reqtype: 8,
    nro_status: 12,
    nro_size: 16,
  },
  nmreq_opt_extmem: {
    nro_usrptr: 24,
    nro_info: 32,
  },
  nmreq_opt_sync_kloop_eventfds: {
    eventfds: 24,
  },
  nmreq_opt_csb: {
    csb_atok: 24,
    csb_ktoa: 32,
  },
  nmreq_opt_sync_kloop_mode: {
    mode: 24,
  },
  nmreq_opt_offsets: {
    nro_max_offset: 24,
    nro_initial_offset: 32,
    nro_offset_bits: 40,
    nro_tx_align: 44,
    nro_min_gap: 48,
  },
  nm_csb_atok: {
    head: 0,
    cur: 4,
    appl_need_kick: 8,
    sync_flags: 12,
  },
  nm_csb_ktoa: {
    hwcur: 0,
    hwtail: 4,
    kern_need_kick: 8,
  },
  nmreq_legacy: {
    nr_name: 0,
    nr_version: 16,
    nr_offset: 20,
    nr_memsize: 24,
    nr_tx_slots: 28,
    nr_rx_slots: 32,
    nr_tx_rings: 36,
    nr_rx_rings: 38,
    nr_ringid: 40,
    nr_cmd: 42,
    nr_arg1: 44,
    nr_arg2: 46,
    nr_arg3: 48,
    nr_flags: 52,
  },
} as const;
