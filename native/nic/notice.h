// What a sleeper polls to learn that a sync of a ring would show something new.
#pragma once

namespace nm::nic {

struct Notice {
  int descriptor = -1;  // none
  short events = 0;     // of poll(2)
};

}  // namespace nm::nic
