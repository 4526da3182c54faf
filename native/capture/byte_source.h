// The bytes of a file or pipe, read in large pieces and looked at in place.
//
// Memory    One buffer, as large as the largest thing that was asked for, and at least kPiece.
// Failure   A file that shrinks while it is read just ends earlier: nothing is mapped.
#pragma once

#include <cstdint>
#include <vector>

namespace nm {

class ByteSource {
 public:
  // Reads from `descriptor`, which stays the caller's.
  explicit ByteSource(int descriptor);

  // The next `count` bytes without taking them, or nullptr when fewer are left; see left() and error(). They stay valid
  // until the next peek().
  const uint8_t* peek(uint64_t count);
  void take(uint64_t count);

  // Takes `count` bytes that nobody wants to see. Returns whether they were there.
  bool skip(uint64_t count);

  // How many bytes were taken.
  uint64_t offset() const { return offset_; }
  // After a peek() that failed: how many bytes there were.
  uint64_t left() const { return end_ - begin_; }
  // errno of the read that failed, 0 when there was none.
  int error() const { return error_; }

 private:
  static constexpr uint64_t kPiece = 1 << 20;

  bool fill(uint64_t wanted);

  int descriptor_;
  int error_ = 0;
  bool ended_ = false;
  uint64_t offset_ = 0;
  std::vector<uint8_t> buffer_;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
};

}  // namespace nm
