/** cflags: tell a C compiler where the headers and the library for netmap programs are. */

import { fileURLToPath } from "node:url";
import { command } from "../lib/command.js";

export default command({
  name: "cflags",
  summary: "Print the C compiler's options for netmap programs",
  details:
    "The package has headers of its own, net/netmap.h, net/netmap_user.h and libnetmap.h, with netmap's names and its " +
    "binary interface. A program compiled with them runs on netmap's kernel module, and on the embedded engine with " +
    "nm run. --libs prints what a program that calls nmport_open and its relatives is linked with; others need no " +
    "library." +
    "\n\n" +
    "--pkg-config prints the directory that holds netmap.pc, for PKG_CONFIG_PATH.",

  options: {
    libs: { type: "boolean", describe: "Print the linker's options for libnetmap instead" },
    pkgConfig: { type: "boolean", describe: "Print the directory of netmap.pc instead" },
  },

  examples: [
    ["cc $(nm cflags) program.c -o program", "Compile a netmap program"],
    ["cc $(nm cflags) program.c $(nm cflags --libs) -o program", "Compile one that uses libnetmap"],
    [
      "PKG_CONFIG_PATH=$(nm cflags --pkg-config) pkg-config --cflags --libs netmap",
      "The same through pkg-config",
    ],
  ],

  run({ libs, pkgConfig, json }, { out }) {
    const cflags = `-I${packagePath("native/include")}`;
    const pkgConfigPath = packagePath("native/include/pkgconfig");
    const linked = `-L${packagePath("build/Release")} -lnetmap -pthread`;
    if (json) out.json({ type: "cflags", cflags, libs: linked, pkg_config_path: pkgConfigPath });
    else out.print(pkgConfig ? pkgConfigPath : libs ? linked : cflags);
  },
});

/** A path of the package, whose root is two levels up from dist/commands. */
function packagePath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}
