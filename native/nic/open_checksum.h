// Checksums that a packet's sender left open, because it thought that hardware would complete them.
//
// A packet that goes from a host through software to us (veth, tap) has met no such hardware. The kernel knows that its
// checksum is open; an XDP program is not told. But it can be seen: an open TCP or UDP checksum field holds the sum of the pseudo
// header, as it is. In a packet that is complete and right the field has that value only if completing it would give the
// same again. So what looks open is completed, and no packet is made wrong. [RFC 1071; kernel: skbuff.h, CHECKSUM_PARTIAL]
#pragma once

#include <sys/uio.h>

#include <cstdint>

#include "nic/interface.h"

namespace nm::nic {

// Whether packets with open checksums can come out of the interface.
bool leaves_checksums_open(const Interface& interface);

// Completes the checksum of a frame, in place, if it is open. The outermost TCP or UDP header counts, behind any VLAN tags.
void complete_checksum(uint8_t* frame, uint32_t length);
// The same of a frame that lies in `count` pieces, the headers in the first.
void complete_checksum(const iovec* pieces, uint32_t count);

}  // namespace nm::nic
