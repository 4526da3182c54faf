// Frames and fillers of any spec, against frames that are built anew for each packet by a plain reading of the RFCs.
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "bytes.h"
#include "test/check.h"
#include "test/fake_device.h"
#include "traffic/frame_filler.h"

namespace nm {
namespace {

using check::fake_port;
using check::FakeSlot;
using check::FakeWire;

using Bytes = std::vector<uint8_t>;

constexpr std::string_view kDirect =
    "netmap pkt-gen DIRECT payload\nhttp://info.iet.unipi.it/~luigi/netmap/ ";
constexpr std::string_view kIndirect =
    "netmap pkt-gen indirect payload\nhttp://info.iet.unipi.it/~luigi/netmap/ ";

void add_big(Bytes& bytes, uint64_t value, int count) {
  for (int i = count - 1; i >= 0; i--) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// The complement of the ones' complement sum of 16-bit words. [RFC 1071]
uint16_t plain_checksum(Bytes bytes) {
  if (bytes.size() % 2 == 1) bytes.push_back(0);
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<uint16_t>(0xffff - sum);
}

Bytes address_of(Family family, const EndpointRange& range, uint32_t value) {
  Bytes bytes;
  if (family == Family::ipv4) {
    add_big(bytes, value, 4);
    return bytes;
  }
  bytes.assign(range.address.begin(), range.address.end());
  bytes[2 * range.group] = static_cast<uint8_t>(value >> 8);
  bytes[2 * range.group + 1] = static_cast<uint8_t>(value);
  return bytes;
}

// The frame of `length` bytes with these addresses and ports.
Bytes plain_frame(const FrameSpec& spec, const Endpoints& now, uint32_t length) {
  const bool v4 = spec.family == Family::ipv4;
  const uint32_t headers = v4 ? 42 : 62;
  const uint32_t udp_length = std::max(length, headers) - headers + 8;
  const Bytes from = address_of(spec.family, spec.from, now.from_address);
  const Bytes to = address_of(spec.family, spec.to, now.to_address);
  const std::string_view text = spec.indirect ? kIndirect : kDirect;

  Bytes udp;
  add_big(udp, now.from_port, 2);
  add_big(udp, now.to_port, 2);
  add_big(udp, udp_length, 2);
  add_big(udp, 0, 2);
  const uint32_t payload = udp_length - 8;
  for (uint32_t i = 0; i < payload; i++) {
    udp.push_back(i + spec.reserved_at_end < payload ? static_cast<uint8_t>(text[i % text.size()]) : 0);
  }
  Bytes summed = from;
  summed.insert(summed.end(), to.begin(), to.end());
  if (v4) {
    add_big(summed, 17, 2);
    add_big(summed, udp_length, 2);
  } else {
    add_big(summed, udp_length, 4);
    add_big(summed, 17, 4);
  }
  summed.insert(summed.end(), udp.begin(), udp.end());
  const uint16_t checksum = plain_checksum(summed);
  store_big<uint16_t>(udp.data() + 6, checksum != 0 ? checksum : 0xffff);

  Bytes ip;
  if (v4) {
    add_big(ip, 0x4510, 2);
    add_big(ip, 20 + udp_length, 2);
    add_big(ip, 0x00004000, 4);
    add_big(ip, 0x40110000, 4);
  } else {
    add_big(ip, 0x60000000, 4);
    add_big(ip, udp_length, 2);
    add_big(ip, 0x1140, 2);
  }
  ip.insert(ip.end(), from.begin(), from.end());
  ip.insert(ip.end(), to.begin(), to.end());
  if (v4) store_big<uint16_t>(ip.data() + 10, plain_checksum(ip));

  Bytes frame(spec.to_mac.begin(), spec.to_mac.end());
  frame.insert(frame.end(), spec.from_mac.begin(), spec.from_mac.end());
  add_big(frame, v4 ? 0x0800 : 0x86dd, 2);
  frame.insert(frame.end(), ip.begin(), ip.end());
  frame.insert(frame.end(), udp.begin(), udp.end());
  frame.resize(length);
  return frame;
}

// Packet `number` of an odometer over both ranges: from's port fastest, then its address, to's port, to's address.
Endpoints plain_step(const EndpointRange& from, const EndpointRange& to, uint64_t number) {
  const auto digit = [&number](uint64_t first, uint64_t last) {
    const uint64_t choices = last - first + 1;
    const uint64_t value = first + number % choices;
    number /= choices;
    return value;
  };
  Endpoints now{};
  now.from_port = static_cast<uint16_t>(digit(from.first_port, from.last_port));
  now.from_address = static_cast<uint32_t>(digit(from.first_address, from.last_address));
  now.to_port = static_cast<uint16_t>(digit(to.first_port, to.last_port));
  now.to_address = static_cast<uint32_t>(digit(to.first_address, to.last_address));
  return now;
}

Endpoints endpoints_in(const FrameSpec& spec, const Bytes& frame) {
  const FrameLayout at = layout_of(spec.family);
  const uint8_t* const bytes = frame.data();
  Endpoints now{};
  if (spec.family == Family::ipv4) {
    now.from_address = load_big<uint32_t>(bytes + at.from_address);
    now.to_address = load_big<uint32_t>(bytes + at.to_address);
  } else {
    now.from_address = load_big<uint16_t>(bytes + at.from_address + 2 * spec.from.group);
    now.to_address = load_big<uint16_t>(bytes + at.to_address + 2 * spec.to.group);
  }
  now.from_port = load_big<uint16_t>(bytes + at.udp);
  now.to_port = load_big<uint16_t>(bytes + at.udp + 2);
  return now;
}

EndpointRange random_range(check::Random& random, Family family, bool varies) {
  const uint32_t most = family == Family::ipv4 ? UINT32_MAX : UINT16_MAX;
  EndpointRange range;
  range.first_address = static_cast<uint32_t>(random.next()) & most;
  range.last_address =
      std::min(most, range.first_address + static_cast<uint32_t>(varies ? random.below(4) : 0));
  if (range.last_address < range.first_address) range.last_address = range.first_address;
  range.first_port = static_cast<uint16_t>(random.next());
  range.last_port = static_cast<uint16_t>(
      std::min<uint32_t>(UINT16_MAX, range.first_port + static_cast<uint32_t>(varies ? random.below(4) : 0)));
  for (uint8_t& byte : range.address) byte = static_cast<uint8_t>(random.next());
  range.group = static_cast<uint8_t>(random.below(8));
  range.random = varies && random.below(4) == 0;
  return range;
}

FrameSpec random_spec(check::Random& random) {
  FrameSpec spec;
  spec.family = random.below(2) == 0 ? Family::ipv4 : Family::ipv6;
  for (uint8_t& byte : spec.to_mac) byte = static_cast<uint8_t>(random.next());
  for (uint8_t& byte : spec.from_mac) byte = static_cast<uint8_t>(random.next());
  spec.from = random_range(random, spec.family, random.below(3) != 0);
  spec.to = random_range(random, spec.family, random.below(3) != 0);
  spec.length =
      static_cast<uint32_t>(random.below(8) == 0 ? random.between(16, 65535) : random.between(16, 300));
  if (random.below(2) == 0) spec.shortest_length = static_cast<uint32_t>(random.between(16, spec.length));
  spec.indirect = random.below(2) == 0;
  spec.seed = random.next();
  return spec;
}

// Checks packet `number` of a spec against one that is built anew. What is random is as the packet says.
void check_frame(const FrameSpec& spec, const Bytes& frame, uint64_t number, bool checks_addresses = true) {
  const uint32_t headers = headers_length(spec.family);
  if (frame.size() >= headers) {
    Endpoints now = endpoints_in(spec, frame);
    if (checks_addresses) {
      EndpointRange from = spec.from;
      EndpointRange to = spec.to;
      // What is random counts as one step of the odometer.
      if (from.random) from = {now.from_address, now.from_address, now.from_port, now.from_port};
      if (to.random) to = {now.to_address, now.to_address, now.to_port, now.to_port};
      now = plain_step(from, to, number);
    }
    CHECK(frame == plain_frame(spec, now, static_cast<uint32_t>(frame.size())));
  } else {
    Bytes whole = plain_frame(spec, {}, static_cast<uint32_t>(frame.size()));
    CHECK(std::equal(frame.begin(), frame.begin() + 16, whole.begin()));
  }
  const uint32_t shortest = spec.shortest_length != 0 ? spec.shortest_length : spec.length;
  CHECK(frame.size() >= shortest && frame.size() <= spec.length);
}

TEST("frames of any spec are those that are built anew for each packet") {
  check::Random random;
  for (int round = 0; round < 400; round++) {
    const FrameSpec spec = random_spec(random);
    Frame frame{spec};
    Bytes in_place(std::max(spec.length, headers_length(spec.family)), 0xee);
    frame.write_longest(in_place.data());
    for (uint64_t number = 0; number < 40; number++) {
      Bytes bytes(in_place.size(), 0xee);
      frame.write(bytes.data());
      bytes.resize(frame.length());
      check_frame(spec, bytes, number);
      frame.write_varying(in_place.data());
      CHECK(std::equal(bytes.begin(), bytes.end(), in_place.begin()));
      frame.step();
    }
  }
}

TEST("frames have the same random addresses and lengths for the same seed, and others for another") {
  FrameSpec spec;
  spec.from.random = spec.to.random = true;
  spec.shortest_length = 50;
  spec.length = 1500;
  const auto packets = [&spec](uint64_t seed) {
    spec.seed = seed;
    Frame frame{spec};
    std::vector<Bytes> all;
    for (int i = 0; i < 100; i++, frame.step()) {
      all.emplace_back(1500);
      frame.write(all.back().data());
      all.back().resize(frame.length());
    }
    return all;
  };
  const std::vector<Bytes> first = packets(1);
  CHECK(first == packets(1));
  const std::vector<Bytes> second = packets(2);
  for (size_t i = 0; i < first.size(); i++) CHECK(first[i] != second[i]);
}

TEST("frames of random addresses and lengths reach everywhere") {
  FrameSpec spec;
  spec.from.random = true;
  spec.shortest_length = 60;
  spec.length = 63;
  Frame frame{spec};
  uint32_t ones = 0, zeros = 0;
  uint16_t port_ones = 0, port_zeros = 0;
  std::vector<int> lengths(4);
  for (int i = 0; i < 4000; i++, frame.step()) {
    Bytes bytes(64);
    frame.write(bytes.data());
    const Endpoints now = endpoints_in(spec, bytes);
    ones |= now.from_address, zeros |= ~now.from_address;
    port_ones = static_cast<uint16_t>(port_ones | now.from_port);
    port_zeros = static_cast<uint16_t>(port_zeros | ~now.from_port);
    CHECK_EQUAL(now.to_address, 0x0a010001);
    lengths[frame.length() - 60]++;
  }
  CHECK(ones == UINT32_MAX && zeros == UINT32_MAX && port_ones == UINT16_MAX && port_zeros == UINT16_MAX);
  for (const int count : lengths) CHECK(count > 850 && count < 1150);
}

TEST("frames never have 0 for a UDP checksum, which would say that there is none") {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    FrameSpec spec;
    spec.family = family;
    spec.length = 100;
    spec.from.first_port = 0;
    spec.from.last_port = UINT16_MAX;
    Frame frame{spec};
    const FrameLayout at = layout_of(family);
    int highest = 0;
    for (int i = 0; i <= UINT16_MAX; i++, frame.step()) {
      Bytes bytes(100);
      frame.write(bytes.data());
      const uint16_t checksum = load_big<uint16_t>(bytes.data() + at.udp_checksum);
      CHECK(checksum != 0);
      highest += checksum == 0xffff;
    }
    // All sums come, so that the one whose checksum is 0 does too.
    CHECK(highest >= 1);
  }
}

TEST("frames repeat where the range does, from's port first") {
  FrameSpec spec;
  spec.family = Family::ipv6;
  spec.length = 62;
  spec.from = {0xfffe, 0xffff, 65534, 65535, {}, 0, false};
  spec.to = {1, 2, 3, 4, {}, 5, false};
  Frame frame{spec};
  std::set<Bytes> seen;
  Bytes first(62);
  frame.write(first.data());
  for (int i = 0; i < 16; i++, frame.step()) {
    Bytes bytes(62);
    frame.write(bytes.data());
    seen.insert(bytes);
  }
  CHECK_EQUAL(seen.size(), 16);
  Bytes again(62);
  frame.write(again.data());
  CHECK(again == first);
}

// What a filler puts onto an endless wire, in batches.
std::vector<FakeSlot> filled(const FrameFillerOptions& options, uint32_t packets, check::Random& random,
                             uint64_t* bytes, uint32_t buffer_size) {
  const auto wire = std::make_shared<FakeWire>(size_t{1} << 20);
  const auto port = fake_port(wire, nullptr, {.slots = 256, .buffer_size = buffer_size});
  FrameFiller filler(*port, options);
  const Ring& ring = port->tx_rings()[0];
  *bytes = 0;
  for (uint32_t left = packets; left > 0;) {
    const uint32_t room = ring.space() / filler.slots_per_packet();
    CHECK(room > 0);
    const uint32_t some = static_cast<uint32_t>(random.between(1, std::min(room, left)));
    const Filled done = filler.fill(0, some, 0);
    CHECK_EQUAL(done.packets, some);
    *bytes += done.bytes;
    CHECK_EQUAL(port->device().tx_sync(), Status::ok);
    left -= some;
  }
  std::vector<FakeSlot> slots;
  FakeSlot slot;
  while (wire->receive(&slot)) slots.push_back(std::move(slot));
  return slots;
}

TEST("fillers put any spec into slots of any size, header first, and count bytes exactly") {
  check::Random random;
  for (int round = 0; round < 300; round++) {
    FrameFillerOptions options;
    options.frame = random_spec(random);
    options.frame.indirect = false;
    options.frame.length = std::min(options.frame.length, 3000u);
    options.frame.shortest_length = std::min(options.frame.shortest_length, options.frame.length);
    const uint32_t headers[] = {0, 10, 12};
    options.header_length = headers[random.below(3)];
    options.contents = random.below(3) == 0 ? Contents::always : Contents::once;
    options.fragments = static_cast<uint32_t>(random.below(2) == 0 ? 1 : random.between(1, 63));
    options.longest_fragment = static_cast<uint32_t>(random.below(2) == 0 ? 0 : random.between(30, 4000));
    const uint32_t buffer_size = static_cast<uint32_t>(random.below(3) == 0 ? 64 : 2048);
    const uint32_t longest =
        options.longest_fragment == 0 ? buffer_size : std::min(buffer_size, options.longest_fragment);

    uint64_t counted = 0;
    const std::vector<FakeSlot> slots = filled(options, 100, random, &counted, buffer_size);
    Bytes packet;
    uint32_t parts = 0;
    uint64_t packets = 0;
    uint64_t bytes = 0;
    for (const FakeSlot& slot : slots) {
      CHECK(!slot.bytes.empty() && slot.bytes.size() <= longest);
      packet.insert(packet.end(), slot.bytes.begin(), slot.bytes.end());
      parts++;
      if ((slot.flags & abi::NS_MOREFRAG) != 0) continue;
      const uint32_t size = static_cast<uint32_t>(packet.size());
      CHECK_EQUAL(parts, std::max(std::min(options.fragments, size), (size + longest - 1) / longest));
      CHECK(std::all_of(packet.begin(), packet.begin() + options.header_length,
                        [](uint8_t byte) { return byte == 0; }));
      bytes += size;
      packet.erase(packet.begin(), packet.begin() + options.header_length);
      check_frame(options.frame, packet, packets++);
      packet.clear();
      parts = 0;
    }
    CHECK_EQUAL(packets, 100);
    CHECK_EQUAL(bytes, counted);
    CHECK(packet.empty());
  }
}

TEST("fillers draw every bit of random addresses and ports, the same for the same seed") {
  FrameFillerOptions options;
  options.frame.from.random = options.frame.to.random = true;
  const auto endpoints = [&options](uint64_t seed) {
    options.frame.seed = seed;
    check::Random random(1);
    uint64_t counted = 0;
    std::vector<Endpoints> all;
    for (const FakeSlot& slot : filled(options, 4000, random, &counted, 2048)) {
      all.push_back(endpoints_in(options.frame, slot.bytes));
    }
    return all;
  };
  const auto key = [](const Endpoints& now) {
    return std::array{now.from_address, now.to_address, uint32_t{now.from_port} << 16 | now.to_port};
  };

  const std::vector<Endpoints> drawn = endpoints(1);
  const std::vector<Endpoints> again = endpoints(1);
  const std::vector<Endpoints> others = endpoints(2);
  CHECK_EQUAL(drawn.size(), 4000);
  std::array<int, 96> ones{};
  std::set<std::array<uint32_t, 3>> seen;
  for (size_t i = 0; i < drawn.size(); i++) {
    const auto words = key(drawn[i]);
    CHECK(words == key(again[i]));
    CHECK(words != key(others[i]));
    CHECK(seen.insert(words).second);
    for (size_t bit = 0; bit < ones.size(); bit++) ones[bit] += words[bit / 32] >> bit % 32 & 1;
  }
  // Six standard deviations from the half: one bit in 500 million would be farther off by chance.
  for (const int count : ones) CHECK(count > 1810 && count < 2190);
}

TEST("fillers mark frames of any spec so that a receiver finds each whole") {
  check::Random random;
  for (int round = 0; round < 200; round++) {
    FrameFillerOptions options;
    options.frame = random_spec(random);
    options.frame.indirect = false;
    const uint32_t least = shortest_marked(options.frame.family);
    options.frame.length = std::clamp(options.frame.length, least, 3000u);
    if (options.frame.shortest_length != 0)
      options.frame.shortest_length = std::clamp(options.frame.shortest_length, least, options.frame.length);
    options.mark = true;
    options.fragments = static_cast<uint32_t>(random.between(1, 3));
    uint64_t counted = 0;
    uint64_t packets = 0;
    Bytes packet;
    for (const FakeSlot& slot : filled(options, 100, random, &counted, 2048)) {
      packet.insert(packet.end(), slot.bytes.begin(), slot.bytes.end());
      if ((slot.flags & abi::NS_MOREFRAG) != 0) continue;
      const uint32_t size = static_cast<uint32_t>(packet.size());
      Mark mark;
      CHECK(read_mark(packet.data(), size, &mark) == MarkState::whole);
      CHECK_EQUAL(mark.sequence, packets++);

      // The UDP checksum covers the mark: with the mark as it is, a checksum that is made anew is the same.
      const FrameLayout at = layout_of(options.frame.family);
      Bytes summed(packet.begin() + at.from_address, packet.begin() + at.udp);
      add_big(summed, size - at.udp, 4);
      add_big(summed, 17, 4);
      summed.insert(summed.end(), packet.begin() + at.udp, packet.end());
      CHECK_EQUAL(plain_checksum(summed), 0);
      packet.clear();
    }
    CHECK_EQUAL(packets, 100);
  }
}

TEST("a packet whose last part would be too long for a buffer is cut more evenly") {
  FrameFillerOptions options;
  options.frame.length = 2048 * 3 - 1;
  options.fragments = 3;
  options.longest_fragment = 2047;
  check::Random random;
  uint64_t bytes = 0;
  std::vector<size_t> lengths;
  for (const FakeSlot& slot : filled(options, 1, random, &bytes, 2048)) lengths.push_back(slot.bytes.size());
  CHECK(lengths == std::vector<size_t>({2047, 2047, 2047, 2}));

  options.frame.length = 6140;
  lengths.clear();
  for (const FakeSlot& slot : filled(options, 1, random, &bytes, 2048)) lengths.push_back(slot.bytes.size());
  CHECK(lengths == std::vector<size_t>({2047, 2047, 2046}));
}

TEST("fillers let slots point to their own memory when packets are indirect") {
  const auto port = fake_port(nullptr, nullptr, {.slots = 64});
  FrameFillerOptions options;
  options.indirect = true;
  options.frame.from.last_port = 2000;
  options.fragments = 2;
  FrameFiller filler(*port, options);
  const Ring& ring = port->tx_rings()[0];
  CHECK_EQUAL(filler.fill(0, 10, 0).bytes, 600);
  FrameSpec spec = options.frame;
  spec.indirect = true;
  for (uint32_t packet = 0; packet < 10; packet++) {
    Bytes bytes;
    for (uint32_t part = 0; part < 2; part++) {
      const abi::netmap_slot& slot = ring.slot(packet * 2 + part);
      CHECK((slot.flags & abi::NS_INDIRECT) != 0);
      const auto* from = reinterpret_cast<const uint8_t*>(slot.ptr);
      bytes.insert(bytes.end(), from, from + slot.len);
      CHECK(std::all_of(ring.buffer(slot.buf_idx), ring.buffer(slot.buf_idx) + 60,
                        [](uint8_t byte) { return byte == 0; }));
    }
    check_frame(spec, bytes, packet);
  }
}

TEST("fillers give each packet its mark, in buffers that are exchanged, in place and past the caches") {
  check::Random random;
  for (int round = 0; round < 60; round++) {
    const bool hands_over = random.below(4) != 0;
    const uint32_t buffer_size = random.below(2) == 0 ? 2112 : 2000;
    const auto port = fake_port(nullptr, nullptr,
                                {.slots = 512, .buffer_size = buffer_size, .hands_over_buffers = hands_over});
    auto& device = static_cast<check::FakeDevice&>(port->device());
    const Ring& ring = port->tx_rings()[0];
    FrameFillerOptions options;
    options.mark = true;
    options.first_stream = 5;
    options.frame.length = static_cast<uint32_t>(random.between(60, 140));
    options.header_length = random.below(4) == 0 ? 12 : 0;
    FrameFiller filler(*port, options);
    FrameSpec spec = options.frame;
    spec.reserved_at_end = kMarkLength;
    const Frame frame{spec};

    uint32_t spare = device.extra_buffer(0);
    uint64_t next = 0;
    for (int batch = 0; batch < 12; batch++) {
      const uint32_t first = ring.head();
      const uint32_t packets = static_cast<uint32_t>(random.between(1, ring.space()));
      // As a receiver does that swaps buffers.
      for (int i = 0; i < 8; i++) {
        std::swap(ring.slot(static_cast<uint32_t>(random.below(ring.slots()))).buf_idx, spare);
      }
      CHECK_EQUAL(filler.fill(0, packets, 1000).packets, packets);
      for (uint32_t i = 0, slot = first; i < packets; i++, slot = ring.next(slot)) {
        CHECK_EQUAL(ring.slot(slot).len, options.header_length + options.frame.length);
        const uint8_t* const at = ring.buffer(ring.slot(slot).buf_idx) + options.header_length;
        Mark mark;
        CHECK(read_mark(at, options.frame.length, &mark) == MarkState::whole);
        CHECK_EQUAL(mark.stream, 5);
        CHECK_EQUAL(mark.sequence, next++);
        Bytes expected(options.frame.length);
        frame.write(expected.data());
        Marker(frame, 5).write(frame, expected.data(), mark.sequence, mark.sent_ns);
        CHECK(std::equal(expected.begin(), expected.end(), at));
      }
      CHECK_EQUAL(device.tx_sync(), Status::ok);
    }
  }
}

}  // namespace
}  // namespace nm
