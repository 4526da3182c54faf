// How much earlier than a packet is due its sync begins, so that the packet has left when it is.
//
//     sync begins                          due
//          |------------- sync -------------|--- lateness ---|
//          |<------------ lead ------------>|             sync over
//
// A sync between two cores takes 100 to 250 ns, most of it the way of a cache line, and as long each time. The lead follows
// what is observed and stays where 1 sync of 4 is shorter: that packet leaves so many nanoseconds early. Where a sync
// is a system call, the packet leaves somewhere in the middle: the lead never grows beyond what is surely none.
#pragma once

#include "traffic/lead.h"

namespace nm {

// What a sync takes is counted from the reading of the clock that found a packet due, and that one alone.
using SyncLead = Lead<LeadSpec{0, 1, 3, 0, 400}>;

}  // namespace nm
