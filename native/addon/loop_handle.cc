#include "addon/loop_handle.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "addon/balancer.h"
#include "addon/budget_handle.h"
#include "addon/capturer.h"
#include "addon/forwarder.h"
#include "addon/histogram.h"
#include "addon/link.h"
#include "addon/port_handle.h"
#include "addon/read.h"
#include "addon/recording_handle.h"
#include "addon/replay.h"
#include "addon/result.h"
#include "addon/schedule.h"
#include "traffic/generator.h"
#include "traffic/numbers.h"
#include "traffic/pinger.h"
#include "traffic/ponger.h"
#include "traffic/recording.h"
#include "traffic/sink.h"
#include "traffic/streams.h"

namespace nm::addon {
namespace {

void read_endpoint(Napi::Object from, EndpointRange* range) {
  read(from, "firstAddress", &range->first_address);
  read(from, "lastAddress", &range->last_address);
  read(from, "firstPort", &range->first_port);
  read(from, "lastPort", &range->last_port);
  read(from, "address", &range->address);
  read(from, "group", &range->group);
  read(from, "random", &range->random);
}

void read_frame(Napi::Object from, FrameSpec* frame) {
  read(from, "toMac", &frame->to_mac);
  read(from, "fromMac", &frame->from_mac);
  read(from, "length", &frame->length);
  read(from, "shortestLength", &frame->shortest_length);
  read(from, "family", &frame->family);
  read(from, "seed", &frame->seed);
  read_endpoint(read_object(from, "from"), &frame->from);
  read_endpoint(read_object(from, "to"), &frame->to);
}

void read_pace(Napi::Object from, PaceOptions* pace) {
  read(from, "burstNs", &pace->burst_ns);
  read(from, "gathers", &pace->gathers);
  read(from, "patienceNs", &pace->patience_ns);
}

GeneratorOptions read_generator_options(Napi::Object from) {
  GeneratorOptions options;
  read_frame(read_object(from, "frame"), &options.frame);
  read(from, "count", &options.count);
  read(from, "durationNs", &options.duration_ns);
  read(from, "startNs", &options.start_ns);
  read(from, "burst", &options.burst);
  options.schedule = read_schedule(from);
  read_pace(read_object(from, "pace"), &options.pace);
  read(from, "contents", &options.contents);
  read(from, "headerLength", &options.header_length);
  read(from, "indirect", &options.indirect);
  read(from, "fragments", &options.fragments);
  read(from, "longestFragment", &options.longest_fragment);
  read(from, "mark", &options.mark);
  read(from, "firstStream", &options.first_stream);
  read(from, "lingerNs", &options.linger_ns);
  return options;
}

SinkOptions read_sink_options(Napi::Object from) {
  SinkOptions options;
  read(from, "count", &options.count);
  options.budget = BudgetHandle::from(from.Get("budget"));
  read(from, "durationNs", &options.duration_ns);
  read(from, "idleNs", &options.idle_ns);
  read(from, "burst", &options.burst);
  read(from, "measure", &options.measure);
  read(from, "checkNumbers", &options.check_numbers);
  read(from, "touch", &options.touch);
  read(from, "headerLength", &options.header_length);
  return options;
}

bool can_be(const EndpointRange& range) {
  return range.first_address <= range.last_address && range.first_port <= range.last_port && range.group < 8;
}

bool can_be(const FrameSpec& frame, bool mark) {
  if (frame.family != Family::ipv4 && frame.family != Family::ipv6) return false;
  const uint32_t least = frame.shortest_length != 0 ? frame.shortest_length : frame.length;
  return least >= (mark ? shortest_marked(frame.family) : kShortestFrame) && least <= frame.length &&
         frame.length <= kLongestFrame && can_be(frame.from) && can_be(frame.to);
}

// What a loop relies on, asserted there. lib/traffic.ts says it in words; this keeps the process alive.
bool fits(const GeneratorOptions& options, const Port& port) {
  return !port.tx_rings().empty() && can_be(options.frame, options.mark) && options.burst > 0 &&
         options.fragments > 0 && options.header_length <= kLongestVirtioHeader &&
         options.frame.length + options.header_length <= kLongestFrame && nm::addon::fits(options.schedule) &&
         options.pace.burst_ns > 0 && options.contents <= Contents::always &&
         !(options.mark && options.contents == Contents::never);
}

std::unique_ptr<Loop> make_generator(const std::vector<Port*>& ports, Napi::Object from, Dump* dump) {
  Port& port = *ports.front();
  GeneratorOptions options = read_generator_options(from);
  options.dump = dump;
  if (!fits(options, port)) return nullptr;
  if (std::shared_ptr<const Recording> recording = RecordingHandle::from(from.Get("recording"))) {
    if (recording->packets().empty()) return nullptr;
    RecordingFillerOptions recorded;
    recorded.recording = std::move(recording);
    recorded.first = options.schedule.share.index;
    recorded.step = options.schedule.share.of;
    recorded.header_length = options.header_length;
    recorded.longest_fragment = options.longest_fragment;
    recorded.dump = dump;
    return std::make_unique<Generator>(port, options, std::make_unique<RecordingFiller>(port, recorded));
  }
  bool numbered = false;
  read(from, "numbered", &numbered);
  if (numbered) {
    const FrameSpec& frame = options.frame;
    if (frame.shortest_length != 0 || frame.length < headers_length(frame.family) + kNumberLength ||
        options.header_length + frame.length > port.tx_rings().front().buffer_size()) {
      return nullptr;
    }
    return std::make_unique<Generator>(port, options, std::make_unique<NumberFiller>(port, options));
  }
  return std::make_unique<Generator>(port, options);
}

PingerOptions read_pinger_options(Napi::Object from) {
  PingerOptions options;
  read_frame(read_object(from, "frame"), &options.frame);
  read(from, "count", &options.count);
  read(from, "durationNs", &options.duration_ns);
  read(from, "startNs", &options.start_ns);
  read(from, "burst", &options.burst);
  options.schedule = read_schedule(from);
  read_pace(read_object(from, "pace"), &options.pace);
  read(from, "headerLength", &options.header_length);
  read(from, "patienceNs", &options.patience_ns);
  return options;
}

std::unique_ptr<Loop> make_pinger(const std::vector<Port*>& ports, Napi::Object from, Dump* dump) {
  Port& port = *ports.front();
  PingerOptions options = read_pinger_options(from);
  options.dump = dump;
  if (port.tx_rings().empty() || port.rx_rings().empty()) return nullptr;
  const bool possible =
      can_be(options.frame, false) && options.frame.shortest_length == 0 &&
      options.frame.length >= RoundTripFrame::shortest(options.frame.family) &&
      options.header_length <= kLongestVirtioHeader &&
      options.header_length + options.frame.length <= port.tx_rings().front().buffer_size() &&
      options.burst > 0 && options.burst <= kLargestPingBurst && nm::addon::fits(options.schedule) &&
      options.pace.burst_ns > 0;
  return possible ? std::make_unique<Pinger>(port, options) : nullptr;
}

std::unique_ptr<Loop> make_ponger(const std::vector<Port*>& ports, Napi::Object from, Dump* dump) {
  Port& port = *ports.front();
  PongerOptions options;
  read(from, "count", &options.count);
  options.budget = BudgetHandle::from(from.Get("budget"));
  read(from, "durationNs", &options.duration_ns);
  read(from, "idleNs", &options.idle_ns);
  read(from, "burst", &options.burst);
  read(from, "headerLength", &options.header_length);
  read(from, "lingerNs", &options.linger_ns);
  options.dump = dump;
  const bool possible = !port.tx_rings().empty() && !port.rx_rings().empty() && options.burst > 0 &&
                        options.header_length <= kLongestVirtioHeader;
  return possible ? std::make_unique<Ponger>(port, options) : nullptr;
}

std::unique_ptr<Loop> make_sink(const std::vector<Port*>& ports, Napi::Object from, Dump* dump) {
  Port& port = *ports.front();
  SinkOptions options = read_sink_options(from);
  options.dump = dump;
  if (port.rx_rings().empty() || options.burst == 0) return nullptr;
  return std::make_unique<Sink>(port, options);
}

// The queue that { capacity, longest } asks for.
std::unique_ptr<Dump> make_dump(Napi::Object options) {
  const Napi::Value wanted = options.Get("dump");
  if (!wanted.IsObject()) return nullptr;
  uint32_t capacity = 0;
  uint32_t longest = 0;
  read(wanted.As<Napi::Object>(), "capacity", &capacity);
  read(wanted.As<Napi::Object>(), "longest", &longest);
  return capacity == 0 ? nullptr : std::make_unique<Dump>(capacity, longest);
}

Napi::Object dump_entry(Napi::Env env, const Dump::Entry& entry) {
  Napi::Object object = Napi::Object::New(env);
  object["ring"] = Napi::Number::New(env, entry.ring);
  object["slot"] = Napi::Number::New(env, entry.slot);
  object["buffer"] = Napi::Number::New(env, entry.buffer);
  object["flags"] = Napi::Number::New(env, entry.flags);
  object["length"] = Napi::Number::New(env, entry.length);
  object["bytes"] = Napi::Buffer<uint8_t>::Copy(env, entry.bytes.data(), entry.bytes.size());
  return object;
}

}  // namespace

void LoopHandle::install(Napi::Env env, Napi::Object exports) {
  Napi::Function constructor = DefineClass(env, "NativeLoop",
                                           {
                                               InstanceMethod<&LoopHandle::progress>("progress"),
                                               InstanceMethod<&LoopHandle::take_min_space>("takeMinSpace"),
                                               InstanceMethod<&LoopHandle::take_dump>("takeDump"),
                                               InstanceMethod<&LoopHandle::histograms>("histograms"),
                                               InstanceMethod<&LoopHandle::streams>("streams"),
                                               InstanceMethod<&LoopHandle::numbers>("numbers"),
                                               InstanceMethod<&LoopHandle::counts>("counts"),
                                               InstanceMethod<&LoopHandle::reconfigure>("reconfigure"),
                                               InstanceMethod<&LoopHandle::stop>("stop"),
                                           });
  auto* reference = new Napi::FunctionReference(Napi::Persistent(constructor));
  env.AddCleanupHook([reference] { delete reference; });
  exports["startGenerator"] = Napi::Function::New(env, start_generator, "startGenerator", reference);
  exports["startSink"] = Napi::Function::New(env, start_sink, "startSink", reference);
  exports["startPinger"] = Napi::Function::New(env, start_pinger, "startPinger", reference);
  exports["startPonger"] = Napi::Function::New(env, start_ponger, "startPonger", reference);
  exports["startReplay"] = Napi::Function::New(env, start_replay, "startReplay", reference);
  exports["startCapturer"] = Napi::Function::New(env, start_capturer, "startCapturer", reference);
  exports["startBalancer"] = Napi::Function::New(env, start_balancer, "startBalancer", reference);
  exports["startForwarder"] = Napi::Function::New(env, start_forwarder, "startForwarder", reference);
  exports["startLink"] = Napi::Function::New(env, start_link, "startLink", reference);
}

Napi::Value LoopHandle::start_generator(const Napi::CallbackInfo& info) {
  return start(info, make_generator);
}
Napi::Value LoopHandle::start_sink(const Napi::CallbackInfo& info) { return start(info, make_sink); }
Napi::Value LoopHandle::start_pinger(const Napi::CallbackInfo& info) { return start(info, make_pinger); }
Napi::Value LoopHandle::start_ponger(const Napi::CallbackInfo& info) { return start(info, make_ponger); }

Napi::Value LoopHandle::start_replay(const Napi::CallbackInfo& info) { return start(info, make_replay); }
Napi::Value LoopHandle::start_capturer(const Napi::CallbackInfo& info) { return start(info, make_capturer); }
Napi::Value LoopHandle::start_balancer(const Napi::CallbackInfo& info) { return start(info, make_balancer); }
Napi::Value LoopHandle::start_forwarder(const Napi::CallbackInfo& info) {
  return start(info, make_forwarder);
}
Napi::Value LoopHandle::start_link(const Napi::CallbackInfo& info) { return start(info, make_link); }

// start…(port or ports, options): a NativeLoop whose `ended` resolves to 0 or minus a status; or minus a status.
Napi::Value LoopHandle::start(const Napi::CallbackInfo& info, MakeLoop make_loop) {
  Napi::Env env = info.Env();
  std::vector<PortHandle*> ports;
  if (info[0].IsArray()) {
    const auto array = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) ports.push_back(PortHandle::from(array.Get(i)));
  } else {
    ports.push_back(PortHandle::from(info[0]));
  }
  const bool all = std::find(ports.begin(), ports.end(), nullptr) == ports.end();
  if (!all || ports.empty() || !info[1].IsObject()) return failure(env, Status::bad_request);

  auto* constructor = static_cast<Napi::FunctionReference*>(info.Data());
  Napi::Object self = constructor->New({});
  const Status status = Unwrap(self)->begin(env, ports, info[1].As<Napi::Object>(), make_loop);
  if (status != Status::ok) return failure(env, status);
  return self;
}

LoopHandle::LoopHandle(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

LoopHandle::~LoopHandle() { halt(); }

Status LoopHandle::begin(Napi::Env env, const std::vector<PortHandle*>& ports, Napi::Object options,
                         MakeLoop make_loop) {
  std::vector<Port*> loops_ports;
  for (PortHandle* const port : ports) {
    if (!port->idle()) return Status::port_in_use;
    loops_ports.push_back(&port->port());
  }
  dump_ = make_dump(options);
  std::unique_ptr<Loop> loop = make_loop(loops_ports, options, dump_.get());
  if (loop == nullptr) return Status::bad_request;
  Placement placement;
  read(options, "cpu", &placement.cpu);
  read(options, "stays", &placement.stays);
  read(options, "realtime", &placement.realtime);

  uv_loop_t* events = nullptr;
  if (napi_get_uv_event_loop(env, &events) != napi_ok) return Status::system_error;
  auto* notice = new Notice;
  if (uv_async_init(events, &notice->async, on_notice) != 0) {
    delete notice;
    return Status::system_error;
  }
  notice->async.data = notice;
  notice->loop = this;
  notice_ = notice;
  napi_add_async_cleanup_hook(env, on_environment_end, notice, &notice->cleanup);

  worker_ = std::make_unique<Worker>(std::move(loop), placement, [notice] { uv_async_send(&notice->async); });
  const Status status = worker_->start();
  if (status != Status::ok) {
    close_notice();
    return status;
  }

  ports_ = ports;
  for (PortHandle* const port : ports) {
    keep_ports_.push_back(Napi::Persistent(port->Value()));
    port->occupy(this);
  }
  ended_.emplace(env);
  context_.emplace(env, "nm:traffic");
  Value()["ended"] = ended_->Promise();
  Ref();
  return Status::ok;
}

void LoopHandle::halt() {
  if (ports_.empty()) return;
  worker_->stop();
  worker_->join();
  for (PortHandle* const port : ports_) {
    port->port().device().allow_waiting();
    port->occupy(nullptr);
  }
  ports_.clear();
}

void LoopHandle::on_notice(uv_async_t* async) { static_cast<Notice*>(async->data)->loop->settle(); }

void LoopHandle::settle() {
  halt();
  close_notice();
  keep_ports_.clear();

  Napi::Env env = Env();
  Napi::HandleScope handles(env);
  [[maybe_unused]] const Napi::Object keep = Value();
  // Without a callback scope the code that awaits the promise would not run before the next callback of somebody else.
  Napi::CallbackScope callback(env, *context_);
  const auto status = static_cast<Status>(worker_->progress().status.load(std::memory_order_relaxed));
  ended_->Resolve(result(env, status));
  Unref();
}

// Nobody is left to tell: JavaScript does not run any more.
void LoopHandle::on_environment_end(napi_async_cleanup_hook_handle, void* notice) {
  LoopHandle* self = static_cast<Notice*>(notice)->loop;
  self->halt();
  self->close_notice();
}

void LoopHandle::close_notice() {
  uv_close(reinterpret_cast<uv_handle_t*>(&notice_->async), on_closed);
  notice_ = nullptr;
}

void LoopHandle::on_closed(uv_handle_t* handle) {
  auto* notice = static_cast<Notice*>(handle->data);
  napi_remove_async_cleanup_hook(notice->cleanup);
  delete notice;
}

// One number for each row of NM_PROGRESS, in that order.
Napi::Value LoopHandle::progress(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array values = Napi::Array::New(env);
  if (worker_ == nullptr) return values;
  // Read first: whoever sees that the loop has ended sees its last figures.
  const Progress& progress = worker_->progress();
  progress.running.load(std::memory_order_acquire);
#define row(name, first, text) \
  values[values.Length()] =    \
      Napi::Number::New(env, static_cast<double>(progress.name.load(std::memory_order_relaxed)));
  NM_PROGRESS(row)
#undef row
  return values;
}

// The fewest free slots since the last call, -1 when nothing was received meanwhile.
Napi::Value LoopHandle::take_min_space(const Napi::CallbackInfo& info) {
  const uint64_t space = worker_ == nullptr ? kNoSpaceSeen : worker_->progress().take_min_space();
  return Napi::Number::New(info.Env(), space == kNoSpaceSeen ? -1 : static_cast<double>(space));
}

Napi::Value LoopHandle::take_dump(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Array array = Napi::Array::New(env);
  if (dump_ == nullptr) return array;
  for (const Dump::Entry& entry : dump_->take()) array[array.Length()] = dump_entry(env, entry);
  return array;
}

// { name: histogram } of all that the loop keeps.
Napi::Value LoopHandle::histograms(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Napi::Object object = Napi::Object::New(env);
  if (worker_ == nullptr) return object;
#define row(name, text)                                                       \
  if (const Histogram* kept = worker_->loop().histogram(Measured::name)) \
    object[#name] = sparse_counts(env, *kept);
  NM_HISTOGRAMS(row)
#undef row
  return object;
}

// Of each stream that the loop tells apart, in the order in which they came: its number, then one number for each row of
// NM_STREAM_COUNTS.
Napi::Value LoopHandle::streams(const Napi::CallbackInfo& info) {
  const Streams* const streams = worker_ == nullptr ? nullptr : worker_->loop().streams();
  std::vector<double> values;
  for (uint32_t i = 0; streams != nullptr && i < streams->seen(); i++) {
    const uint16_t number = streams->number(i);
    const StreamCounts& counts = streams->counts(number);
    values.push_back(number);
#define row(name, text) values.push_back(static_cast<double>(counts.name.load(std::memory_order_relaxed)));
    NM_STREAM_COUNTS(row)
#undef row
  }
  Napi::Float64Array array = Napi::Float64Array::New(info.Env(), values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

// What the check of numbered slots found, or undefined. The last mismatches are told once.
Napi::Value LoopHandle::numbers(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  Numbers* const numbers = worker_ == nullptr ? nullptr : worker_->loop().numbers();
  if (numbers == nullptr) return env.Undefined();
  const auto pair = [&](std::optional<Mismatch> mismatch) -> Napi::Value {
    if (!mismatch) return env.Undefined();
    Napi::Object object = Napi::Object::New(env);
    object["expected"] = Napi::Number::New(env, mismatch->expected);
    object["found"] = Napi::Number::New(env, mismatch->found);
    return object;
  };
  Napi::Object object = Napi::Object::New(env);
  object["gaps"] = Napi::Number::New(env, static_cast<double>(numbers->gaps()));
  object["backward"] = Napi::Number::New(env, static_cast<double>(numbers->backward()));
  object["tooShort"] = Napi::Number::New(env, static_cast<double>(numbers->too_short()));
  object["oddPackets"] = Napi::Number::New(env, static_cast<double>(numbers->odd_packets()));
  object["number"] = pair(numbers->take_number_mismatch());
  object["slots"] = pair(numbers->take_slots_mismatch());
  return object;
}

// The counts that only this kind of loop has, in the order of its rows.
Napi::Value LoopHandle::counts(const Napi::CallbackInfo& info) {
  const std::vector<double> values = worker_ == nullptr ? std::vector<double>() : worker_->loop().counts();
  Napi::Float64Array array = Napi::Float64Array::New(info.Env(), values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

// reconfigure(models): whether it is a link that can have them.
Napi::Value LoopHandle::reconfigure(const Napi::CallbackInfo& info) {
  const bool done = worker_ != nullptr && info[0].IsObject() &&
                    worker_->loop().reconfigure(read_link(info[0].As<Napi::Object>()));
  return Napi::Boolean::New(info.Env(), done);
}

Napi::Value LoopHandle::stop(const Napi::CallbackInfo& info) {
  if (!ports_.empty()) worker_->stop();
  return info.Env().Undefined();
}

}  // namespace nm::addon
