// Why the native core did not do what it was asked.
//
// A status is finer than an errno, so that people can be told what is wrong; `status_errno` is what a program
// that speaks netmap's ABI gets instead. lib/errors.ts gives each status its words: a row added here does not
// compile there until it is named.
#pragma once

#include <cerrno>
#include <cstdint>

namespace nm {

// status, errno, and the situation. The sentence is printed as a comment into lib/layout.ts.
#define NM_STATUSES(row)                                                                                   \
  row(ok, 0, "done")                                                                                       \
  row(bad_version, EINVAL, "the request speaks an API version outside the accepted range")                 \
  row(bad_request, EINVAL, "unknown request type, missing or unexpected body, or non-zero reserved field") \
  row(bad_option, EINVAL, "an option of the request is malformed or given twice")                          \
  row(unsupported_option, EOPNOTSUPP, "an option of the request is not understood")                        \
  row(unsupported_request, EOPNOTSUPP, "the request is known but this device does not serve it")           \
  row(bad_address, EFAULT, "the request points to memory that cannot be read or written")                  \
  row(no_passthrough, ENOMEM, "the request is for a host of virtual machines, which this device is not")   \
  row(too_long_request, EMSGSIZE, "body and options together are larger than 4096 bytes")                  \
  row(bad_name, EINVAL, "the port name cannot be read: empty pipe id or empty base")                       \
  row(bad_switch_name, ENOMEM, "switch or port part too long, empty, or with odd characters")              \
  row(bad_mode, EINVAL, "the ring mode does not exist or does not fit this kind of port")                  \
  row(bad_ring, EINVAL, "the ring number is beyond the rings of the port")                                 \
  row(bad_geometry, EINVAL, "rings or slots beyond what one port can have")                                \
  row(no_such_interface, ENXIO, "no network interface has this name")                                      \
  row(interface_unfit, EINVAL, "the network interface does not carry Ethernet frames to and from a network") \
  row(interface_gone, ENODEV, "the network interface went away while it was open")                           \
  row(interface_down, ENETDOWN, "the network interface was taken down while it was open")                    \
  row(no_such_driver, EINVAL, "no driver of network interfaces has this name")                               \
  row(driver_differs, EBUSY, "the interface is open with another driver")                                    \
  row(no_driver, EOPNOTSUPP, "no driver can open the network interface")                                     \
  row(interface_not_attached, EINVAL, "the port part names a network interface that is not attached")      \
  row(interface_exists, EEXIST, "a port or a network interface has this name already")                      \
  row(worker_missing, EIO, "the program that serves attached interfaces cannot be started")                \
  row(worker_failed, EIO, "the process that serves an attached interface ended before it was ready")       \
  row(worker_stuck, EBUSY, "the process that serves an attached interface does not let go of it")          \
  row(nothing_to_attach, EINVAL, "the port part names nothing that can be attached to a switch")           \
  row(bad_interface_name, EINVAL, "no persistent port can have this name")                                 \
  row(not_a_persistent_port, EINVAL, "the name is not that of a persistent port")                          \
  row(port_attached, EBUSY, "the port is on a switch")                                                     \
  row(port_joins_switches, EBUSY, "the port joins two switches")                                           \
  row(port_ephemeral, EBUSY, "the port is on its switch for as long as it is open")                        \
  row(port_used, EBUSY, "the port is open, or pipes hang on it")                                           \
  row(port_awaits_sender, EBUSY, "a sender that is stopped has not finished copying into the port")        \
  row(region_chosen, EINVAL, "the port has its memory already, in another region")                         \
  row(port_polled, EBUSY, "an attached interface is polled")                                               \
  row(bad_polling, EINVAL, "an interface cannot be polled in this way, or on these processors")            \
  row(polls_already, EFAULT, "the interface is polled already")                                            \
  row(polls_not, EFAULT, "the interface is not polled")                                                    \
  row(polling_unsupported, EOPNOTSUPP, "only a network interface on a switch can be polled")               \
  row(no_such_port, ENXIO, "no port has this name")                                                        \
  row(no_such_switch, ENOENT, "no switch has this name")                                                   \
  row(no_more_ports, ENOENT, "the list of switch ports is at its end")                                     \
  row(not_on_a_switch, EINVAL, "the name is not one of a switch port")                                     \
  row(no_such_mirror, ENXIO, "the port that is to get copies is no other port of the switch")              \
  row(bad_station, EINVAL, "the address of a station is all zero or names a group")                        \
  row(station_unknown, ENOENT, "no station of this address is known or pinned on the switch")              \
  row(pin_taken, EBUSY, "another pinned station has the place of this one in the table")                   \
  row(no_such_pipe, ENODEV, "no pipe has this name")                                                       \
  row(no_such_region, EINVAL, "no memory region has this id")                                              \
  row(watched_not_open, EINVAL, "the port that a monitor is to watch is not open")                         \
  row(monitors_full, ENOMEM, "the memory region has no room for another monitor of its ports")             \
  row(monitor_receives_only, EIO, "a monitor cannot send")                                                 \
  row(header_required, EIO, "the port uses a virtio-net header that the caller did not accept")            \
  row(header_unsupported, ENXIO, "only ports of a switch can have a virtio-net header")                    \
  row(bad_header_length, EINVAL, "a virtio-net header has 10 or 12 bytes, or none")                        \
  row(already_registered, EBUSY, "the descriptor is bound to a port already")                              \
  row(not_registered, ENXIO, "the descriptor is not bound to a port")                                      \
  row(port_exclusive, EBUSY, "another descriptor holds the rings exclusively")                             \
  row(port_in_use, EBUSY, "exclusive use was asked but another descriptor uses the rings")                 \
  row(offsets_unsupported, EOPNOTSUPP, "packets of this kind of port begin where their buffers do")            \
  row(bad_offsets, EINVAL, "an offset is larger than a buffer, than its bits or than the largest offset")      \
  row(offsets_agreed, EBUSY, "others agreed on smaller offsets in these rings")                            \
  row(switches_full, ENOMEM, "the namespace has no room for another switch")                               \
  row(switch_full, ENOMEM, "the switch has no room for another port")                                      \
  row(pipes_full, ENOMEM, "the parent has no room for another pipe")                                       \
  row(clients_full, ENOMEM, "the namespace has no room for another open port")                             \
  row(regions_full, ENOMEM, "the namespace has no room for another memory region")                         \
  row(no_interfaces_left, ENOMEM, "the region has no netmap_if objects left")                              \
  row(no_rings_left, ENOMEM, "the region has no ring objects left")                                        \
  row(csb_mode, EBUSY, "the rings are synced by a sync loop, whose control blocks have the program's words")   \
  row(csb_missing, EINVAL, "a sync loop needs control blocks, and nobody said where they are")             \
  row(csb_not_exclusive, EINVAL, "only who holds its rings exclusively can have control blocks")           \
  row(csb_unaligned, EINVAL, "control blocks do not begin at a multiple of 64 bytes")                      \
  row(kloop_running, EBUSY, "a sync loop runs on the descriptor")                                          \
  row(kloop_sleep_too_long, EINVAL, "a sync loop is to sleep for more than a second")                      \
  row(bad_kloop_mode, EINVAL, "a sync loop knows no such mode")                                            \
  row(eventfds_mismatch, EINVAL, "there are not as many pairs of eventfds as bound rings")                 \
  row(direct_needs_eventfds, EINVAL, "in direct mode every ring needs an eventfd that kicks it")           \
  row(bad_descriptor, EBADF, "a descriptor of the request is not open")                                    \
  row(not_an_eventfd, EINVAL, "a descriptor of the request is not an eventfd")                             \
  row(external_too_small, ENOMEM, "the memory that a program brought has no room for the pools that it asked for") \
  row(external_unaligned, EINVAL, "the memory that a program brought does not begin at a page") \
  row(external_unreachable, EFAULT, "the memory that a program brought belongs to a file that is not found by name") \
  row(bad_pools, EINVAL, "there are no memory pools of such sizes") \
  row(rings_too_small, ENOMEM, "the region's ring objects have no room for so many slots")                 \
  row(no_buffers_left, ENOMEM, "the region has no buffers left")                                           \
  row(space_exhausted, ENOMEM, "the filesystem of the namespace is full")                                  \
  row(namespace_foreign, EPERM, "the namespace directory belongs to somebody else")                        \
  row(namespace_open, EPERM, "the namespace directory can be written by others")                           \
  row(namespace_not_directory, ENOTDIR, "the namespace path is a link or not a directory")                 \
  row(namespace_version, EPROTO, "the namespace was made by another version")                              \
  row(namespace_corrupt, EIO, "a file of the namespace does not hold what it should")                      \
  row(namespace_busy, EBUSY, "another process holds the namespace's control lock")                         \
  row(namespace_unusable, EACCES, "the namespace directory cannot be made or opened")                      \
  row(module_version, EINVAL, "the kernel module speaks a version that is not understood here")             \
  row(no_module, ENODEV, "/dev/netmap is there, and the kernel module behind it is not")                   \
  row(device_not_permitted, EACCES, "this user may not open /dev/netmap")                                  \
  row(no_native_driver, EOPNOTSUPP, "the kernel module is to use native drivers only, and the interface has none") \
  row(interface_unfit_for_kernel, EINVAL, "the kernel module does not open it: a loopback, or an MTU above its buffers") \
  row(kernel_full, ENOMEM, "the kernel module has no memory, or no switch or port, left for it")           \
  row(kernel_invalid, EINVAL, "the kernel module refused the request and gave no reason")                  \
  row(external_unsupported, EOPNOTSUPP, "the kernel module was built without external memory")             \
  row(not_counted, EOPNOTSUPP, "the device does not count what is asked")                                  \
  row(port_gone, EIO, "the port went away while it was open")                                              \
  row(ring_reset, EIO, "head or cur of a ring were where they cannot be, and the device set it back")      \
  row(not_permitted, EACCES, "the operating system refused access")                                        \
  row(no_device, ENOENT, "there is no /dev/netmap here")                                                   \
  row(timed_out, ETIMEDOUT, "nothing happened within the time given")                                      \
  row(interrupted, EINTR, "a signal or a stop request came first")                                         \
  row(system_error, EIO, "the operating system refused a call that should have worked")

#define row(name, number, text) name,
enum class Status : int32_t { NM_STATUSES(row) };
#undef row

// Its name as above; nullptr of a number that is no status.
constexpr const char* status_name(Status status) {
  switch (status) {
#define row(name, number, text) \
  case Status::name:            \
    return #name;
    NM_STATUSES(row)
#undef row
  }
  return nullptr;
}

constexpr int status_errno(Status status) {
  switch (status) {
#define row(name, number, text) \
  case Status::name:            \
    return number;
    NM_STATUSES(row)
#undef row
  }
  return EIO;
}

}  // namespace nm
