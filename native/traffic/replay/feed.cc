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
  piece->linked = link_;
  while (!ended_ && piece->empty()) {
    if (replays_kept_) {
      put_kept(piece);
    } else {
      put_new(piece);
    }
  }
  piece->counts = counts_;
  piece->file_offset = reader_ ? reader_->offset() : 0;
}

// Makes a batch of what comes next of the file.
void Feed::put_new(Piece* piece) {
  // Nobody else has it: what was sent of it is over.
  if (piece->batch.use_count() != 1) piece->batch = std::make_shared<Batch>();
  Batch& batch = *piece->batch;
  batch.clear();
  gaps_ns_.clear();

  Step step = Step::chosen;
  while (!ended_) {
    Chosen chosen;
    if (held_) {
      chosen = *held_;
    } else {
      step = read_one(batch.packets.empty(), &chosen);
      if (step != Step::chosen) break;
    }
    if (!batch.has_room(chosen.captured)) {
      held_ = chosen;
      break;
    }
    held_.reset();
    std::memcpy(batch.bytes.data() + batch.used, chosen.bytes, chosen.captured);
    batch.packets.push_back({batch.used, chosen.captured, chosen.length, chosen.side});
    batch.used += chosen.captured;
    if (keeps_) gaps_ns_.push_back(chosen.gap_ns);
    leave(static_cast<uint32_t>(batch.packets.size() - 1), chosen.length, chosen.gap_ns, piece);
    if (limit_reached()) finish(FeedEnd::Kind::whole);
  }
  if (keeps_ && !batch.packets.empty()) keep(piece->batch);
  if (step == Step::none) end_pass();
}

// Gives the next of the batches that were kept.
void Feed::put_kept(Piece* piece) {
  const Kept& kept = kept_[next_kept_];
  piece->batch = kept.batch;
  size_t packets = kept.batch->packets.size();
  const size_t in_a_pass = packets / passes_per_batch_;
  uint64_t passes = 0;
  if (++next_kept_ == kept_.size()) {
    next_kept_ = 0;
    passes = passes_per_batch_;
    if (options_.passes != 0) passes = std::min(passes, options_.passes - counts_.passes);
    packets = in_a_pass * passes;
  }

  size_t taken = 0;
  if (link_) {
    const std::vector<Batch::Packet>& all = kept.batch->packets;
    for (; taken < packets && !limit_reached(); taken++)
      leave(static_cast<uint32_t>(taken), all[taken].length, kept.gaps_ns[taken], piece);
  } else {
    taken = options_.limit != 0 ? std::min(packets, options_.limit - sent_) : packets;
    piece->count = taken;
    sent_ += taken;
  }
  counts_.passes += limit_reached() ? (taken - 1) / in_a_pass : passes;
  if (limit_reached() || counts_.passes == options_.passes) finish(FeedEnd::Kind::whole);
}

// The next packet that is to be sent; none at the end of the pass.
Feed::Step Feed::read_one(bool may_wait, Chosen* chosen) {
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

// Keeps a batch of the first pass, unless all of them become too many.
void Feed::keep(const std::shared_ptr<Batch>& batch) {
  kept_bytes_ += batch->used;
  kept_packets_ += batch->packets.size();
  if (kept_bytes_ > options_.most_kept || kept_packets_ > kMostPacketsKept) {
    keeps_ = false;
    kept_ = {};
    return;
  }
  // Many that are nearly empty, as a live capture has them, would keep far more memory than they need.
  const bool full = batch->used > Batch::kBytes / 2 || batch->packets.size() > Batch::kPackets / 2;
  kept_.push_back({full ? batch : std::make_shared<Batch>(batch->trimmed()), gaps_ns_});
}

// The first pass is over, and all of it was kept: makes it ready to be played again.
void Feed::join_passes() {
  replays_kept_ = true;
  passes_per_batch_ = 1;
  Kept& first = kept_.front();
  first.gaps_ns.front() = next_seam_ns_;
  const size_t packets = first.gaps_ns.size();
  if (kept_.size() > 1) return;
  // One batch of several passes costs whoever sends it no more than one of a single packet.
  passes_per_batch_ = Batch::kPackets / packets;
  auto several = std::make_shared<Batch>(*first.batch);
  for (uint64_t i = 1; i < passes_per_batch_; i++) {
    several->packets.insert(several->packets.end(), first.batch->packets.begin(), first.batch->packets.end());
    first.gaps_ns.insert(first.gaps_ns.end(), first.gaps_ns.begin(),
                         first.gaps_ns.begin() + static_cast<ptrdiff_t>(packets));
  }
  first.batch = std::move(several);
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
  if (keeps_) return join_passes();
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
std::optional<uint64_t> Feed::due(uint32_t length, uint64_t gap_ns) {
  // The time of the replay begins when the first packet is transmitted.
  uint64_t transmission_ns = *bandwidth_->transmission_ns({length, transmitted_ns_, gap_ns});
  if (!link_used_) transmission_ns = 0;
  link_used_ = true;
  // A lost packet has occupied the link too.
  transmitted_ns_ = plus(transmitted_ns_, transmission_ns);
  if (loss_->loses(length)) {
    counts_.lost++;
    return std::nullopt;
  }
  const uint64_t arrives_ns = plus(transmitted_ns_, delay_->delay_ns(transmitted_ns_, leaves_ns_));
  leaves_ns_ = std::max(arrives_ns, plus(leaves_ns_, serial_ ? transmission_ns : 0));
  return leaves_ns_;
}

// Sends one of the batch's packets through the link.
void Feed::leave(uint32_t packet, uint32_t length, uint64_t gap_ns, Piece* piece) {
  if (!link_) {
    piece->count++;
  } else if (const std::optional<uint64_t> due_ns = due(length, gap_ns)) {
    piece->leaving.push_back({*due_ns, packet});
  } else {
    return;
  }
  sent_++;
}

void Feed::finish(FeedEnd::Kind kind, CaptureFault fault) {
  ended_ = true;
  end_ = {kind, fault};
}

}  // namespace nm
