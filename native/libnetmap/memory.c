/* Regions: mapped once for all ports of a context that have the same, and memory that the program brings itself. */
#include <sys/stat.h>

#include "internal.h"

/* Ports with memory of their own find it by its address, others by the region's id. */
static struct nmem_d* find_region(const struct nmport_d* port) {
  struct nmem_d* region = port->ctx->mem_descs;
  for (; region != NULL; region = region->next) {
    if (port->extmem != NULL) {
      if (region->is_extmem && (uintptr_t)region->mem == port->extmem->nro_usrptr) return region;
    } else if (region->mem_id == port->reg.nr_mem_id) {
      return region;
    }
  }
  return NULL;
}

static struct nmem_d* map_region(struct nmport_d* port) {
  struct nmem_d* const region = nmctx_malloc(port->ctx, sizeof(*region));
  if (region == NULL) return NULL;
  region->mem_id = port->reg.nr_mem_id;
  region->is_extmem = port->extmem != NULL;
  if (region->is_extmem) {
    region->mem = (void*)(uintptr_t)port->extmem->nro_usrptr;
    region->size = port->extmem->nro_info.nr_memsize;
  } else {
    region->size = port->reg.nr_memsize;
    region->mem = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, port->fd, 0);
    if (region->mem == MAP_FAILED) {
      const int error = errno;
      nmctx_ferror(port->ctx, "mmap: %s", strerror(error));
      nmctx_free(port->ctx, region);
      errno = error;
      return NULL;
    }
  }
  region->next = port->ctx->mem_descs;
  port->ctx->mem_descs = region;
  return region;
}

int nmport_find_region(struct nmport_d* port) {
  nmctx_lock(port->ctx);
  struct nmem_d* region = find_region(port);
  if (region == NULL) region = map_region(port);
  if (region != NULL) region->refcount++;
  nmctx_unlock(port->ctx);
  port->mem = region;
  return region != NULL ? 0 : -1;
}

void nmport_drop_region(struct nmport_d* port) {
  struct nmem_d* const region = port->mem;
  nmctx_lock(port->ctx);
  if (--region->refcount == 0) {
    struct nmem_d** link = &port->ctx->mem_descs;
    while (*link != region) link = &(*link)->next;
    *link = region->next;
    if (!region->is_extmem) munmap(region->mem, region->size);
    nmctx_free(port->ctx, region);
  }
  nmctx_unlock(port->ctx);
  port->mem = NULL;
}

/* An option of the request that lives until the parse is undone. */
struct owned_option {
  struct nmport_clean_d clean;
  struct nmreq_option* option;
};

static void undo_option(struct nmport_d* port, struct nmport_clean_d* self) {
  struct owned_option* const owned = (struct owned_option*)self;
  nmreq_remove_option(&port->hdr, owned->option);
  if ((void*)owned->option == (void*)port->extmem) port->extmem = NULL;
  nmctx_free(port->ctx, owned->option);
  nmctx_free(port->ctx, owned);
}

static void* add_option(struct nmport_d* port, uint32_t type, size_t size) {
  struct owned_option* const owned = nmctx_malloc(port->ctx, sizeof(*owned));
  struct nmreq_option* const option = owned != NULL ? nmctx_malloc(port->ctx, size) : NULL;
  if (option == NULL) {
    if (owned != NULL) nmctx_free(port->ctx, owned);
    return NULL;
  }
  option->nro_reqtype = type;
  nmreq_push_option(&port->hdr, option);
  owned->clean.undo = undo_option;
  owned->option = option;
  nmport_push_clean(port, &owned->clean);
  return option;
}

static int refuse_registered(struct nmport_d* port, const char* what) {
  nmctx_ferror(port->ctx, "%s: cannot set %s of a port that is registered", port->hdr.nr_name, what);
  errno = EINVAL;
  return -1;
}

int nmport_extmem(struct nmport_d* port, void* base, size_t size) {
  if (port->register_done) return refuse_registered(port, "extmem");
  if (port->extmem != NULL) {
    nmctx_ferror(port->ctx, "%s: extmem already in use", port->hdr.nr_name);
    errno = EINVAL;
    return -1;
  }
  struct nmreq_opt_extmem* const option = add_option(port, NETMAP_REQ_OPT_EXTMEM, sizeof(*option));
  if (option == NULL) return -1;
  option->nro_usrptr = (uintptr_t)base;
  option->nro_info.nr_memsize = size;
  port->extmem = option;
  return 0;
}

struct mapped_file {
  struct nmport_clean_d clean;
  void* memory;
  size_t size;
};

static void undo_file(struct nmport_d* port, struct nmport_clean_d* self) {
  struct mapped_file* const file = (struct mapped_file*)self;
  munmap(file->memory, file->size);
  nmctx_free(port->ctx, file);
}

static void* map_file(struct nmctx* context, const char* path, size_t* size) {
  struct stat status;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    nmctx_ferror(context, "cannot open '%s': %s", path, strerror(errno));
    return MAP_FAILED;
  }
  void* memory = MAP_FAILED;
  if (fstat(fd, &status) == 0) {
    *size = (size_t)status.st_size;
    memory = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  const int error = errno;
  close(fd);
  errno = error;
  if (memory == MAP_FAILED) nmctx_ferror(context, "cannot map '%s': %s", path, strerror(error));
  return memory;
}

int nmport_extmem_from_file(struct nmport_d* port, const char* path) {
  struct mapped_file* const file = nmctx_malloc(port->ctx, sizeof(*file));
  if (file == NULL) return -1;
  file->clean.undo = undo_file;
  file->memory = map_file(port->ctx, path, &file->size);
  if (file->memory == MAP_FAILED) {
    const int error = errno;
    nmctx_free(port->ctx, file);
    errno = error;
    return -1;
  }
  /* Before the option, so that the option is undone first. */
  nmport_push_clean(port, &file->clean);
  if (nmport_extmem(port, file->memory, file->size) == 0) return 0;
  const int error = errno;
  port->clean = file->clean.next;
  undo_file(port, &file->clean);
  errno = error;
  return -1;
}

struct nmreq_pools_info* nmport_extmem_getinfo(struct nmport_d* port) {
  return port->extmem != NULL ? &port->extmem->nro_info : NULL;
}

int nmport_offset(struct nmport_d* port, uint64_t initial, uint64_t max, uint64_t bits, uint64_t min_gap) {
  if (port->register_done) return refuse_registered(port, "offsets");
  struct nmreq_opt_offsets* const option = add_option(port, NETMAP_REQ_OPT_OFFSETS, sizeof(*option));
  if (option == NULL) return -1;
  option->nro_initial_offset = initial;
  option->nro_max_offset = max;
  option->nro_offset_bits = (uint32_t)bits;
  option->nro_min_gap = min_gap;
  return 0;
}
