#include "addon/histogram.h"

#include <utility>
#include <vector>

namespace nm::addon {

Napi::Object sparse_counts(Napi::Env env, const Histogram& histogram) {
  // Counts first: what they hold is between the least and the greatest that are read after them.
  std::vector<std::pair<uint32_t, uint64_t>> filled;
  for (uint32_t bucket = 0; bucket < Histogram::kBuckets; bucket++) {
    if (const uint64_t count = histogram.count_in(bucket); count != 0) filled.emplace_back(bucket, count);
  }
  const auto number = [env](auto value) { return Napi::Number::New(env, static_cast<double>(value)); };

  Napi::Object object = Napi::Object::New(env);
  object["min"] = number(filled.empty() ? 0 : histogram.least());
  object["max"] = number(filled.empty() ? 0 : histogram.greatest());
  object["sum"] = number(filled.empty() ? 0 : histogram.sum().value());
  Napi::Float64Array values = Napi::Float64Array::New(env, filled.size());
  Napi::Float64Array counts = Napi::Float64Array::New(env, filled.size());
  for (size_t i = 0; i < filled.size(); i++) {
    values[i] = static_cast<double>(Histogram::middle(filled[i].first));
    counts[i] = static_cast<double>(filled[i].second);
  }
  object["values"] = values;
  object["counts"] = counts;
  return object;
}

}  // namespace nm::addon
