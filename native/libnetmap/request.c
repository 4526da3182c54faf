/* The list of options that a request carries. */
#include "libnetmap.h"

void nmreq_push_option(struct nmreq_header* header, struct nmreq_option* option) {
  option->nro_next = header->nr_options;
  header->nr_options = (uintptr_t)option;
}

void nmreq_remove_option(struct nmreq_header* header, struct nmreq_option* option) {
  uint64_t* link = &header->nr_options;
  while (*link != 0) {
    struct nmreq_option* const here = (struct nmreq_option*)(uintptr_t)*link;
    if (here == option) {
      *link = option->nro_next;
      option->nro_next = 0;
      return;
    }
    link = &here->nro_next;
  }
}

struct nmreq_option* nmreq_find_option(struct nmreq_header* header, uint32_t type) {
  struct nmreq_option* option;
  nmreq_foreach_option(header, option) {
    if (option->nro_reqtype == type) return option;
  }
  return NULL;
}

const char* nmreq_option_name(uint32_t type) {
  switch (type) {
    case NETMAP_REQ_OPT_EXTMEM:
      return "extmem";
    case NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS:
      return "sync-kloop-eventfds";
    case NETMAP_REQ_OPT_CSB:
      return "csb";
    case NETMAP_REQ_OPT_SYNC_KLOOP_MODE:
      return "sync-kloop-mode";
    case NETMAP_REQ_OPT_OFFSETS:
      return "offsets";
    default:
      return "unknown";
  }
}
