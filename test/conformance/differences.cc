// Where a device knowingly does otherwise. The words for the embedded engine stand in docs/netmap-differences.md, in the
// first column where they are a row's; a test compares them.
#include "harness.h"

namespace conformance {

const std::vector<Difference> differences = {
    {"more rings than a VALE port may have are cut to the limit", Device::embedded,
     "rings or slots beyond the limits are cut to the limit"},
    {"buffers are 2048 bytes apart", Device::embedded, "buffers 2048 bytes apart"},
    {"a head past tail is believed at the next sync", Device::embedded,
     "a head or cur that cannot be is refused once and believed at the next sync"},
    {"a station whose place another one took is not learnt again while it keeps sending", Device::embedded,
     "a station whose table entry another one took is not learnt again while it keeps sending"},
    {"packets to a station whose port went away reach nobody", Device::embedded,
     "stations of a port that went away stay in the table and swallow packets"},
    {"a packet of several slots that does not fit takes those behind it along", Device::embedded,
     "a packet of several slots that does not fit ends the batch for its receiver"},
    {"a batch on a later ring with a packet for one and one for all brings the second one twice",
     Device::embedded,
     "a broadcast from a TX ring other than 0 reaches a receiver twice when the batch also has a packet for "
     "it alone"},
    {"a switch leaves a packet at its place within 64 bytes, whatever the receiver's slot says",
     Device::embedded, "a packet moves away from the offset that the receiver's slot says"},
    {"a pipe's receiver finds no smaller offset than its slot had, though the packet begins there",
     Device::embedded, "a pipe's receiver never sees a smaller offset than its slot had"},
    {"a netmap_if says the version of netmap's interface", Device::kernel, "the module leaves ni_version 0"},
    {"a persistent port is attached with all its rings only", Device::kernel,
     "the module attaches a persistent port whatever rings are asked for"},
    {"a monitor cannot send", Device::kernel,
     "the module's sync ioctls succeed whatever a ring's sync found"},
    {"when its port is closed a monitor's syncs fail and poll reports an error", Device::kernel,
     "the module's sync ioctls succeed whatever a ring's sync found"},
    {"a receive head past tail gives nothing back, and the sync succeeds", Device::kernel,
     "the module gives the sender of a pipe other slots than the reader gave back"},
    {"an eventfd that is none is refused", Device::kernel, "the module begins a loop whose eventfd is none"},
    {"direct mode needs an eventfd to kick each ring", Device::kernel,
     "the module begins a loop in direct mode without eventfds"},
    {"in direct mode news go to the program at once, and its kick syncs the ring", Device::kernel,
     "the module's loop gives no news by itself in direct mode"},
};

}  // namespace conformance
