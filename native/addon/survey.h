// Surveys of captures, for JavaScript.
#pragma once

#include <napi.h>

namespace nm::addon {

// The function surveyCapture of the module.
void install_survey(Napi::Env env, Napi::Object exports);

}  // namespace nm::addon
