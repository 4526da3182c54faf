#include "nic/xdp_refusal.h"

#include <cerrno>

namespace nm::nic {

Refusal bpf_refusal(int error) {
  switch (error) {
    case 0:
      return Refusal::none;
    case EPERM:
    case EACCES:
      return Refusal::no_bpf;
    case ENOMEM:
      return Refusal::no_locked_memory;
    // A map, a helper or a flag that the kernel does not know.
    case EINVAL:
    case ENOSYS:
    case EOPNOTSUPP:
    case E2BIG:
      return Refusal::kernel_lacks_it;
    default:
      return Refusal::system_refused;
  }
}

Refusal attach_refusal(int error) {
  switch (error) {
    case 0:
      return Refusal::none;
    case EPERM:
    case EACCES:
      return Refusal::no_net_admin;
    case EBUSY:
    case EEXIST:
      return Refusal::program_in_the_way;
    case EOPNOTSUPP:
      return Refusal::interface_lacks_it;
    case EINVAL:
    case ERANGE:
    case EMSGSIZE:
      // Drivers say so of an MTU that does not fit.
      return Refusal::interface_lacks_it;
    default:
      return Refusal::system_refused;
  }
}

}  // namespace nm::nic
