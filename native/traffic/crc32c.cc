// Eight tables, which take eight bytes a step.
#include "traffic/crc32c.h"

#include <array>

namespace nm {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Bits reversed, lowest power first.

// tables[k][b]: the CRC of byte b followed by k zero bytes.
using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t zeros = 1; zeros < tables.size(); zeros++) {
    for (size_t byte = 0; byte < 256; byte++) {
      const uint32_t before = tables[zeros - 1][byte];
      tables[zeros][byte] = before >> 8 ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

#if defined(__x86_64__)
const bool kHasCrc32c = [] {
  __builtin_cpu_init();
  return __builtin_cpu_supports("sse4.2") != 0;
}();
#endif

uint32_t crc32c_by_table(uint32_t crc, const uint8_t* bytes, size_t length) {
  uint32_t state = ~crc;
  for (; length >= 8; bytes += 8, length -= 8) {
    const uint64_t word = load_little<uint64_t>(bytes) ^ state;
    state = 0;
    for (size_t i = 0; i < 8; i++) state ^= kTables[7 - i][word >> (8 * i) & 0xff];
  }
  for (; length > 0; bytes++, length--) state = state >> 8 ^ kTables[0][(state ^ *bytes) & 0xff];
  return ~state;
}

}  // namespace nm
