/** What keeps packets from moving through ports in memory: those of switches, pipes, monitors and null ports. */

import type { OpenPort } from "../open-ports.js";
import { otherEnd } from "../port-spec.js";
import { shellWord } from "../text.js";
import { type Check, type Finding, note, ok, warning } from "./finding.js";
import type { OtherNamespace } from "./machine.js";
import type { PortFacts } from "./port-facts.js";

const pipe: Check<PortFacts> = {
  name: "pipe_peer",
  look({ spec, open, nm, standstill }) {
    if (spec.kind !== "pipe" || !spec.pipe) return [];
    const end = otherEnd(spec.pipe);
    const there = open.filter(({ name }) => name === end || `netmap:${name}` === end);
    if (there.length === 0) {
      const fix = `${nm} pkt-gen -i ${shellWord(end)} -f ${standstill?.partner ?? "rx"}`;
      const nobody = `nobody has ${end} open, the pipe's other end`;
      if (standstill?.direction === "tx")
        return [stopping(warning(`${nobody}, and takes packets from it`, fix), "tx")];
      if (standstill?.direction === "rx") return [stopping(warning(`${nobody}, and sends on it`, fix), "rx")];
      return [note(`${nobody}: what is sent waits for somebody who reads it`, fix)];
    }
    const them = programs(there);
    if (standstill?.direction === "tx")
      return [stopping(note(`${them} has ${end} open, the pipe's other end, and takes no packets`), "tx")];
    if (standstill?.direction === "rx")
      return [stopping(note(`${them} has ${end} open, the pipe's other end, and sends nothing`), "rx")];
    return [ok(`${them} has ${end} open, the pipe's other end`)];
  },
};

const switchNeighbours: Check<PortFacts> = {
  name: "switch_neighbours",
  look({ spec, open, nm, standstill, otherNamespaces }) {
    if (spec.kind !== "vale") return [];
    const [name = "", own = ""] = spec.name.split(":");
    const others = open.filter(
      (port) => isSwitched(port) && port.name.startsWith(`${name}:`) && port.name !== spec.name,
    );
    if (others.length === 0) {
      const neighbour = `${name}:${own === "a" ? "b" : "a"}`;
      const fix = `${nm} pkt-gen -i ${neighbour} -f ${standstill?.partner ?? "rx"}`;
      const nobody = `no other port is on switch ${name}${elsewhere(name, otherNamespaces)}`;
      return [standstill ? stopping(warning(nobody, fix), standstill.direction) : note(nobody, fix)];
    }
    const them = others.map((port) => `${port.name} (${programOf(port)})`).join(", ");
    if (!standstill)
      return [ok(`switch ${name} has ${others.length === 1 ? "another port" : "other ports"}: ${them}`)];
    const sent = others.reduce((sum, port) => sum + port.sent.packets, 0);
    const words =
      standstill?.direction === "tx"
        ? `the switch takes no packets from it`
        : `${them} ${others.length === 1 ? "is" : "are"} on switch ${name}, ${sent === 0 ? "and sent nothing yet" : `sent ${count(sent)} packets, and sends none to this port now`}`;
    return [stopping(note(words), standstill.direction)];
  },
};

/** Why ports that one expects here are not: a root shell and one's own do not meet. */
function elsewhere(name: string, others: readonly OtherNamespace[]): string {
  const possible = others.filter(({ switches }) => switches === undefined || switches.includes(name));
  if (possible.length === 0) return "";
  return `; those in ${possible.map(({ directory }) => directory).join(" and ")} do not meet it`;
}

const monitor: Check<PortFacts> = {
  name: "monitor_watched",
  look({ spec, open, standstill }) {
    if (spec.kind !== "monitor") return [];
    const watched = open.filter((port) => port.kind !== "monitor" && port.name === spec.name);
    const what = `the port that this monitor watches, ${spec.name}`;
    if (watched.length === 0) {
      const words = `nobody has ${what} open`;
      return [standstill ? stopping(warning(words), standstill.direction) : note(words)];
    }
    const words = `${programs(watched)} has ${what} open`;
    return [standstill ? stopping(note(`${words}, and moves no packets`), standstill.direction) : ok(words)];
  },
};

const nullPort: Check<PortFacts> = {
  name: "null_port",
  look({ spec }) {
    if (spec.kind !== "null") return [];
    return [{ ...note("no packet passes through a null port"), stops: ["tx", "rx"] }];
  },
};

const users: Check<PortFacts> = {
  name: "users",
  look({ spec, open, standstill }) {
    if (standstill || spec.kind === "monitor") return [];
    const here = open.filter((port) => port.kind !== "monitor" && port.name === spec.name);
    if (here.length === 0) return [ok("nobody has it open")];
    return [ok(`${programs(here)} ${here.length === 1 ? "has" : "have"} it open`)];
  },
};

export const softwarePortChecks: readonly Check<PortFacts>[] = [
  users,
  pipe,
  switchNeighbours,
  monitor,
  nullPort,
];

function stopping(finding: Finding, direction: "tx" | "rx"): Finding {
  return { ...finding, stops: [direction] };
}

function isSwitched({ kind }: OpenPort): boolean {
  return kind === "vale" || kind === "persistent";
}

function programs(ports: readonly OpenPort[]): string {
  return [...new Set(ports.map(programOf))].join(" and ");
}

function programOf({ program, pid }: OpenPort): string {
  return `"${program}", process ${pid}`;
}

function count(packets: number): string {
  return packets.toLocaleString("en-US");
}
