// CRC-32C (Castagnoli), as iSCSI and SCTP use it. [RFC 3720, appendix B.4]
#pragma once

#include <cstddef>
#include <cstdint>

namespace nm {

// The CRC of what `crc` stands for, followed by these bytes. The CRC of nothing is 0.
uint32_t crc32c(uint32_t crc, const uint8_t* bytes, size_t length);

// The same by table, which is what a processor without an instruction for it runs.
uint32_t crc32c_by_table(uint32_t crc, const uint8_t* bytes, size_t length);

}  // namespace nm
