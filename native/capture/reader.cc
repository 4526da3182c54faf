#include "capture/reader.h"

#include "bytes.h"
#include "capture/pcap.h"
#include "capture/pcapng.h"

namespace nm {

CaptureFault shortage(const ByteSource& source, CaptureFaultKind kind) {
  if (source.error() != 0) {
    return {CaptureFaultKind::unreadable, source.offset(), static_cast<uint64_t>(source.error())};
  }
  return {kind, source.offset(), source.left()};
}

CaptureReader::CaptureReader(int descriptor, int stop_descriptor) : source_(descriptor, stop_descriptor) {}

CaptureReader::CaptureReader(const uint8_t* bytes, uint64_t count) : source_(bytes, count) {}

// Both formats begin with four bytes that say which it is, and in which byte order.
void CaptureReader::open() {
  const uint8_t* const magic = source_.peek(sizeof(uint32_t));
  if (magic == nullptr) {
    fault_ =
        shortage(source_, source_.left() == 0 ? CaptureFaultKind::empty : CaptureFaultKind::not_a_capture);
    return;
  }
  format_ = Pcap::recognize(magic);
  if (format_ == nullptr) format_ = Pcapng::recognize(magic);
  if (format_ == nullptr) fault_ = {CaptureFaultKind::not_a_capture, 0, load_big<uint32_t>(magic)};
}

const std::vector<CapturedInterface>& CaptureReader::interfaces() const {
  static const std::vector<CapturedInterface> kNone;
  return format_ != nullptr ? format_->interfaces() : kNone;
}

bool CaptureReader::next(CapturedPacket* packet) {
  if (format_ == nullptr && fault_.kind == CaptureFaultKind::none) open();
  return fault_.kind == CaptureFaultKind::none && format_->next(source_, packet, &fault_);
}

CaptureReader::AtHand CaptureReader::next_at_hand(CapturedPacket* packet) {
  source_.only_at_hand(true);
  const bool got = next(packet);
  const bool starved = source_.starved();
  source_.only_at_hand(false);
  if (got) return AtHand::packet;
  if (!starved) return AtHand::nothing_more;
  // What is missing was only not read yet.
  fault_ = {};
  return AtHand::unread;
}

}  // namespace nm
