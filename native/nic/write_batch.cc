#include "nic/write_batch.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace nm::nic {

namespace {

int setup(uint32_t entries, io_uring_params* parameters) {
  return static_cast<int>(syscall(SYS_io_uring_setup, entries, parameters));
}

int enter(int ring, uint32_t submit, uint32_t complete) {
  return static_cast<int>(
      syscall(SYS_io_uring_enter, ring, submit, complete, IORING_ENTER_GETEVENTS, nullptr, 0));
}

}  // namespace

WriteBatch::WriteBatch() { open_ring(); }

WriteBatch::~WriteBatch() { close_ring(); }

void WriteBatch::open_ring() {
  io_uring_params parameters = {};
  // A container or the administrator may forbid it.
  ring_ = FileDescriptor(setup(kMost, &parameters));
  if (!ring_.is_open() || (parameters.features & IORING_FEAT_SINGLE_MMAP) == 0) {
    ring_.reset();
    return;
  }
  const io_sqring_offsets& to = parameters.sq_off;
  const io_cqring_offsets& from = parameters.cq_off;
  queues_size_ = std::max<uint64_t>(to.array + parameters.sq_entries * sizeof(uint32_t),
                                    from.cqes + parameters.cq_entries * sizeof(io_uring_cqe));
  entries_size_ = parameters.sq_entries * sizeof(io_uring_sqe);
  constexpr int kAccess = PROT_READ | PROT_WRITE;
  const int ring = ring_.number();
  void* const queues =
      mmap(nullptr, queues_size_, kAccess, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
  void* const entries =
      mmap(nullptr, entries_size_, kAccess, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
  queues_ = queues == MAP_FAILED ? nullptr : static_cast<uint8_t*>(queues);
  entries_ = entries == MAP_FAILED ? nullptr : static_cast<io_uring_sqe*>(entries);
  if (queues_ == nullptr || entries_ == nullptr) {
    close_ring();
    return;
  }
  const auto word = [&](uint32_t offset) { return reinterpret_cast<uint32_t*>(queues_ + offset); };
  submit_tail_ = word(to.tail);
  submit_mask_ = *word(to.ring_mask);
  complete_head_ = word(from.head);
  complete_tail_ = word(from.tail);
  complete_mask_ = *word(from.ring_mask);
  completions_ = reinterpret_cast<io_uring_cqe*>(queues_ + from.cqes);
  // Entry i of the queue is always entry i of the array.
  for (uint32_t i = 0; i < parameters.sq_entries; i++) word(to.array)[i] = i;
}

void WriteBatch::close_ring() {
  if (queues_ != nullptr) munmap(queues_, queues_size_);
  if (entries_ != nullptr) munmap(entries_, entries_size_);
  queues_ = nullptr;
  entries_ = nullptr;
  ring_.reset();
}

void WriteBatch::run(int descriptor) {
  if (count_ == 0) return;
  if (count_ == 1 || !ring_.is_open() || !submit(descriptor)) write_all(descriptor);
}

void WriteBatch::write_all(int descriptor) {
  for (Write& write : write_) {
    if (&write == write_ + count_) break;
    write.error = writev(descriptor, write.pieces, static_cast<int>(write.count)) < 0 ? errno : 0;
  }
}

// False: the ring took nothing, and is not used any more.
bool WriteBatch::submit(int descriptor) {
  uint32_t tail = *submit_tail_;
  for (uint32_t i = 0; i < count_; i++, tail++) {
    io_uring_sqe& entry = entries_[tail & submit_mask_];
    memset(&entry, 0, sizeof(entry));
    entry.opcode = IORING_OP_WRITEV;
    entry.fd = descriptor;
    entry.addr = reinterpret_cast<uint64_t>(write_[i].pieces);
    entry.len = write_[i].count;
    // Without it the ring would wait for room, although the descriptor does not.
    entry.rw_flags = RWF_NOWAIT;
    entry.user_data = i;
    write_[i].error = EIO;
  }
  __atomic_store_n(submit_tail_, tail, __ATOMIC_RELEASE);

  uint32_t submitted = 0;
  uint32_t completed = 0;
  while (completed < count_) {
    const int taken = enter(ring_.number(), count_ - submitted, count_ - completed);
    if (taken < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) {
      // What was taken and not done would be mistaken for a part of the next batch. The rest keep their error.
      close_ring();
      return submitted != 0;
    }
    if (taken > 0) submitted += static_cast<uint32_t>(taken);
    uint32_t head = *complete_head_;
    const uint32_t end = __atomic_load_n(complete_tail_, __ATOMIC_ACQUIRE);
    for (; head != end; head++, completed++) {
      const io_uring_cqe& completion = completions_[head & complete_mask_];
      const uint64_t i = completion.user_data;
      if (i < count_) write_[i].error = completion.res < 0 ? -completion.res : 0;
    }
    __atomic_store_n(complete_head_, head, __ATOMIC_RELEASE);
  }
  // What the descriptor leads to does not promise that it will not wait. [TAP devices do since Linux 5.13]
  const bool is_fit = write_[0].error != EOPNOTSUPP;
  if (!is_fit) close_ring();
  return is_fit;
}

}  // namespace nm::nic
