/** Two hosts joined by a cable, for tests on network interfaces: namespaces that nm lab makes, and programs run in them. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { freshNamespace } from "./namespace.js";
import { missing } from "./privileges.js";
import { finished, nm, type Run } from "./run.js";
import { type Started, starting } from "./started.js";

/** For the `skip` of a test: false, or what is missing for opening interfaces in network namespaces. */
export const noInterfaces = missing(["CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_NET_RAW", "CAP_BPF"], ["ip"]);

let labs = 0;

export interface Host {
  readonly network: string;
  readonly interface: string;
  readonly address: string;
  /** Runs a program there to its end. */
  run(...words: string[]): Promise<Run>;
  /** Starts nm there. */
  start(...words: string[]): Started;
}

/** Made before the test and taken away after it. `queues` of each end; `directory` is where their ports meet. */
export async function cableOf(t: TestContext, options: readonly string[] = []) {
  const name = `n${process.pid.toString(36)}${labs++}`;
  t.after(() => nm("lab", "down", "--name", name));
  const up = await nm("lab", "up", "--name", name, ...options);
  assert.equal(up.status, 0, up.stderr);
  const directory = freshNamespace(t);
  const host = (letter: string, end: string, address: string): Host => {
    const network = `nm-${name}-${letter}`;
    const prefix = ["netns", "exec", network];
    return {
      network,
      interface: `nm${name}${end}`,
      address,
      run: (...words) => finished("ip", [...prefix, ...words], { env: { NM_DIR: directory } }),
      start: (...words) => starting(directory, network)(...words),
    };
  };
  return {
    directory,
    a: host("a", "0", "198.18.0.1"),
    b: host("b", "1", "198.18.0.2"),
    middle: host("m", "m0", ""),
    otherMiddle: `nm${name}m1`,
  };
}

/** Sends `bytes` bytes by TCP from one host to the other; both compare what they saw. */
export async function transfer(from: Host, to: Host, bytes: number): Promise<void> {
  const digest = 'const { createHash } = require("node:crypto"); const hash = createHash("sha256");';
  const receiver = spawnIn(
    to,
    `${digest} require("node:net").createServer((socket) => {
      socket.on("data", (data) => hash.update(data)).on("end", () => {
        socket.end(hash.digest("hex"), () => process.exit(0));
      });
    }).listen(5001, "${to.address}", () => console.log("listening"));`,
  );
  await once(receiver.stdout, "data");
  const sender = await from.run(
    process.execPath,
    "-e",
    `${digest} const data = require("node:crypto").randomBytes(${bytes}); hash.update(data);
    const socket = require("node:net").connect({ host: "${to.address}", port: 5001, allowHalfOpen: true });
    setTimeout(() => process.exit(3), 40000).unref();
    let answer = "";
    socket.on("data", (text) => answer += text).on("end", () => process.exit(answer === hash.digest("hex") ? 0 : 2));
    socket.end(data);`,
  );
  receiver.kill();
  assert.equal(sender.status, 0, `the transfer ended with ${sender.status}: ${sender.stderr}`);
}

function spawnIn(host: Host, code: string) {
  const words = ["netns", "exec", host.network, process.execPath, "-e", code];
  return spawn("ip", words, { stdio: ["ignore", "pipe", "inherit"], timeout: 60_000, killSignal: "SIGKILL" });
}

/** A counter of /proc/net/snmp or netstat of that host, "InCsumErrors" of Tcp for example. */
export async function kernelCounter(host: Host, protocol: string, name: string): Promise<number> {
  const { stdout } = await host.run("cat", "/proc/net/snmp");
  const [names = "", values = ""] = stdout.split("\n").filter((line) => line.startsWith(`${protocol}: `));
  return Number(values.split(" ")[names.split(" ").indexOf(name)]);
}
