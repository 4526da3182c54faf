/** Two network namespaces joined by a veth, and a third between two more: where the benchmark's packets run. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

export interface Side {
  readonly network: string;
  readonly interface: string;
}

/** Which processors programs of each side run on: senders beside the kernel's receiving, which they do themselves. */
export type Processor = "0" | "1";

const name = `nmb${process.pid}`;

export class Cable {
  readonly a: Side = { network: `${name}a`, interface: "a" };
  readonly b: Side = { network: `${name}b`, interface: "b" };
  /** Where a bridge can be: m0 is joined to a, m1 to b. */
  readonly middle: Side | undefined;
  /** Where the embedded engine's files are, and those that the benchmark makes. */
  readonly directory = mkdtempSync("/dev/shm/nm-bench-");

  constructor(withMiddle = false) {
    if (withMiddle) this.middle = { network: `${name}m`, interface: "m0" };
    const sides = [this.a, this.b, ...(this.middle ? [this.middle] : [])];
    for (const { network } of sides) {
      ip("netns", "add", network);
      for (const key of ["default", "all"])
        run(network, "sysctl", "-qw", `net.ipv6.conf.${key}.disable_ipv6=1`);
    }
    if (this.middle) {
      connect(this.a, { ...this.middle, interface: "m0" });
      connect(this.b, { ...this.middle, interface: "m1" });
    } else {
      connect(this.a, this.b);
    }
  }

  close(): void {
    for (const side of [this.a, this.b, this.middle]) if (side) ip("netns", "del", side.network);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The kernel's own counter. */
  received({ network, interface: device }: Side): number {
    const { stdout } = ip("-n", network, "-s", "-j", "link", "show", "dev", device);
    return JSON.parse(stdout)[0].stats64.rx.packets;
  }

  /** With GRO a veth receives by polling, as frames without a socket buffer need it; without, packets go straight up. */
  setGro({ network, interface: device }: Side, on: boolean): void {
    run(network, "ethtool", "-K", device, "gro", on ? "on" : "off");
  }

  start({ network }: Side, processor: Processor, ...words: string[]): ChildProcess {
    return spawn("taskset", ["-c", processor, "ip", "netns", "exec", network, ...words], {
      env: { ...process.env, NM_DIR: join(this.directory, network) },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
  }
}

function connect(left: Side, right: Side): void {
  const peer = `peer name ${right.interface} netns ${right.network}`;
  ip(...`link add name ${left.interface} netns ${left.network} type veth ${peer}`.split(" "));
  for (const { network, interface: device } of [left, right])
    ip("-n", network, "link", "set", "dev", device, "up");
}

export function run(network: string, ...words: string[]) {
  return ip("netns", "exec", network, ...words);
}

export function ip(...words: string[]) {
  const done = spawnSync("ip", words, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`ip ${words.join(" ")}: ${done.stderr || done.error?.message}`);
  return done;
}
