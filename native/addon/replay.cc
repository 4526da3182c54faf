#include "addon/replay.h"

#include <fcntl.h>

#include <algorithm>
#include <string>
#include <utility>

#include "addon/background.h"
#include "addon/filter_handle.h"
#include "addon/models.h"
#include "addon/read.h"
#include "addon/result.h"
#include "traffic/replay/feed.h"
#include "traffic/replay/read_ahead.h"
#include "traffic/replay/rehearsal.h"
#include "traffic/replay/replayer.h"

namespace nm::addon {
namespace {

// Calls `each` for each object of the array of that name.
template <typename Each>
void read_array(Napi::Object from, const char* name, Each each) {
  const Napi::Value value = from.Get(name);
  if (!value.IsArray()) return;
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value element = array.Get(i);
    if (element.IsObject()) each(element.As<Napi::Object>());
  }
}

// { address: 4 or 16 bytes, bits }; no bits at all when it is none.
Network read_network(Napi::Object from) {
  Network network;
  std::array<uint8_t, 4> short_address{};
  const Napi::Value address = from.Get("address");
  const bool is_long = address.IsTypedArray() && address.As<Napi::TypedArray>().ElementLength() == 16;
  network.ip = is_long ? 6 : 4;
  if (is_long) {
    read(from, "address", &network.address);
  } else {
    read(from, "address", &short_address);
    std::copy(short_address.begin(), short_address.end(), network.address.begin());
  }
  read(from, "bits", &network.bits);
  network.bits = std::min<uint8_t>(network.bits, is_long ? 128 : 32);
  return network;
}

std::optional<EditSpec::MacBytes> read_mac(Napi::Value value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().ElementLength() != kMacLength)
    return std::nullopt;
  EditSpec::MacBytes mac;
  std::copy_n(value.As<Napi::Uint8Array>().Data(), kMacLength, mac.begin());
  return mac;
}

// Those for the packets of each side: [mac or undefined, mac or undefined].
void read_macs(Napi::Object from, const char* name, std::array<std::optional<EditSpec::MacBytes>, 2>* macs) {
  const Napi::Value value = from.Get(name);
  if (!value.IsArray()) return;
  for (uint32_t side = 0; side < macs->size(); side++)
    (*macs)[side] = read_mac(value.As<Napi::Array>().Get(side));
}

EditSpec read_edit(Napi::Object from) {
  EditSpec edit;
  read_macs(from, "toMac", &edit.to_mac);
  read_macs(from, "fromMac", &edit.from_mac);
  read_array(from, "maps", [&](Napi::Object map) {
    const AddressMap read = {read_network(read_object(map, "from")), read_network(read_object(map, "to"))};
    if (read.from.ip == read.to.ip && read.from.bits == read.to.bits) edit.maps.push_back(read);
  });
  if (from.Get("randomSeed").IsNumber()) read(from, "randomSeed", &edit.random_seed.emplace());
  read(from, "popVlan", &edit.pop_vlan);
  if (from.Get("pushVlan").IsNumber()) read(from, "pushVlan", &edit.push_vlan.emplace());
  return edit;
}

SideSpec read_sides(Napi::Object from) {
  SideSpec sides;
  read(from, "rule", &sides.rule);
  read_array(from, "networks",
             [&](Napi::Object network) { sides.networks.push_back(read_network(network)); });
  read_array(from, "macs", [&](Napi::Object bytes) {
    if (const auto mac = read_mac(bytes)) sides.macs.push_back(*mac);
  });
  return sides;
}

FeedOptions read_feed(Napi::Object from) {
  FeedOptions options;
  read(from, "passes", &options.passes);
  read(from, "fromNs", &options.from_ns);
  read(from, "toNs", &options.to_ns);
  read(from, "limit", &options.limit);
  read(from, "longestGapNs", &options.longest_gap_ns);
  options.filter = FilterHandle::from(from.Get("filter"));
  options.sides = read_sides(read_object(from, "sides"));
  options.edit = read_edit(read_object(from, "edit"));
  read_model(from, "bandwidth", &options.bandwidth);
  read_model(from, "loss", &options.loss);
  read_model(from, "delay", &options.delay);
  read(from, "seed", &options.seed);
  return options;
}

// What a replay relies on. lib/replay.ts says it in words; this keeps the process alive.
bool can_be(const FeedOptions& options) {
  return options.sides.rule <= SideRule::macs && options.bandwidth.model != BandwidthModel::average &&
         make_bandwidth(options.bandwidth) != nullptr && make_loss(options.loss, 0) != nullptr &&
         make_delay(options.delay, 0) != nullptr;
}

bool fit(const std::vector<Port*>& ports, const FeedOptions& options) {
  const size_t sides = options.sides.rule == SideRule::one ? 1 : 2;
  const auto sends = [](const Port* port) { return !port->tx_rings().empty(); };
  return ports.size() == sides && std::all_of(ports.begin(), ports.end(), sends);
}

// A descriptor of our own of the file that JavaScript has open, or -1.
int read_descriptor(Napi::Object from) {
  int descriptor = -1;
  read(from, "descriptor", &descriptor);
  return fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

Napi::Array shown(Napi::Env env, const std::vector<Rehearsal::Shown>& packets) {
  Napi::Array array = Napi::Array::New(env);
  for (const Rehearsal::Shown& packet : packets) {
    Napi::Object object = Napi::Object::New(env);
    object["dueNs"] = Napi::Number::New(env, static_cast<double>(packet.due_ns));
    object["length"] = Napi::Number::New(env, packet.length);
    object["side"] = Napi::Number::New(env, packet.side);
    object["bytes"] = Napi::Buffer<uint8_t>::Copy(env, packet.bytes.data(), packet.bytes.size());
    array[array.Length()] = object;
  }
  return array;
}

// See NativeRehearsal in lib/native.ts.
Napi::Object found_by(Napi::Env env, const Rehearsal& rehearsal) {
  const auto number = [env](uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  Napi::Object object = Napi::Object::New(env);
  Napi::Array counts = Napi::Array::New(env);
#define row(name, text) counts[counts.Length()] = number(rehearsal.counts().name);
  NM_FEED_COUNTS(row)
#undef row
  object["counts"] = counts;
  Napi::Array sides = Napi::Array::New(env);
  for (size_t side = 0; side < rehearsal.packets().size(); side++) {
    Napi::Object one = Napi::Object::New(env);
    one["packets"] = number(rehearsal.packets()[side]);
    one["bytes"] = number(rehearsal.bytes()[side]);
    sides[sides.Length()] = one;
  }
  object["sides"] = sides;
  object["lastDueNs"] = number(rehearsal.last_due_ns());
  object["end"] = number(static_cast<uint64_t>(rehearsal.end().kind));
  object["fault"] = number(static_cast<uint64_t>(rehearsal.end().fault.kind));
  object["faultOffset"] = number(rehearsal.end().fault.offset);
  object["faultFound"] = number(rehearsal.end().fault.found);
  object["writeError"] = number(static_cast<uint64_t>(rehearsal.write_error()));
  object["shown"] = shown(env, rehearsal.shown());
  return object;
}

// Of { descriptor, kind, names }: where to write what would be sent.
std::optional<CaptureWriter> read_writer(Napi::Object from) {
  int descriptor = -1;
  read(from, "descriptor", &descriptor);
  if (descriptor < 0) return std::nullopt;
  auto kind = CaptureKind::pcapng;
  read(from, "kind", &kind);
  std::vector<CaptureInterface> interfaces;
  const Napi::Value names = from.Get("names");
  for (uint32_t i = 0; names.IsArray() && i < names.As<Napi::Array>().Length(); i++) {
    CaptureInterface interface;
    interface.name = names.As<Napi::Array>().Get(i).ToString();
    interfaces.push_back(std::move(interface));
  }
  return CaptureWriter(descriptor, CaptureEncoder(kind, "nm", std::move(interfaces)));
}

// rehearse(options): see background.h; or minus a status.
Napi::Value rehearse(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsObject()) return failure(env, Status::bad_request);
  const auto from = info[0].As<Napi::Object>();
  FeedOptions options = read_feed(from);
  options.longest = Batch::kBytes;
  RehearsalOptions rehearsal;
  read(from, "shown", &rehearsal.shown);
  read(from, "durationNs", &rehearsal.duration_ns);
  const int descriptor = can_be(options) ? read_descriptor(from) : -1;
  if (descriptor < 0) return failure(env, Status::bad_request);
  auto job = std::make_shared<Rehearsal>(std::make_unique<Feed>(descriptor, options), rehearsal,
                                         read_writer(read_object(from, "write")));
  return Background<Rehearsal>::start(env, "nm:rehearsal", std::move(job), found_by);
}

}  // namespace

std::unique_ptr<Loop> make_replay(const std::vector<Port*>& ports, Napi::Object from, Dump*) {
  FeedOptions options = read_feed(from);
  ReplayerOptions replay;
  bool live = false;
  replay.timed =
      options.bandwidth.model != BandwidthModel::infinite || options.delay.model != DelayModel::none;
  replay.burst = replay.timed ? ReplayerOptions::kTimedBurst : ReplayerOptions::kFastBurst;
  read(from, "burst", &replay.burst);
  read(from, "durationNs", &replay.duration_ns);
  read(from, "lingerNs", &replay.linger_ns);
  read(from, "live", &live);
  if (!can_be(options) || !fit(ports, options) || replay.burst == 0) return nullptr;
  options.longest = Replayer::longest_packet(ports);

  const int descriptor = read_descriptor(from);
  if (descriptor < 0) return nullptr;
  std::unique_ptr<PieceSource> source = std::make_unique<Feed>(descriptor, options);
  // At top speed a file is better read between the packets than by a thread that competes with the receiver's.
  if (replay.timed || live) source = std::make_unique<ReadAhead>(std::move(source));
  return std::make_unique<Replayer>(ports, replay, std::move(source));
}

void install_rehearsal(Napi::Env env, Napi::Object exports) {
  exports["rehearse"] = Napi::Function::New(env, rehearse, "rehearse");
}

}  // namespace nm::addon
