// Sync loops: rings that are synced by the words of control blocks, in a thread of the program.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <atomic>
#include <thread>
#include <vector>

#include "device/embedded.h"
#include "engine/csb.h"
#include "test/child.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr uint64_t kMilliseconds = 1'000'000;

// Waits until something is so, which it must be at some time.
template <typename Condition>
void await(Condition condition) {
  const int64_t deadline = engine::monotonic_ns() + 30'000 * static_cast<int64_t>(kMilliseconds);
  while (!condition()) {
    CHECK(engine::monotonic_ns() < deadline);
    usleep(100);
  }
}

uint32_t load(const uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }
void store(uint32_t& word, uint32_t value) { __atomic_store_n(&word, value, __ATOMIC_RELEASE); }

Status ask(Device& device, uint16_t type, void* body = nullptr, abi::nmreq_option* options = nullptr) {
  abi::nmreq_header header = {};
  header.nr_version = abi::NETMAP_API;
  header.nr_reqtype = type;
  header.nr_body = reinterpret_cast<uint64_t>(body);
  header.nr_options = reinterpret_cast<uint64_t>(options);
  return device.control(&header);
}

Status start(Device& device, uint32_t sleep_us, abi::nmreq_option* options = nullptr) {
  abi::nmreq_sync_kloop_start body = {sleep_us, 0};
  return ask(device, abi::NETMAP_REQ_SYNC_KLOOP_START, &body, options);
}
Status stop(Device& device) { return ask(device, abi::NETMAP_REQ_SYNC_KLOOP_STOP); }

// Control blocks in memory that can be taken away.
class Blocks {
 public:
  Blocks()
      : memory_(static_cast<char*>(
            mmap(nullptr, 2 * kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
    CHECK(memory_ != MAP_FAILED);
  }
  ~Blocks() { munmap(memory_, 2 * kSize); }

  abi::nm_csb_atok& atok(uint32_t ring) const { return reinterpret_cast<abi::nm_csb_atok*>(memory_)[ring]; }
  abi::nm_csb_ktoa& ktoa(uint32_t ring) const {
    return reinterpret_cast<abi::nm_csb_ktoa*>(memory_ + kSize)[ring];
  }
  abi::nmreq_opt_csb option() const {
    abi::nmreq_opt_csb option = {};
    option.nro_opt.nro_reqtype = abi::NETMAP_REQ_OPT_CSB;
    option.csb_atok = reinterpret_cast<uint64_t>(memory_);
    option.csb_ktoa = reinterpret_cast<uint64_t>(memory_ + kSize);
    return option;
  }
  void take_away() { CHECK_EQUAL(mprotect(memory_, 2 * kSize, PROT_NONE), 0); }

 private:
  static constexpr size_t kSize = 4096;
  char* memory_;
};

abi::nmreq_register exclusive(uint32_t slots = 64, uint16_t rings = 1) {
  abi::nmreq_register wanted = {};
  wanted.nr_flags = abi::NR_EXCLUSIVE;
  wanted.nr_tx_slots = wanted.nr_rx_slots = slots;
  wanted.nr_tx_rings = wanted.nr_rx_rings = rings;
  return wanted;
}

Status enable(Port& port, const Blocks& blocks) {
  abi::nmreq_opt_csb option = blocks.option();
  return ask(port.device(), abi::NETMAP_REQ_CSB_ENABLE, nullptr, &option.nro_opt);
}

// A port that is driven through control blocks.
struct Driven {
  explicit Driven(Rig& rig, const std::string& name, abi::nmreq_register wanted = exclusive())
      : port(rig.open(name, wanted)) {
    CHECK_EQUAL(enable(*port, blocks), Status::ok);
  }

  uint32_t rx_block() const { return static_cast<uint32_t>(port->tx_rings().size()); }

  // Puts a packet and says so.
  void put(uint32_t tag, uint32_t ring = 0) {
    const Ring& tx = port->tx_rings()[ring];
    abi::nm_csb_atok& atok = blocks.atok(ring);
    const uint32_t slot = atok.head;
    uint8_t* const frame = tx.buffer(tx.slot(slot).buf_idx);
    memset(frame, 0, 60);
    memset(frame, 0xff, 6);
    frame[6] = 2;
    memcpy(frame + 14, &tag, sizeof(tag));
    tx.put(slot, {tx.slot(slot).buf_idx, 60, 0});
    store(atok.cur, tx.next(slot));
    store(atok.head, tx.next(slot));
  }
  bool has_room(uint32_t ring = 0) const { return load(blocks.ktoa(ring).hwtail) != blocks.atok(ring).head; }
  bool has_packet() const { return load(blocks.ktoa(rx_block()).hwtail) != blocks.atok(rx_block()).head; }
  // Takes the next packet, which must be there.
  uint32_t take() {
    CHECK(has_packet());
    const Ring& rx = port->rx_rings()[0];
    abi::nm_csb_atok& atok = blocks.atok(rx_block());
    const uint32_t slot = atok.head;
    uint32_t tag;
    memcpy(&tag, rx.buffer(rx.slot(slot).buf_idx) + 14, sizeof(tag));
    store(atok.cur, rx.next(slot));
    store(atok.head, rx.next(slot));
    return tag;
  }

  Blocks blocks;
  std::unique_ptr<Port> port;
};

// A loop in a thread of its own.
class Loop {
 public:
  explicit Loop(Port& port, uint32_t sleep_us = 0, abi::nmreq_option* options = nullptr)
      : device_(port.device()), thread_([this, sleep_us, options] {
          ended_with_ = start(device_, sleep_us, options);
          ended_.store(true);
        }) {}
  ~Loop() {
    if (thread_.joinable()) stop_and_join();
  }
  bool has_ended() const { return ended_.load(); }
  Status join() {
    thread_.join();
    return ended_with_;
  }
  Status stop_and_join() {
    CHECK_EQUAL(stop(device_), Status::ok);
    return join();
  }

 private:
  Device& device_;
  std::atomic<bool> ended_{false};
  Status ended_with_ = Status::ok;
  std::thread thread_;
};

// Eventfds for each ring of a port, as the option has them.
class Eventfds {
 public:
  explicit Eventfds(uint32_t rings, uint32_t mode = 0)
      : bytes_(sizeof(abi::nmreq_opt_sync_kloop_eventfds) + rings * 8) {
    option().nro_opt.nro_reqtype = abi::NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS;
    option().nro_opt.nro_size = bytes_.size();
    for (uint32_t i = 0; i < rings; i++) {
      option().eventfds[i] = {eventfd(0, 0), eventfd(0, 0)};
    }
    mode_.nro_opt.nro_reqtype = abi::NETMAP_REQ_OPT_SYNC_KLOOP_MODE;
    mode_.mode = mode;
    if (mode != 0) option().nro_opt.nro_next = reinterpret_cast<uint64_t>(&mode_);
    rings_ = rings;
  }
  ~Eventfds() {
    for (uint32_t i = 0; i < rings_; i++) {
      close(option().eventfds[i].ioeventfd);
      close(option().eventfds[i].irqfd);
    }
  }

  abi::nmreq_opt_sync_kloop_eventfds& option() {
    return *reinterpret_cast<abi::nmreq_opt_sync_kloop_eventfds*>(bytes_.data());
  }
  abi::nmreq_opt_sync_kloop_mode& mode() { return mode_; }
  operator abi::nmreq_option*() { return &option().nro_opt; }

  void kick(uint32_t ring) {
    const uint64_t one = 1;
    CHECK_EQUAL(write(option().eventfds[ring].ioeventfd, &one, sizeof(one)), 8);
  }
  void kick_if_wanted(const Blocks& blocks, uint32_t ring) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (load(blocks.ktoa(ring).kern_need_kick) != 0) kick(ring);
  }
  // Whether the loop called within the time.
  bool is_called(uint32_t ring, int timeout_ms) {
    pollfd call = {option().eventfds[ring].irqfd, POLLIN, 0};
    if (poll(&call, 1, timeout_ms) == 0) return false;
    uint64_t count;
    CHECK_EQUAL(read(call.fd, &count, sizeof(count)), 8);
    return true;
  }

 private:
  std::vector<char> bytes_;
  abi::nmreq_opt_sync_kloop_mode mode_ = {};
  uint32_t rings_ = 0;
};

constexpr int kSoonEnough_ms = 20'000;

}  // namespace

TEST("control blocks begin with where the rings are, and want to be kicked") {
  Rig rig;
  auto other = rig.open("vale0:other");
  auto port = rig.open("vale0:a", exclusive());
  send(*port, kBroadcast, station(1), 1);
  send(*other, kBroadcast, station(2), 2);
  CHECK_EQUAL(port->device().rx_sync(), Status::ok);
  Blocks blocks;
  memset(&blocks.atok(0), 0x5a, 64);
  memset(&blocks.ktoa(1), 0x5a, 64);
  CHECK_EQUAL(enable(*port, blocks), Status::ok);
  CHECK_EQUAL(blocks.atok(0).head, 1);
  CHECK_EQUAL(blocks.atok(0).cur, 1);
  CHECK_EQUAL(blocks.atok(0).appl_need_kick, 1);
  CHECK_EQUAL(blocks.atok(0).sync_flags, 1);
  CHECK_EQUAL(blocks.ktoa(0).hwcur, 1);
  CHECK_EQUAL(blocks.ktoa(0).hwtail, 0);
  CHECK_EQUAL(blocks.atok(1).head, 0);
  CHECK_EQUAL(blocks.ktoa(1).hwtail, 1);
  CHECK_EQUAL(blocks.ktoa(1).kern_need_kick, 1);
  CHECK_EQUAL(blocks.ktoa(1).pad[5], 0);
}

TEST("with control blocks a descriptor is neither synced nor waited for") {
  Rig rig;
  Driven one(rig, "vale0:a");
  Device& device = one.port->device();
  CHECK_EQUAL(device.tx_sync(), Status::csb_mode);
  CHECK_EQUAL(device.rx_sync(), Status::csb_mode);
  uint32_t ready = 0;
  CHECK_EQUAL(device.wait(kReadable | kWritable, -1, &ready), Status::ok);
  CHECK_EQUAL(ready, kRingError);
  CHECK_EQUAL(device.wait(0, -1, &ready), Status::ok);
  CHECK_EQUAL(ready, kRingError);
  CHECK_EQUAL(status_errno(Status::csb_mode), EBUSY);
}

TEST("control blocks that cannot be are refused") {
  Rig rig;
  Blocks blocks;
  auto shared = rig.open("vale0:shared");
  CHECK_EQUAL(enable(*shared, blocks), Status::csb_not_exclusive);
  auto port = rig.open("vale0:a", exclusive());
  CHECK_EQUAL(ask(port->device(), abi::NETMAP_REQ_CSB_ENABLE), Status::csb_missing);
  for (const uint64_t away : {4u, 32u, 63u}) {
    for (uint64_t abi::nmreq_opt_csb::* which :
         {&abi::nmreq_opt_csb::csb_atok, &abi::nmreq_opt_csb::csb_ktoa}) {
      abi::nmreq_opt_csb option = blocks.option();
      option.*which += away;
      CHECK_EQUAL(ask(port->device(), abi::NETMAP_REQ_CSB_ENABLE, nullptr, &option.nro_opt),
                  Status::csb_unaligned);
      CHECK_EQUAL(option.nro_opt.nro_status, EINVAL);
    }
  }
  for (uint64_t abi::nmreq_opt_csb::* which :
       {&abi::nmreq_opt_csb::csb_atok, &abi::nmreq_opt_csb::csb_ktoa}) {
    for (const uint64_t address : {0ull, 0x1000ull, ~0ull << 12}) {
      abi::nmreq_opt_csb option = blocks.option();
      option.*which = address;
      CHECK_EQUAL(ask(port->device(), abi::NETMAP_REQ_CSB_ENABLE, nullptr, &option.nro_opt),
                  Status::bad_address);
      CHECK_EQUAL(option.nro_opt.nro_status, EFAULT);
    }
  }
  // None of this changed anything.
  CHECK_EQUAL(port->device().tx_sync(), Status::ok);
}

TEST("a descriptor without rings has no use for control blocks, and nobody says so") {
  Rig rig;
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  abi::nmreq_opt_csb option = {};
  option.nro_opt.nro_reqtype = abi::NETMAP_REQ_OPT_CSB;
  CHECK_EQUAL(ask(*device, abi::NETMAP_REQ_CSB_ENABLE, nullptr, &option.nro_opt), Status::ok);
  CHECK_EQUAL(option.nro_opt.nro_status, 0);
}

TEST("a loop sends what the blocks say, and shows what arrives") {
  Rig rig;
  Driven sender(rig, "vale0:s");
  // Slots that were taken are free only after the loop's next look.
  Driven receiver(rig, "vale0:r", exclusive(256));
  Loop sending(*sender.port);
  Loop receiving(*receiver.port, 50);
  uint32_t received = 0;
  for (uint32_t sent = 0; received < 2000;) {
    if (sent < received + 32 && sent < 2000) {
      await([&] { return sender.has_room(); });
      sender.put(sent++);
    }
    if (sent < 2000 && sent < received + 32) continue;
    await([&] { return receiver.has_packet(); });
    while (receiver.has_packet()) CHECK_EQUAL(receiver.take(), received++);
  }
  CHECK_EQUAL(sending.stop_and_join(), Status::ok);
  CHECK_EQUAL(receiving.stop_and_join(), Status::ok);
  // The words in the rings are nobody's meanwhile.
  CHECK_EQUAL(sender.port->tx_rings()[0].head(), 0);
  CHECK_EQUAL(sender.port->tx_rings()[0].tail(), 63);
}

TEST("a loop at the end of a pipe takes slots back, and the other end has room again") {
  Rig rig;
  auto sender = rig.open("p{1", exclusive(8));
  Driven receiver(rig, "p}1", exclusive(8));
  Loop receiving(*receiver.port, 100);
  for (uint32_t i = 0; i < 100; i++) {
    await([&] {
      CHECK_EQUAL(sender->device().tx_sync(), Status::ok);
      return sender->tx_rings()[0].space() != 0;
    });
    send(*sender, 0, 0, i);
    await([&] { return receiver.has_packet(); });
    CHECK_EQUAL(receiver.take(), i);
  }
}

TEST("a loop serves every ring that is bound") {
  Rig rig;
  Driven sender(rig, "vale0:s", exclusive(64, 3));
  auto receiver = rig.open("vale0:r");
  Loop sending(*sender.port, 20);
  for (uint32_t ring = 0; ring < 3; ring++) sender.put(ring, ring);
  uint32_t tags = 0;
  for (uint32_t i = 0; i < 3; i++) {
    int64_t tag = -1;
    await([&] { return (tag = take(*receiver)) >= 0; });
    tags |= 1u << tag;
  }
  CHECK_EQUAL(tags, 7);
}

TEST("with eventfds a loop sleeps until it is kicked, and calls when it was asked to") {
  Rig rig;
  Driven sender(rig, "vale0:s");
  Driven receiver(rig, "vale0:r");
  Eventfds sender_fds(2);
  Eventfds receiver_fds(2);
  Loop sending(*sender.port, 0, sender_fds);
  Loop receiving(*receiver.port, 0, receiver_fds);
  for (uint32_t i = 0; i < 200; i++) {
    sender.put(i);
    sender_fds.kick_if_wanted(sender.blocks, 0);
    while (!receiver.has_packet()) CHECK(receiver_fds.is_called(1, kSoonEnough_ms));
    CHECK_EQUAL(receiver.take(), i);
    receiver_fds.kick_if_wanted(receiver.blocks, 1);
  }
  CHECK_EQUAL(sending.stop_and_join(), Status::ok);
  CHECK_EQUAL(receiving.stop_and_join(), Status::ok);
  CHECK_EQUAL(sender_fds.option().nro_opt.nro_status, 0);
}

TEST("a loop does not call a program that does not want to be called") {
  Rig rig;
  auto sender = rig.open("vale0:s");
  Driven receiver(rig, "vale0:r");
  store(receiver.blocks.atok(1).appl_need_kick, 0);
  Eventfds fds(2);
  Loop receiving(*receiver.port, 0, fds);
  send(*sender, kBroadcast, station(1), 7);
  await([&] { return receiver.has_packet(); });
  CHECK(!fds.is_called(1, 50));
  store(receiver.blocks.atok(1).appl_need_kick, 1);
  send(*sender, kBroadcast, station(1), 8);
  CHECK(fds.is_called(1, kSoonEnough_ms));
}

TEST("a receive ring that is full gets more after a kick, and the loop asks for that kick") {
  Rig rig;
  auto sender = rig.open("vale0:s");
  Driven receiver(rig, "vale0:r", exclusive(8));
  Eventfds fds(2);
  Loop receiving(*receiver.port, 0, fds);
  for (uint32_t i = 0; i < 7; i++) send(*sender, kBroadcast, station(1), i);
  await([&] { return load(receiver.blocks.ktoa(1).hwtail) == 7; });
  await([&] { return load(receiver.blocks.ktoa(1).kern_need_kick) != 0; });
  for (uint32_t i = 0; i < 7; i++) CHECK_EQUAL(receiver.take(), i);
  fds.kick(1);
  await([&] { return load(receiver.blocks.ktoa(1).hwcur) == 7; });
  send(*sender, kBroadcast, station(1), 100);
  await([&] { return receiver.has_packet(); });
  CHECK_EQUAL(receiver.take(), 100);
}

TEST("in direct mode a ring is synced when it is kicked and not before, and news go to the program at once") {
  Rig rig;
  auto other = rig.open("vale0:other");
  Driven one(rig, "vale0:one");
  Eventfds fds(2, abi::NM_OPT_SYNC_KLOOP_DIRECT_TX | abi::NM_OPT_SYNC_KLOOP_DIRECT_RX);
  Loop loop(*one.port, 0, fds);
  for (uint32_t i = 0; i < 20; i++) {
    send(*other, kBroadcast, station(1), i);
    CHECK(fds.is_called(1, kSoonEnough_ms));
    CHECK(!one.has_packet());
    fds.kick(1);
    await([&] { return one.has_packet(); });
    CHECK_EQUAL(one.take(), i);

    one.put(1000 + i);
    usleep(2000);
    CHECK_EQUAL(take(*other), -1);
    fds.kick(0);
    int64_t tag = -1;
    await([&] { return (tag = take(*other)) >= 0; });
    CHECK_EQUAL(tag, 1000 + i);
  }
  CHECK_EQUAL(loop.stop_and_join(), Status::ok);
  CHECK_EQUAL(fds.mode().nro_opt.nro_status, 0);
}

TEST("eventfds that the program closes while the loop runs stay the loop's") {
  Rig rig;
  auto sender = rig.open("vale0:s");
  Driven receiver(rig, "vale0:r");
  auto fds = std::make_unique<Eventfds>(2);
  Loop receiving(*receiver.port, 0, *fds);
  await([&] { return load(receiver.blocks.ktoa(0).kern_need_kick) != 0; });
  send(*sender, kBroadcast, station(1), 0);
  CHECK(fds->is_called(1, kSoonEnough_ms));
  for (uint32_t i = 0; i < 2; i++) {
    for (const int fd : {fds->option().eventfds[i].ioeventfd, fds->option().eventfds[i].irqfd}) {
      // Another file by that number: what the loop writes does not go there.
      const int file = memfd_create("other", MFD_CLOEXEC);
      CHECK_EQUAL(dup2(file, fd), fd);
      close(file);
    }
  }
  send(*sender, kBroadcast, station(1), 1);
  await([&] { return load(receiver.blocks.ktoa(1).hwtail) == 2; });
  CHECK_EQUAL(receiving.stop_and_join(), Status::ok);
  for (uint32_t i = 0; i < 2; i++) CHECK_EQUAL(lseek(fds->option().eventfds[i].irqfd, 0, SEEK_END), 0);
}

TEST("a loop is refused without control blocks, without a port, and with settings that cannot be") {
  Rig rig;
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  CHECK_EQUAL(start(*device, 0), Status::not_registered);
  CHECK_EQUAL(stop(*device), Status::not_registered);
  auto port = rig.open("vale0:a", exclusive());
  CHECK_EQUAL(start(port->device(), 0), Status::csb_missing);

  Driven one(rig, "vale0:b");
  Device& its = one.port->device();
  CHECK_EQUAL(start(its, 1'000'001), Status::kloop_sleep_too_long);
  abi::nmreq_option unknown = {};
  unknown.nro_reqtype = 77;
  CHECK_EQUAL(start(its, 0, &unknown), Status::unsupported_option);
  for (const uint32_t rings : {1u, 3u}) {
    Eventfds fds(rings);
    CHECK_EQUAL(start(its, 0, fds), Status::eventfds_mismatch);
    CHECK_EQUAL(fds.option().nro_opt.nro_status, EINVAL);
  }
  Eventfds wrong_mode(2, 4);
  CHECK_EQUAL(start(its, 0, wrong_mode), Status::bad_kloop_mode);
  CHECK_EQUAL(wrong_mode.mode().nro_opt.nro_status, EINVAL);
  Eventfds one_kick_missing(2, abi::NM_OPT_SYNC_KLOOP_DIRECT_RX);
  close(std::exchange(one_kick_missing.option().eventfds[0].ioeventfd, -1));
  CHECK_EQUAL(start(its, 0, one_kick_missing), Status::direct_needs_eventfds);
  Eventfds no_eventfd(2);
  close(std::exchange(no_eventfd.option().eventfds[1].irqfd, memfd_create("other", MFD_CLOEXEC)));
  CHECK_EQUAL(start(its, 0, no_eventfd), Status::not_an_eventfd);
  Eventfds closed(2);
  close(std::exchange(closed.option().eventfds[1].irqfd, 12345));
  CHECK_EQUAL(start(its, 0, closed), Status::bad_descriptor);
  // None of these left a loop behind.
  Loop loop(*one.port);
  CHECK_EQUAL(loop.stop_and_join(), Status::ok);
}

TEST("without all kicks a loop looks from time to time, and calls all the same") {
  Rig rig;
  auto sender = rig.open("vale0:s");
  Driven receiver(rig, "vale0:r");
  Eventfds fds(2);
  close(std::exchange(fds.option().eventfds[0].ioeventfd, -1));
  Loop receiving(*receiver.port, 100, fds);
  send(*sender, kBroadcast, station(1), 5);
  CHECK(fds.is_called(1, kSoonEnough_ms));
  CHECK_EQUAL(receiver.take(), 5);
}

TEST("of two loops on one descriptor the second is refused, and blocks stay where they are meanwhile") {
  Rig rig;
  Driven one(rig, "vale0:a");
  Loop first(*one.port, 100);
  await([&] { return load(one.blocks.ktoa(0).kern_need_kick) == 0; });
  CHECK_EQUAL(start(one.port->device(), 100), Status::kloop_running);
  Blocks others;
  CHECK_EQUAL(enable(*one.port, others), Status::kloop_running);
  CHECK_EQUAL(first.stop_and_join(), Status::ok);
  CHECK_EQUAL(enable(*one.port, others), Status::ok);
}

TEST("a stop that comes before the loop ends the next one at once, and only that") {
  Rig rig;
  Driven one(rig, "vale0:a");
  CHECK_EQUAL(stop(one.port->device()), Status::ok);
  CHECK_EQUAL(start(one.port->device(), 1'000'000), Status::ok);
  Loop loop(*one.port, 100);
  await([&] { return load(one.blocks.ktoa(0).kern_need_kick) == 0; });
  CHECK(!loop.has_ended());
}

TEST("loops start and stop in quick succession") {
  Rig rig;
  Driven one(rig, "vale0:a");
  Eventfds fds(2);
  for (uint32_t i = 0; i < 200; i++) {
    Loop loop(*one.port, 0, i % 2 == 0 ? static_cast<abi::nmreq_option*>(fds) : nullptr);
    if (i % 3 == 0) usleep(i);
    CHECK_EQUAL(loop.stop_and_join(), Status::ok);
  }
}

TEST("a loop whose control blocks are taken away ends with EFAULT, and harms nobody") {
  Rig rig;
  auto other = rig.open("vale0:other");
  auto receiver = rig.open("vale0:receiver");
  for (const bool with_eventfds : {false, true}) {
    Driven one(rig, with_eventfds ? "vale0:a" : "vale0:b");
    Eventfds fds(2);
    Loop loop(*one.port, 0, with_eventfds ? static_cast<abi::nmreq_option*>(fds) : nullptr);
    one.put(3);
    fds.kick(0);
    int64_t tag = -1;
    await([&] { return (tag = take(*receiver)) >= 0; });
    CHECK_EQUAL(tag, 3);
    one.blocks.take_away();
    fds.kick(0);
    CHECK_EQUAL(loop.join(), Status::bad_address);
    // It was only the loop that ended.
    send(*other, kBroadcast, station(1), 4);
    CHECK_EQUAL(take(*receiver), 4);
    CHECK_EQUAL(start(one.port->device(), 0), Status::bad_address);
    Blocks again;
    CHECK_EQUAL(enable(*one.port, again), Status::ok);
  }
}

TEST("a signal that is no fault of a control block goes to whoever handled it before") {
  static std::atomic<int> handled{0};
  struct sigaction action = {};
  struct sigaction before;
  action.sa_handler = [](int) { handled++; };
  CHECK_EQUAL(sigaction(SIGSEGV, &action, &before), 0);
  Rig rig;
  Driven one(rig, "vale0:a");
  {
    Loop loop(*one.port, 100);
    await([&] { return load(one.blocks.ktoa(0).kern_need_kick) == 0; });
    CHECK_EQUAL(raise(SIGSEGV), 0);
    CHECK_EQUAL(handled.load(), 1);
  }
  struct sigaction after;
  CHECK_EQUAL(sigaction(SIGSEGV, &before, &after), 0);
  CHECK(after.sa_handler == action.sa_handler);
}

TEST("nonsense in control blocks moves nothing and is counted, until the program mends it") {
  check::Random random;
  Rig rig;
  auto receiver = rig.open("vale0:receiver");
  Driven one(rig, "vale0:a");
  Loop loop(*one.port, 0);
  for (uint32_t i = 0; i < 2000; i++) {
    for (uint32_t ring = 0; ring < 2; ring++) {
      abi::nm_csb_atok& atok = one.blocks.atok(ring);
      const auto word = [&] {
        return static_cast<uint32_t>(random.below(2) == 0 ? random.next() : random.below(70));
      };
      store(atok.cur, word());
      store(atok.head, word());
      store(atok.appl_need_kick, word());
      store(atok.sync_flags, word());
      store(one.blocks.ktoa(ring).hwcur, word());
      store(one.blocks.ktoa(ring).hwtail, word());
    }
    if (i % 100 == 0) usleep(100);
  }
  const auto resets = [&] {
    Counters counters;
    CHECK_EQUAL(one.port->device().tx_counters(0, &counters), Status::ok);
    return counters.ring_resets;
  };
  store(one.blocks.atok(0).head, 1'000'000);
  const uint64_t before = resets();
  await([&] { return resets() > before; });
  while (take(*receiver) >= 0) {
  }
  CHECK_EQUAL(loop.stop_and_join(), Status::ok);
  CHECK_EQUAL(enable(*one.port, one.blocks), Status::ok);
  Loop again(*one.port, 0);
  one.put(42);
  int64_t tag = -1;
  await([&] { return (tag = take(*receiver)) >= 0; });
  CHECK_EQUAL(tag, 42);
}

TEST("a process that is given the descriptor can end the loop, and cannot sync") {
  Rig rig;
  Driven one(rig, "vale0:a");
  auto* device = static_cast<EmbeddedDevice*>(&one.port->device());
  const int keeper = device->open_keeper(O_RDWR);
  CHECK_EQUAL(device->keep(keeper), Status::ok);
  Loop loop(*one.port, 100);
  await([&] { return load(one.blocks.ktoa(0).kern_need_kick) == 0; });
  Child child([&] {
    std::shared_ptr<engine::Namespace> space = open_space(rig);
    EmbeddedDevice joined(space);
    CHECK_EQUAL(joined.join(keeper), Status::ok);
    CHECK_EQUAL(joined.tx_sync(), Status::csb_mode);
    CHECK_EQUAL(start(joined, 0), Status::kloop_running);
    CHECK_EQUAL(stop(joined), Status::ok);
  });
  child.join();
  CHECK_EQUAL(loop.join(), Status::ok);
  close(keeper);
}

TEST("a loop ends with its process, and another holder of the descriptor may start one") {
  Rig rig;
  Blocks blocks;
  auto port = rig.open("vale0:a", exclusive());
  CHECK_EQUAL(enable(*port, blocks), Status::ok);
  auto* device = static_cast<EmbeddedDevice*>(&port->device());
  const int keeper = device->open_keeper(O_RDWR);
  CHECK_EQUAL(device->keep(keeper), Status::ok);
  for (uint32_t i = 0; i < 3; i++) {
    Child child([&] {
      EmbeddedDevice joined(open_space(rig));
      CHECK_EQUAL(joined.join(keeper), Status::ok);
      start(joined, 100);
    });
    store(blocks.ktoa(0).kern_need_kick, 1);
    await([&] { return load(blocks.ktoa(0).kern_need_kick) == 0; });
    CHECK_EQUAL(start(*device, 0), Status::kloop_running);
    child.kill();
    if (i == 1) CHECK_EQUAL(stop(*device), Status::ok);  // of a loop that is no more
    if (i == 2) {
      store(blocks.ktoa(0).kern_need_kick, 1);
      Loop loop(*port, 0);
      // Until it runs, a stop is for the one that died.
      await([&] { return load(blocks.ktoa(0).kern_need_kick) == 0; });
      CHECK_EQUAL(loop.stop_and_join(), Status::ok);
    }
  }
  close(keeper);
  port.reset();
  CHECK_EQUAL(clients_after_reaping(rig), 0u);
}

TEST("a client's number that is used again has neither blocks nor a stop of the one before") {
  Rig rig;
  {
    Driven one(rig, "vale0:a");
    CHECK_EQUAL(stop(one.port->device()), Status::ok);
  }
  auto port = rig.open("vale0:a", exclusive());
  CHECK_EQUAL(port->device().tx_sync(), Status::ok);
  Blocks blocks;
  CHECK_EQUAL(enable(*port, blocks), Status::ok);
  Loop loop(*port, 100);
  await([&] { return load(blocks.ktoa(0).kern_need_kick) == 0; });
}

TEST("a loop on a monitor shows what was captured, and goes on when the port is gone") {
  Rig rig;
  auto receiver = rig.open("vale0:r");
  auto sender = rig.open("vale0:s");
  abi::nmreq_register wanted = exclusive();
  wanted.nr_flags |= abi::NR_MONITOR_TX;
  Driven monitor(rig, "vale0:s", wanted);
  Eventfds fds(2);
  Loop loop(*monitor.port, 0, fds);
  send(*sender, kBroadcast, station(1), 9);
  CHECK(fds.is_called(1, kSoonEnough_ms));
  CHECK_EQUAL(monitor.take(), 9);
  sender.reset();
  usleep(20'000);
  CHECK(!loop.has_ended());
  CHECK_EQUAL(loop.stop_and_join(), Status::ok);
}
