#include "capture/byte_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace nm {

ByteSource::ByteSource(int descriptor, int stop_descriptor)
    : descriptor_(descriptor), stop_descriptor_(stop_descriptor), buffer_(kPiece), bytes_(buffer_.data()) {
  posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
}

ByteSource::ByteSource(const uint8_t* bytes, uint64_t count)
    : descriptor_(-1), stop_descriptor_(-1), ended_(true), bytes_(bytes), end_(count) {}

const uint8_t* ByteSource::peek(uint64_t count) {
  if (end_ - begin_ < count && !fill(count)) return nullptr;
  return bytes_ + begin_;
}

void ByteSource::take(uint64_t count) {
  begin_ += count;
  offset_ += count;
}

bool ByteSource::skip(uint64_t count) {
  while (count > 0) {
    if (begin_ == end_ && !fill(1)) return false;
    const uint64_t some = std::min(count, end_ - begin_);
    take(some);
    count -= some;
  }
  return true;
}

// Moves what is left to the front and reads until `wanted` bytes are there.
bool ByteSource::fill(uint64_t wanted) {
  if (ended_) return false;
  if (only_at_hand_) {
    starved_ = true;
    return false;
  }
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (wanted > buffer_.size()) {
    buffer_.resize(wanted);
    bytes_ = buffer_.data();
  }
  while (end_ < wanted && !ended_) {
    if (!may_read()) {
      ended_ = true;
      break;
    }
    const ssize_t got = read(descriptor_, buffer_.data() + end_, buffer_.size() - end_);
    if (got > 0) {
      end_ += static_cast<uint64_t>(got);
    } else if (got == 0) {
      ended_ = true;
    } else if (errno != EINTR && errno != EAGAIN) {
      error_ = errno;
      ended_ = true;
    }
  }
  return end_ >= wanted;
}

// Waits until there is something to read, or the end of it; false when the stop came first.
bool ByteSource::may_read() {
  if (stop_descriptor_ < 0) return true;
  pollfd either[] = {{descriptor_, POLLIN, 0}, {stop_descriptor_, POLLIN, 0}};
  while (poll(either, 2, -1) < 0) {
    if (errno != EINTR) return true;
  }
  return either[1].revents == 0;
}

}  // namespace nm
