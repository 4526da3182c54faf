// The files that a machine with netmap has and this one has not: /dev/netmap, and the module's parameters.
#pragma once

namespace nm::preload {

bool is_device(const char* path);

// A file in /sys/module/netmap/parameters.
struct Parameter;
const Parameter* find_parameter(const char* path);

// A descriptor from which the parameter can be read; -1 with errno when `flags` ask for more than reading.
int open_parameter(const Parameter& parameter, int flags);

// A path that is there and like `path` in kind and permissions, where `path` is one of ours; otherwise itself.
const char* path_like(const char* path);

// The major and minor numbers that stat() shows for /dev/netmap: misc devices', and one that is free.
inline constexpr unsigned kDeviceMajor = 10;
inline constexpr unsigned kDeviceMinor = 255;

}  // namespace nm::preload
