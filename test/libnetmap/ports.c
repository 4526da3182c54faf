/* Opens ports through libnetmap, step by step and together, and ends with 0 when all is as it should be. */
#include <libnetmap.h>
#include <pthread.h>

#define CHECK(condition)                                                                                          \
  do {                                                                                                            \
    if (!(condition)) {                                                                                           \
      fprintf(stderr, "%s:%d: %s (%s; last message: %s)\n", __FILE__, __LINE__, #condition, strerror(errno), said); \
      exit(1);                                                                                                    \
    }                                                                                                             \
  } while (0)

static char said[2000];

static void keep(struct nmctx* context, const char* message) {
  (void)context;
  snprintf(said, sizeof(said), "%s", message);
}

static int is_said(const char* message) { return strcmp(said, message) == 0; }

static void steps_can_be_undone(void) {
  struct nmport_d* const port = nmport_new();
  CHECK(port != NULL && port->fd == -1);
  CHECK(nmport_mmap(port) == -1);
  CHECK(nmport_parse(port, "vale0:a@conf:rings=2,tx-slots=64") == 0);
  CHECK(strcmp(port->hdr.nr_name, "vale0:a") == 0);
  CHECK(nmport_register(port) == 0);
  CHECK(port->fd >= 0 && port->register_done && port->reg.nr_tx_rings == 2 && port->reg.nr_tx_slots == 64);
  CHECK(nmport_register(port) == -1 && is_said("vale0:a: already registered"));
  CHECK(nmport_mmap(port) == 0);
  CHECK(port->mem->refcount == 1 && port->mem->mem_id == port->reg.nr_mem_id);
  CHECK(port->first_tx_ring == 0 && port->last_tx_ring == 1 && port->first_rx_ring == 0);
  CHECK(NETMAP_TXRING(port->nifp, 1)->num_slots == 64);
  CHECK(nmport_mmap(port) == -1);
  nmport_undo_mmap(port);
  CHECK(port->mem == NULL && port->nifp == NULL && !port->mmap_done);
  CHECK(nmport_mmap(port) == 0);
  nmport_undo_open_desc(port);
  CHECK(port->fd == -1 && !port->register_done && port->mem == NULL);
  CHECK(nmport_open_desc(port) == 0);
  nmport_close(port);
  CHECK(nmctx_get()->mem_descs == NULL);
}

static void errors_are_said(void) {
  CHECK(nmport_open("netmap:nosuch0") == NULL && errno == ENXIO);
  CHECK(is_said("nosuch0: No such device or address"));
  CHECK(nmport_open("vale0") == NULL && is_said("vale0: missing ':'"));
  CHECK(nmport_open("vale0:a-7") == NULL && errno == EINVAL && is_said("vale0:a: Invalid argument"));
  CHECK(nmport_open("vale0:a@extmem=/nonexistent/file") == NULL && errno == ENOENT);
  CHECK(is_said("cannot open '/nonexistent/file': No such file or directory"));
  CHECK(nmport_open("vale0:a@offset=8") == NULL && errno == EOPNOTSUPP);
  CHECK(is_said("option 'offset' is not supported"));
  CHECK(nmport_disable_option("conf") == 0);
  CHECK(nmport_prepare("vale0:a@conf:rings=2") == NULL && errno == EOPNOTSUPP);
  CHECK(nmport_enable_option("conf") == 0);
  CHECK(nmport_enable_option("nonsense") == -1);
  CHECK(nmctx_get()->mem_descs == NULL);
}

/* The device says which option it does not take, and the message names it. */
static void a_refused_option_is_named(void) {
  struct nmport_d* const port = nmport_prepare("vale0:a");
  CHECK(port != NULL);
  struct nmreq_option unknown = {.nro_reqtype = 1234};
  nmreq_push_option(&port->hdr, &unknown);
  CHECK(nmport_register(port) == -1 && errno == EOPNOTSUPP);
  CHECK(is_said("vale0:a: option unknown: Operation not supported"));
  CHECK(nmreq_find_option(&port->hdr, 1234) == &unknown);
  nmreq_remove_option(&port->hdr, &unknown);
  CHECK(nmreq_find_option(&port->hdr, 1234) == NULL && port->hdr.nr_options == 0);
  CHECK(port->fd == -1);
  CHECK(nmport_open_desc(port) == 0);
  nmport_close(port);
}

static void options_make_a_list(void) {
  static char memory[4096];
  struct nmport_d* const port = nmport_prepare("vale0:a");
  CHECK(port != NULL && nmport_extmem_getinfo(port) == NULL);
  CHECK(nmport_extmem(port, memory, sizeof(memory)) == 0);
  CHECK(nmport_extmem(port, memory, sizeof(memory)) == -1 && is_said("vale0:a: extmem already in use"));
  CHECK(nmport_extmem_getinfo(port)->nr_memsize == sizeof(memory));
  CHECK(nmport_offset(port, 16, 32, 12, 64) == 0);
  const struct nmreq_opt_offsets* const offsets =
      (struct nmreq_opt_offsets*)nmreq_find_option(&port->hdr, NETMAP_REQ_OPT_OFFSETS);
  CHECK(offsets->nro_initial_offset == 16 && offsets->nro_max_offset == 32 && offsets->nro_offset_bits == 12 &&
        offsets->nro_min_gap == 64);
  struct nmreq_option* option;
  int count = 0;
  nmreq_foreach_option(&port->hdr, option) count++;
  CHECK(count == 2);
  CHECK(nmport_clone(port) == NULL);
  nmport_undo_parse(port);
  CHECK(port->hdr.nr_options == 0 && nmport_extmem_getinfo(port) == NULL);
  nmport_delete(port);
}

static void a_port_can_lie_in_a_file(void) {
  char path[] = "/dev/shm/nm-test-memory-XXXXXX";
  const int file = mkstemp(path);
  CHECK(file >= 0 && ftruncate(file, 16 << 20) == 0);
  close(file);
  char name[128];
  snprintf(name, sizeof(name), "vale0:a@extmem:file=%s,buf_size=4096,buf_num=2500,if_num=4", path);
  struct nmport_d* const port = nmport_open(name);
  struct nmport_d* const sender = nmport_open("vale0:b");
  CHECK(port != NULL && sender != NULL);
  CHECK(port->mem->is_extmem && port->mem->size == 16 << 20);
  const struct nmreq_pools_info* const pools = nmport_extmem_getinfo(port);
  CHECK(pools->nr_if_pool_objtotal == 4 && pools->nr_buf_pool_objsize == 4096);
  CHECK(nmport_inject(sender, "\xff\xff\xff\xff\xff\xff" "abcdefgh, into a file", 27) == 27);
  CHECK(ioctl(sender->fd, NIOCTXSYNC) == 0 && ioctl(port->fd, NIOCRXSYNC) == 0);
  struct netmap_ring* const ring = NETMAP_RXRING(port->nifp, 0);
  CHECK(nm_ring_space(ring) == 1);
  CHECK(memcmp(NETMAP_BUF(ring, ring->slot[0].buf_idx) + 6, "abcdefgh, into", 14) == 0);
  nmport_close(port);
  nmport_close(sender);
  CHECK(unlink(path) == 0);
}

static void ports_of_one_region_share_a_mapping(void) {
  struct nmport_d* const left = nmport_open("netmap:p{1");
  struct nmport_d* const right = nmport_open("netmap:p}1");
  struct nmport_d* const other = nmport_open("vale0:o");
  CHECK(left != NULL && right != NULL && other != NULL);
  CHECK(left->mem == right->mem && left->mem->refcount == 2);
  CHECK(left->mem != other->mem);
  struct nmport_d* const same = nmport_open("vale0:s@share=vale0:o");
  CHECK(same != NULL && same->mem == other->mem);
  const char* text = "vale0:o-3";
  CHECK(nmreq_get_mem_id(&text, nmctx_get()) == other->reg.nr_mem_id && strcmp(text, "-3") == 0);
  CHECK(nmport_open("vale0:t@54321@share=vale0:o") == NULL);
  nmport_close(left);
  CHECK(right->mem->refcount == 1);
  CHECK(nmport_inject(right, "still mapped", 13) == 13);
  nmport_close(right);
  nmport_close(same);
  nmport_close(other);
  CHECK(nmctx_get()->mem_descs == NULL);
}

static void rings_are_those_that_are_bound(void) {
  struct nmport_d* const all = nmport_open("vale0:a@conf:rings=3");
  struct nmport_d* const one = nmport_open("vale0:a-1");
  struct nmport_d* const receive = nmport_open("vale0:a/R");
  CHECK(all != NULL && one != NULL && receive != NULL);
  CHECK(all->first_rx_ring == 0 && all->last_rx_ring == 2);
  CHECK(one->first_tx_ring == 1 && one->last_tx_ring == 1 && one->cur_tx_ring == 1 && one->last_rx_ring == 1);
  /* Three rings and the place of a host ring. */
  CHECK(receive->first_tx_ring == 4 && receive->last_tx_ring == 3);
  CHECK(nmport_inject(receive, "nowhere", 8) == 0);
  nmport_close(receive);
  nmport_close(one);
  nmport_close(all);
}

static void a_clone_opens_for_itself(void) {
  struct nmport_d* const first = nmport_open("vale0:a@conf:rings=2");
  CHECK(first != NULL);
  struct nmport_d* const twin = nmport_clone(first);
  CHECK(twin != NULL && twin->fd == -1 && twin->hdr.nr_options == 0 && twin->mem == NULL);
  twin->reg.nr_mode = NR_REG_ONE_NIC;
  twin->reg.nr_ringid = 1;
  CHECK(nmport_open_desc(twin) == 0);
  CHECK(twin->mem == first->mem && twin->nifp != first->nifp && twin->fd != first->fd);
  CHECK(twin->first_tx_ring == 1);
  nmport_close(twin);
  nmport_close(first);
}

static uint32_t received(struct nmport_d* port, char* bytes) {
  struct netmap_ring* const ring = NETMAP_RXRING(port->nifp, 0);
  uint32_t length = 0;
  CHECK(ioctl(port->fd, NIOCRXSYNC) == 0);
  while (!nm_ring_empty(ring)) {
    const struct netmap_slot* const slot = &ring->slot[ring->head];
    memcpy(bytes + length, NETMAP_BUF(ring, slot->buf_idx), slot->len);
    length += slot->len;
    ring->head = ring->cur = nm_ring_next(ring, ring->head);
    if (!(slot->flags & NS_MOREFRAG)) break;
  }
  return length;
}

static void packets_are_injected(void) {
  static char packet[7000], copy[10000];
  struct nmport_d* const sender = nmport_open("netmap:q{1@conf:slots=8");
  struct nmport_d* const receiver = nmport_open("netmap:q}1");
  CHECK(sender != NULL && receiver != NULL);
  for (size_t i = 0; i < sizeof(packet); i++) packet[i] = (char)(i * 13);
  CHECK(nmport_inject(sender, packet, 60) == 60);
  CHECK(nmport_inject(sender, packet, sizeof(packet)) == (int)sizeof(packet));
  /* Four slots and one are taken of seven. */
  CHECK(nmport_inject(sender, packet, sizeof(packet)) == 0);
  CHECK(nmport_inject(sender, packet, 61) == 61);
  CHECK(received(receiver, copy) == 0);
  CHECK(ioctl(sender->fd, NIOCTXSYNC) == 0);
  CHECK(received(receiver, copy) == 60 && memcmp(copy, packet, 60) == 0);
  CHECK(received(receiver, copy) == sizeof(packet) && memcmp(copy, packet, sizeof(packet)) == 0);
  CHECK(received(receiver, copy) == 61);
  nmport_close(receiver);
  nmport_close(sender);

  struct nmport_d* const rings = nmport_open("netmap:q{2@conf:rings=2,slots=4");
  CHECK(rings != NULL);
  for (int i = 0; i < 6; i++) CHECK(nmport_inject(rings, packet, 60) == 60);
  CHECK(nmport_inject(rings, packet, 60) == 0);
  CHECK(nm_ring_empty(NETMAP_TXRING(rings->nifp, 0)) && nm_ring_empty(NETMAP_TXRING(rings->nifp, 1)));
  nmport_close(rings);
}

static void* open_and_close(void* unused) {
  (void)unused;
  for (int i = 0; i < 200; i++) {
    struct nmport_d* const port = nmport_open("netmap:threads{1@conf:slots=8");
    CHECK(port != NULL);
    nmport_close(port);
  }
  return NULL;
}

static void threads_may_open_and_close(void) {
  pthread_t threads[3];
  nmctx_set_threadsafe();
  for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, open_and_close, NULL) == 0);
  for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(nmctx_get()->mem_descs == NULL);
}

int main(void) {
  nmctx_get()->error = keep;
  steps_can_be_undone();
  errors_are_said();
  a_refused_option_is_named();
  options_make_a_list();
  a_port_can_lie_in_a_file();
  ports_of_one_region_share_a_mapping();
  rings_are_those_that_are_bound();
  a_clone_opens_for_itself();
  packets_are_injected();
  threads_may_open_and_close();
  puts("all as it should be");
  return 0;
}
