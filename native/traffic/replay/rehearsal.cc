#include "traffic/replay/rehearsal.h"

#include <algorithm>

namespace nm {

void Rehearsal::run() {
  Piece piece;
  bool more = true;
  while (more && !stopping_.load(std::memory_order_relaxed)) {
    feed_->next(&piece);
    counts_ = piece.counts;
    offset_.store(piece.file_offset, std::memory_order_relaxed);
    more = !piece.empty();
    for (size_t i = 0; i < piece.size() && more; i++) {
      const Batch::Packet& packet = piece.packet(i);
      more = take(packet, piece.due_ns(i), piece.bytes(packet));
    }
  }
  if (writer_) writer_->flush();
}

void Rehearsal::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  feed_->stop();
}

// Whether to go on after this packet.
bool Rehearsal::take(const Batch::Packet& packet, uint64_t due_ns, const uint8_t* bytes) {
  if (options_.duration_ns != 0 && due_ns >= options_.duration_ns) return false;
  packets_[packet.side]++;
  bytes_[packet.side] += packet.length;
  last_due_ns_ = due_ns;
  if (shown_.size() < options_.shown) {
    const uint32_t some = std::min(packet.captured, options_.shown_bytes);
    shown_.push_back({due_ns, packet.length, packet.side, {bytes, bytes + some}});
  }
  if (!writer_) return true;
  CaptureRecord record;
  record.interface = packet.side;
  record.time_ns = static_cast<int64_t>(static_cast<uint64_t>(feed_->begins_ns()) + due_ns);
  record.captured = packet.captured;
  record.length = packet.length;
  return writer_->put(record, bytes);
}

}  // namespace nm
