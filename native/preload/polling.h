// poll, ppoll, select and pselect for sets that hold a descriptor of ours; the C library serves the others.
#pragma once

#include <poll.h>
#include <sys/select.h>

#include <cstdint>

namespace nm::preload {

// Whether one of them is ours.
bool polls_ours(const pollfd* fds, nfds_t count);
bool selects_ours(int count, const fd_set* read, const fd_set* write, const fd_set* except);

// As ppoll and pselect, with the timeout in nanoseconds, negative for none.
int poll_ours(pollfd* fds, nfds_t count, int64_t timeout_ns, const sigset_t* mask);
int select_ours(int count, fd_set* read, fd_set* write, fd_set* except, int64_t timeout_ns,
                const sigset_t* mask);

}  // namespace nm::preload
