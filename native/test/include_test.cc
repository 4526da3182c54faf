// The installed C headers say what the engine is compiled with. All of it is compared at compile time; running it says
// only that it compiled.
#include "abi/netmap.h"
#include "include/net/netmap.h"

// From here on a constant's name means what the C header gives it. It need not be a constant expression's type.
#define row(type, name, value) static_assert(static_cast<type>(name) == (value), #name " has another value");

// The direction of a ring has no names in C.
#define NETMAP_RING_RX 0
#define NETMAP_RING_TX 1
NM_ABI_CONSTANTS(row)

// What is called otherwise in C.
#define ts_sec ts.tv_sec
#define ts_usec ts.tv_usec
#define nmreq_legacy nmreq

#define structure(name, size) static_assert(sizeof(::name) == (size), #name " has another size");
#define field(name, member, offset) \
  static_assert(offsetof(::name, member) == (offset), #name "." #member " is elsewhere");
NM_ABI_LAYOUT(structure, field)

static_assert(sizeof(nm_ifreq) == 272);

int main() { return 0; }
