// Speed and duplex of a network interface, as its driver says.
#pragma once

#include <linux/ethtool.h>

#include <climits>
#include <cstdint>
#include <cstring>

namespace nm::nic {

struct LinkSettings {
  uint32_t speed_mbps = 0;  // 0: not known
  bool half_duplex = false;
};

// `ask` hands an ethtool command to the kernel and returns whether it was answered. The first answer says only how many words of
// link modes there are, and the second has the rest, for whoever has room for those words. [ethtool_link_ksettings in
// linux/ethtool.h]
template <typename Ask>
LinkSettings read_link_settings(Ask ask) {
  constexpr int kMostWords = SCHAR_MAX;
  alignas(ethtool_link_settings)
      uint8_t room[sizeof(ethtool_link_settings) + 3 * kMostWords * sizeof(uint32_t)] = {};
  auto* command = reinterpret_cast<ethtool_link_settings*>(room);
  command->cmd = ETHTOOL_GLINKSETTINGS;
  LinkSettings settings;
  if (!ask(command) || command->link_mode_masks_nwords >= 0) return settings;
  const auto words = static_cast<int8_t>(-command->link_mode_masks_nwords);
  memset(room, 0, sizeof(room));
  command->cmd = ETHTOOL_GLINKSETTINGS;
  command->link_mode_masks_nwords = words;
  if (!ask(command)) return settings;
  if (command->speed != static_cast<uint32_t>(SPEED_UNKNOWN)) settings.speed_mbps = command->speed;
  settings.half_duplex = command->duplex == DUPLEX_HALF;
  return settings;
}

}  // namespace nm::nic
