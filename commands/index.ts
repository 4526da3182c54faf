/**
 * Every command that is built, by its name. A command is loaded when it is asked for.
 *
 * Their order here is their order in `nm --help`.
 */

import type { Command } from "../lib/command.js";

export const commands: Readonly<Record<string, () => Promise<{ default: Command }>>> = {
  demo: () => import("./demo.js"),
  "pkt-gen": () => import("./pkt-gen.js"),
  "vale-ctl": () => import("./vale-ctl.js"),
  bridge: () => import("./bridge.js"),
  nmreplay: () => import("./nmreplay.js"),
  tlem: () => import("./tlem.js"),
  lb: () => import("./lb.js"),
  dump: () => import("./dump.js"),
  run: () => import("./run.js"),
  cflags: () => import("./cflags.js"),
  vm: () => import("./vm.js"),
  metrics: () => import("./metrics.js"),
  lab: () => import("./lab.js"),
  doctor: () => import("./doctor.js"),
  port: () => import("./port.js"),
  help: () => import("./help.js"),
  completion: () => import("./completion.js"),
};

/** All of them, for those who list them. */
export async function loadCommands(): Promise<Command[]> {
  return Promise.all(Object.values(commands).map(async (load) => (await load()).default));
}
