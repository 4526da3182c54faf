/** cflags: tell a C compiler where the headers for netmap programs are. */

import { fileURLToPath } from "node:url";
import { command } from "../lib/command.js";

export default command({
  name: "cflags",
  summary: "Print the C compiler's options for netmap programs",
  details:
    "The package has headers of its own, net/netmap.h and net/netmap_user.h, with netmap's names and its binary " +
    "interface. A program compiled with them runs on netmap's kernel module, and on the embedded engine with nm run. " +
    "No library is needed to link it." +
    "\n\n" +
    "--pkg-config prints the directory that holds netmap.pc, for PKG_CONFIG_PATH.",

  options: {
    pkgConfig: { type: "boolean", describe: "Print the directory of netmap.pc instead" },
  },

  examples: [
    ["cc $(nm cflags) program.c -o program", "Compile a netmap program"],
    ["PKG_CONFIG_PATH=$(nm cflags --pkg-config) pkg-config --cflags netmap", "The same through pkg-config"],
  ],

  run({ pkgConfig, json }, { out }) {
    const cflags = `-I${packagePath("native/include")}`;
    const pkgConfigPath = packagePath("native/include/pkgconfig");
    if (json) out.json({ type: "cflags", cflags, pkg_config_path: pkgConfigPath });
    else out.print(pkgConfig ? pkgConfigPath : cflags);
  },
});

/** A path of the package, whose root is two levels up from dist/commands. */
function packagePath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
