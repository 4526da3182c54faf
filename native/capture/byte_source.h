// The bytes of a file, a pipe or a piece of memory, read in large pieces and looked at in place.
//
// A file is read, not mapped. Reading pieces that stay in the second-level cache goes at twice the speed of copying the
// file in memory, a mapping at hardly more; and a mapped file that somebody truncates ends the program. [measured]
//
// Memory    One buffer, as large as the largest thing that was asked for, and at least kPiece.
// Failure   A file that shrinks while it is read just ends earlier.
#pragma once

#include <cstdint>
#include <vector>

namespace nm {

class ByteSource {
 public:
  // Reads from `descriptor`. A source that waits for bytes ends when `stop_descriptor`, if there is one, becomes readable.
  // Both stay the caller's.
  explicit ByteSource(int descriptor, int stop_descriptor = -1);
  // Bytes that are in memory, and stay there as long as the source is used.
  ByteSource(const uint8_t* bytes, uint64_t count);

  // The next `count` bytes without taking them, or nullptr when fewer are left; see left() and error(). They stay valid
  // until the next peek().
  const uint8_t* peek(uint64_t count);
  void take(uint64_t count);

  // Takes `count` bytes that nobody wants to see. Returns whether they were there.
  bool skip(uint64_t count);

  // While this is set, peek() gives only what was read before; what would need reading is starved() then.
  void only_at_hand(bool only) {
    only_at_hand_ = only;
    starved_ = false;
  }
  bool starved() const { return starved_; }

  // How many bytes were taken.
  uint64_t offset() const { return offset_; }
  // After a peek() that failed: how many bytes there were.
  uint64_t left() const { return end_ - begin_; }
  // errno of the read that failed, 0 when there was none.
  int error() const { return error_; }

 private:
  // Measured: 128 KiB is slower, 1 MiB is not faster.
  static constexpr uint64_t kPiece = 256 << 10;

  bool fill(uint64_t wanted);
  bool may_read();

  int descriptor_;
  int stop_descriptor_;
  int error_ = 0;
  bool ended_ = false;
  bool only_at_hand_ = false;
  bool starved_ = false;
  uint64_t offset_ = 0;
  std::vector<uint8_t> buffer_;
  // Those that are there, of which begin_ to end_ are not taken yet: in the buffer, or in somebody's memory.
  const uint8_t* bytes_;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
};

}  // namespace nm
