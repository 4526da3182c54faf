// A TAP device: a network interface of the host whose cable ends in a descriptor of ours. What the host sends on it we read,
// what we write the host receives.
//
// Every packet has a virtio-net header before it, so the host may leave checksums open and send packets larger than a frame:
// intake.h makes frames of them.
//
// Failure   The device goes when the last descriptor of it is closed.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <cstdint>
#include <string>

#include "file_descriptor.h"

namespace nm::nic {

class Tap {
 public:
  // Functions return 0 or the errno that the kernel gave.

  // Makes a device in this thread's network namespace that is no part of the host's network: its only packets are what
  // programs redirect to it. For a "%d" in the name the kernel puts a number.
  int create(const std::string& name, uint32_t mtu);
  // Opens a queue of the device, which is made if there is none, and comes up then. Either it has one queue, or it may have many.
  int open(const std::string& name, bool has_many_queues);
  // Uses one that somebody else made.
  int adopt(FileDescriptor device);

  bool is_open() const { return device_.is_open(); }
  int descriptor() const { return device_.number(); }
  const std::string& name() const { return name_; }
  uint32_t index() const { return index_; }

  // The next packet with its header; 0 when there is none, -1 with errno.
  ssize_t read(void* to, size_t size) const;
  // Gives the host one packet. The first piece is its header. Returns 0 or an errno.
  int write(const iovec* pieces, int count) const;

  // How many packets the host lost because they were not read in time, since the device is there.
  uint64_t lost() const;

 private:
  int make_queue(const std::string& name, int flags);
  int read_name();

  FileDescriptor device_;
  std::string name_;
  uint32_t index_ = 0;
};

// Tells TAP devices apart, see SharedDescriptor.
uint64_t tap_identity(int descriptor);

}  // namespace nm::nic
