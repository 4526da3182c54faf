#include "capture/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <utility>

#include "capture/writer.h"
#include "clock.h"

namespace nm {

// Memory for whole records.
struct Recorder::Piece {
  std::unique_ptr<uint8_t[]> bytes;
  size_t capacity = 0;
  size_t used = 0;
};

std::shared_ptr<Recorder> Recorder::start(const RecorderOptions& options, int* error) {
  std::shared_ptr<Recorder> recorder(new Recorder(options));
  *error = recorder->open_file();
  if (*error != 0) return nullptr;

  // Signals are for the program's own threads. The new thread begins with the mask of this one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  *error = pthread_create(&recorder->thread_, nullptr, body, recorder.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  recorder->running_ = *error == 0;
  return *error == 0 ? recorder : nullptr;
}

Recorder::Recorder(const RecorderOptions& options)
    : options_(options),
      encoder_(options.kind, options.application, options.interfaces),
      noted_(options.interfaces.size()),
      unmade_(std::max<size_t>(2, options.memory / kPieceBytes)),
      open_inputs_(options.inputs) {}

Recorder::~Recorder() {
  finish();
  if (file_ >= 0 && file_ != options_.descriptor) close(file_);
}

Recorder::Input::Input(std::shared_ptr<Recorder> recorder)
    : recorder_(std::move(recorder)), told_(recorder_->noted_.size()) {}

Recorder::Input::~Input() {
  flush();
  if (piece_ != nullptr) recorder_->give_back(std::move(piece_));
  if (recorder_->open_inputs_.fetch_sub(1, std::memory_order_acq_rel) == 1) recorder_->finish();
}

uint8_t* Recorder::Input::put(const CaptureRecord& record) {
  const size_t size = recorder_->encoder_.size(record);
  if (piece_ != nullptr && size > piece_->capacity - piece_->used) flush();
  if (piece_ == nullptr) piece_ = recorder_->take_free();
  if (piece_ == nullptr) return nullptr;
  if (size > piece_->capacity) {
    // Longer than any packet that a loop brings; it must only not be impossible.
    piece_->bytes.reset(new uint8_t[size]);
    piece_->capacity = size;
  }
  uint8_t* const bytes = recorder_->encoder_.put(record, piece_->bytes.get() + piece_->used);
  piece_->used += size;
  return bytes;
}

void Recorder::Input::flush() {
  if (piece_ != nullptr && piece_->used > 0) recorder_->hand_on(std::move(piece_));
}

void Recorder::Input::note(uint32_t interface, uint64_t received, uint64_t dropped) {
  Noted& noted = recorder_->noted_[interface];
  Told& told = told_[interface];
  noted.received.fetch_add(received - told.received, std::memory_order_relaxed);
  noted.dropped.fetch_add(dropped - told.dropped, std::memory_order_relaxed);
  told = {received, dropped};
}

// The piece that was used last comes first: its memory is still near.
std::unique_ptr<Recorder::Piece> Recorder::take_free() {
  const std::lock_guard<std::mutex> hold(lock_);
  if (!free_.empty()) {
    std::unique_ptr<Piece> piece = std::move(free_.back());
    free_.pop_back();
    return piece;
  }
  if (unmade_ == 0) return nullptr;
  unmade_--;
  auto piece = std::make_unique<Piece>();
  piece->bytes.reset(new uint8_t[kPieceBytes]);
  piece->capacity = kPieceBytes;
  return piece;
}

void Recorder::hand_on(std::unique_ptr<Piece> piece) {
  const std::lock_guard<std::mutex> hold(lock_);
  full_.push_back(std::move(piece));
  filled_.notify_one();
}

std::unique_ptr<Recorder::Piece> Recorder::take_full() {
  std::unique_lock<std::mutex> hold(lock_);
  filled_.wait(hold, [&] { return !full_.empty() || ending_; });
  if (full_.empty()) return nullptr;
  std::unique_ptr<Piece> piece = std::move(full_.front());
  full_.pop_front();
  return piece;
}

void Recorder::give_back(std::unique_ptr<Piece> piece) {
  piece->used = 0;
  const std::lock_guard<std::mutex> hold(lock_);
  free_.push_back(std::move(piece));
}

// Waits until everything is written. Whoever calls it again finds nothing to do.
void Recorder::finish() {
  if (!std::exchange(running_, false)) return;
  {
    const std::lock_guard<std::mutex> hold(lock_);
    ending_ = true;
    filled_.notify_one();
  }
  pthread_join(thread_, nullptr);
}

void* Recorder::body(void* recorder) {
  pthread_setname_np(pthread_self(), "nm recorder");
  static_cast<Recorder*>(recorder)->work();
  return nullptr;
}

void Recorder::work() {
  while (std::unique_ptr<Piece> piece = take_full()) {
    write_piece(*piece);
    give_back(std::move(piece));
  }
  close_file();
}

// Writes the records of a piece, in as few writes as there are files for them.
void Recorder::write_piece(const Piece& piece) {
  const uint8_t* unwritten = piece.bytes.get();
  const uint8_t* const end = unwritten + piece.used;
  for (const uint8_t* record = unwritten; options_.rotation.rotates() && record < end;) {
    const uint64_t size = encoder_.size_at(record);
    const int64_t time_ns = encoder_.time_at(record);
    if (is_full_for(size, time_ns)) {
      write_records(unwritten, record);
      unwritten = record;
      close_file();
      if (error() == 0) error_.store(open_file(), std::memory_order_relaxed);
    }
    if (file_packets_++ == 0) file_begin_ns_ = time_ns;
    file_bytes_ += size;
    record += size;
  }
  write_records(unwritten, end);
}

// Writes records, or counts those that are lost because that does not work.
void Recorder::write_records(const uint8_t* begin, const uint8_t* end) {
  write_bytes(begin, static_cast<size_t>(end - begin));
  if (error() == 0) return;
  for (const uint8_t* record = begin; record < end; record += encoder_.size_at(record)) {
    discarded_.fetch_add(1, std::memory_order_relaxed);
  }
}

// Whether the file that is open has no room for a record. One record it always has.
bool Recorder::is_full_for(uint64_t size, int64_t time_ns) const {
  const Rotation& limit = options_.rotation;
  if (file_packets_ == 0) return false;
  return (limit.bytes != 0 && file_bytes_ + size > limit.bytes) ||
         (limit.packets != 0 && file_packets_ >= limit.packets) ||
         (limit.time_ns != 0 && time_ns - file_begin_ns_ >= static_cast<int64_t>(limit.time_ns));
}

void Recorder::write_bytes(const uint8_t* bytes, size_t count) {
  if (error() != 0) return;
  const int error = write_all(file_, bytes, count);
  if (error != 0) {
    error_.store(error, std::memory_order_relaxed);
  } else {
    written_.fetch_add(count, std::memory_order_relaxed);
  }
}

int Recorder::open_file() {
  const uint64_t number = files() + 1;
  file_ = options_.descriptor;
  if (file_ < 0) {
    file_ = open(file_name(number).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file_ < 0) return errno;
  }
  files_.store(number, std::memory_order_relaxed);
  file_bytes_ = encoder_.opening().size();
  file_packets_ = 0;
  const int error = write_all(file_, encoder_.opening().data(), encoder_.opening().size());
  if (error == 0) written_.fetch_add(file_bytes_, std::memory_order_relaxed);
  const uint64_t kept = options_.rotation.files;
  if (kept != 0 && number > kept) unlink(file_name(number - kept).c_str());
  return error;
}

// Tells what each interface received and dropped so far, and closes the file.
void Recorder::close_file() {
  if (file_ < 0) return;
  const int64_t now_ns = real_time_ns();
  for (uint32_t i = 0; i < noted_.size(); i++) {
    const std::vector<uint8_t> block =
        encoder_.statistics({i, now_ns, noted_[i].received.load(), noted_[i].dropped.load()});
    write_bytes(block.data(), block.size());
  }
  // A network filesystem may tell only now what went wrong.
  if (file_ != options_.descriptor && close(file_) != 0 && error() == 0) {
    error_.store(errno, std::memory_order_relaxed);
  }
  file_ = -1;
}

std::string Recorder::file_name(uint64_t number) const {
  if (!options_.rotation.rotates()) return options_.path + options_.path_end;
  char digits[24];
  snprintf(digits, sizeof(digits), "_%05llu", static_cast<unsigned long long>(number));
  return options_.path + digits + options_.path_end;
}

}  // namespace nm
