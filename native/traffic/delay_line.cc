#include "traffic/delay_line.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace nm {

DelayLine::DelayLine(size_t capacity)
    : chunk_size_(std::min<uint64_t>(capacity, kChunk)),
      most_chunks_(chunk_size_ == 0 ? 0 : capacity / chunk_size_) {}

uint8_t* DelayLine::put(uint32_t length, uint64_t due_ns) {
  const uint64_t size = size_of(length);
  if (size > chunk_size_) return nullptr;
  if ((chunks_.empty() || size > chunk_size_ - chunks_.back().end) && !add_chunk()) return nullptr;

  Chunk& chunk = chunks_.back();
  const Header header = {due_ns, length};
  std::memcpy(&chunk.bytes[chunk.end], &header, sizeof(header));
  uint8_t* const bytes = &chunk.bytes[chunk.end + sizeof(header)];
  chunk.end += size;
  packets_++;
  return bytes;
}

bool DelayLine::add_chunk() {
  if (chunks_.size() == most_chunks_) return false;
  if (spare_.empty()) {
    // Not filled with zeros: whoever gets room writes it.
    chunks_.push_back({std::unique_ptr<uint8_t[]>(new uint8_t[chunk_size_])});
  } else {
    chunks_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  return true;
}

DelayLine::Packet DelayLine::front() const {
  const uint8_t* const at = &chunks_.front().bytes[begin_];
  Header header;
  std::memcpy(&header, at, sizeof(header));
  return {at + sizeof(header), static_cast<uint32_t>(header.length), header.due_ns};
}

void DelayLine::pop() {
  begin_ += size_of(front().length);
  packets_--;
  if (begin_ < chunks_.front().end) return;
  // Its packets are all gone, also where it is still being filled.
  begin_ = 0;
  chunks_.front().end = 0;
  spare_.push_back(std::move(chunks_.front()));
  chunks_.pop_front();
}

}  // namespace nm
