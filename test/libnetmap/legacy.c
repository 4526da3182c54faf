/* legacy SPEC: sends a packet on a port that it opens in the older way, with nothing but a header, and takes what there is. */
#define NETMAP_WITH_LIBS
#include <net/netmap_user.h>

static void count(unsigned char* total, const struct nm_pkthdr* header, const unsigned char* packet) {
  (void)header;
  (void)packet;
  ++*total;
}

int main(int argc, char** argv) {
  static const unsigned char packet[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
  struct nm_desc* const port = nm_open(argc > 1 ? argv[1] : "", NULL, 0, NULL);
  struct nm_pkthdr header;
  unsigned char total = 0;
  if (port == NULL) return 1;
  if (nm_inject(port, packet, sizeof(packet)) != (int)sizeof(packet)) return 1;
  if (ioctl(NETMAP_FD(port), NIOCTXSYNC) != 0 || ioctl(NETMAP_FD(port), NIOCRXSYNC) != 0) return 1;
  nm_dispatch(port, -1, count, &total);
  while (nm_nextpkt(port, &header) != NULL) total++;
  return nm_close(port) != 0 || total != 0;
}
