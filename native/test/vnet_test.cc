// virtio-net headers: what becomes of packets between headers of different lengths, by themselves and on a
// switch.
#include "engine/vnet.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "bytes.h"
#include "checksum.h"
#include "test/engine_rig.h"

using namespace nm;
using namespace nm::engine;
using namespace nm::test;
using check::Random;

namespace {

using Bytes = std::vector<uint8_t>;
using Fate = VnetPacket::Fate;

// What a virtual machine asks for with a packet.
struct Wish {
  uint8_t flags = 0;
  uint8_t type = 0;
  uint16_t size = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
};
constexpr uint8_t kNeedsChecksum = 1;
constexpr uint8_t kTcp4 = 1;
constexpr uint8_t kUdp = 3;
constexpr uint8_t kUdpSegments = 5;
constexpr uint8_t kTcp6 = 4;
constexpr uint8_t kEcn = 0x80;

// A frame of TCP or UDP with `payload` bytes, every checksum in it missing.
struct Frame {
  bool is_ipv6 = false;
  bool is_tcp = true;
  uint32_t tags = 0;
  uint32_t ip_options = 0;
  uint32_t tcp_options = 0;
  uint32_t payload = 0;
  uint8_t tcp_flags = 0x18;

  uint32_t ip_at() const { return 14 + 4 * tags; }
  uint32_t transport_at() const { return ip_at() + (is_ipv6 ? 40 : 20 + ip_options); }
  uint32_t payload_at() const { return transport_at() + (is_tcp ? 20 + tcp_options : 8); }
  uint32_t length() const { return payload_at() + payload; }
  uint8_t type() const { return !is_tcp ? kUdp : is_ipv6 ? kTcp6 : kTcp4; }
};

constexpr uint16_t kFirstId = 0xfffe;            // so that it wraps
constexpr uint32_t kFirstSequence = 0xffffff00;  // likewise
uint8_t payload_byte(uint32_t at) { return static_cast<uint8_t>(at * 7 + at / 251); }

void fill_addresses(uint8_t* to, uint32_t count, uint8_t first) {
  for (uint32_t i = 0; i < count; i++) to[i] = static_cast<uint8_t>(first + 3 * i);
}

Bytes bytes_of(const Frame& frame, uint64_t to = station(2), uint64_t from = station(1)) {
  Bytes bytes(frame.length(), 0);
  uint8_t* const start = bytes.data();
  memcpy(start, &to, 6);
  memcpy(start + 6, &from, 6);
  for (uint32_t i = 0; i < frame.tags; i++) {
    store_big(start + 12 + 4 * i, uint16_t{0x8100});
    store_big(start + 14 + 4 * i, static_cast<uint16_t>(i + 5));
  }
  store_big(start + frame.ip_at() - 2, static_cast<uint16_t>(frame.is_ipv6 ? 0x86dd : 0x0800));
  uint8_t* const ip = start + frame.ip_at();
  const uint8_t protocol = frame.is_tcp ? 6 : 17;
  if (frame.is_ipv6) {
    ip[0] = 0x60;
    ip[6] = protocol;
    ip[7] = 64;
    fill_addresses(ip + 8, 32, 0x20);
  } else {
    ip[0] = static_cast<uint8_t>(0x40 | (5 + frame.ip_options / 4));
    store_big(ip + 4, kFirstId);
    ip[8] = 64;
    ip[9] = protocol;
    fill_addresses(ip + 12, 8, 10);
    memset(ip + 20, 1, frame.ip_options);
  }
  uint8_t* const transport = start + frame.transport_at();
  store_big(transport, uint16_t{1000});
  store_big(transport + 2, uint16_t{2000});
  if (frame.is_tcp) {
    store_big(transport + 4, kFirstSequence);
    transport[12] = static_cast<uint8_t>((5 + frame.tcp_options / 4) << 4);
    transport[13] = frame.tcp_flags;
    memset(transport + 20, 1, frame.tcp_options);
  } else {
    store_big(transport + 4, static_cast<uint16_t>(8 + frame.payload));
  }
  for (uint32_t i = 0; i < frame.payload; i++) start[frame.payload_at() + i] = payload_byte(i);
  return bytes;
}

Bytes with_header(const Wish& wish, const Bytes& frame, uint32_t header = kVnetHeader) {
  Bytes bytes(header, 0);
  bytes[0] = wish.flags;
  bytes[1] = wish.type;
  memcpy(&bytes[4], &wish.size, 2);
  memcpy(&bytes[6], &wish.checksum_start, 2);
  memcpy(&bytes[8], &wish.checksum_offset, 2);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  return bytes;
}

// What the packet becomes: its frames, each in a buffer of exactly its size, so that the sanitizer sees every
// byte beside it.
std::vector<Bytes> convert(const Bytes& packet, uint32_t from, uint32_t to, uint32_t frame_limit = 2048,
                           Fate* fate = nullptr) {
  Bytes flat(kLongVnetHeader + packet.size());
  uint8_t* const start = flat.data() + kLongVnetHeader;
  std::copy(packet.begin(), packet.end(), start);
  // A look at the beginning comes to the same.
  const Bytes beginning(packet.begin(), packet.begin() + std::min<size_t>(packet.size(), kVnetLook));
  const auto length = static_cast<uint32_t>(packet.size());
  const VnetPacket look = read_vnet(beginning.data(), length, from, to, frame_limit);
  const VnetPacket read = read_vnet(start, length, from, to, frame_limit);
  CHECK(look.fate == read.fate);
  CHECK_EQUAL(look.frames(), read.frames());
  if (fate != nullptr) *fate = read.fate;
  std::vector<Bytes> frames;
  if (read.fate == Fate::whole) {
    const uint8_t* const whole = finish_vnet(read, start + from);
    frames.emplace_back(whole, whole + read.whole_length());
  }
  if (read.fate == Fate::cut) {
    for (uint32_t i = 0; i < read.frames(); i++) {
      frames.emplace_back(read.frame_length(i));
      write_vnet_frame(read, start + from, i, frames.back().data());
    }
  }
  return frames;
}

Fate fate_of(const Bytes& packet, uint32_t from = kVnetHeader, uint32_t frame_limit = 2048) {
  Fate fate;
  convert(packet, from, 0, frame_limit, &fate);
  return fate;
}

// Whether the checksum of TCP or UDP is right: with it, the sum is all ones.
bool transport_sum_is_right(const Frame& shape, const Bytes& bytes) {
  const uint8_t* const ip = bytes.data() + shape.ip_at();
  const auto length = static_cast<uint32_t>(bytes.size()) - shape.transport_at();
  const uint64_t addresses = shape.is_ipv6 ? sum_words(ip + 8, 32) : sum_words(ip + 12, 8);
  return fold(addresses + length + (shape.is_tcp ? 6 : 17) +
              sum_words(bytes.data() + shape.transport_at(), length)) == 0xffff;
}

// Checks that `frames` are the whole payload in order, in frames of `each` bytes, each right by itself.
void check_frames(const Frame& shape, const std::vector<Bytes>& frames, uint32_t each) {
  const Bytes original = bytes_of(shape);
  CHECK_EQUAL(frames.size(), shape.payload == 0 ? 1 : (shape.payload + each - 1) / each);
  uint32_t done = 0;
  for (size_t k = 0; k < frames.size(); k++) {
    const Bytes& frame = frames[k];
    const uint32_t payload = std::min(each, shape.payload - done);
    const bool is_last = k + 1 == frames.size();
    CHECK_EQUAL(frame.size(), shape.payload_at() + payload);
    CHECK(memcmp(frame.data(), original.data(), shape.ip_at()) == 0);
    const uint8_t* const ip = frame.data() + shape.ip_at();
    const uint32_t packet = static_cast<uint32_t>(frame.size()) - shape.ip_at();
    if (shape.is_ipv6) {
      CHECK_EQUAL(load_big<uint16_t>(ip + 4), packet - 40);
    } else {
      CHECK_EQUAL(load_big<uint16_t>(ip + 2), packet);
      CHECK_EQUAL(load_big<uint16_t>(ip + 4), static_cast<uint16_t>(kFirstId + k));
      CHECK_EQUAL(fold(sum_words(ip, 20 + shape.ip_options)), 0xffff);
    }
    const uint8_t* const transport = frame.data() + shape.transport_at();
    if (shape.is_tcp) {
      CHECK_EQUAL(load_big<uint32_t>(transport + 4), kFirstSequence + done);
      uint8_t expected = shape.tcp_flags;
      if (!is_last) expected = static_cast<uint8_t>(expected & ~0x09);
      if (k != 0) expected = static_cast<uint8_t>(expected & ~0x80);
      CHECK_EQUAL(transport[13], expected);
    } else {
      CHECK_EQUAL(load_big<uint16_t>(transport + 4), 8 + payload);
      CHECK(load_big<uint16_t>(transport + 6) != 0);
    }
    CHECK(transport_sum_is_right(shape, frame));
    for (uint32_t i = 0; i < payload; i++) {
      CHECK_EQUAL(frame[shape.payload_at() + i], payload_byte(done + i));
    }
    done += payload;
  }
  CHECK_EQUAL(done, shape.payload);
}

Frame random_shape(Random& random) {
  Frame shape;
  shape.is_ipv6 = random.below(2) != 0;
  shape.is_tcp = random.below(3) != 0;
  shape.tags = static_cast<uint32_t>(random.below(4));
  shape.ip_options = shape.is_ipv6 ? 0 : 4 * static_cast<uint32_t>(random.below(11));
  shape.tcp_options = 4 * static_cast<uint32_t>(random.below(11));
  shape.payload = static_cast<uint32_t>(random.below(random.below(2) != 0 ? 100 : 65000));
  shape.tcp_flags = static_cast<uint8_t>(random.next());
  return shape;
}

Status set_header(const Rig& rig, const std::string& name, uint32_t length) {
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  abi::nmreq_header header = {};
  abi::nmreq_port_hdr body = {length, 0};
  header.nr_version = abi::NETMAP_API;
  header.nr_reqtype = abi::NETMAP_REQ_PORT_HDR_SET;
  header.nr_body = reinterpret_cast<uint64_t>(&body);
  memcpy(header.nr_name, name.data(), name.size());
  return device->control(&header);
}

int64_t header_of(const Rig& rig, const std::string& name) {
  std::unique_ptr<Device> device;
  CHECK_EQUAL(open_embedded_device(rig.directory, &device), Status::ok);
  abi::nmreq_header header = {};
  abi::nmreq_port_hdr body = {99, 0};
  header.nr_version = abi::NETMAP_API;
  header.nr_reqtype = abi::NETMAP_REQ_PORT_HDR_GET;
  header.nr_body = reinterpret_cast<uint64_t>(&body);
  memcpy(header.nr_name, name.data(), name.size());
  return device->control(&header) == Status::ok ? int64_t{body.nr_hdr_len} : -1;
}

abi::nmreq_register accepting(uint32_t slots = 0) {
  abi::nmreq_register wanted = {};
  wanted.nr_flags = abi::NR_ACCEPT_VNET_HDR;
  wanted.nr_tx_slots = wanted.nr_rx_slots = slots;
  return wanted;
}

// Puts a packet into TX slots of at most `each` bytes, without a sync.
void put_bytes(Port& port, const Bytes& packet, uint32_t each = 2048) {
  const Ring& ring = port.tx_rings()[0];
  for (uint32_t done = 0; done < packet.size();) {
    CHECK(ring.space() != 0);
    const uint32_t length = std::min(each, static_cast<uint32_t>(packet.size()) - done);
    const uint32_t buffer = ring.descriptor(ring.head()).buf_idx;
    memcpy(ring.buffer(buffer), packet.data() + done, length);
    done += length;
    const bool more = done < packet.size();
    ring.put(ring.head(), {buffer, static_cast<uint16_t>(length), more ? abi::NS_MOREFRAG : uint16_t{0}});
    ring.advance(ring.next(ring.head()));
  }
}

void send_bytes(Port& port, const Bytes& packet, uint32_t each = 2048) {
  put_bytes(port, packet, each);
  CHECK_EQUAL(port.device().tx_sync(), Status::ok);
}

// Every packet that has arrived.
std::vector<Bytes> take_all(Port& port) {
  CHECK_EQUAL(port.device().rx_sync(), Status::ok);
  const Ring& ring = port.rx_rings()[0];
  std::vector<Bytes> packets;
  Bytes packet;
  while (ring.space() != 0) {
    const Descriptor slot = ring.descriptor(ring.head());
    packet.insert(packet.end(), ring.buffer(slot.buf_idx), ring.buffer(slot.buf_idx) + slot.len);
    ring.advance(ring.next(ring.head()));
    if ((slot.flags & abi::NS_MOREFRAG) != 0) continue;
    packets.push_back(packet);
    packet.clear();
  }
  CHECK(packet.empty());
  CHECK_EQUAL(port.device().rx_sync(), Status::ok);
  return packets;
}

Counters sent(Port& port) {
  Counters counters;
  CHECK_EQUAL(port.device().tx_counters(0, &counters), Status::ok);
  return counters;
}

Counters received(Port& port) {
  Counters counters;
  CHECK_EQUAL(port.device().rx_counters(0, &counters), Status::ok);
  return counters;
}

// What reaches `header` bytes from a sender with 10 or 12, as it should be.
Bytes passed_on(const Bytes& packet, uint32_t from, uint32_t header) {
  Bytes passed(header, 0);
  if (from != 0) std::copy(packet.begin(), packet.begin() + std::min(header, kVnetHeader), passed.begin());
  passed.insert(passed.end(), packet.begin() + from, packet.end());
  return passed;
}

}  // namespace

TEST("a frame without a header gets one of zeros") {
  const Bytes frame = bytes_of({.payload = 33});
  for (const uint32_t header : {kVnetHeader, kLongVnetHeader}) {
    CHECK(convert(frame, 0, header) == std::vector<Bytes>{with_header({}, frame, header)});
  }
}

TEST("a header of another length keeps its first 10 bytes, and its packet stays whole") {
  const Bytes frame = bytes_of({.payload = 40000});
  const Wish wish = {kNeedsChecksum, kTcp4, 1000, 34, 16};
  const Bytes basic = with_header(wish, frame, kVnetHeader);
  Bytes extended = with_header(wish, frame, kLongVnetHeader);
  CHECK(convert(basic, kVnetHeader, kLongVnetHeader) == std::vector<Bytes>{extended});
  extended[10] = 3;  // the number of buffers is not passed on
  CHECK(convert(extended, kLongVnetHeader, kVnetHeader) == std::vector<Bytes>{basic});
  // Nothing in it is looked at, so nothing can be wrong with it.
  Bytes nonsense = with_header({0xff, 0x77, 1, 9999, 9999}, frame, kVnetHeader);
  CHECK_EQUAL(convert(nonsense, kVnetHeader, kLongVnetHeader).size(), 1);
}

TEST("a packet that only lacks its checksum gets it, over an odd or even number of bytes") {
  for (const bool is_tcp : {true, false}) {
    for (const uint32_t payload : {0, 1, 2, 7, 1399, 1400, 9001}) {
      const Frame shape = {.is_tcp = is_tcp, .payload = payload};
      Bytes frame = bytes_of(shape);
      // The sender leaves the sum of what is not in the packet in the field.
      const uint8_t* const ip = frame.data() + shape.ip_at();
      const uint16_t offset = is_tcp ? 16 : 6;
      store_big(frame.data() + shape.transport_at() + offset,
                fold(sum_words(ip + 12, 8) + (is_tcp ? 6 : 17) + shape.length() - shape.transport_at()));
      const Wish wish = {kNeedsChecksum, 0, 0, static_cast<uint16_t>(shape.transport_at()), offset};
      for (const uint32_t header : {kVnetHeader, kLongVnetHeader}) {
        const auto frames = convert(with_header(wish, frame, header), header, 0);
        CHECK_EQUAL(frames.size(), 1);
        CHECK(transport_sum_is_right(shape, frames[0]));
        Bytes rest = frames[0];
        memcpy(&rest[shape.transport_at() + offset], &frame[shape.transport_at() + offset], 2);
        CHECK(rest == frame);
      }
      // Without the wish nothing is written.
      CHECK(convert(with_header({}, frame), kVnetHeader, 0) == std::vector<Bytes>{frame});
    }
  }
}

TEST("a large packet is cut at the size that its header asks for, every frame right by itself") {
  for (const bool is_ipv6 : {false, true}) {
    for (const bool is_tcp : {true, false}) {
      const Frame shape = {
          .is_ipv6 = is_ipv6, .is_tcp = is_tcp, .tags = 1, .payload = 10001, .tcp_flags = 0x99};
      const Wish wish = {kNeedsChecksum, static_cast<uint8_t>(shape.type() | kEcn), 700};
      check_frames(shape, convert(with_header(wish, bytes_of(shape)), kVnetHeader, 0), 700);
    }
  }
}

TEST("a large packet is never cut longer than its receiver takes, whatever size it asks for") {
  const Frame shape = {.payload = 30000};
  for (const uint16_t size : {0, 1461, 9000, 65535}) {
    const Bytes packet = with_header({0, kTcp4, size}, bytes_of(shape));
    check_frames(shape, convert(packet, kVnetHeader, 0, 1514), 1514 - shape.payload_at());
    check_frames(shape, convert(packet, kVnetHeader, 0, 256), 256 - shape.payload_at());
  }
  const Bytes packet = with_header({0, kTcp4, 100}, bytes_of(shape));
  CHECK(fate_of(packet, kVnetHeader, shape.payload_at()) == Fate::too_long);
  CHECK(fate_of(packet, kVnetHeader, shape.payload_at() + 1) == Fate::cut);
}

TEST("a large packet of any shape is cut right") {
  Random random;
  for (uint32_t i = 0; i < 400; i++) {
    const Frame shape = random_shape(random);
    const auto limit = static_cast<uint32_t>(random.between(300, 3000));
    const auto size = static_cast<uint16_t>(random.below(4) == 0 ? random.below(100) : random.below(3000));
    const uint32_t header = random.below(2) != 0 ? kVnetHeader : kLongVnetHeader;
    const uint32_t most = limit - shape.payload_at();
    const uint8_t type = shape.is_tcp || random.below(2) != 0 ? shape.type() : kUdpSegments;
    const Bytes packet = with_header({0, type, size}, bytes_of(shape), header);
    check_frames(shape, convert(packet, header, 0, limit), size == 0 ? most : std::min<uint32_t>(size, most));
  }
}

TEST("a header that says what cannot be makes its packet malformed") {
  const Frame shape = {.payload = 3000};
  const Bytes frame = bytes_of(shape);
  const auto fate = [&](const Wish& wish) { return fate_of(with_header(wish, frame)); };
  CHECK(fate({4, 0}) == Fate::malformed);
  CHECK(fate({0x80, 0}) == Fate::malformed);
  CHECK(fate({2, 0}) == Fate::whole);
  for (const uint8_t type : {2, 6, 0x7f, 0x82}) CHECK(fate({0, type, 100}) == Fate::malformed);
  // The checksum has to lie in the packet, behind its Ethernet header.
  const auto length = static_cast<uint16_t>(frame.size());
  CHECK(fate({kNeedsChecksum, 0, 0, static_cast<uint16_t>(length - 2), 0}) == Fate::whole);
  CHECK(fate({kNeedsChecksum, 0, 0, static_cast<uint16_t>(length - 1), 0}) == Fate::malformed);
  CHECK(fate({kNeedsChecksum, 0, 0, 34, length}) == Fate::malformed);
  CHECK(fate({kNeedsChecksum, 0, 0, 65535, 65535}) == Fate::malformed);
  CHECK(fate({kNeedsChecksum, 0, 0, 13, 20}) == Fate::malformed);
  // A large packet has to be of the kind that it says.
  CHECK(fate({0, kTcp6, 100}) == Fate::malformed);
  CHECK(fate({0, kUdp, 100}) == Fate::malformed);
  const auto spoiled = [&](uint32_t at, uint8_t value) {
    Bytes bytes = frame;
    bytes[at] = value;
    return fate_of(with_header({0, kTcp4, 100}, bytes));
  };
  CHECK(spoiled(12, 0x90) == Fate::malformed);  // neither IPv4 nor IPv6
  CHECK(spoiled(14, 0x65) == Fate::malformed);  // another version
  CHECK(spoiled(14, 0x44) == Fate::malformed);  // an IP header that is too short
  CHECK(spoiled(20, 0x20) == Fate::malformed);  // a fragment
  CHECK(spoiled(23, 17) == Fate::malformed);    // UDP
  CHECK(spoiled(46, 0x40) == Fate::malformed);  // a TCP header that is too short
  // Every header has to be there, and soon.
  for (uint32_t left = 14; left < shape.payload_at(); left++) {
    const Bytes start(frame.begin(), frame.begin() + left);
    CHECK(fate_of(with_header({0, kTcp4, 100}, start)) == Fate::malformed);
  }
  CHECK(fate_of(with_header({0, kTcp4, 100}, bytes_of({.tags = 60, .payload = 1}))) == Fate::malformed);
  for (uint32_t left = 0; left < kVnetHeader + 14; left++) {
    const Bytes packet = with_header({}, frame);
    CHECK(fate_of(Bytes(packet.begin(), packet.begin() + left)) == Fate::malformed);
  }
}

TEST("whatever bytes a packet has, nothing beside its frames is read or written") {
  Random random;
  uint64_t fates[4] = {};
  for (uint32_t i = 0; i < 20'000; i++) {
    const Frame shape = random_shape(random);
    Bytes packet = with_header(
        {static_cast<uint8_t>(random.below(4)), shape.type(), static_cast<uint16_t>(random.next()),
         static_cast<uint16_t>(random.below(2000)), static_cast<uint16_t>(random.below(40))},
        bytes_of(shape));
    if (random.below(4) == 0) packet[1] = 0;
    packet.resize(std::min<size_t>(packet.size(), random.below(2) != 0 ? random.below(200) : 65536));
    for (uint64_t spoil = random.below(6); spoil != 0 && !packet.empty(); spoil--) {
      packet[random.below(std::min<size_t>(packet.size(), 100))] = static_cast<uint8_t>(random.next());
    }
    const uint32_t lengths[] = {0, kVnetHeader, kLongVnetHeader};
    const uint32_t from = lengths[random.below(3)];
    const uint32_t to = from == 0 ? lengths[random.between(1, 2)] : from == kVnetHeader ? 12 : 10;
    Fate fate;
    convert(packet, from,
            random.below(4) == 0 ? to
            : from == 0          ? to
                                 : 0,
            static_cast<uint32_t>(random.below(random.below(3) == 0 ? 150 : 2200)), &fate);
    fates[static_cast<int>(fate)]++;
  }
  for (const uint64_t count : fates) CHECK(count > 100);
}

TEST("ports of a switch have a header of 0, 10 or 12 bytes, which everybody may ask for and set") {
  Rig rig;
  auto port = rig.open("vale0:a");
  CHECK_EQUAL(header_of(rig, "vale0:a"), 0);
  for (const uint32_t length : {12, 0, 10}) {
    CHECK_EQUAL(set_header(rig, "vale0:a", length), Status::ok);
    CHECK_EQUAL(header_of(rig, "vale0:a"), length);
  }
  for (const uint32_t length : {1u, 11u, 14u, ~0u}) {
    CHECK_EQUAL(set_header(rig, "vale0:a", length), Status::bad_header_length);
  }
  CHECK_EQUAL(header_of(rig, "vale0:a"), 10);
  CHECK_EQUAL(status_errno(Status::bad_header_length), EINVAL);

  auto pipe = rig.open("vale0:a{1", accepting());
  CHECK_EQUAL(header_of(rig, "vale0:a{1"), 0);
  CHECK_EQUAL(set_header(rig, "vale0:a{1", 10), Status::header_unsupported);
  CHECK_EQUAL(status_errno(Status::header_unsupported), ENXIO);
  for (const char* name : {"vale0:nobody", "vale9:a"}) {
    CHECK_EQUAL(status_errno(set_header(rig, name, 10)), ENXIO);
    CHECK_EQUAL(header_of(rig, name), -1);
  }
  CHECK_EQUAL(rig.files().find("switch.vale9"), std::string::npos);

  // A port that is made anew has none.
  pipe.reset();
  port.reset();
  port = rig.open("vale0:a");
  CHECK_EQUAL(header_of(rig, "vale0:a"), 0);
}

TEST("a port with a header opens only for those who accept one") {
  Rig rig;
  auto port = rig.open("vale0:a");
  CHECK_EQUAL(set_header(rig, "vale0:a", 12), Status::ok);
  std::unique_ptr<Port> other;
  CHECK_EQUAL(rig.try_open("vale0:a", &other), Status::header_required);
  CHECK_EQUAL(status_errno(Status::header_required), EIO);
  CHECK_EQUAL(rig.try_open("vale0:a", &other, accepting()), Status::ok);
  CHECK_EQUAL(set_header(rig, "vale0:a", 0), Status::ok);
  CHECK_EQUAL(rig.try_open("vale0:a", &other), Status::ok);
}

TEST("ports with the same header exchange packets as they are, by the address behind it") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  auto c = rig.open("vale0:c");
  for (const char* name : {"vale0:a", "vale0:b", "vale0:c"}) {
    CHECK_EQUAL(set_header(rig, name, kLongVnetHeader), Status::ok);
  }
  const Wish nonsense = {0xff, 0xff, 1, 2, 3};
  const auto frame_of = [&](uint64_t to, uint64_t from) {
    return with_header(nonsense, bytes_of({.payload = 5000}, to, from), kLongVnetHeader);
  };
  send_bytes(*b, frame_of(kBroadcast, station(2)));
  CHECK_EQUAL(take_all(*a).size(), 1);
  CHECK_EQUAL(take_all(*c).size(), 1);
  const Bytes packet = frame_of(station(2), station(1));
  send_bytes(*a, packet);
  CHECK(take_all(*b) == std::vector<Bytes>{packet});
  CHECK(take_all(*c).empty());
  // Its header and an Ethernet header are the least, and they have to be together.
  send_bytes(*a, Bytes(kLongVnetHeader + 13, 0xff));
  send_bytes(*a, packet, kLongVnetHeader);
  CHECK_EQUAL(sent(*a).drops_too_short + sent(*a).drops_too_many_slots, 2);
}

TEST("packets between ports with different headers get the header of their receiver") {
  const uint32_t lengths[] = {0, kVnetHeader, kLongVnetHeader};
  for (const uint32_t from : lengths) {
    for (const uint32_t to : lengths) {
      Rig rig;
      auto a = rig.open("vale0:a");
      auto b = rig.open("vale0:b");
      CHECK_EQUAL(set_header(rig, "vale0:a", from), Status::ok);
      CHECK_EQUAL(set_header(rig, "vale0:b", to), Status::ok);
      std::vector<Bytes> expected;
      for (const uint32_t payload : {0, 1, 1000, 2030, 2500, 20000}) {
        const Frame shape = {.payload = payload};
        const Bytes frame = bytes_of(shape, kBroadcast);
        const Bytes packet = from == 0 ? frame : with_header({2}, frame, from);
        put_bytes(*a, packet, 1500);
        expected.push_back(passed_on(packet, from, to));
      }
      CHECK_EQUAL(a->device().tx_sync(), Status::ok);
      CHECK(take_all(*b) == expected);
      CHECK_EQUAL(received(*b).packets, 6);
      CHECK_EQUAL(sent(*a).drops_full, 0);
    }
  }
}

TEST("a large packet reaches each receiver of a switch as that one takes it") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto plain = rig.open("vale0:plain");
  auto same = rig.open("vale0:same");
  auto longer = rig.open("vale0:longer");
  CHECK_EQUAL(set_header(rig, "vale0:a", kVnetHeader), Status::ok);
  CHECK_EQUAL(set_header(rig, "vale0:same", kVnetHeader), Status::ok);
  CHECK_EQUAL(set_header(rig, "vale0:longer", kLongVnetHeader), Status::ok);
  Random random;
  for (uint32_t i = 0; i < 50; i++) {
    const Frame shape = random_shape(random);
    const auto size = static_cast<uint16_t>(random.between(200, 1400));
    Bytes packet = with_header({0, shape.type(), size}, bytes_of(shape));
    send_bytes(*a, packet, static_cast<uint32_t>(random.between(1100, 2048)));
    CHECK(take_all(*same) == std::vector<Bytes>{packet});
    CHECK(take_all(*longer) == std::vector<Bytes>{passed_on(packet, kVnetHeader, kLongVnetHeader)});
    const uint32_t most = kVnetFrameLimit - shape.payload_at();
    check_frames(shape, take_all(*plain), std::min<uint32_t>(size, most));
  }
  CHECK_EQUAL(sent(*a).drops_full, 0);
}

TEST("a large packet whose frames do not all fit is dropped whole, and those behind it arrive") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b", accepting(8));
  CHECK_EQUAL(set_header(rig, "vale0:a", kLongVnetHeader), Status::ok);
  const auto large = [](uint32_t frames) {
    return with_header({0, kTcp4, 1000}, bytes_of({.payload = frames * 1000}), kLongVnetHeader);
  };
  put_bytes(*a, large(4));
  put_bytes(*a, large(5));
  put_bytes(*a, large(3));
  put_bytes(*a, large(60));
  CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  CHECK_EQUAL(take_all(*b).size(), 7);
  CHECK_EQUAL(sent(*a).drops_full, 2);
  CHECK_EQUAL(received(*b).packets, 7);
  // The ring is as good as before.
  for (uint32_t i = 0; i < 100; i++) {
    send_bytes(*a, large(static_cast<uint32_t>(1 + i % 7)));
    CHECK_EQUAL(take_all(*b).size(), 1 + i % 7);
  }
}

TEST("a packet with a malformed header is dropped and counted, those beside it arrive") {
  Rig rig;
  auto a = rig.open("vale0:a");
  auto b = rig.open("vale0:b");
  CHECK_EQUAL(set_header(rig, "vale0:a", kVnetHeader), Status::ok);
  const Bytes frame = bytes_of({.payload = 3000});
  send_bytes(*a, with_header({0, 77}, frame));
  CHECK(take_all(*b).empty());
  CHECK_EQUAL(sent(*a).drops_bad_header, 1);
  put_bytes(*a, with_header({}, frame));
  put_bytes(*a, with_header({0xf0}, frame));
  put_bytes(*a, with_header({0, kTcp6, 100}, frame));
  put_bytes(*a, with_header({}, frame));
  CHECK_EQUAL(a->device().tx_sync(), Status::ok);
  CHECK(take_all(*b) == std::vector<Bytes>({frame, frame}));
  CHECK_EQUAL(sent(*a).drops_bad_header, 3);
  CHECK_EQUAL(sent(*a).drops_full, 0);
}
