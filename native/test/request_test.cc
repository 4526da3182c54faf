// Requests: how body and options come in and go back, and what a program is told of each option.
#include "device/request.h"

#include <sys/mman.h>

#include <vector>

#include "device/open.h"
#include "test/engine_rig.h"

using namespace nm;
using namespace nm::test;

namespace {

constexpr uint32_t kUnknownType = 1234;
constexpr uint32_t kNotWritten = 99;  // status of options that nobody has looked at

template <typename Option>
Option option_of(uint32_t type = kOptionType<Option>) {
  Option option = {};
  auto* header = reinterpret_cast<abi::nmreq_option*>(&option);
  header->nro_reqtype = type;
  header->nro_status = kNotWritten;
  return option;
}

abi::nmreq_option unknown_option() { return option_of<abi::nmreq_option>(kUnknownType); }

uint64_t address_of(const void* thing) { return reinterpret_cast<uint64_t>(thing); }

// A program's request, whose options are added at the end.
struct Call {
  explicit Call(uint16_t type = abi::NETMAP_REQ_REGISTER, const std::string& name = "vale0:a") {
    header.nr_version = abi::NETMAP_API;
    header.nr_reqtype = type;
    memcpy(header.nr_name, name.data(), name.size());
    body.nr_mode = abi::NR_REG_ALL_NIC;
    header.nr_body = address_of(&body);
  }
  void add(void* option) {
    *end = address_of(option);
    end = &static_cast<abi::nmreq_option*>(option)->nro_next;
  }
  Status read(Request* request) { return request->read<abi::nmreq_register>(&header); }

  abi::nmreq_header header{};
  abi::nmreq_register body{};
  uint64_t* end = &header.nr_options;
};

std::unique_ptr<Device> open_device(const Rig& rig) {
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  return device;
}

// A page that may be read, written or neither, with an unreachable one after it.
class Page {
 public:
  explicit Page(int protection) {
    void* const pages = mmap(nullptr, 2 * kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    start_ = static_cast<uint8_t*>(pages);
    CHECK_EQUAL(mprotect(start_ + kSize, kSize, PROT_NONE), 0);
    protection_ = protection;
  }
  ~Page() { munmap(start_, 2 * kSize); }

  // Puts `thing` so that `left` of its bytes lie before the end of the page, and protects the page.
  template <typename Thing>
  Thing* hold(const Thing& thing, size_t left = sizeof(Thing)) {
    uint8_t* const at = start_ + kSize - left;
    memcpy(at, &thing, std::min(left, sizeof(thing)));
    CHECK_EQUAL(mprotect(start_, kSize, protection_), 0);
    return reinterpret_cast<Thing*>(at);
  }
  void set(int protection) { CHECK_EQUAL(mprotect(start_, kSize, protection), 0); }

 private:
  static constexpr size_t kSize = 4096;
  uint8_t* start_ = nullptr;
  int protection_ = 0;
};

}  // namespace

TEST("request hands out each option once it is given, and a body that the program cannot change any more") {
  Call call;
  call.body.nr_extra_bufs = 7;
  auto offsets = option_of<abi::nmreq_opt_offsets>();
  auto csb = option_of<abi::nmreq_opt_csb>();
  offsets.nro_max_offset = 128;
  csb.csb_atok = 0x1234;
  call.add(&offsets);
  call.add(&csb);
  Request request;
  CHECK_EQUAL(call.read(&request), Status::ok);
  call.body.nr_extra_bufs = 8;
  offsets.nro_max_offset = 256;

  CHECK_EQUAL(request.name(), "vale0:a");
  CHECK_EQUAL(request.body<abi::nmreq_register>()->nr_extra_bufs, 7);
  CHECK(request.take<abi::nmreq_opt_extmem>() == nullptr);
  auto* taken = request.take<abi::nmreq_opt_offsets>();
  CHECK_EQUAL(taken->nro_max_offset, 128);
  CHECK_EQUAL(request.check_options(), Status::unsupported_option);
  CHECK_EQUAL(request.take<abi::nmreq_opt_csb>()->csb_atok, 0x1234);
  CHECK_EQUAL(request.check_options(), Status::ok);

  taken->nro_max_offset = 64;
  request.body<abi::nmreq_register>()->nr_extra_bufs = 3;
  CHECK_EQUAL(request.write_back(Status::ok), Status::ok);
  CHECK_EQUAL(offsets.nro_max_offset, 64);
  CHECK_EQUAL(offsets.nro_opt.nro_status, 0);
  CHECK_EQUAL(offsets.nro_opt.nro_next, address_of(&csb));
  CHECK_EQUAL(csb.nro_opt.nro_status, 0);
  CHECK_EQUAL(call.body.nr_extra_bufs, 3);
}

TEST("request gives back statuses when it fails, and neither options' bodies nor its own") {
  Call call;
  auto offsets = option_of<abi::nmreq_opt_offsets>();
  auto csb = option_of<abi::nmreq_opt_csb>();
  call.add(&offsets);
  call.add(&csb);
  Request request;
  CHECK_EQUAL(call.read(&request), Status::ok);
  auto* taken = request.take<abi::nmreq_opt_offsets>();
  taken->nro_max_offset = 64;
  taken->nro_opt.nro_status = EBUSY;
  request.body<abi::nmreq_register>()->nr_extra_bufs = 3;
  CHECK_EQUAL(request.write_back(Status::port_in_use), Status::port_in_use);
  CHECK_EQUAL(offsets.nro_opt.nro_status, EBUSY);
  CHECK_EQUAL(csb.nro_opt.nro_status, EOPNOTSUPP);
  CHECK_EQUAL(offsets.nro_max_offset, 0);
  CHECK_EQUAL(call.body.nr_extra_bufs, 0);
}

TEST("request brings in all eventfds that the option says it has, and touches nothing behind them") {
  const int32_t descriptors[6] = {5, 6, 7, 8, 9, 10};
  auto eventfds = option_of<abi::nmreq_opt_sync_kloop_eventfds>();
  eventfds.nro_opt.nro_size = sizeof(eventfds) + sizeof(descriptors);
  alignas(8) uint8_t given[sizeof(eventfds) + sizeof(descriptors) + 1] = {};
  memcpy(given, &eventfds, sizeof(eventfds));
  memcpy(given + sizeof(eventfds), descriptors, sizeof(descriptors));
  Call call;
  auto mode = option_of<abi::nmreq_opt_sync_kloop_mode>();
  mode.mode = 3;
  call.add(given);
  call.add(&mode);
  Request request;
  CHECK_EQUAL(call.read(&request), Status::ok);
  auto* taken = request.take<abi::nmreq_opt_sync_kloop_eventfds>();
  CHECK_EQUAL(taken->nro_opt.nro_size, sizeof(eventfds) + sizeof(descriptors));
  for (int i = 0; i < 3; i++) {
    CHECK_EQUAL(taken->eventfds[i].ioeventfd, 5 + 2 * i);
    CHECK_EQUAL(taken->eventfds[i].irqfd, 6 + 2 * i);
  }
  CHECK_EQUAL(request.take<abi::nmreq_opt_sync_kloop_mode>()->mode, 3);
  given[sizeof(given) - 1] = 77;
  CHECK_EQUAL(request.write_back(Status::ok), Status::ok);
  CHECK_EQUAL(given[sizeof(given) - 1], 77);
}

TEST("request refuses an option without a type, and a known one that is given twice on both of them") {
  Call call;
  auto first = option_of<abi::nmreq_opt_extmem>();
  auto unknown = unknown_option();
  auto second = option_of<abi::nmreq_opt_extmem>();
  auto after = unknown_option();
  call.add(&first);
  call.add(&unknown);
  call.add(&second);
  call.add(&after);
  Request request;
  CHECK_EQUAL(request.write_back(call.read(&request)), Status::bad_option);
  CHECK_EQUAL(first.nro_opt.nro_status, EINVAL);
  CHECK_EQUAL(second.nro_opt.nro_status, EINVAL);
  CHECK_EQUAL(unknown.nro_status, EOPNOTSUPP);
  CHECK_EQUAL(after.nro_status, kNotWritten);

  Call untyped;
  auto nothing = option_of<abi::nmreq_option>(0);
  untyped.add(&nothing);
  Request other;
  CHECK_EQUAL(other.write_back(untyped.read(&other)), Status::bad_option);
  CHECK_EQUAL(nothing.nro_status, EOPNOTSUPP);
}

TEST("request ends at 4096 bytes of body and options, and at a list without end") {
  // 56 bytes of body and 126 headers of 24, each with a pointer of 8, are 4088; one more is too much.
  Call call;
  std::vector<abi::nmreq_option> many(127, unknown_option());
  for (uint32_t i = 0; i < 126; i++) call.add(&many[i]);
  CHECK_EQUAL(call.read(std::make_unique<Request>().get()), Status::ok);
  call.add(&many[126]);
  CHECK_EQUAL(call.read(std::make_unique<Request>().get()), Status::too_long_request);

  Call endless;
  auto loop = unknown_option();
  endless.add(&loop);
  endless.add(&loop);
  Request request;
  CHECK_EQUAL(request.write_back(endless.read(&request)), Status::too_long_request);
  CHECK_EQUAL(loop.nro_status, EOPNOTSUPP);
  CHECK_EQUAL(status_errno(Status::too_long_request), EMSGSIZE);

  Call known;
  auto again = option_of<abi::nmreq_opt_offsets>();
  known.add(&again);
  known.add(&again);
  Request doubled;
  CHECK_EQUAL(doubled.write_back(known.read(&doubled)), Status::bad_option);
  CHECK_EQUAL(again.nro_opt.nro_status, EINVAL);

  for (const uint64_t size : {uint64_t{4096 - 56 - 8 + 1}, uint64_t{1} << 32, ~uint64_t{0}}) {
    Call huge;
    auto eventfds = option_of<abi::nmreq_opt_sync_kloop_eventfds>();
    eventfds.nro_opt.nro_size = size;
    huge.add(&eventfds);
    CHECK_EQUAL(huge.read(std::make_unique<Request>().get()), Status::too_long_request);
  }
}

TEST("request answers EFAULT to bodies and options that cannot be read") {
  const auto status_of = [](Call& call) { return call.read(std::make_unique<Request>().get()); };
  CHECK_EQUAL(status_errno(Status::bad_address), EFAULT);
  for (const uint64_t address :
       {uint64_t{1}, uint64_t{16}, uint64_t{1} << 46, ~uint64_t{0}, ~uint64_t{0} - 30}) {
    Call body;
    body.header.nr_body = address;
    CHECK_EQUAL(status_of(body), Status::bad_address);
    Call option;
    option.header.nr_options = address;
    CHECK_EQUAL(status_of(option), Status::bad_address);
    Call second;
    auto offsets = option_of<abi::nmreq_opt_offsets>();
    second.add(&offsets);
    offsets.nro_opt.nro_next = address;
    CHECK_EQUAL(status_of(second), Status::bad_address);
  }
  // The last byte is missing, of the body and of an option's body.
  Page page(PROT_READ | PROT_WRITE);
  Call call;
  call.header.nr_body = address_of(page.hold(call.body, sizeof(call.body) - 1));
  CHECK_EQUAL(status_of(call), Status::bad_address);
  Page other(PROT_READ | PROT_WRITE);
  Call option;
  option.header.nr_options =
      address_of(other.hold(option_of<abi::nmreq_opt_csb>(), sizeof(abi::nmreq_opt_csb) - 1));
  CHECK_EQUAL(status_of(option), Status::bad_address);
}

TEST("REGISTER of a program that cannot be answered is EFAULT and leaves nothing open") {
  Rig rig;
  auto device = open_device(rig);
  Call call;
  Page page(PROT_READ);
  auto* body = page.hold(call.body);
  call.header.nr_body = address_of(body);
  CHECK_EQUAL(device->control(&call.header), Status::bad_address);
  CHECK_EQUAL(rig.files(), "namespace");
  // With the same descriptor it works as soon as the answer can be written.
  page.set(PROT_READ | PROT_WRITE);
  CHECK_EQUAL(device->control(&call.header), Status::ok);
  CHECK(body->nr_memsize != 0);
  // A second REGISTER that cannot be answered does not take the first one's port away.
  page.set(PROT_READ);
  CHECK_EQUAL(device->control(&call.header), Status::already_registered);
  CHECK_EQUAL(device->tx_sync(), Status::ok);

  auto with_option = open_device(rig);
  Call other(abi::NETMAP_REQ_REGISTER, "vale0:b");
  Page option_page(PROT_READ);
  other.header.nr_options = address_of(option_page.hold(unknown_option()));
  CHECK_EQUAL(with_option->control(&other.header), Status::bad_address);
}

TEST("REGISTER with an option that nobody understands fails after all else worked, and is undone") {
  Rig rig;
  auto device = open_device(rig);
  Call call;
  auto unknown = unknown_option();
  call.add(&unknown);
  CHECK_EQUAL(device->control(&call.header), Status::unsupported_option);
  CHECK_EQUAL(unknown.nro_status, EOPNOTSUPP);
  CHECK_EQUAL(call.body.nr_memsize, 0);
  CHECK_EQUAL(rig.files(), "namespace");
  CHECK_EQUAL(device->tx_sync(), Status::not_registered);

  // What else is wrong comes first.
  call.body.nr_mode = 42;
  unknown.nro_status = kNotWritten;
  CHECK_EQUAL(device->control(&call.header), Status::bad_mode);
  CHECK_EQUAL(unknown.nro_status, EOPNOTSUPP);

  // The descriptor is as good as new.
  call.body.nr_mode = abi::NR_REG_ALL_NIC;
  call.header.nr_options = 0;
  CHECK_EQUAL(device->control(&call.header), Status::ok);
}

TEST("requests that take no options refuse any") {
  Rig rig;
  auto port = rig.open("vale0:a");
  auto device = open_device(rig);
  Call call(abi::NETMAP_REQ_PORT_INFO_GET);
  abi::nmreq_port_info_get info = {};
  call.header.nr_body = address_of(&info);
  auto offsets = option_of<abi::nmreq_opt_offsets>();
  call.add(&offsets);
  CHECK_EQUAL(device->control(&call.header), Status::unsupported_option);
  CHECK_EQUAL(offsets.nro_opt.nro_status, EOPNOTSUPP);
  CHECK_EQUAL(info.nr_memsize, 0);
  call.header.nr_options = 0;
  CHECK_EQUAL(device->control(&call.header), Status::ok);
  CHECK(info.nr_memsize != 0);
}

TEST("requests of another version, with a reserved field, or with a body too much or too few are refused") {
  const auto status_of = [](Call& call) { return call.read(std::make_unique<Request>().get()); };
  Call old;
  old.header.nr_version = abi::NETMAP_MIN_API - 1;
  CHECK_EQUAL(status_of(old), Status::bad_version);
  Call reserved;
  reserved.header.nr_reserved = 1;
  CHECK_EQUAL(status_of(reserved), Status::bad_request);
  Call no_body;
  no_body.header.nr_body = 0;
  CHECK_EQUAL(status_of(no_body), Status::bad_request);
  Call unexpected;
  CHECK_EQUAL(std::make_unique<Request>()->read<NoBody>(&unexpected.header), Status::bad_request);
  unexpected.header.nr_body = 0;
  CHECK_EQUAL(std::make_unique<Request>()->read<NoBody>(&unexpected.header), Status::ok);
}
