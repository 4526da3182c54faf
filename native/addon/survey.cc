#include "addon/survey.h"

#include <fcntl.h>

#include <memory>
#include <utility>

#include "addon/background.h"
#include "addon/histogram.h"
#include "addon/result.h"
#include "traffic/survey.h"

namespace nm::addon {
namespace {

Napi::Object tally(Napi::Env env, const Tally& from) {
  Napi::Object object = Napi::Object::New(env);
  object["packets"] = Napi::Number::New(env, static_cast<double>(from.packets));
  object["bytes"] = Napi::Number::New(env, static_cast<double>(from.bytes));
  return object;
}

Napi::Array interfaces(Napi::Env env, const std::vector<CapturedInterface>& from) {
  Napi::Array array = Napi::Array::New(env);
  for (const CapturedInterface& interface : from) {
    Napi::Object object = Napi::Object::New(env);
    object["name"] = Napi::String::New(env, interface.name);
    object["linkType"] = Napi::Number::New(env, interface.link_type);
    object["snaplen"] = Napi::Number::New(env, interface.snaplen);
    object["unitsPerSecond"] = Napi::Number::New(env, static_cast<double>(interface.units_per_second));
    array[array.Length()] = object;
  }
  return array;
}

// In the order of NM_SURVEY_COUNTS and so on; see NativeSurvey in lib/native.ts.
Napi::Object found_by(Napi::Env env, const Survey& survey) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array counts = Napi::Array::New(env);
#define row(name, text) \
  counts[counts.Length()] = Napi::Number::New(env, static_cast<double>(survey.counts().name));
  NM_SURVEY_COUNTS(row)
#undef row
  object["counts"] = counts;
  object["fault"] = Napi::Number::New(env, static_cast<uint32_t>(survey.fault().kind));
  object["offset"] = Napi::Number::New(env, static_cast<double>(survey.fault().offset));
  object["found"] = Napi::Number::New(env, static_cast<double>(survey.fault().found));
  object["firstNs"] = Napi::BigInt::New(env, survey.first_ns());
  object["earliestNs"] = Napi::BigInt::New(env, survey.earliest_ns());
  object["latestNs"] = Napi::BigInt::New(env, survey.latest_ns());
  object["interfaces"] = interfaces(env, survey.interfaces());
  Napi::Array sizes = Napi::Array::New(env);
  for (const Tally& size : survey.sizes()) sizes[sizes.Length()] = tally(env, size);
  object["sizes"] = sizes;
  Napi::Array protocols = Napi::Array::New(env);
  for (const Tally& protocol : survey.protocols()) protocols[protocols.Length()] = tally(env, protocol);
  object["protocols"] = protocols;
  Napi::Array comments = Napi::Array::New(env);
  for (const std::string& comment : survey.comments())
    comments[comments.Length()] = Napi::String::New(env, comment);
  object["comments"] = comments;
  object["gaps"] = sparse_counts(env, survey.gaps_ns());
  object["binNs"] = Napi::Number::New(env, static_cast<double>(survey.bin_ns()));
  // Up to the last that has something.
  size_t bins = survey.bins().size();
  while (bins > 0 && survey.bins()[bins - 1].packets == 0) bins--;
  Napi::Float64Array packets = Napi::Float64Array::New(env, bins);
  Napi::Float64Array bytes = Napi::Float64Array::New(env, bins);
  for (size_t i = 0; i < bins; i++) {
    packets[i] = static_cast<double>(survey.bins()[i].packets);
    bytes[i] = static_cast<double>(survey.bins()[i].bytes);
  }
  object["binPackets"] = packets;
  object["binBytes"] = bytes;
  return object;
}

// surveyCapture(descriptor, all): see background.h; or minus a status.
Napi::Value survey_capture(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!info[0].IsNumber() || !info[1].IsBoolean()) return failure(env, Status::bad_request);
  const int descriptor = fcntl(info[0].As<Napi::Number>().Int32Value(), F_DUPFD_CLOEXEC, 0);
  if (descriptor < 0) return failure(env, Status::bad_request);
  const bool all = info[1].As<Napi::Boolean>();
  auto survey = std::make_shared<Survey>(descriptor, all ? Survey::Depth::all : Survey::Depth::counts);
  return Background<Survey>::start(env, "nm:survey", std::move(survey), found_by);
}

}  // namespace

void install_survey(Napi::Env env, Napi::Object exports) {
  exports["surveyCapture"] = Napi::Function::New(env, survey_capture, "surveyCapture");
}

}  // namespace nm::addon
