// A histogram as JavaScript gets it.
#pragma once

#include <napi.h>

#include "traffic/histogram.h"

namespace nm::addon {

// { min, max, sum, values, counts }: what occurred, in increasing order, and how often. A value is its bucket's
// middle. Without samples, min and max are 0.
Napi::Object sparse_counts(Napi::Env env, const Histogram& histogram);

}  // namespace nm::addon
