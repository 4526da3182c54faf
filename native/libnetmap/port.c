/* Ports: from a name to mapped rings, in steps that can each be undone. */
#include "internal.h"

static int refuse(int number) {
  errno = number;
  return -1;
}

struct nmport_d* nmport_new(void) {
  struct nmctx* const context = nmctx_get();
  struct nmport_d* const port = nmctx_malloc(context, sizeof(*port));
  if (port == NULL) return NULL;
  port->ctx = context;
  port->hdr.nr_version = NETMAP_API;
  port->hdr.nr_reqtype = NETMAP_REQ_REGISTER;
  port->hdr.nr_body = (uintptr_t)&port->reg;
  port->fd = -1;
  return port;
}

void nmport_delete(struct nmport_d* port) { nmctx_free(port->ctx, port); }

void nmport_push_clean(struct nmport_d* port, struct nmport_clean_d* clean) {
  clean->next = port->clean;
  port->clean = clean;
}

int nmport_parse(struct nmport_d* port, const char* name) {
  const struct nmreq_header header = port->hdr;
  const struct nmreq_register wanted = port->reg;
  struct nmport_clean_d* const before = port->clean;
  const char* at = name;
  if (nmreq_header_decode(&at, &port->hdr, port->ctx) == 0 &&
      nmreq_register_decode(&at, &port->reg, port->ctx) == 0 && nmport_read_options(port, at) == 0) {
    return 0;
  }
  const int error = errno;
  while (port->clean != before) {
    struct nmport_clean_d* const clean = port->clean;
    port->clean = clean->next;
    clean->undo(port, clean);
  }
  port->hdr = header;
  port->reg = wanted;
  return refuse(error);
}

void nmport_undo_parse(struct nmport_d* port) {
  while (port->clean != NULL) {
    struct nmport_clean_d* const clean = port->clean;
    port->clean = clean->next;
    clean->undo(port, clean);
  }
  memset(&port->reg, 0, sizeof(port->reg));
  memset(port->hdr.nr_name, 0, sizeof(port->hdr.nr_name));
}

struct nmport_d* nmport_prepare(const char* name) {
  struct nmport_d* const port = nmport_new();
  if (port == NULL) return NULL;
  if (nmport_parse(port, name) != 0) {
    nmport_delete(port);
    return NULL;
  }
  return port;
}

void nmport_undo_prepare(struct nmport_d* port) {
  nmport_undo_parse(port);
  nmport_delete(port);
}

/* The device says of each option what it thinks of it. Without a word on any, the request itself is at fault. */
static void report_refusal(struct nmport_d* port, int error) {
  struct nmreq_option* option;
  int said = 0;
  nmreq_foreach_option(&port->hdr, option) {
    if (option->nro_status == 0) continue;
    nmctx_ferror(port->ctx, "%s: option %s: %s", port->hdr.nr_name, nmreq_option_name(option->nro_reqtype),
                 strerror((int)option->nro_status));
    said = 1;
  }
  if (!said) nmctx_ferror(port->ctx, "%s: %s", port->hdr.nr_name, strerror(error));
}

int nmport_register(struct nmport_d* port) {
  if (port->register_done) {
    nmctx_ferror(port->ctx, "%s: already registered", port->hdr.nr_name);
    return refuse(EINVAL);
  }
  port->fd = open("/dev/netmap", O_RDWR | O_CLOEXEC);
  if (port->fd < 0) {
    nmctx_ferror(port->ctx, "/dev/netmap: %s", strerror(errno));
    return -1;
  }
  port->asked = port->reg;
  if (ioctl(port->fd, NIOCCTRL, &port->hdr) != 0) {
    const int error = errno;
    report_refusal(port, error);
    nmport_undo_register(port);
    return refuse(error);
  }
  port->register_done = 1;
  return 0;
}

void nmport_undo_register(struct nmport_d* port) {
  if (port->mmap_done) nmport_undo_mmap(port);
  if (port->fd >= 0) close(port->fd);
  if (port->register_done) port->reg = port->asked;
  port->fd = -1;
  port->register_done = 0;
}

/* First and last of `count` entries of ring_ofs that are bound. */
static void find_bound(const struct netmap_if* nifp, uint32_t from, uint32_t count, uint16_t* first,
                       uint16_t* last) {
  *first = (uint16_t)count;
  for (uint32_t i = count; i > 0; i--) {
    if (nifp->ring_ofs[from + i - 1] != 0) *first = (uint16_t)(i - 1);
  }
  *last = (uint16_t)(*first - 1);
  for (uint32_t i = *first; i < count && nifp->ring_ofs[from + i] != 0; i++) *last = (uint16_t)i;
}

int nmport_mmap(struct nmport_d* port) {
  if (port->mmap_done) {
    nmctx_ferror(port->ctx, "%s: already mapped", port->hdr.nr_name);
    return refuse(EINVAL);
  }
  if (!port->register_done) {
    nmctx_ferror(port->ctx, "%s: cannot map a port that is not registered", port->hdr.nr_name);
    return refuse(EINVAL);
  }
  if (nmport_find_region(port) != 0) return -1;

  port->nifp = NETMAP_IF(port->mem->mem, port->reg.nr_offset);
  const uint32_t tx = port->nifp->ni_tx_rings + port->nifp->ni_host_tx_rings;
  const uint32_t rx = port->nifp->ni_rx_rings + port->nifp->ni_host_rx_rings;
  find_bound(port->nifp, 0, tx, &port->first_tx_ring, &port->last_tx_ring);
  find_bound(port->nifp, tx, rx, &port->first_rx_ring, &port->last_rx_ring);
  port->cur_tx_ring = port->first_tx_ring;
  port->cur_rx_ring = port->first_rx_ring;
  port->mmap_done = 1;
  return 0;
}

void nmport_undo_mmap(struct nmport_d* port) {
  if (!port->mmap_done) return;
  nmport_drop_region(port);
  port->nifp = NULL;
  port->first_tx_ring = port->last_tx_ring = port->cur_tx_ring = 0;
  port->first_rx_ring = port->last_rx_ring = port->cur_rx_ring = 0;
  port->mmap_done = 0;
}

int nmport_open_desc(struct nmport_d* port) {
  if (nmport_register(port) != 0) return -1;
  if (nmport_mmap(port) != 0) {
    const int error = errno;
    nmport_undo_register(port);
    return refuse(error);
  }
  return 0;
}

void nmport_undo_open_desc(struct nmport_d* port) {
  nmport_undo_mmap(port);
  nmport_undo_register(port);
}

struct nmport_d* nmport_open(const char* name) {
  struct nmport_d* const port = nmport_prepare(name);
  if (port == NULL) return NULL;
  if (nmport_open_desc(port) != 0) {
    const int error = errno;
    nmport_undo_prepare(port);
    errno = error;
    return NULL;
  }
  return port;
}

void nmport_close(struct nmport_d* port) {
  if (port == NULL) return;
  nmport_undo_open_desc(port);
  nmport_undo_prepare(port);
}

struct nmport_d* nmport_clone(struct nmport_d* port) {
  if (port->extmem != NULL && !port->register_done) {
    nmctx_ferror(port->ctx, "%s: cannot clone a port with extmem before it is registered", port->hdr.nr_name);
    errno = EINVAL;
    return NULL;
  }
  struct nmport_d* const twin = nmport_new();
  if (twin == NULL) return NULL;
  twin->ctx = port->ctx;
  twin->reg = port->reg;
  memcpy(twin->hdr.nr_name, port->hdr.nr_name, sizeof(twin->hdr.nr_name));
  return twin;
}

/* How many slots the packet takes from `at` on, each from its own offset; 0 where there are too few. */
static uint32_t slots_needed(struct netmap_ring* ring, size_t length) {
  uint32_t slots = 0;
  size_t room = 0;
  for (uint32_t i = ring->head; i != ring->tail; i = nm_ring_next(ring, i)) {
    room += ring->nr_buf_size - NETMAP_ROFFSET(ring, &ring->slot[i]);
    slots++;
    if (room >= length) return slots;
  }
  return 0;
}

int nmport_inject(struct nmport_d* port, const void* packet, size_t length) {
  const uint32_t rings = (uint32_t)(uint16_t)(port->last_tx_ring - port->first_tx_ring + 1);
  for (uint32_t tried = 0; tried < rings; tried++) {
    struct netmap_ring* const ring = NETMAP_TXRING(port->nifp, port->cur_tx_ring);
    const uint32_t slots = slots_needed(ring, length);
    if (slots == 0) {
      port->cur_tx_ring =
          port->cur_tx_ring == port->last_tx_ring ? port->first_tx_ring : (uint16_t)(port->cur_tx_ring + 1);
      continue;
    }
    const char* from = packet;
    size_t left = length;
    uint32_t i = ring->head;
    for (uint32_t n = 1; n <= slots; n++, i = nm_ring_next(ring, i)) {
      struct netmap_slot* const slot = &ring->slot[i];
      const size_t room = ring->nr_buf_size - NETMAP_ROFFSET(ring, slot);
      const size_t part = left < room ? left : room;
      memcpy(NETMAP_BUF_OFFSET(ring, slot), from, part);
      slot->len = (uint16_t)part;
      slot->flags = n < slots ? NS_MOREFRAG : 0;
      from += part;
      left -= part;
    }
    ring->head = ring->cur = i;
    return (int)length;
  }
  return 0;
}
