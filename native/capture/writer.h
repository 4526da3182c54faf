// Writes a capture file, packet by packet: for who has few of them, or time. A loop that must not wait for a disk has a
// Recorder instead.
//
// Memory    One buffer of kPiece bytes.
// Failure   What cannot be written ends it: error() says why, and nothing more is written.
#pragma once

#include <cstdint>
#include <vector>

#include "capture/encoder.h"

namespace nm {

class CaptureWriter {
 public:
  // Writes to `descriptor`, which stays the caller's.
  CaptureWriter(int descriptor, CaptureEncoder encoder);

  // Adds a packet; `bytes` are those that the record says are kept. Returns whether all is well.
  bool put(const CaptureRecord& record, const uint8_t* bytes);
  bool put(const CaptureStatistics& statistics);
  // Writes what is still in the buffer.
  bool flush();

  // errno of the write that failed, 0 when there was none.
  int error() const { return error_; }

 private:
  static constexpr size_t kPiece = 1 << 18;

  bool make_room(size_t size);

  const int descriptor_;
  const CaptureEncoder encoder_;
  std::vector<uint8_t> buffer_;
  int error_ = 0;
};

// Writes all bytes, waiting where the descriptor does not: 0, or errno.
int write_all(int descriptor, const uint8_t* bytes, size_t count);

}  // namespace nm
