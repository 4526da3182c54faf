// libFuzzer's entry. `make fuzz` builds and runs it.
#include "fuzz/capture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count);
int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  nm::fuzz::capture(bytes, count);
  return 0;
}
