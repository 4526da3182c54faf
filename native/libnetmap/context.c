/* Contexts: where messages go, where memory comes from, which regions are mapped. */
#include <pthread.h>
#include <stdarg.h>

#include "libnetmap.h"

static void print_error(struct nmctx* context, const char* message) {
  (void)context;
  fprintf(stderr, "%s\n", message);
}

static void* take_memory(struct nmctx* context, size_t size) {
  (void)context;
  return calloc(1, size);
}

static void give_memory(struct nmctx* context, void* memory) {
  (void)context;
  free(memory);
}

static void lock_regions(struct nmctx* context, int take) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  (void)context;
  if (take) {
    pthread_mutex_lock(&mutex);
  } else {
    pthread_mutex_unlock(&mutex);
  }
}

static struct nmctx first_context = {.error = print_error, .malloc = take_memory, .free = give_memory};
static struct nmctx* default_context = &first_context;

struct nmctx* nmctx_get(void) { return default_context; }

struct nmctx* nmctx_set_default(struct nmctx* context) {
  struct nmctx* const before = default_context;
  default_context = context;
  return before;
}

void nmctx_set_threadsafe(void) { default_context->lock = lock_regions; }

void nmctx_ferror(struct nmctx* context, const char* format, ...) {
  char message[1000 + 1];
  const int error = errno;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof(message), format, arguments);
  va_end(arguments);
  context->error(context, message);
  errno = error;
}

void* nmctx_malloc(struct nmctx* context, size_t size) {
  void* const memory = context->malloc(context, size);
  if (memory == NULL) {
    errno = ENOMEM;
    nmctx_ferror(context, "cannot allocate %zu bytes", size);
    return NULL;
  }
  return memset(memory, 0, size);
}

void nmctx_free(struct nmctx* context, void* memory) { context->free(context, memory); }

void nmctx_lock(struct nmctx* context) {
  if (context->lock != NULL) context->lock(context, 1);
}

void nmctx_unlock(struct nmctx* context) {
  if (context->lock != NULL) context->lock(context, 0);
}
