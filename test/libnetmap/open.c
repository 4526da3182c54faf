/* open SPEC: ends with 0 when the port opens. */
#include <libnetmap.h>

int main(int argc, char** argv) {
  struct nmport_d* const port = nmport_open(argc > 1 ? argv[1] : "");
  if (port == NULL) return 1;
  nmport_close(port);
  return 0;
}
