#include "addon/write_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "addon/read.h"
#include "capture/writer.h"

namespace nm::addon {
namespace {

constexpr char kApplication[] = "nm";

// Adds { timeNs, bytes, length }; what is not like that is left out.
bool put(CaptureWriter& writer, Napi::Value value) {
  if (!value.IsObject()) return true;
  const Napi::Object packet = value.As<Napi::Object>();
  const Napi::Value bytes = packet.Get("bytes");
  const Napi::Value time = packet.Get("timeNs");
  if (!bytes.IsTypedArray() || !time.IsBigInt()) return true;
  const Napi::Uint8Array array = bytes.As<Napi::Uint8Array>();
  if (array.TypedArrayType() != napi_uint8_array) return true;

  CaptureRecord record;
  bool lossless = false;
  record.time_ns = time.As<Napi::BigInt>().Int64Value(&lossless);
  record.captured = static_cast<uint32_t>(std::min<size_t>(array.ElementLength(), kLargestCaptured));
  read(packet, "length", &record.length);
  record.length = std::max(record.length, record.captured);
  return writer.put(record, array.Data());
}

// 0, or minus an errno.
Napi::Value write_capture(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto result = [&](int number) { return Napi::Number::New(env, number); };
  if (!info[0].IsString() || !info[1].IsNumber() || !info[2].IsString() || !info[3].IsArray()) {
    return result(-EINVAL);
  }
  const std::string path = info[0].As<Napi::String>();
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return result(-errno);

  CaptureInterface interface;
  interface.name = info[2].As<Napi::String>();
  const bool classic = info[1].As<Napi::Number>().Uint32Value() == static_cast<uint32_t>(CaptureKind::pcap);
  const CaptureKind kind = classic ? CaptureKind::pcap : CaptureKind::pcapng;
  CaptureWriter writer(file, CaptureEncoder(kind, kApplication, {interface}));
  const Napi::Array packets = info[3].As<Napi::Array>();
  for (uint32_t i = 0; i < packets.Length(); i++) {
    const Napi::HandleScope handles(env);
    if (!put(writer, packets.Get(i))) break;
  }
  writer.flush();
  // A network filesystem may tell only now what went wrong.
  const int closed = close(file) == 0 ? 0 : errno;
  return result(-(writer.error() != 0 ? writer.error() : closed));
}

}  // namespace

void install_write_capture(Napi::Env env, Napi::Object exports) {
  exports["writeCapture"] = Napi::Function::New(env, write_capture, "writeCapture");
}

}  // namespace nm::addon
