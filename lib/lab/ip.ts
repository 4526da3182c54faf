/** Runs `ip` of iproute2, which makes network namespaces and interfaces. */

import { spawn } from "node:child_process";
import { NmError } from "../errors.js";

/** An interface as `ip -json -details address` describes it. */
export interface Link {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly operstate: string;
  readonly num_tx_queues: number;
  readonly num_rx_queues: number;
  readonly ifalias?: string;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

/**
 * Runs `ip` with these words, in a namespace, and gives what it printed.
 *
 * @throws {NmError} TOOL_MISSING without iproute2, IP_FAILED with what it said
 */
export async function ip(words: readonly string[], options: { namespace?: string } = {}): Promise<string> {
  const args = options.namespace === undefined ? words : ["-n", options.namespace, ...words];
  const { status, stdout, stderr } = await run("ip", args);
  if (status !== 0) throw failed(args, stderr);
  return stdout;
}

/** The interfaces of a namespace. */
export async function linksOf(namespace: string): Promise<Link[]> {
  return JSON.parse(await ip(["-json", "-details", "address", "show"], { namespace }));
}

/** The names of all network namespaces. */
export async function namespaces(): Promise<string[]> {
  const printed = await ip(["-json", "netns", "list"]);
  const listed: { name: string }[] = printed.trim() === "" ? [] : JSON.parse(printed);
  return listed.map(({ name }) => name);
}

/** The numbers of the processes that run in a namespace. */
export async function processesIn(namespace: string): Promise<number[]> {
  return (await ip(["netns", "pids", namespace])).split("\n").filter(Boolean).map(Number);
}

function failed(args: readonly string[], stderr: string): NmError {
  const reason = stderr.replace(/\s*Command failed -:\d+\s*/, "").trim();
  return new NmError("IP_FAILED", { command: `ip ${args.join(" ")}`, reason: reason || "it gave no reason" });
}

function run(
  file: string,
  args: readonly string[],
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("error", () => fail(new NmError("TOOL_MISSING", { tool: "ip", package: "iproute2" })));
    child.on("close", (status) => done({ status, stdout, stderr }));
  });
}
