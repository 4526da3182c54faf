#include "addon/schedule.h"

#include <algorithm>
#include <vector>

#include "addon/read.h"

namespace nm::addon {
namespace {

Rate read_rate(Napi::Object from) {
  Rate rate;
  read(from, "packets", &rate.packets);
  read(from, "perNs", &rate.per_ns);
  return rate;
}

Phase read_phase(Napi::Object from) {
  Phase phase;
  read(from, "kind", &phase.kind);
  phase.rate = read_rate(read_object(from, "rate"));
  phase.end_rate = read_rate(read_object(from, "endRate"));
  read(from, "durationNs", &phase.duration_ns);
  return phase;
}

bool can_be(const Rate& rate) {
  return rate.per_ns > 0 && rate.per_ns < Schedule::kMostInRate && rate.packets <= rate.per_ns;
}

bool can_be(const Phase& phase) {
  return phase.kind <= PhaseKind::poisson && phase.duration_ns > 0 && can_be(phase.rate) &&
         can_be(phase.end_rate) && (phase.kind != PhaseKind::ramp || phase.duration_ns != kNever_ns);
}

// scheduleTimes({ schedule, share }, packets): a Float64Array of when the first packets are due, in nanoseconds after
// the start. It is shorter where the schedule has fewer.
Napi::Value schedule_times(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  std::vector<double> times;
  const ScheduleSpec spec = info[0].IsObject() ? read_schedule(info[0].As<Napi::Object>()) : ScheduleSpec();
  if (spec.limited() && nm::addon::fits(spec) && info[1].IsNumber()) {
    Schedule schedule(spec);
    for (uint32_t left = info[1].As<Napi::Number>().Uint32Value(); left > 0; left--) {
      if (schedule.next_ns() == kNever_ns) break;
      times.push_back(static_cast<double>(schedule.next_ns()));
      schedule.step();
    }
  }
  Napi::Float64Array array = Napi::Float64Array::New(env, times.size());
  std::copy(times.begin(), times.end(), array.Data());
  return array;
}

}  // namespace

void install_schedule(Napi::Env env, Napi::Object exports) {
  exports["scheduleTimes"] = Napi::Function::New(env, schedule_times, "scheduleTimes");
}

ScheduleSpec read_schedule(Napi::Object options) {
  ScheduleSpec spec;
  const Napi::Object share = read_object(options, "share");
  read(share, "index", &spec.share.index);
  read(share, "of", &spec.share.of);
  const Napi::Object schedule = read_object(options, "schedule");
  read(schedule, "repeats", &spec.repeats);
  read(schedule, "seed", &spec.seed);
  const Napi::Value phases = schedule.Get("phases");
  if (!phases.IsArray()) return spec;
  const auto list = phases.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value phase = list.Get(i);
    if (phase.IsObject()) spec.phases.push_back(read_phase(phase.As<Napi::Object>()));
  }
  return spec;
}

bool fits(const ScheduleSpec& schedule) {
  return schedule.share.index < schedule.share.of && schedule.share.of <= Schedule::kMostShares &&
         std::all_of(
             schedule.phases.begin(), schedule.phases.end(),
             [](const Phase& phase) { return can_be(phase); });
}

}  // namespace nm::addon
