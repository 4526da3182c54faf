// A recorder: writes captures in a thread of its own, so that who brings packets never waits for a disk.
//
//   traffic loop -- Input::put() --> piece of memory -- full, or flushed --> queue --> writer --> FILE_00001, FILE_00002
//                                        ^                                              |
//                                        '------------------ free ----------------------'
//
// Several loops may bring packets, each by an Input of its own. A piece holds whole records, so they stay in order within a
// loop, and nearly so among several.
//
// Threads   The writer is a thread. An Input belongs to one thread; figures may be read by any.
// Memory    The pieces, all of them made at the start and touched when they are first used.
// Failure   put() gives nothing when all pieces are full: the caller leaves the packet where it is, or counts it as lost.
//           After a write that fails nothing more is written, and what is still brought is counted as discarded.
#pragma once

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "capture/encoder.h"

namespace nm {

// When to begin the next file; 0: never.
struct Rotation {
  uint64_t bytes = 0;
  // By the time of the packets.
  uint64_t time_ns = 0;
  uint64_t packets = 0;
  // How many files to keep: the oldest goes when there are more; 0: all.
  uint64_t files = 0;

  bool rotates() const { return bytes != 0 || time_ns != 0 || packets != 0; }
};

struct RecorderOptions {
  CaptureKind kind = CaptureKind::pcapng;
  std::string application;
  std::vector<CaptureInterface> interfaces;
  // Where to write: a file, whose number comes between the two parts when files rotate, or an open descriptor, which
  // stays the caller's.
  std::string path;
  std::string path_end;
  int descriptor = -1;
  Rotation rotation;
  uint64_t memory = 64 << 20;
  // How many inputs there will be. When so many were closed, the capture is at its end.
  uint32_t inputs = 1;
};

class Recorder {
 public:
  // A recorder whose first file is open and whose thread runs, or nullptr with an errno.
  static std::shared_ptr<Recorder> start(const RecorderOptions& options, int* error);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  struct Piece;

  // A loop's way to the recorder.
  class Input {
   public:
    explicit Input(std::shared_ptr<Recorder> recorder);
    // Closes it. The last one to be closed waits until everything is written.
    ~Input();
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    // Where the bytes of a packet belong that are kept, or nullptr when there is no room now.
    uint8_t* put(const CaptureRecord& record);
    // Hands on what was put, so that it is written soon.
    void flush();
    // What this input brought of an interface so far, and what was dropped of it, for the capture to tell.
    void note(uint32_t interface, uint64_t received, uint64_t dropped);

   private:
    const std::shared_ptr<Recorder> recorder_;
    std::unique_ptr<Piece> piece_;
    // What was noted already, of each interface.
    struct Told {
      uint64_t received = 0;
      uint64_t dropped = 0;
    };
    std::vector<Told> told_;
  };

  // How many interfaces it tells apart.
  size_t interfaces() const { return noted_.size(); }

  // Bytes and files that were written, packets that were not because a write had failed, and that write's errno.
  uint64_t written() const { return written_.load(std::memory_order_relaxed); }
  uint64_t files() const { return files_.load(std::memory_order_relaxed); }
  uint64_t discarded() const { return discarded_.load(std::memory_order_relaxed); }
  int error() const { return error_.load(std::memory_order_relaxed); }

  static constexpr size_t kPieceBytes = 1 << 20;
  // How often at least inputs should be flushed.
  static constexpr uint64_t kFlush_ns = 100'000'000;

 private:
  struct Noted {
    std::atomic<uint64_t> received{0};
    std::atomic<uint64_t> dropped{0};
  };

  explicit Recorder(const RecorderOptions& options);

  static void* body(void* recorder);
  void work();
  std::unique_ptr<Piece> take_free();
  void hand_on(std::unique_ptr<Piece> piece);
  std::unique_ptr<Piece> take_full();
  void give_back(std::unique_ptr<Piece> piece);
  void finish();

  void write_piece(const Piece& piece);
  void write_records(const uint8_t* begin, const uint8_t* end);
  bool is_full_for(uint64_t size, int64_t time_ns) const;
  void write_bytes(const uint8_t* bytes, size_t count);
  int open_file();
  void close_file();
  std::string file_name(uint64_t number) const;

  const RecorderOptions options_;
  const CaptureEncoder encoder_;
  std::vector<Noted> noted_;

  std::mutex lock_;
  std::condition_variable filled_;
  std::vector<std::unique_ptr<Piece>> free_;
  std::deque<std::unique_ptr<Piece>> full_;
  size_t unmade_;
  bool ending_ = false;
  std::atomic<uint32_t> open_inputs_;

  pthread_t thread_{};
  bool running_ = false;

  // The writer's own: the file that is open, and what is in it.
  int file_ = -1;
  uint64_t file_bytes_ = 0;
  uint64_t file_packets_ = 0;
  int64_t file_begin_ns_ = 0;

  std::atomic<uint64_t> written_{0};
  std::atomic<uint64_t> files_{0};
  std::atomic<uint64_t> discarded_{0};
  std::atomic<int> error_{0};
};

}  // namespace nm
