#include "capture/writer.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace nm {

int write_all(int descriptor, const uint8_t* bytes, size_t count) {
  while (count > 0) {
    const ssize_t written = write(descriptor, bytes, count);
    if (written >= 0) {
      bytes += written;
      count -= static_cast<size_t>(written);
    } else if (errno == EAGAIN) {
      pollfd waiting = {descriptor, POLLOUT, 0};
      poll(&waiting, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

CaptureWriter::CaptureWriter(int descriptor, CaptureEncoder encoder)
    : descriptor_(descriptor), encoder_(std::move(encoder)) {
  buffer_.reserve(kPiece);
  buffer_ = encoder_.opening();
}

bool CaptureWriter::put(const CaptureRecord& record, const uint8_t* bytes) {
  const size_t size = encoder_.size(record);
  if (!make_room(size)) return false;
  const size_t at = buffer_.size();
  buffer_.resize(at + size);
  std::copy_n(bytes, record.captured, encoder_.put(record, &buffer_[at]));
  return true;
}

bool CaptureWriter::put(const CaptureStatistics& statistics) {
  const std::vector<uint8_t> block = encoder_.statistics(statistics);
  if (!make_room(block.size())) return false;
  buffer_.insert(buffer_.end(), block.begin(), block.end());
  return true;
}

bool CaptureWriter::flush() {
  if (error_ == 0) error_ = write_all(descriptor_, buffer_.data(), buffer_.size());
  buffer_.clear();
  return error_ == 0;
}

bool CaptureWriter::make_room(size_t size) { return buffer_.size() + size <= kPiece ? error_ == 0 : flush(); }

}  // namespace nm
