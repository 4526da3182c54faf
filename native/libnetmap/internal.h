/* The part of libnetmap that its files share, and programs do not see. */
#ifndef LIBNETMAP_INTERNAL_H
#define LIBNETMAP_INTERNAL_H

#include "libnetmap.h"

/* Reads "@name:key=value,..." to the end of the text, and does what the options ask for. */
int nmport_read_options(struct nmport_d* port, const char* text);

/* Something to be undone with the parse, latest first. */
struct nmport_clean_d {
  struct nmport_clean_d* next;
  void (*undo)(struct nmport_d* port, struct nmport_clean_d* self);
};
void nmport_push_clean(struct nmport_d* port, struct nmport_clean_d* clean);

/* The port's region, mapped by the first that needs it. */
int nmport_find_region(struct nmport_d* port);
void nmport_drop_region(struct nmport_d* port);

#endif
