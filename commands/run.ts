/**
 * run: start a program that uses netmap, and serve it with the embedded engine.
 *
 * This file finds the program, looks whether it can be served, and becomes it. What then happens is in
 * native/preload.
 */

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { become } from "../lib/become.js";
import { backendOption, command } from "../lib/command.js";
import { chooseBackend, namespaceDirectory, preloadName } from "../lib/control.js";
import { NmError } from "../lib/errors.js";
import { checkPreloadable, findProgram } from "../lib/executable.js";

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
    "The files in /sys/module/netmap/parameters can be read, with the engine's values, and not be written." +
    "\n\n" +
    "Where the kernel module serves nm's other commands, the program runs as it would without nm: with --backend kernel, and " +
    "by default where /dev/netmap opens and no namespace is named.",

  positionals: {
    program: {
      type: "string",
      demandOption: true,
      rest: true,
      describe: "The program and its arguments",
    },
  },

  options: {
    backend: backendOption,
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

  run({ program: [program = "", ...args], backend, namespace }) {
    const path = findProgram(program);
    const words = [program, ...args];
    if (chooseBackend({ backend, namespace }) === "kernel") {
      const others = otherPreloads().join(":") || undefined;
      become(path, words, { ...process.env, LD_PRELOAD: others });
    }
    checkPreloadable(program, path);
    const directory = resolve(namespaceDirectory({ namespace }));
    // Ours first: a library in front of it would be asked for /dev/netmap instead.
    const preloads = [preloadPath(), ...otherPreloads()].join(":");
    become(path, words, { ...process.env, LD_PRELOAD: preloads, NM_DIR: directory }, directory);
  },
});

function otherPreloads(): string[] {
  return (process.env.LD_PRELOAD ?? "").split(/[ :]+/).filter((path) => path !== "" && path !== preloadFile);
}

const preloadFile = fileURLToPath(new URL(`../../build/Release/${preloadName}`, import.meta.url));

function preloadPath(): string {
  const reason = existsSync(preloadFile) ? refusedByLoader(preloadFile) : "it has not been built";
  if (reason) throw new NmError("NATIVE_MISSING", { path: preloadFile, reason });
  return preloadFile;
}

/** LD_PRELOAD is a list, and cannot quote what separates its entries. */
function refusedByLoader(path: string): string | undefined {
  return /[ :]/.test(path) ? "the dynamic loader takes no path with a space or a colon" : undefined;
}
