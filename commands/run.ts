/**
 * run: start a program that uses netmap, and serve it with the embedded engine.
 *
 * This file finds the program, looks whether it can be served, and becomes it. What then happens is in
 * native/preload.
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { getSystemErrorName } from "node:util";
import { command } from "../lib/command.js";
import { namespaceDirectory, portError } from "../lib/control.js";
import { NmError } from "../lib/errors.js";
import { checkPreloadable, findProgram } from "../lib/executable.js";
import { native } from "../lib/native.js";

export default command({
  name: "run",
  summary: "Run any netmap program on the embedded engine",
  details:
    "Starts PROGRAM with a library in front of the C library that serves /dev/netmap: open, ioctl, mmap, poll, " +
    "select, epoll and the others, threads and forks included. The program needs no change and no kernel module, and " +
    "its ports are those of every other program of the namespace. nm becomes the program: signals, terminal and exit " +
    "status are the program's own, and what the program starts is served too." +
    "\n\n" +
    "What follows PROGRAM is its own, options too. A script is run by its interpreter. A statically linked or " +
    "set-user-ID program cannot be served and is refused; nor can one that calls the system without the C library, " +
    "as Go programs do, which then finds no /dev/netmap." +
    "\n\n" +
    "The files in /sys/module/netmap/parameters can be read, with netmap's defaults, and not be written.",

  positionals: {
    program: {
      type: "string",
      demandOption: true,
      rest: true,
      describe: "The program and its arguments",
    },
  },

  options: {
    namespace: {
      type: "string",
      value: "DIR",
      env: "NM_DIR",
      describe: "Use the ports of this namespace; by default the user's own, /dev/shm/nm-UID",
    },
  },

  examples: [
    ["nm run ./my-netmap-program vale1:a", "Run a program of your own on a port of a VALE switch"],
    [
      "nm run --namespace /dev/shm/lab /usr/local/bin/pkt-gen -i vale1:b -f rx",
      "Run netmap's own pkt-gen, in a namespace",
    ],
    ["nm run sh -c './left & ./right & wait'", "Several programs at once"],
  ],

  run({ program: [program = "", ...args], namespace }) {
    const path = findProgram(program);
    checkPreloadable(program, path);
    const directory = resolve(namespaceDirectory({ namespace }));
    const environment = { ...process.env, LD_PRELOAD: preloadList(), NM_DIR: directory };
    const result = native().execute(path, [program, ...args], assignments(environment), directory);
    if (result < 0) throw portError(result, "use namespace", directory, directory);
    throw new NmError("PROGRAM_REFUSED", { program, path, reason: getSystemErrorName(-result) });
  },
});

/** Ours first: a library in front of it would be asked for /dev/netmap instead. */
function preloadList(): string {
  const ours = preloadPath();
  const others = (process.env.LD_PRELOAD ?? "").split(/[ :]+/).filter((path) => path !== "" && path !== ours);
  return [ours, ...others].join(":");
}

function preloadPath(): string {
  const path = fileURLToPath(new URL("../../build/Release/nm_preload.so", import.meta.url));
  const reason = existsSync(path) ? refusedByLoader(path) : "it has not been built";
  if (reason) throw new NmError("NATIVE_MISSING", { path, reason });
  return path;
}

/** LD_PRELOAD is a list, and cannot quote what separates its entries. */
function refusedByLoader(path: string): string | undefined {
  return /[ :]/.test(path) ? "the dynamic loader takes no path with a space or a colon" : undefined;
}

function assignments(environment: NodeJS.ProcessEnv): string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
}
