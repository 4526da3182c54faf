#include "traffic/replay/feed.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "traffic/random.h"

namespace nm {
namespace {

// Differently seeded, so that what one model draws says nothing of the others.
enum Draw : uint64_t { kLossDraw = 1, kDelayDraw = 2 };
uint64_t seed_of(uint64_t seed, Draw draw) { return Random(seed * 4 + draw).next(); }

// netmap's, for a capture that has no rate: 1 Gbit/s.
constexpr uint64_t kLonelyByte_ns = 8;

// How far after the end of a range there may still be packets that are in it: captures of several interfaces are not quite
// in order.
constexpr uint64_t kDisorder_ns = kSecond_ns;

// No further than to the end of time, wherever a file's times lead.
uint64_t plus(uint64_t time_ns, uint64_t more_ns) {
  return more_ns < kNever_ns - time_ns ? time_ns + more_ns : kNever_ns;
}

uint64_t later_by(int64_t time_ns, int64_t than_ns) {
  return time_ns <= than_ns ? 0 : static_cast<uint64_t>(time_ns) - static_cast<uint64_t>(than_ns);
}

}  // namespace

Feed::Feed(int descriptor, const FeedOptions& options)
    : options_(options),
      descriptor_(descriptor),
      stop_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      edit_(options.edit),
      sides_(options.sides),
      bandwidth_(make_bandwidth(options.bandwidth)),
      loss_(make_loss(options.loss, seed_of(options.seed, kLossDraw))),
      delay_(make_delay(options.delay, seed_of(options.seed, kDelayDraw))),
      serial_(is_serial(options.bandwidth.model)),
      link_(options.bandwidth.model != BandwidthModel::infinite || options.loss.model != LossModel::none ||
            options.delay.model != DelayModel::none),
      begin_offset_(lseek(descriptor, 0, SEEK_CUR)),
      keeps_(options.passes != 1) {}

Feed::~Feed() {
  reader_.reset();
  close(stop_descriptor_);
  close(descriptor_);
}

void Feed::stop() { eventfd_write(stop_descriptor_, 1); }

void Feed::next(Piece* piece) {
  piece->clear();
  while (!ended_) {
    Chosen chosen;
    if (held_) {
      chosen = *held_;
    } else {
      const Step step = read_one(piece->packets.empty(), &chosen);
      if (step == Step::unread) break;
      if (step == Step::none) {
        end_pass();
        continue;
      }
    }
    if (!piece->has_room(chosen.captured)) {
      held_ = chosen;
      break;
    }
    held_.reset();
    put(chosen, piece);
    if (options_.limit != 0 && sent_ == options_.limit) finish(FeedEnd::Kind::whole);
  }
  piece->counts = counts_;
  piece->file_offset = reader_ ? reader_->offset() : 0;
}

// The next packet that is to be sent; none at the end of the pass.
Feed::Step Feed::read_one(bool may_wait, Chosen* chosen) {
  if (keeps_ && counts_.passes > 0) {
    if (next_kept_ == kept_.packets.size()) return Step::none;
    const Kept::Packet& packet = kept_.packets[next_kept_];
    const uint64_t gap_ns = next_kept_ == 0 ? next_seam_ns_ : packet.gap_ns;
    *chosen = {kept_.bytes.data() + packet.offset, packet.captured, packet.length, packet.side, gap_ns};
    next_kept_++;
    return Step::chosen;
  }
  if (!reader_) reader_.emplace(descriptor_, stop_descriptor_);
  for (CapturedPacket packet;;) {
    if (may_wait) {
      if (!reader_->next(&packet)) return Step::none;
    } else {
      const CaptureReader::AtHand at_hand = reader_->next_at_hand(&packet);
      if (at_hand == CaptureReader::AtHand::unread) return Step::unread;
      if (at_hand == CaptureReader::AtHand::nothing_more) return Step::none;
    }
    if (choose(packet, chosen)) return Step::chosen;
    if (ended_ || past_range_) return Step::none;
  }
}

// Whether the packet is to be sent, and how.
bool Feed::choose(const CapturedPacket& packet, Chosen* chosen) {
  counts_.read++;
  if (packet.link_type != kLinkTypeEthernet) {
    finish(FeedEnd::Kind::not_ethernet, {CaptureFaultKind::none, reader_->offset(), packet.link_type});
    return false;
  }
  if (!in_range(packet)) return false;
  if (options_.filter && !options_.filter->matches(packet.bytes, packet.captured, packet.length)) {
    counts_.filtered++;
    return false;
  }
  if (packet.length == 0 || uint64_t{packet.length} + edit_.headroom() > options_.longest) {
    (packet.length == 0 ? counts_.empty : counts_.too_long)++;
    return false;
  }
  if (packet.captured < packet.length) counts_.cut++;
  const uint32_t side = sides_.of(packet.bytes, packet.captured);
  *chosen = {packet.bytes, packet.captured, packet.length, side, gap_before(packet)};
  if (edit_.edits()) {
    scratch_.resize(edit_.headroom() + packet.captured);
    std::memcpy(scratch_.data() + edit_.headroom(), packet.bytes, packet.captured);
    const Edit::Edited edited =
        edit_.apply(scratch_.data() + edit_.headroom(), packet.captured, packet.length, side);
    chosen->bytes = edited.packet;
    chosen->captured = edited.captured;
    chosen->length = edited.length;
  }
  if (keeps_) keep(*chosen);
  return true;
}

bool Feed::in_range(const CapturedPacket& packet) {
  if (!file_begins_ns_) file_begins_ns_ = packet.time_ns;
  if (options_.from_ns == 0 && options_.to_ns == kNever_ns) return true;
  const uint64_t since_begin_ns = later_by(packet.time_ns, *file_begins_ns_);
  if (since_begin_ns >= options_.from_ns && since_begin_ns < options_.to_ns) return true;
  counts_.out_of_range++;
  past_range_ = since_begin_ns >= plus(options_.to_ns, kDisorder_ns);
  return false;
}

// Also notes the packet as played.
uint64_t Feed::gap_before(const CapturedPacket& packet) {
  Played& played = played_;
  played.bytes += packet.length;
  if (played.packets++ == 0) {
    played.first_length = packet.length;
    played.latest_ns = packet.time_ns;
    if (!begins_ns_) begins_ns_ = packet.time_ns;
    return next_seam_ns_;
  }
  if (!packet.timed) return 0;
  if (packet.time_ns < played.latest_ns) counts_.out_of_order++;
  const uint64_t gap_ns = std::min(later_by(packet.time_ns, played.latest_ns), options_.longest_gap_ns);
  played.latest_ns = std::max(played.latest_ns, packet.time_ns);
  played.lasted_ns += gap_ns;
  return gap_ns;
}

void Feed::keep(const Chosen& chosen) {
  if (kept_.bytes.size() + chosen.captured > options_.most_kept ||
      kept_.packets.size() == Kept::kMostPackets) {
    keeps_ = false;
    kept_ = {};
    return;
  }
  kept_.packets.push_back({kept_.bytes.size(), chosen.captured, chosen.length, chosen.side, chosen.gap_ns});
  kept_.bytes.insert(kept_.bytes.end(), chosen.bytes, chosen.bytes + chosen.captured);
}

// The pass is over, or the file is. Makes the next one ready, if there is one.
void Feed::end_pass() {
  if (ended_) return;
  if (reader_ && reader_->fault().kind != CaptureFaultKind::none) {
    return finish(FeedEnd::Kind::faulty, reader_->fault());
  }
  if (played_.packets == 0) return finish(FeedEnd::Kind::no_packets);
  counts_.passes++;
  if (counts_.passes == options_.passes) return finish(FeedEnd::Kind::whole);

  next_seam_ns_ = seam_ns();
  next_kept_ = 0;
  if (keeps_) return;
  played_ = {};
  past_range_ = false;
  file_begins_ns_.reset();
  reader_.reset();
  if (lseek(descriptor_, begin_offset_, SEEK_SET) < 0) finish(FeedEnd::Kind::not_again);
}

// From the last packet of a pass to the first of the next: what the first one takes in the mean rate of the others.
uint64_t Feed::seam_ns() const {
  const uint64_t others = played_.bytes - played_.first_length;
  const uint64_t seam_ns = others == 0 || played_.lasted_ns == 0
                               ? played_.first_length * kLonelyByte_ns
                               : static_cast<uint64_t>(static_cast<unsigned __int128>(played_.lasted_ns) *
                                                       played_.first_length / others);
  return std::min(seam_ns, options_.longest_gap_ns);
}

// When the packet leaves the link; nothing when it is lost there.
std::optional<uint64_t> Feed::due(const Chosen& chosen) {
  // The time of the replay begins when the first packet is transmitted.
  uint64_t transmission_ns = *bandwidth_->transmission_ns({chosen.length, transmitted_ns_, chosen.gap_ns});
  if (!link_used_) transmission_ns = 0;
  link_used_ = true;
  // A lost packet has occupied the link too.
  transmitted_ns_ = plus(transmitted_ns_, transmission_ns);
  if (loss_->loses(chosen.length)) {
    counts_.lost++;
    return std::nullopt;
  }
  const uint64_t arrives_ns = plus(transmitted_ns_, delay_->delay_ns(transmitted_ns_, leaves_ns_));
  leaves_ns_ = std::max(arrives_ns, plus(leaves_ns_, serial_ ? transmission_ns : 0));
  return leaves_ns_;
}

void Feed::put(const Chosen& chosen, Piece* piece) {
  // Without a link all are due at once.
  const std::optional<uint64_t> due_ns = link_ ? due(chosen) : 0;
  if (!due_ns) return;
  std::memcpy(piece->bytes.data() + piece->used, chosen.bytes, chosen.captured);
  piece->packets.push_back({*due_ns, piece->used, chosen.captured, chosen.length, chosen.side});
  piece->used += chosen.captured;
  sent_++;
}

void Feed::finish(FeedEnd::Kind kind, CaptureFault fault) {
  ended_ = true;
  end_ = {kind, fault};
}

}  // namespace nm
