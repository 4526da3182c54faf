// The files that a machine with netmap has and this one has not: /dev/netmap, and the module's parameters.
#pragma once

#include <string_view>

namespace nm::preload {

bool is_device(const char* path);

// The text of a file in /sys/module/netmap/parameters, empty for other paths.
std::string_view parameter_text(const char* path);

// A descriptor from which such a file can be read; -1 with errno when `flags` ask for more than reading.
int open_parameter(const char* path, int flags);

// The major and minor numbers that stat() shows for /dev/netmap: misc devices', and one that is free.
inline constexpr unsigned kDeviceMajor = 10;
inline constexpr unsigned kDeviceMinor = 255;

}  // namespace nm::preload
