// REGISTER and PORT_INFO_GET: what a descriptor gets, what it is refused with which errno, and which
// directories serve as a namespace.
#include <sys/mount.h>
#include <sys/stat.h>

#include <bit>
#include <fstream>
#include <vector>

#include "test/child.h"
#include "test/inside.h"

using namespace nm;
using namespace nm::test;

namespace {

abi::nmreq_register with_rings(uint16_t tx, uint16_t rx, uint32_t slots = 8) {
  abi::nmreq_register wanted = {};
  wanted.nr_tx_rings = tx;
  wanted.nr_rx_rings = rx;
  wanted.nr_tx_slots = wanted.nr_rx_slots = slots;
  return wanted;
}

abi::nmreq_register with_mode(uint32_t mode, uint16_t ring = 0, uint64_t flags = 0) {
  abi::nmreq_register wanted = {};
  wanted.nr_mode = mode;
  wanted.nr_ringid = ring;
  wanted.nr_flags = flags;
  return wanted;
}

abi::nmreq_register with_memory(uint16_t id) {
  abi::nmreq_register wanted = with_rings(1, 1);
  wanted.nr_mem_id = id;
  return wanted;
}

abi::nmreq_register null_port(uint16_t rings, uint32_t slots) {
  abi::nmreq_register wanted = with_rings(rings, rings, slots);
  wanted.nr_mode = abi::NR_REG_NULL;
  wanted.nr_mem_id = 1;
  return wanted;
}

Status status_of(Rig& rig, const std::string& name, abi::nmreq_register wanted = {}) {
  std::unique_ptr<Port> port;
  return rig.try_open(name, &port, wanted);
}

// Which of the port's rings, host rings after the others, the descriptor got: "t" and "r" and the number of
// each.
std::string rings_of(const Port& port) {
  const abi::netmap_if& shared = *port.interface();
  const uint32_t all_tx = shared.ni_tx_rings + shared.ni_host_tx_rings;
  const uint32_t all_rx = shared.ni_rx_rings + shared.ni_host_rx_rings;
  std::string text;
  for (uint32_t i = 0; i < all_tx; i++) text += shared.ring_ofs[i] != 0 ? " t" + std::to_string(i) : "";
  for (uint32_t i = 0; i < all_rx; i++)
    text += shared.ring_ofs[all_tx + i] != 0 ? " r" + std::to_string(i) : "";
  return text;
}

// One request to a new device.
struct Request {
  explicit Request(Rig& rig, uint16_t type = abi::NETMAP_REQ_REGISTER, const std::string& name = "vale0:a") {
    CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
    header.nr_version = abi::NETMAP_API;
    header.nr_reqtype = type;
    memcpy(header.nr_name, name.data(), name.size());
    body.nr_mode = abi::NR_REG_ALL_NIC;
    header.nr_body = reinterpret_cast<uint64_t>(&body);
  }
  Status send() { return device->control(&header); }
  void add(abi::nmreq_option* option) {
    option->nro_next = header.nr_options;
    header.nr_options = reinterpret_cast<uint64_t>(option);
  }

  std::unique_ptr<Device> device;
  abi::nmreq_header header{};
  abi::nmreq_register body{};
};

abi::nmreq_port_info_get info_of(Rig& rig, const std::string& name, uint16_t memory, Status expected) {
  Request request(rig, abi::NETMAP_REQ_PORT_INFO_GET, name);
  abi::nmreq_port_info_get info = {};
  info.nr_mem_id = memory;
  request.header.nr_body = reinterpret_cast<uint64_t>(&info);
  CHECK_EQUAL(request.send(), expected);
  return info;
}

uint32_t buffers_out(const Rig& rig, uint32_t region_id) {
  const auto space = open_space(rig);
  std::shared_ptr<engine::Region> region;
  CHECK_EQUAL(engine::Region::open(*space, region_id, &region), Status::ok);
  const auto* map = reinterpret_cast<const uint64_t*>(reinterpret_cast<const char*>(&region->header()) +
                                                      engine::kBufferMapOffset);
  uint32_t out = 0;
  for (uint32_t i = 0; i < (region->pools().buffers + 63) / 64; i++) out += std::popcount(map[i]);
  return out;
}

std::vector<uint32_t> extra_buffers(const Port& port) {
  std::vector<uint32_t> indexes;
  for (uint32_t index = port.interface()->ni_bufs_head; index != 0;) {
    indexes.push_back(index);
    memcpy(&index, port.tx_rings()[0].buffer(index), sizeof(index));
    CHECK(indexes.size() <= engine::kRegionBuffers);
  }
  return indexes;
}

}  // namespace

TEST("register binds the rings that its mode names") {
  Rig rig;
  auto all = rig.open("vale0:a", with_rings(3, 2));
  CHECK_EQUAL(rings_of(*all), " t0 t1 t2 r0 r1");
  CHECK_EQUAL(rings_of(*rig.open("vale0:a", with_mode(abi::NR_REG_ONE_NIC, 1))), " t1 r1");
  CHECK_EQUAL(rings_of(*rig.open("vale0:a", with_mode(abi::NR_REG_ONE_NIC, 2))), " t2 r0");
  CHECK_EQUAL(status_of(rig, "vale0:a", with_mode(abi::NR_REG_ONE_NIC, 3)), Status::bad_ring);
  for (const uint32_t mode : {5u, 6u, 9u, 100u})
    CHECK_EQUAL(status_of(rig, "vale0:a", with_mode(mode)), Status::bad_mode);
}

TEST("register refuses the host rings of a port that has none") {
  Rig rig;
  for (const uint32_t mode : {abi::NR_REG_SW, abi::NR_REG_NIC_SW, abi::NR_REG_ONE_SW}) {
    CHECK_EQUAL(status_of(rig, "vale0:a", with_mode(mode)), Status::bad_mode);
  }
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("register leaves out the rings of the direction that is not wanted") {
  Rig rig;
  auto sender = rig.open("vale0:a", with_mode(abi::NR_REG_ALL_NIC, 0, abi::NR_TX_RINGS_ONLY));
  auto receiver = rig.open("vale0:b", with_mode(abi::NR_REG_ALL_NIC, 0, abi::NR_RX_RINGS_ONLY));
  CHECK_EQUAL(rings_of(*sender), " t0");
  CHECK_EQUAL(rings_of(*receiver), " r0");
  CHECK_EQUAL(receiver->tx_rings().size(), 0u);
  send(*sender, kBroadcast, station(1), 4);
  CHECK_EQUAL(take(*receiver), 4);
}

TEST("register replies what was granted") {
  Rig rig;
  auto port = rig.open("vale0:a", with_rings(2, 3, 16));
  const abi::nmreq_register& granted = port->granted();
  CHECK_EQUAL(granted.nr_tx_rings, 2u);
  CHECK_EQUAL(granted.nr_rx_rings, 3u);
  CHECK_EQUAL(granted.nr_host_tx_rings, 0u);
  CHECK_EQUAL(granted.nr_host_rx_rings, 0u);
  // netmap shows one entry per direction in ring_ofs all the same.
  CHECK_EQUAL(port->interface()->ni_host_tx_rings, 1u);
  CHECK_EQUAL(port->interface()->ni_host_rx_rings, 1u);
  CHECK_EQUAL(granted.nr_tx_slots, 16u);
  CHECK_EQUAL(granted.nr_rx_slots, 16u);
  CHECK(granted.nr_mem_id > 1);
  CHECK(granted.nr_offset < granted.nr_memsize);
  CHECK_EQUAL(std::string(port->interface()->ni_name), "vale0:a");
  auto standard = rig.open("vale0:b");
  CHECK_EQUAL(standard->granted().nr_tx_rings, 1u);
  CHECK_EQUAL(standard->granted().nr_rx_slots, 1024u);
  // A port that is there keeps its shape.
  CHECK_EQUAL(rig.open("vale0:a", with_rings(1, 1, 32))->granted().nr_rx_rings, 3u);
}

TEST("register refuses shapes beyond what a port can have") {
  Rig rig;
  CHECK_EQUAL(rig.open("vale0:a", with_rings(16, 16, 8))->tx_rings().size(), 16u);
  CHECK_EQUAL(rig.open("vale0:a", with_rings(1, 1, 4096))->tx_rings()[0].space(), 4095u);
  CHECK_EQUAL(rig.open("vale0:a", with_rings(1, 1, 2))->tx_rings()[0].space(), 1u);
  CHECK_EQUAL(status_of(rig, "vale0:a", with_rings(17, 1)), Status::bad_geometry);
  CHECK_EQUAL(status_of(rig, "vale0:a", with_rings(1, 17)), Status::bad_geometry);
  CHECK_EQUAL(status_of(rig, "vale0:a", with_rings(1, 1, 4097)), Status::bad_geometry);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("exclusive use is per ring: refused while others use it, refuses others, and ends with the descriptor") {
  Rig rig;
  const auto one = [](uint16_t ring, uint64_t flags = 0) {
    return with_mode(abi::NR_REG_ONE_NIC, ring, flags);
  };
  abi::nmreq_register first = one(0, abi::NR_EXCLUSIVE);
  first.nr_tx_rings = first.nr_rx_rings = 2;
  auto holder = rig.open("vale0:a", first);
  CHECK_EQUAL(status_of(rig, "vale0:a", one(0)), Status::port_exclusive);
  CHECK_EQUAL(status_of(rig, "vale0:a"), Status::port_exclusive);
  CHECK_EQUAL(status_errno(Status::port_exclusive), EBUSY);
  auto other_ring = rig.open("vale0:a", one(1));
  CHECK_EQUAL(status_of(rig, "vale0:a", one(1, abi::NR_EXCLUSIVE)), Status::port_in_use);
  auto sharing = rig.open("vale0:a", one(1));
  holder.reset();
  CHECK_EQUAL(rings_of(*rig.open("vale0:a")), " t0 t1 r0 r1");
}

TEST("extra buffers are exactly as many as asked, in no ring, and given back at the end") {
  Rig rig;
  auto keeper = rig.open("pipe{keeper", with_rings(1, 1));
  const uint32_t before = buffers_out(rig, keeper->granted().nr_mem_id);
  for (const uint32_t wanted_buffers : {1u, 7u, 1000u}) {
    abi::nmreq_register wanted = with_rings(1, 1);
    wanted.nr_extra_bufs = wanted_buffers;
    auto port = rig.open("pipe{1", wanted);
    CHECK_EQUAL(port->granted().nr_extra_bufs, wanted_buffers);
    const std::vector<uint32_t> extra = extra_buffers(*port);
    CHECK_EQUAL(extra.size(), wanted_buffers);
    std::set<uint32_t> different(extra.begin(), extra.end());
    CHECK_EQUAL(different.size(), wanted_buffers);
    for (const auto* rings : {&port->tx_rings(), &port->rx_rings()}) {
      for (uint32_t i = 0; i < 8; i++) CHECK(!different.contains((*rings)[0].slot(i).buf_idx));
    }
    port.reset();
    CHECK_EQUAL(buffers_out(rig, keeper->granted().nr_mem_id), before);
  }
}

TEST("extra buffers beyond what the memory has are granted as far as it goes") {
  setenv("NM_BUF_SIZE", "64", 1);
  Rig rig;
  abi::nmreq_register wanted = with_rings(1, 1);
  wanted.nr_extra_bufs = ~0u;
  auto port = rig.open("vale0:a", wanted);
  unsetenv("NM_BUF_SIZE");
  CHECK_EQUAL(port->granted().nr_extra_bufs, engine::kRegionBuffers - 2 - 16);
  CHECK_EQUAL(extra_buffers(*port).size(), port->granted().nr_extra_bufs);
}

TEST("ports of a switch have a memory of their own unless they ask for another's") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  CHECK(a->granted().nr_mem_id != b->granted().nr_mem_id);
  auto c = rig.open("vale0:c", with_memory(a->granted().nr_mem_id));
  CHECK_EQUAL(c->granted().nr_mem_id, a->granted().nr_mem_id);
  CHECK_EQUAL(c->mapping().base, a->mapping().base);
  send(*b, kBroadcast, station(1), 1);
  CHECK_EQUAL(take(*a), 1);
  CHECK_EQUAL(take(*c), 1);
  // What one received the other can send without a copy.
  abi::netmap_slot& received = a->rx_rings()[0].slot(0);
  std::swap(received.buf_idx, c->tx_rings()[0].slot(0).buf_idx);
  c->tx_rings()[0].slot(0).len = 60;
  c->tx_rings()[0].advance(1);
  c->device().tx_sync();
  CHECK_EQUAL(take(*b), 1);
  // It stays as long as one of them does.
  const uint16_t shared = a->granted().nr_mem_id;
  a.reset();
  CHECK_EQUAL(rig.open("vale0:d", with_memory(shared))->granted().nr_mem_id, shared);
  c.reset();
  CHECK_EQUAL(status_of(rig, "vale0:d", with_memory(shared)), Status::no_such_region);
  CHECK_EQUAL(status_of(rig, "vale0:d", with_memory(60000)), Status::no_such_region);
}

TEST("memory 1 is there when it is first asked for, and goes with its last port") {
  Rig rig;
  {
    auto a = rig.open("vale0:a", with_memory(1));
    auto b = rig.open("pipe{1", with_memory(1));
    CHECK_EQUAL(a->granted().nr_mem_id, 1);
    CHECK_EQUAL(b->granted().nr_mem_id, 1);
    CHECK_EQUAL(a->tx_rings()[0].buffer_size(), 2048u);
    CHECK_EQUAL(rig.files(), "namespace port.pipe region.1 switch.vale0");
  }
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a null port has any rings and slots, none included, and moves nothing") {
  Rig rig;
  for (const uint16_t rings : {uint16_t{0}, uint16_t{1}, uint16_t{5}}) {
    for (const uint32_t slots : {0u, 1u, 2u, 64u, 4096u}) {
      auto port = rig.open("", null_port(rings, slots));
      CHECK_EQUAL(port->granted().nr_mem_id, 1);
      CHECK_EQUAL(port->tx_rings().size(), rings);
      uint32_t ready = 0;
      CHECK_EQUAL(port->device().tx_sync(), Status::ok);
      CHECK_EQUAL(port->device().rx_sync(), Status::ok);
      CHECK_EQUAL(port->device().wait(kReadable | kWritable, 0, &ready), Status::ok);
      CHECK_EQUAL(ready, rings != 0 && slots > 1 ? kWritable : 0);
    }
  }
  CHECK_EQUAL(status_of(rig, "", null_port(1, 4097)), Status::bad_geometry);
  abi::nmreq_register nowhere = null_port(1, 8);
  nowhere.nr_mem_id = 0;
  CHECK_EQUAL(status_of(rig, "", nowhere), Status::no_such_region);
}

TEST("a null port is writable until its slots are used up, and never gets them back") {
  Rig rig;
  auto port = rig.open("", null_port(1, 4));
  uint32_t ready = 0;
  for (uint32_t i = 0; i < 3; i++) {
    CHECK_EQUAL(port->device().wait(kWritable, 0, &ready), Status::ok);
    CHECK_EQUAL(ready, kWritable);
    CHECK(put(*port, 0, 0, i));
  }
  CHECK_EQUAL(port->device().tx_sync(), Status::ok);
  CHECK_EQUAL(port->device().wait(kWritable, 1000, &ready), Status::ok);
  CHECK_EQUAL(ready, 0u);
}

TEST("PORT_INFO_GET describes a port that is there, one that would be, and a memory") {
  Rig rig;
  abi::nmreq_port_info_get info = info_of(rig, "vale0:later", 0, Status::ok);
  CHECK_EQUAL(info.nr_tx_rings, 1u);
  CHECK_EQUAL(info.nr_tx_slots, 1024u);
  CHECK_EQUAL(rig.files(), "namespace");
  auto port = rig.open("vale0:a", with_rings(2, 3, 16));
  info = info_of(rig, "vale0:a", 0, Status::ok);
  CHECK_EQUAL(info.nr_tx_rings, 2u);
  CHECK_EQUAL(info.nr_rx_rings, 3u);
  CHECK_EQUAL(info.nr_rx_slots, 16u);
  CHECK_EQUAL(info.nr_mem_id, port->granted().nr_mem_id);
  CHECK_EQUAL(info.nr_memsize, port->granted().nr_memsize);
  info = info_of(rig, "", port->granted().nr_mem_id, Status::ok);
  CHECK_EQUAL(info.nr_memsize, port->granted().nr_memsize);
  CHECK_EQUAL(info.nr_tx_rings, 0u);
  CHECK_EQUAL(info_of(rig, "", 0, Status::ok).nr_mem_id, 1);
  info_of(rig, "", 60000, Status::no_such_region);
  info_of(rig, "no-such-interface", 0, Status::no_such_interface);
  port.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("register refuses names that mean nothing, and says what is wrong with them") {
  Rig rig;
  for (const std::string name :
       {"vale0", "vale0:", "vale-0:x", "vale0123456789ab:x", "vale0:0123456789abcdef"}) {
    CHECK_EQUAL(status_of(rig, name), Status::bad_switch_name);
  }
  CHECK_EQUAL(status_of(rig, ""), Status::no_such_interface);
  CHECK_EQUAL(status_of(rig, "no-such-if"), Status::no_such_interface);
  CHECK_EQUAL(status_of(rig, "lo"), Status::interface_unfit);
  CHECK_EQUAL(status_of(rig, "vale0:lo"), Status::interface_not_attached);
  CHECK_EQUAL(status_of(rig, std::string(64, 'x')), Status::bad_name);
  CHECK_EQUAL(rig.open("vale012345678:0123456789abcde")->granted().nr_tx_rings, 1u);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("requests of another version, shape or kind are refused") {
  Rig rig;
  for (const int version : {0, abi::NETMAP_MIN_API - 1, abi::NETMAP_MAX_API + 1}) {
    Request request(rig);
    request.header.nr_version = static_cast<uint16_t>(version);
    CHECK_EQUAL(request.send(), Status::bad_version);
  }
  for (uint16_t version = abi::NETMAP_MIN_API; version <= abi::NETMAP_MAX_API; version++) {
    Request request(rig);
    request.header.nr_version = version;
    CHECK_EQUAL(request.send(), Status::ok);
  }
  Request reserved(rig);
  reserved.header.nr_reserved = 1;
  CHECK_EQUAL(reserved.send(), Status::bad_request);
  Request no_body(rig);
  no_body.header.nr_body = 0;
  CHECK_EQUAL(no_body.send(), Status::bad_request);
  for (const uint16_t type : {0, 16, 99, 65535}) CHECK_EQUAL(Request(rig, type).send(), Status::bad_request);
  Request default_mode(rig);
  default_mode.body.nr_mode = abi::NR_REG_DEFAULT;
  CHECK_EQUAL(default_mode.send(), Status::bad_mode);
  Request twice(rig);
  CHECK_EQUAL(twice.send(), Status::ok);
  CHECK_EQUAL(twice.send(), Status::already_registered);
  CHECK_EQUAL(status_errno(Status::already_registered), EBUSY);
}

TEST("options that are unknown, wrong, doubled or too many are refused, each with its status") {
  Rig rig;
  abi::nmreq_opt_offsets known = {};
  known.nro_opt.nro_reqtype = abi::NETMAP_REQ_OPT_OFFSETS;
  abi::nmreq_option unknown = {};
  unknown.nro_reqtype = 77;
  Request request(rig);
  request.add(&known.nro_opt);
  request.add(&unknown);
  CHECK_EQUAL(request.send(), Status::unsupported_option);
  CHECK_EQUAL(known.nro_opt.nro_status, 0);
  CHECK_EQUAL(unknown.nro_status, EOPNOTSUPP);

  Request doubled(rig);
  abi::nmreq_opt_offsets again = known;
  doubled.add(&known.nro_opt);
  doubled.add(&again.nro_opt);
  CHECK_EQUAL(doubled.send(), Status::bad_option);
  CHECK_EQUAL(known.nro_opt.nro_status, EINVAL);
  CHECK_EQUAL(again.nro_opt.nro_status, EINVAL);

  Request no_type(rig);
  abi::nmreq_option nothing = {};
  no_type.add(&nothing);
  CHECK_EQUAL(no_type.send(), Status::bad_option);

  Request endless(rig);
  abi::nmreq_option loop = {};
  loop.nro_reqtype = 77;
  endless.add(&loop);
  loop.nro_next = reinterpret_cast<uint64_t>(&loop);
  CHECK_EQUAL(endless.send(), Status::too_long_request);
  CHECK_EQUAL(status_errno(Status::too_long_request), EMSGSIZE);

  Request huge(rig);
  abi::nmreq_opt_sync_kloop_eventfds eventfds = {};
  eventfds.nro_opt.nro_reqtype = abi::NETMAP_REQ_OPT_SYNC_KLOOP_EVENTFDS;
  eventfds.nro_opt.nro_size = ~0ull;
  huge.add(&eventfds.nro_opt);
  CHECK_EQUAL(huge.send(), Status::too_long_request);
  CHECK_EQUAL(rig.files(), "namespace");
}

TEST("a port lives as long as the process that opened it or one forked from it") {
  Rig rig;
  auto watcher = rig.open("vale0:watcher");
  auto port = rig.open("vale0:a");
  int pipe_ends[2];
  CHECK_EQUAL(pipe(pipe_ends), 0);
  Child child([&] {
    // Opens ports of its own beside those that it has from its parent.
    auto own = rig.open("vale0:b");
    send(*own, kBroadcast, station(1), 1);
    char end;
    close(pipe_ends[1]);
    CHECK_EQUAL(read(pipe_ends[0], &end, 1), 0);
  });
  for (uint32_t looks = 0; take(*port) < 0; looks++) {
    CHECK(looks < 10000);
    usleep(1000);
  }
  port.reset();
  CHECK_EQUAL(clients_after_reaping(rig), 3u);
  CHECK_EQUAL(rig.open("vale0:c")->granted().nr_tx_rings, 1u);
  close(pipe_ends[1]);
  child.join();
  CHECK_EQUAL(clients_after_reaping(rig), 1u);
  CHECK_EQUAL(rig.files(), "namespace region.2 switch.vale0");
}

TEST("parent and forked child open and close ports at the same time") {
  Rig rig;
  auto held = rig.open("vale0:held");
  Child child([&] {
    for (uint32_t i = 0; i < 300; i++) rig.open("vale0:p" + std::to_string(i % 3), with_rings(1, 1));
  });
  for (uint32_t i = 0; i < 300; i++) rig.open("vale0:p" + std::to_string(i % 3), with_rings(1, 1));
  child.join();
  CHECK_EQUAL(clients_after_reaping(rig), 1u);
  held.reset();
  CHECK_EQUAL(rig.files(), "namespace");
}

// --- namespaces --------------------------------------------------------------------------------------------

namespace {

Status status_of_directory(const std::string& directory) {
  std::unique_ptr<Device> device;
  return open_embedded_device(directory, &device);
}

void overwrite(const std::string& path, uint64_t offset, uint32_t word) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file.write(reinterpret_cast<const char*>(&word), sizeof(word));
  CHECK(file.good());
}

}  // namespace

TEST("a namespace directory is made when it is not there, and nobody else can look into it") {
  Rig rig;
  const std::string fresh = rig.directory + "/fresh";
  CHECK_EQUAL(status_of_directory(fresh), Status::ok);
  struct stat info;
  CHECK_EQUAL(stat(fresh.c_str(), &info), 0);
  CHECK_EQUAL(info.st_mode & 0777, 0700u);
  CHECK_EQUAL(status_of_directory(rig.directory + "/no/parent"), Status::namespace_unusable);
}

TEST("a namespace directory that is a link, a file, open to others or somebody else's is refused") {
  Rig rig;
  const std::string real = rig.directory + "/real";
  CHECK_EQUAL(status_of_directory(real), Status::ok);
  const std::string link = rig.directory + "/link";
  CHECK_EQUAL(symlink(real.c_str(), link.c_str()), 0);
  CHECK_EQUAL(status_of_directory(link), Status::namespace_not_directory);
  CHECK_EQUAL(status_of_directory(real + "/namespace"), Status::namespace_not_directory);
  for (const mode_t mode : {0750, 0705, 0777, 0720}) {
    CHECK_EQUAL(chmod(real.c_str(), mode), 0);
    CHECK_EQUAL(status_of_directory(real), Status::namespace_open);
  }
  CHECK_EQUAL(chmod(real.c_str(), 0700), 0);
  CHECK_EQUAL(status_of_directory(real), Status::ok);
  if (geteuid() != 0) {
    printf("    skipped: only root can give a directory to somebody else\n");
    return;
  }
  CHECK_EQUAL(chown(real.c_str(), 12345, 12345), 0);
  CHECK_EQUAL(status_of_directory(real), Status::namespace_foreign);
}

TEST("a namespace of another version, or a file that is no namespace, is refused and left alone") {
  Rig rig;
  const std::string file = rig.directory + "/namespace";
  rig.open("vale0:a").reset();
  overwrite(file, offsetof(engine::FileHeader, version), engine::kLayoutVersion + 1);
  CHECK_EQUAL(status_of_directory(rig.directory), Status::namespace_version);
  overwrite(file, offsetof(engine::FileHeader, version), engine::kLayoutVersion);
  CHECK_EQUAL(status_of_directory(rig.directory), Status::ok);
  overwrite(file, offsetof(engine::FileHeader, magic), 0x12345678);
  CHECK_EQUAL(status_of_directory(rig.directory), Status::namespace_corrupt);
  CHECK_EQUAL(unlink(file.c_str()), 0);
  CHECK_EQUAL(symlink("/etc/passwd", file.c_str()), 0);
  CHECK_EQUAL(status_of_directory(rig.directory), Status::namespace_corrupt);
}

TEST("a full filesystem is a clear error, leaves nothing behind, and hurts nobody who is there") {
  Rig rig;
  if (geteuid() != 0 || mount("none", rig.directory.c_str(), "tmpfs", MS_NOSUID, "size=4m,mode=0700") != 0) {
    printf("    skipped: only root can mount a small filesystem\n");
    return;
  }
  {
    auto a = rig.open("vale0:a", with_rings(1, 1, 64));
    auto b = rig.open("vale0:b", with_rings(1, 1, 64));
    const std::string files = rig.files();
    CHECK_EQUAL(status_of(rig, "vale0:large"), Status::space_exhausted);
    CHECK_EQUAL(status_of(rig, "vale1:large"), Status::space_exhausted);
    CHECK_EQUAL(status_of(rig, "pipe{large"), Status::space_exhausted);
    CHECK_EQUAL(status_of(rig, "vale0:a{large", with_rings(4, 4, 1024)), Status::space_exhausted);
    CHECK_EQUAL(status_of(rig, "", null_port(8, 1024)), Status::space_exhausted);
    CHECK_EQUAL(rig.files(), files);
    CHECK_EQUAL(clients_after_reaping(rig), 2u);
    for (uint32_t i = 0; i < 200; i++) {
      send(*a, kBroadcast, station(1), i);
      CHECK_EQUAL(take(*b), i);
    }
    // Up to the last page, one small port after the other.
    std::vector<std::unique_ptr<Port>> ports;
    Status status = Status::ok;
    while (status == Status::ok) {
      ports.emplace_back();
      status = rig.try_open("vale0:p" + std::to_string(ports.size()), &ports.back(), with_rings(1, 1, 4));
    }
    CHECK_EQUAL(status, Status::space_exhausted);
    CHECK(ports.size() > 5);
    ports.clear();
    CHECK_EQUAL(rig.files(), files);
    send(*a, kBroadcast, station(1), 1);
    CHECK_EQUAL(take(*b), 1);
  }
  CHECK_EQUAL(rig.files(), "namespace");
  CHECK_EQUAL(umount(rig.directory.c_str()), 0);
}
