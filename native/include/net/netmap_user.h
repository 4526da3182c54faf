/*
 * What a C program needs to walk through netmap's rings; with NETMAP_WITH_LIBS also nm_open() and its relatives, which
 * open a port and move whole packets.
 *
 *     struct nm_desc *d = nm_open("vale1:a", NULL, 0, NULL);
 *     struct netmap_ring *ring = NETMAP_TXRING(d->nifp, d->first_tx_ring);
 *     if (!nm_ring_empty(ring)) {
 *       struct netmap_slot *slot = &ring->slot[ring->head];
 *       slot->len = build_packet(NETMAP_BUF(ring, slot->buf_idx));
 *       ring->head = ring->cur = nm_ring_next(ring, ring->head);
 *     }
 *     ioctl(NETMAP_FD(d), NIOCTXSYNC);
 *
 * Names and behaviour are netmap's, the code is ours. Nothing here needs a library.
 */
#ifndef _NET_NETMAP_USER_H_
#define _NET_NETMAP_USER_H_

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <net/netmap.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define _NETMAP_OFFSET(type, base, offset) ((type)(void *)((char *)(base) + (offset)))

/* `base` is what mmap gave, `offset` the nr_offset of the registration. */
#define NETMAP_IF(base, offset) _NETMAP_OFFSET(struct netmap_if *, base, offset)
#define NETMAP_TXRING(nifp, index) _NETMAP_OFFSET(struct netmap_ring *, nifp, (nifp)->ring_ofs[index])
#define NETMAP_RXRING(nifp, index) \
  _NETMAP_OFFSET(struct netmap_ring *, nifp,                          \
                 (nifp)->ring_ofs[(index) + (nifp)->ni_tx_rings + (nifp)->ni_host_tx_rings])

#define NETMAP_BUF(ring, index) \
  ((char *)(ring) + (ring)->buf_ofs + (size_t)(index) * (ring)->nr_buf_size)
#define NETMAP_BUF_IDX(ring, buffer) \
  ((uint32_t)(((char *)(buffer) - ((char *)(ring) + (ring)->buf_ofs)) / (ring)->nr_buf_size))

/* Where in its buffer a packet begins, for ports that were opened with offsets. */
#define NETMAP_ROFFSET(ring, slot) ((slot)->ptr & (ring)->offset_mask)
#define NETMAP_WOFFSET(ring, slot, offset) \
  ((slot)->ptr = ((slot)->ptr & ~(ring)->offset_mask) | ((offset) & (ring)->offset_mask))
#define NETMAP_BUF_OFFSET(ring, slot) (NETMAP_BUF(ring, (slot)->buf_idx) + NETMAP_ROFFSET(ring, slot))

static inline uint32_t nm_ring_next(struct netmap_ring* ring, uint32_t i) {
  return i + 1 == ring->num_slots ? 0 : i + 1;
}

/* How many slots the program has. */
static inline uint32_t nm_ring_space(struct netmap_ring* ring) {
  return ring->tail >= ring->head ? ring->tail - ring->head : ring->tail + ring->num_slots - ring->head;
}

static inline int nm_ring_empty(struct netmap_ring* ring) { return ring->head == ring->tail; }

/* Whether the device still holds slots of a transmit ring. */
static inline int nm_tx_pending(struct netmap_ring* ring) {
  return nm_ring_next(ring, ring->tail) != ring->head;
}

/* Copies a packet between buffers. Both may be written and read up to the next multiple of 64. */
static inline void nm_pkt_copy(const void* from, void* to, int length) {
  memcpy(to, from, length > 0 ? (size_t)length : 0);
}

/*
 * A ring that is driven through memory: what the program has done, and what the device has. Each side writes first what
 * the other reads last, so that none sees a head beyond its cur, or slots whose tail it does not know.
 */
static inline void nm_sync_kloop_appl_write(struct nm_csb_atok* entry, uint32_t cur, uint32_t head) {
  __atomic_store_n(&entry->cur, cur, __ATOMIC_RELAXED);
  __atomic_store_n(&entry->head, head, __ATOMIC_RELEASE);
}

static inline void nm_sync_kloop_appl_read(struct nm_csb_ktoa* entry, uint32_t* hwtail, uint32_t* hwcur) {
  *hwtail = __atomic_load_n(&entry->hwtail, __ATOMIC_ACQUIRE);
  *hwcur = __atomic_load_n(&entry->hwcur, __ATOMIC_RELAXED);
}

#ifndef likely
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#endif

/* A line on stderr with time and place; at most `per_second` of them; none. */
#ifndef D
#define D(format, ...)                                                                                     \
  do {                                                                                                     \
    struct timeval d_now;                                                                                  \
    gettimeofday(&d_now, NULL);                                                                            \
    fprintf(stderr, "%03d.%06d %s [%d] " format "\n", (int)d_now.tv_sec % 1000, (int)d_now.tv_usec, __func__, \
            __LINE__, ##__VA_ARGS__);                                                                      \
  } while (0)
#endif
#ifndef RD
#define RD(per_second, format, ...)              \
  do {                                           \
    static time_t rd_second;                     \
    static int rd_lines;                         \
    const time_t rd_now = time(NULL);            \
    if (rd_second != rd_now) rd_lines = 0;       \
    rd_second = rd_now;                          \
    if (rd_lines++ < (per_second)) D(format, ##__VA_ARGS__); \
  } while (0)
#endif
#ifndef ND
#define ND(...) \
  do {          \
  } while (0)
#endif

#ifdef NETMAP_WITH_LIBS

struct nm_desc;

/* A received packet, in pcap's terms. */
struct nm_pkthdr {
  struct timeval ts;
  uint32_t caplen;
  uint32_t len;
  uint64_t flags; /* of its last slot */
  struct nm_desc* d;
  struct netmap_slot* slot;
  uint8_t* buf;
};

struct nm_stat {
  unsigned int ps_recv;
  unsigned int ps_drop;
  unsigned int ps_ifdrop;
};

#define NM_ERRBUF_SIZE 512

struct nm_desc {
  struct nm_desc* self; /* NULL once it is closed */
  int fd;
  void* mem; /* of the region */
  uint64_t memsize;
  int done_mmap; /* the mapping is this descriptor's own */
  struct netmap_if* nifp;
  uint16_t first_tx_ring, last_tx_ring, cur_tx_ring;
  uint16_t first_rx_ring, last_rx_ring, cur_rx_ring;
  struct nmreq req; /* what was asked and granted */
  struct nm_pkthdr hdr;

  struct netmap_ring* some_ring;
  void* buf_start;
  void* buf_end;
  int snaplen;
  int promisc;
  int to_ms;
  char* errbuf;
  uint32_t if_flags;
  uint32_t if_reqcap;
  uint32_t if_curcap;
  struct nm_stat st;
  char msg[NM_ERRBUF_SIZE]; /* why nm_open failed */
};

#define P2NMD(p) ((const struct nm_desc *)(p))
#define IS_NETMAP_DESC(d) ((d) && P2NMD(d)->self == P2NMD(d))
#define NETMAP_FD(d) (P2NMD(d)->fd)

/* Second half of nm_open's flags: what comes from `parent` or the request instead of the name. */
enum {
  NM_OPEN_NO_MMAP = 0x040000,
  NM_OPEN_IFNAME = 0x080000,
  NM_OPEN_ARG1 = 0x100000,
  NM_OPEN_ARG2 = 0x200000,
  NM_OPEN_ARG3 = 0x400000,
  NM_OPEN_RING_CFG = 0x800000
};

typedef void (*nm_cb_t)(unsigned char* argument, const struct nm_pkthdr* header, const unsigned char* packet);

static inline int nm_close(struct nm_desc* d) {
  if (d == NULL || d->self != d) return EINVAL;
  if (d->done_mmap && d->mem != NULL) munmap(d->mem, d->memsize);
  if (d->fd != -1) close(d->fd);
  memset(d, 0, sizeof(*d));
  free(d);
  return 0;
}

/* Maps the region of a registered descriptor, or uses the mapping of `parent` where both have one region. */
static inline int nm_mmap(struct nm_desc* d, const struct nm_desc* parent) {
  if (d->done_mmap) return 0;
  if (IS_NETMAP_DESC(parent) && parent->mem != NULL && parent->req.nr_arg2 == d->req.nr_arg2) {
    d->mem = parent->mem;
    d->memsize = parent->memsize;
  } else {
    void* memory = mmap(NULL, d->req.nr_memsize, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);
    if (memory == MAP_FAILED) return -1;
    d->mem = memory;
    d->memsize = d->req.nr_memsize;
    d->done_mmap = 1;
  }
  return 0;
}

/* First and last of `count` entries of ring_ofs that are bound; none gives `count` and count - 1. */
static inline void nm_bound_rings(const struct netmap_if* nifp, uint32_t from, uint32_t count,
                                  uint16_t* first, uint16_t* last) {
  uint32_t i;
  *first = (uint16_t)count;
  *last = (uint16_t)(count - 1);
  for (i = 0; i < count; i++) {
    if (nifp->ring_ofs[from + i] == 0) continue;
    if (*first == count) *first = (uint16_t)i;
    *last = (uint16_t)i;
  }
}

static inline void nm_find_rings(struct nm_desc* d) {
  const uint32_t tx = d->nifp->ni_tx_rings + d->nifp->ni_host_tx_rings;
  const uint32_t rx = d->nifp->ni_rx_rings + d->nifp->ni_host_rx_rings;
  nm_bound_rings(d->nifp, 0, tx, &d->first_tx_ring, &d->last_tx_ring);
  nm_bound_rings(d->nifp, tx, rx, &d->first_rx_ring, &d->last_rx_ring);
  d->cur_tx_ring = d->first_tx_ring;
  d->cur_rx_ring = d->first_rx_ring;
  if (d->first_rx_ring <= d->last_rx_ring) {
    d->some_ring = NETMAP_RXRING(d->nifp, d->first_rx_ring);
  } else if (d->first_tx_ring <= d->last_tx_ring) {
    d->some_ring = NETMAP_TXRING(d->nifp, d->first_tx_ring);
  }
  if (d->some_ring != NULL) d->buf_start = NETMAP_BUF(d->some_ring, 0);
  d->buf_end = (char*)d->mem + d->memsize;
}

/* What nm_open reads out of a port's name: the request, and the name as the device takes it. */
struct nm_open_name {
  struct nmreq_register reg;
  char device[NETMAP_REQ_IFNAMSIZ];
};

/* Reads a decimal number from *text on. Returns -1 when there is none below `limit`. */
static inline long nm_read_number(const char** text, long limit) {
  char* end;
  const long number = strtol(*text, &end, 10);
  if (!isdigit((unsigned char)**text) || number >= limit) return -1;
  *text = end;
  return number;
}

static inline const char* nm_read_flags(const char** at, uint64_t* flags) {
  static const struct {
    char letter;
    uint32_t flag;
  } known[] = {{'x', NR_EXCLUSIVE},  {'z', NR_ZCOPY_MON},     {'t', NR_MONITOR_TX},
               {'r', NR_MONITOR_RX}, {'R', NR_RX_RINGS_ONLY}, {'T', NR_TX_RINGS_ONLY}};
  for (; **at != '\0' && **at != '@'; (*at)++) {
    size_t i = 0;
    while (i < sizeof(known) / sizeof(known[0]) && known[i].letter != **at) i++;
    if (i == sizeof(known) / sizeof(known[0])) return "unrecognized flag";
    *flags |= known[i].flag;
  }
  return NULL;
}

/* netmap:NAME or valeX:Y, then - * ^ { } for rings, /flags, @memory. Returns what is wrong, or NULL. */
static inline const char* nm_read_name(const char* name, struct nm_open_name* result) {
  const int is_vale = strncmp(name, NM_BDG_NAME, strlen(NM_BDG_NAME)) == 0;
  const char* at = is_vale ? name : name + strlen("netmap:");
  const char* start = at;
  const char* colon = strchr(name, ':');
  size_t length;
  int has_memory = 0;

  if (is_vale && colon == NULL) return "missing ':' in vale name";
  if (is_vale && colon[1] == '\0') return "invalid bridge port name";
  at += strcspn(at, "-*^{}/@");
  length = (size_t)(at - start);
  if (length == 0) return "missing port name";
  if (length >= IF_NAMESIZE) return "name too long";
  memcpy(result->device, start, length);
  result->reg.nr_mode = NR_REG_ALL_NIC;

  while (*at != '\0') {
    const char sign = *at++;
    const char* wrong;
    long number;
    switch (sign) {
      case '*':
        result->reg.nr_mode = NR_REG_NIC_SW;
        break;
      case '^':
        result->reg.nr_mode = NR_REG_SW;
        if (isdigit((unsigned char)*at)) return "unexpected character after '^'";
        break;
      case '-':
        number = nm_read_number(&at, NETMAP_MAX_RINGS - 1);
        if (number < 0) return "ring number out of range [0, 4095)";
        result->reg.nr_mode = NR_REG_ONE_NIC;
        result->reg.nr_ringid = (uint16_t)number;
        break;
      case '{':
      case '}':
        number = nm_read_number(&at, NETMAP_MAX_RINGS - 1);
        if (number < 0) return "pipe id out of range [0, 4095)";
        snprintf(result->device + length, sizeof(result->device) - length, "%c%ld", sign, number);
        break;
      case '/':
        wrong = nm_read_flags(&at, &result->reg.nr_flags);
        if (wrong != NULL) return wrong;
        break;
      case '@':
        number = nm_read_number(&at, 65536);
        if (has_memory++) return "double setting of memid";
        if (number <= 0) return "invalid memid, must be >0";
        result->reg.nr_mem_id = (uint16_t)number;
        break;
      default:
        return "unexpected character";
    }
  }
  return NULL;
}

/* What the flags say comes from the request or the parent. */
static inline void nm_inherit(struct nm_open_name* name, const struct nmreq* from,
                              const struct nm_desc* parent, uint64_t flags) {
  if (from != NULL) {
    name->reg.nr_tx_slots = from->nr_tx_slots;
    name->reg.nr_rx_slots = from->nr_rx_slots;
    name->reg.nr_tx_rings = from->nr_tx_rings;
    name->reg.nr_rx_rings = from->nr_rx_rings;
    if (name->reg.nr_mem_id == 0) name->reg.nr_mem_id = from->nr_arg2;
    name->reg.nr_extra_bufs = from->nr_arg3;
    name->reg.nr_flags |= from->nr_flags & ~(uint64_t)NR_REG_MASK;
  }
  if (IS_NETMAP_DESC(parent)) {
    const struct nmreq* of = &parent->req;
    if (flags & NM_OPEN_IFNAME) {
      memset(name->device, 0, sizeof(name->device));
      memcpy(name->device, of->nr_name, sizeof(of->nr_name) - 1);
      name->reg.nr_mode = of->nr_flags & NR_REG_MASK;
      name->reg.nr_ringid = of->nr_ringid & NETMAP_RING_MASK;
      name->reg.nr_flags = of->nr_flags & ~(uint32_t)NR_REG_MASK;
    }
    if (flags & NM_OPEN_ARG2) name->reg.nr_mem_id = of->nr_arg2;
    if (flags & NM_OPEN_ARG3) name->reg.nr_extra_bufs = of->nr_arg3;
    if (flags & NM_OPEN_RING_CFG) {
      name->reg.nr_tx_slots = of->nr_tx_slots;
      name->reg.nr_rx_slots = of->nr_rx_slots;
      name->reg.nr_tx_rings = of->nr_tx_rings;
      name->reg.nr_rx_rings = of->nr_rx_rings;
    }
  }
  if (flags & NR_REG_MASK) name->reg.nr_mode = flags & NR_REG_MASK;
  name->reg.nr_flags |= flags & (NM_OPEN_NO_MMAP - 1) & ~(uint64_t)NR_REG_MASK;
}

/* Registers, and notes in d->req what was granted, as NIOCREGIF would. */
static inline int nm_register(struct nm_desc* d, struct nm_open_name* name) {
  struct nmreq_header header;
  memset(&header, 0, sizeof(header));
  header.nr_version = NETMAP_API;
  header.nr_reqtype = NETMAP_REQ_REGISTER;
  memcpy(header.nr_name, name->device, sizeof(header.nr_name));
  header.nr_body = (uint64_t)(uintptr_t)&name->reg;
  if (ioctl(d->fd, NIOCCTRL, &header) != 0) return -1;

  memcpy(d->req.nr_name, name->device, sizeof(d->req.nr_name) - 1);
  d->req.nr_version = NETMAP_API;
  d->req.nr_offset = (uint32_t)name->reg.nr_offset;
  d->req.nr_memsize = (uint32_t)name->reg.nr_memsize;
  d->req.nr_tx_slots = name->reg.nr_tx_slots;
  d->req.nr_rx_slots = name->reg.nr_rx_slots;
  d->req.nr_tx_rings = name->reg.nr_tx_rings;
  d->req.nr_rx_rings = name->reg.nr_rx_rings;
  d->req.nr_ringid = name->reg.nr_ringid;
  d->req.nr_arg2 = name->reg.nr_mem_id;
  d->req.nr_arg3 = name->reg.nr_extra_bufs;
  d->req.nr_flags = (uint32_t)name->reg.nr_flags | name->reg.nr_mode;
  return 0;
}

/*
 * Opens a port. Returns NULL with errno when that did not work, and says why on stderr, unless the name begins neither
 * with "netmap:" nor with "vale": then errno is 0, since the port may be another library's.
 */
static inline struct nm_desc* nm_open(const char* name, const struct nmreq* req, uint64_t flags,
                                      const struct nm_desc* parent) {
  struct nm_open_name wanted;
  struct nm_desc* d;
  const char* wrong;
  int error = EINVAL;

  if (strncmp(name, "netmap:", 7) != 0 && strncmp(name, NM_BDG_NAME, strlen(NM_BDG_NAME)) != 0) {
    errno = 0;
    return NULL;
  }
  memset(&wanted, 0, sizeof(wanted));
  d = (struct nm_desc*)calloc(1, sizeof(*d));
  if (d == NULL) {
    errno = ENOMEM;
    return NULL;
  }
  d->self = d;
  d->fd = -1;
  wrong = nm_read_name(name, &wanted);
  if (wrong == NULL) {
    nm_inherit(&wanted, req, parent, flags);
    d->fd = open("/dev/netmap", O_RDWR);
    if (d->fd < 0) {
      wrong = "cannot open /dev/netmap";
    } else if (nm_register(d, &wanted) != 0) {
      wrong = "cannot register";
    } else if (nm_mmap(d, (flags & NM_OPEN_NO_MMAP) ? parent : NULL) != 0) {
      wrong = "mmap failed";
    }
    if (wrong != NULL) error = errno;
  }
  if (wrong != NULL) {
    D("%s %s: %s", wrong, name, strerror(error));
    nm_close(d);
    errno = error;
    return NULL;
  }
  d->nifp = NETMAP_IF(d->mem, wanted.reg.nr_offset);
  nm_find_rings(d);
  return d;
}

/*
 * Copies one packet into a transmit ring that has room, over several slots where it is longer than a buffer. Returns
 * its length, or 0 when no ring has room. Sends nothing: that is NIOCTXSYNC's or poll's work.
 */
static inline int nm_inject(struct nm_desc* d, const void* packet, size_t size) {
  const uint32_t rings = (uint32_t)d->last_tx_ring - d->first_tx_ring + 1;
  uint32_t tried;
  for (tried = 0; d->first_tx_ring <= d->last_tx_ring && tried < rings; tried++) {
    struct netmap_ring* ring = NETMAP_TXRING(d->nifp, d->cur_tx_ring);
    const size_t needed = size == 0 ? 1 : (size + ring->nr_buf_size - 1) / ring->nr_buf_size;
    size_t done = 0;
    uint32_t i = ring->head;
    if (nm_ring_space(ring) < needed) {
      d->cur_tx_ring = d->cur_tx_ring == d->last_tx_ring ? d->first_tx_ring : (uint16_t)(d->cur_tx_ring + 1);
      continue;
    }
    for (;;) {
      struct netmap_slot* slot = &ring->slot[i];
      const size_t part = size - done < ring->nr_buf_size ? size - done : ring->nr_buf_size;
      memcpy(NETMAP_BUF(ring, slot->buf_idx), (const char*)packet + done, part);
      slot->len = (uint16_t)part;
      done += part;
      i = nm_ring_next(ring, i);
      if (done == size) {
        slot->flags = 0;
        break;
      }
      slot->flags = NS_MOREFRAG;
    }
    ring->head = ring->cur = i;
    return (int)size;
  }
  return 0;
}

/* Slots of the packet at the head of `ring`, 0 while its end has not come. */
static inline uint32_t nm_packet_slots(struct netmap_ring* ring) {
  uint32_t count = 1;
  uint32_t i = ring->head;
  for (;; count++) {
    if (i == ring->tail) return 0;
    if (!(ring->slot[i].flags & NS_MOREFRAG)) return count;
    i = nm_ring_next(ring, i);
  }
}

/* Fills d->hdr with the packet at the head of `ring`, and gives its `count` slots back. `joined` has room for all. */
static inline unsigned char* nm_take_packet(struct nm_desc* d, struct netmap_ring* ring, uint32_t count,
                                            unsigned char* joined) {
  struct netmap_slot* slot = &ring->slot[ring->head];
  unsigned char* packet = (unsigned char*)NETMAP_BUF_OFFSET(ring, slot);
  uint32_t length = 0;
  uint32_t i;
  for (i = 0; i < count; i++) {
    slot = &ring->slot[ring->head];
    if (count > 1) memcpy(joined + length, NETMAP_BUF_OFFSET(ring, slot), slot->len);
    length += slot->len;
    ring->head = ring->cur = nm_ring_next(ring, ring->head);
  }
  d->hdr.ts = ring->ts;
  d->hdr.len = d->hdr.caplen = length;
  d->hdr.flags = slot->flags;
  d->hdr.d = d;
  d->hdr.slot = slot;
  d->hdr.buf = count > 1 ? joined : packet;
  return d->hdr.buf;
}

/*
 * Calls `callback` for up to `count` packets (0 or less: all there are), ring after ring. Returns how many there were.
 * A packet's bytes are valid during the call.
 */
static inline int nm_dispatch(struct nm_desc* d, int count, nm_cb_t callback, unsigned char* argument) {
  const uint32_t rings = (uint32_t)d->last_rx_ring - d->first_rx_ring + 1;
  int taken = 0;
  uint32_t visited;
  for (visited = 0; d->first_rx_ring <= d->last_rx_ring && visited < rings; visited++) {
    struct netmap_ring* ring = NETMAP_RXRING(d->nifp, d->cur_rx_ring);
    uint32_t slots;
    while ((count <= 0 || taken < count) && (slots = nm_packet_slots(ring)) != 0) {
      unsigned char* joined = slots > 1 ? (unsigned char*)malloc((size_t)slots * ring->nr_buf_size) : NULL;
      if (slots > 1 && joined == NULL) return taken;
      nm_take_packet(d, ring, slots, joined);
      callback(argument, &d->hdr, d->hdr.buf);
      free(joined);
      taken++;
    }
    if (count > 0 && taken == count) break;
    d->cur_rx_ring = d->cur_rx_ring == d->last_rx_ring ? d->first_rx_ring : (uint16_t)(d->cur_rx_ring + 1);
  }
  return taken;
}

/*
 * The next packet, or NULL when there is none. Its bytes are valid until the next sync; of a packet in several slots,
 * this gives one slot at a time, and hdr->flags has NS_MOREFRAG in all but the last.
 */
static inline unsigned char* nm_nextpkt(struct nm_desc* d, struct nm_pkthdr* hdr) {
  const uint32_t rings = (uint32_t)d->last_rx_ring - d->first_rx_ring + 1;
  uint32_t visited;
  for (visited = 0; d->first_rx_ring <= d->last_rx_ring && visited < rings; visited++) {
    struct netmap_ring* ring = NETMAP_RXRING(d->nifp, d->cur_rx_ring);
    if (!nm_ring_empty(ring)) {
      unsigned char* packet = nm_take_packet(d, ring, 1, NULL);
      *hdr = d->hdr;
      return packet;
    }
    d->cur_rx_ring = d->cur_rx_ring == d->last_rx_ring ? d->first_rx_ring : (uint16_t)(d->cur_rx_ring + 1);
  }
  return NULL;
}

#endif /* NETMAP_WITH_LIBS */

#ifdef __cplusplus
}
#endif

#endif /* _NET_NETMAP_USER_H_ */
