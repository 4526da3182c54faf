/*
 * netmap's binary interface in C: what a program and /dev/netmap exchange.
 *
 *   ioctl(fd, NIOCCTRL, &header)   header -> body, one struct per request, and a chain of options
 *   mmap(fd)                       netmap_if -> netmap_ring (header, then slots) -> buffers
 *
 *           head            cur             tail
 *      ...K | U   U   U   U | U   U   U   U | K   K ...     U: the program's slots; K: the device's
 *           give back what   wake me for     the device
 *           is before        what is past    moves this
 *
 * A ring belongs to the program from head to tail, and changes hands only in NIOCTXSYNC, NIOCRXSYNC, poll(2) and the
 * like. net/netmap_user.h has what one needs to walk through it.
 *
 * Names, sizes and places are netmap's, API 14 on 64-bit little-endian Linux; the words are ours. A test compares every
 * one of them with what the engine is compiled with.
 */
#ifndef _NET_NETMAP_H_
#define _NET_NETMAP_H_

#include <net/if.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a program puts into nr_version, and what the device accepts. */
#define NETMAP_API 14
#define NETMAP_MIN_API 14
#define NETMAP_MAX_API 15

#define NETMAP_REQ_IFNAMSIZ 64
#define NETMAP_MAX_FRAGS 64   /* slots of one packet on a VALE switch */
#define NETMAP_MAX_RINGS 4096 /* in one request */

#define NM_CACHE_ALIGN 128

/* --- mapped memory */

struct netmap_slot {
  uint32_t buf_idx; /* 0 and 1 are never handed out */
  uint16_t len;
  uint16_t flags; /* NS_* */
  uint64_t ptr;   /* NS_INDIRECT: address of the data. With offsets: where in the buffer the packet begins */
};

#define NS_BUF_CHANGED 0x0001 /* the program put another buf_idx here */
#define NS_REPORT 0x0002      /* tell when this slot was sent */
#define NS_FORWARD 0x0004     /* pass this packet on to the other side, host stack or wire */
#define NS_NO_LEARN 0x0008
#define NS_INDIRECT 0x0010 /* VALE: the data is at ptr */
#define NS_MOREFRAG 0x0020 /* the packet goes on in the next slot */
#define NS_TXMON 0x0040    /* a monitor saw this packet being sent */
#define NS_PORT_SHIFT 8
#define NS_PORT_MASK (0xff << NS_PORT_SHIFT)
/* Slots of a packet that came from a VALE switch. */
#define NS_RFRAGS(slot) (((slot)->flags >> NS_PORT_SHIFT) & 0xff)

struct netmap_ring {
  const int64_t buf_ofs; /* from here to buffer 0 */
  const uint32_t num_slots;
  const uint32_t nr_buf_size;
  const uint16_t ringid;
  const uint16_t dir; /* 1: transmit, 0: receive */
  uint32_t head;      /* the program's: slots before are the device's again */
  uint32_t cur;       /* the program's: it wants to hear of what is past this */
  uint32_t tail;      /* the device's: the program's slots end here */
  uint32_t flags;     /* NR_TIMESTAMP, NR_FORWARD */
  struct timeval ts;  /* of the last receive sync */
  uint64_t offset_mask;
  uint64_t buf_align;
  uint8_t sem[128] __attribute__((aligned(NM_CACHE_ALIGN))); /* the program's, for whatever it likes */
  __extension__ struct netmap_slot slot[];
};

#define NR_TIMESTAMP 0x0002 /* stamp the ring at each sync */
#define NR_FORWARD 0x0004   /* look at NS_FORWARD */

struct netmap_if {
  char ni_name[IF_NAMESIZE];
  const uint32_t ni_version;
  const uint32_t ni_flags; /* NI_PRIV_MEM */
  const uint32_t ni_tx_rings;
  const uint32_t ni_rx_rings;
  uint32_t ni_bufs_head; /* first extra buffer; each begins with the index of the next, 0 ends */
  const uint32_t ni_host_tx_rings;
  const uint32_t ni_host_rx_rings;
  uint32_t ni_spare1[3];
  __extension__ const int64_t
      ring_ofs[]; /* from here to each ring: TX, host TX, RX, host RX; 0 for rings that are not bound */
};

#define NI_PRIV_MEM 0x1 /* nobody else shares the region */

/* --- requests */

struct nmreq_header {
  uint16_t nr_version;
  uint16_t nr_reqtype; /* NETMAP_REQ_* */
  uint32_t nr_reserved;
  char nr_name[NETMAP_REQ_IFNAMSIZ];
  uint64_t nr_options; /* the first nmreq_option */
  uint64_t nr_body;
};

enum {
  NETMAP_REQ_REGISTER = 1,
  NETMAP_REQ_PORT_INFO_GET,
  NETMAP_REQ_VALE_ATTACH,
  NETMAP_REQ_VALE_DETACH,
  NETMAP_REQ_VALE_LIST,
  NETMAP_REQ_PORT_HDR_SET,
  NETMAP_REQ_PORT_HDR_GET,
  NETMAP_REQ_VALE_NEWIF,
  NETMAP_REQ_VALE_DELIF,
  NETMAP_REQ_VALE_POLLING_ENABLE,
  NETMAP_REQ_VALE_POLLING_DISABLE,
  NETMAP_REQ_POOLS_INFO_GET,
  NETMAP_REQ_SYNC_KLOOP_START,
  NETMAP_REQ_SYNC_KLOOP_STOP,
  NETMAP_REQ_CSB_ENABLE
};

/* NETMAP_REQ_REGISTER. Zeros ask for defaults; the reply says what was granted. */
struct nmreq_register {
  uint64_t nr_offset; /* of the netmap_if, in the mapped memory */
  uint64_t nr_memsize;
  uint32_t nr_tx_slots;
  uint32_t nr_rx_slots;
  uint16_t nr_tx_rings;
  uint16_t nr_rx_rings;
  uint16_t nr_host_tx_rings;
  uint16_t nr_host_rx_rings;
  uint16_t nr_mem_id;
  uint16_t nr_ringid;
  uint32_t nr_mode; /* NR_REG_* */
  uint32_t nr_extra_bufs;
  uint32_t nr_pad1;
  uint64_t nr_flags;
};

enum {
  NR_REG_DEFAULT = 0,
  NR_REG_ALL_NIC,
  NR_REG_SW,
  NR_REG_NIC_SW,
  NR_REG_ONE_NIC,
  NR_REG_PIPE_MASTER,
  NR_REG_PIPE_SLAVE,
  NR_REG_NULL,
  NR_REG_ONE_SW
};
#define NR_REG_MASK 0xf

#define NR_MONITOR_TX 0x100
#define NR_MONITOR_RX 0x200
#define NR_ZCOPY_MON 0x400
#define NR_EXCLUSIVE 0x800
#define NR_RX_RINGS_ONLY 0x2000
#define NR_TX_RINGS_ONLY 0x4000
#define NR_ACCEPT_VNET_HDR 0x8000
#define NR_DO_RX_POLL 0x10000
#define NR_NO_TX_POLL 0x20000

struct nmreq_port_info_get {
  uint64_t nr_memsize;
  uint32_t nr_tx_slots;
  uint32_t nr_rx_slots;
  uint16_t nr_tx_rings;
  uint16_t nr_rx_rings;
  uint16_t nr_host_tx_rings;
  uint16_t nr_host_rx_rings;
  uint16_t nr_mem_id;
  uint16_t nr_pad1[3];
};

#define NM_BDG_NAME "vale" /* what a switch's name begins with */

struct nmreq_vale_attach {
  struct nmreq_register reg;
  uint32_t port_index;
  uint32_t nr_pad1;
};

struct nmreq_vale_detach {
  uint32_t port_index;
  uint32_t nr_pad1;
};

struct nmreq_vale_list {
  uint16_t nr_bridge_idx;
  uint16_t nr_pad1;
  uint32_t nr_port_idx;
};

struct nmreq_port_hdr {
  uint32_t nr_hdr_len;
  uint32_t nr_pad1;
};

struct nmreq_vale_newif {
  uint32_t nr_tx_slots;
  uint32_t nr_rx_slots;
  uint16_t nr_tx_rings;
  uint16_t nr_rx_rings;
  uint16_t nr_mem_id;
  uint16_t nr_pad1;
};

struct nmreq_vale_polling {
  uint32_t nr_mode;
  uint32_t nr_first_cpu_id;
  uint32_t nr_num_polling_cpus;
  uint32_t nr_pad1;
};

#define NETMAP_POLLING_MODE_SINGLE_CPU 1
#define NETMAP_POLLING_MODE_MULTI_CPU 2

struct nmreq_pools_info {
  uint64_t nr_memsize;
  uint16_t nr_mem_id;
  uint16_t nr_pad1[3];
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
  uint32_t nr_pad1;
};

/* --- options of a request */

struct nmreq_option {
  uint64_t nro_next;
  uint32_t nro_reqtype; /* NETMAP_REQ_OPT_* */
  uint32_t nro_status;  /* the device's: 0 or an errno */
  uint64_t nro_size;
};

enum {
  NETMAP_REQ_OPT_EXTMEM = 1,
  NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS,
  NETMAP_REQ_OPT_CSB,
  NETMAP_REQ_OPT_SYNC_KLOOP_MODE,
  NETMAP_REQ_OPT_OFFSETS,
  NETMAP_REQ_OPT_MAX
};

struct nmreq_opt_extmem {
  struct nmreq_option nro_opt;
  uint64_t nro_usrptr;
  struct nmreq_pools_info nro_info;
};

struct nmreq_opt_sync_kloop_eventfds {
  struct nmreq_option nro_opt;
  __extension__ struct {
    int32_t ioeventfd;
    int32_t irqfd;
  } eventfds[]; /* per ring, TX rings first */
};

struct nmreq_opt_csb {
  struct nmreq_option nro_opt;
  uint64_t csb_atok;
  uint64_t csb_ktoa;
};

struct nmreq_opt_sync_kloop_mode {
  struct nmreq_option nro_opt;
  uint32_t mode;
  uint32_t nr_pad1;
};

#define NM_OPT_SYNC_KLOOP_DIRECT_TX 1
#define NM_OPT_SYNC_KLOOP_DIRECT_RX 2

struct nmreq_opt_offsets {
  struct nmreq_option nro_opt;
  uint64_t nro_max_offset;
  uint64_t nro_initial_offset;
  uint32_t nro_offset_bits;
  uint32_t nro_tx_align;
  uint64_t nro_min_gap;
};

/* A ring that is driven through memory: the program's half and the device's, in two arrays, TX rings first. */
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

/* --- the interface from before NIOCCTRL */

struct nmreq {
  char nr_name[IF_NAMESIZE];
  uint32_t nr_version;
  uint32_t nr_offset;
  uint32_t nr_memsize;
  uint32_t nr_tx_slots;
  uint32_t nr_rx_slots;
  uint16_t nr_tx_rings;
  uint16_t nr_rx_rings;
  uint16_t nr_ringid; /* a ring's number and the bits below */
  uint16_t nr_cmd;    /* 0 registers */
  uint16_t nr_arg1;
  uint16_t nr_arg2; /* memory region */
  uint32_t nr_arg3; /* extra buffers */
  uint32_t nr_flags;
  uint32_t spare2[1];
};

#define NETMAP_RING_MASK 0x0fff
#define NETMAP_NO_TX_POLL 0x1000
#define NETMAP_SW_RING 0x2000
#define NETMAP_HW_RING 0x4000
#define NETMAP_DO_RX_POLL 0x8000

enum {
  NETMAP_BDG_ATTACH = 1,
  NETMAP_BDG_DETACH,
  NETMAP_BDG_REGOPS,
  NETMAP_BDG_LIST,
  NETMAP_BDG_VNET_HDR,
  NETMAP_BDG_NEWIF,
  NETMAP_BDG_DELIF,
  NETMAP_PT_HOST_CREATE,
  NETMAP_PT_HOST_DELETE,
  NETMAP_BDG_POLLING_ON,
  NETMAP_BDG_POLLING_OFF,
  NETMAP_VNET_HDR_GET
};
#define NETMAP_BDG_OFFSET NETMAP_BDG_VNET_HDR
#define NETMAP_BDG_HOST 1 /* nr_arg1 of an attach: with the host stack */

#define NM_IFRDATA_LEN 256

struct nm_ifreq {
  char nifr_name[IF_NAMESIZE];
  char data[NM_IFRDATA_LEN];
};

/* --- ioctls */

#define NIOCGINFO _IOWR('i', 145, struct nmreq)
#define NIOCREGIF _IOWR('i', 146, struct nmreq)
#define NIOCTXSYNC _IO('i', 148)
#define NIOCRXSYNC _IO('i', 149)
#define NIOCCONFIG _IOWR('i', 150, struct nm_ifreq)
#define NIOCCTRL _IOWR('i', 151, struct nmreq_header)

#ifdef __cplusplus
}
#endif

#endif /* _NET_NETMAP_H_ */
