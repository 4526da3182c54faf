/*
 * Opening netmap ports by name, in C.
 *
 *     struct nmport_d *port = nmport_open("vale1:a@conf:slots=512");
 *     struct netmap_ring *ring = NETMAP_TXRING(port->nifp, port->first_tx_ring);
 *     nmport_inject(port, packet, length);
 *     ioctl(port->fd, NIOCTXSYNC);
 *     nmport_close(port);
 *
 * Opening has three steps, which programs may take one at a time, to change the request in between:
 *
 *     parse       "netmap:eth0-1/x@conf:rings=4"  ->  hdr, reg, options
 *     register    opens /dev/netmap and asks it for the port
 *     mmap        maps the port's memory region, or shares the mapping of another port
 *
 * Functions return -1 or NULL with errno where they fail, and hand one line of why to the context, which prints it.
 *
 * Names and behaviour are those of netmap's libnetmap, the code is ours: native/libnetmap/ has it. A program is compiled
 * against this header; one that was compiled against another libnetmap.h does not fit this library.
 */
#ifndef _LIBNETMAP_H_
#define _LIBNETMAP_H_

#include <net/netmap_user.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- contexts: what ports have in common, and what they need of the program */

struct nmem_d;

struct nmctx {
  int verbose;
  void (*error)(struct nmctx*, const char* message); /* gets each message, without a newline */
  void* (*malloc)(struct nmctx*, size_t);
  void (*free)(struct nmctx*, void*);
  void (*lock)(struct nmctx*, int take); /* around the list of regions; NULL with one thread */
  struct nmem_d* mem_descs;
};

/* The context of every port that is made from now on. */
struct nmctx* nmctx_get(void);
/* Returns the one before. */
struct nmctx* nmctx_set_default(struct nmctx*);
/* Lets several threads open and close ports of the default context at the same time. */
void nmctx_set_threadsafe(void);

/* A message of at most 1000 characters. */
void nmctx_ferror(struct nmctx*, const char* format, ...) __attribute__((format(printf, 2, 3)));
void* nmctx_malloc(struct nmctx*, size_t); /* zeroed */
void nmctx_free(struct nmctx*, void*);
void nmctx_lock(struct nmctx*);
void nmctx_unlock(struct nmctx*);

/* --- ports */

/* A mapped region. Ports whose `mem` is the same may exchange buffers. */
struct nmem_d {
  uint16_t mem_id;
  int refcount;
  void* mem;
  size_t size;
  int is_extmem; /* the program's own memory, which stays when the last port goes */
  struct nmem_d* next;
};

struct nmport_clean_d;

struct nmport_d {
  struct nmreq_header hdr;
  struct nmreq_register reg; /* what was asked, and after the registration what was granted */
  struct nmem_d* mem;
  struct nmctx* ctx;
  int register_done;
  int mmap_done;
  struct nmreq_opt_extmem* extmem;
  struct nmport_clean_d* clean; /* what undoing the parse has to undo */

  int fd; /* -1 until it is registered */
  struct netmap_if* nifp;
  /* Places in ring_ofs: host rings follow the others of their direction. With no ring, last is first - 1. */
  uint16_t first_tx_ring, last_tx_ring;
  uint16_t first_rx_ring, last_rx_ring;
  uint16_t cur_tx_ring, cur_rx_ring;

  struct nmreq_register asked; /* for undoing the registration */
};

struct nmport_d* nmport_open(const char* name);
void nmport_close(struct nmport_d*);

/* The steps of nmport_open. An "undo" takes back what its step did, and the steps after it. */
struct nmport_d* nmport_new(void);
void nmport_delete(struct nmport_d*);
int nmport_parse(struct nmport_d*, const char* name);
void nmport_undo_parse(struct nmport_d*);
int nmport_register(struct nmport_d*);
void nmport_undo_register(struct nmport_d*);
int nmport_mmap(struct nmport_d*);
void nmport_undo_mmap(struct nmport_d*);

struct nmport_d* nmport_prepare(const char* name); /* new and parse */
void nmport_undo_prepare(struct nmport_d*);
int nmport_open_desc(struct nmport_d*); /* register and mmap */
void nmport_undo_open_desc(struct nmport_d*);

/* A port with the same request, without its options, to be opened for itself. */
struct nmport_d* nmport_clone(struct nmport_d*);

/*
 * Copies a packet into a transmit ring that has room, over several slots where it is longer than a buffer. Returns its
 * length, or 0 when no ring has room. Sends nothing: that is the next sync's work.
 */
int nmport_inject(struct nmport_d*, const void* packet, size_t length);

/* Memory of the program's own, or of a file, as the region. Between parse and register. */
int nmport_extmem(struct nmport_d*, void* base, size_t size);
int nmport_extmem_from_file(struct nmport_d*, const char* path);
/* The sizes of its pools, to be asked for, and after the registration to be read. NULL without extmem. */
struct nmreq_pools_info* nmport_extmem_getinfo(struct nmport_d*);

/* Packets begin `initial` bytes into their buffers, and nowhere after `max`. */
int nmport_offset(struct nmport_d*, uint64_t initial, uint64_t max, uint64_t bits, uint64_t min_gap);

/* Whether names may have this option. "offset" may not, until it is enabled. */
int nmport_enable_option(const char* option);
int nmport_disable_option(const char* option);

/* --- requests, for programs that make their own */

/* Reads "netmap:NAME" or "valeX:NAME" and moves *text behind it. On an error nothing changes. */
int nmreq_header_decode(const char** text, struct nmreq_header*, struct nmctx*);
/* Reads rings, flags and memory id, as in "-3/x@2", up to the first option. On an error nothing changes. */
int nmreq_register_decode(const char** text, struct nmreq_register*, struct nmctx*);
/* The region of the port that *text begins with, or 0. */
uint16_t nmreq_get_mem_id(const char** text, struct nmctx*);

#define nmreq_foreach_option(header, option)                                                    \
  for ((option) = (struct nmreq_option *)(uintptr_t)(header)->nr_options; (option) != NULL; \
       (option) = (struct nmreq_option *)(uintptr_t)(option)->nro_next)

void nmreq_push_option(struct nmreq_header*, struct nmreq_option*);
void nmreq_remove_option(struct nmreq_header*, struct nmreq_option*);
struct nmreq_option* nmreq_find_option(struct nmreq_header*, uint32_t type);
const char* nmreq_option_name(uint32_t type);

#ifdef __cplusplus
}
#endif

#endif /* _LIBNETMAP_H_ */
