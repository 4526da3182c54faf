/*
 * read SPEC...: says what nmport_parse makes of each spec, a line for each:
 *
 *     ok NAME mode N ringid N flags N mem_id N tx_rings N rx_rings N tx_slots N rx_slots N
 *     refused ERRNO MESSAGE
 *
 * A spec that is refused must leave the port as it was.
 */
#include <assert.h>
#include <libnetmap.h>

static char said[2000];

static void keep(struct nmctx* context, const char* message) {
  (void)context;
  snprintf(said, sizeof(said), "%s", message);
}

int main(int argc, char** argv) {
  struct nmctx context = *nmctx_get();
  context.error = keep;
  nmctx_set_default(&context);
  for (int i = 1; i < argc; i++) {
    struct nmport_d* const port = nmport_new();
    assert(port != NULL);
    const struct nmport_d before = *port;
    errno = 0;
    if (nmport_parse(port, argv[i]) != 0) {
      printf("refused %d %s\n", errno, said);
      assert(memcmp(port, &before, sizeof(before)) == 0);
      nmport_delete(port);
      continue;
    }
    printf("ok %s mode %u ringid %u flags %llu mem_id %u tx_rings %u rx_rings %u tx_slots %u rx_slots %u\n",
           port->hdr.nr_name, port->reg.nr_mode, port->reg.nr_ringid, (unsigned long long)port->reg.nr_flags,
           port->reg.nr_mem_id, port->reg.nr_tx_rings, port->reg.nr_rx_rings, port->reg.nr_tx_slots,
           port->reg.nr_rx_slots);
    nmport_undo_prepare(port);
  }
  return 0;
}
