/** What pkt-gen's options about packets cannot mean together. */

import { formatPort, type PortSpec } from "../port-spec.js";
import type { FrameArguments } from "./frames.js";
import { conflict } from "./values.js";

/**
 * Nothing that is asked for is left undone in silence.
 *
 * @throws {NmError} OPTION_CONFLICT
 */
export function refuseContradictions(args: FrameArguments, spec: PortSpec): void {
  if (args.ipv4 && args.ipv6) throw conflict("-4", "-6", "a packet is of one version");
  for (const [option, random, letter] of [
    ["from", args.randomFrom, "z"],
    ["to", args.randomTo, "Z"],
  ] as const) {
    const text = args[option];
    if (random && text !== undefined && (!args.ipv6 || /-|\]:/.test(text))) {
      throw conflict(`--${option} ${text}`, `-${letter}`, "both decide the addresses and ports");
    }
  }
  if (args.indirect && spec.kind !== "vale") {
    throw conflict("-I", `-i ${formatPort(spec)}`, "only switches read packets from a program's memory");
  }
  const given = {
    "-l": args.length.length > 0,
    "-l twice": args.length.length > 1,
    "-4": args.ipv4,
    "-6": args.ipv6,
    "-s": args.from !== undefined,
    "a range in -s": args.from?.includes("-") === true,
    "-d": args.to !== undefined,
    "a range in -d": args.to?.includes("-") === true,
    "-z": args.randomFrom,
    "-Z": args.randomTo,
    "-S": args.fromMac !== undefined,
    "-D": args.toMac !== undefined,
    "-F": args.fragments > 1,
    "-M": args.longestFragment !== undefined,
    "-I": args.indirect,
    "-r": args.rubbish,
    "--copy": args.copy,
    "-P": args.capture !== undefined,
  };
  const refuse = (option: string, others: readonly (keyof typeof given)[], reason: string) => {
    const other = others.find((name) => given[name]);
    if (other) throw conflict(option, other, reason);
  };
  if (args.rubbish) {
    const written = ["-6", "-s", "-d", "-z", "-Z", "-S", "-I", "--copy"] as const;
    refuse("-r", written, "nothing is written into packets that are sent as they are");
  }
  if (given["-P"]) {
    const made = ["-l", "-4", "-6", "-s", "-d", "-z", "-Z", "-S", "-D", "-F", "-I", "-r", "--copy"] as const;
    refuse("-P", made, "packets of a capture are sent as they are");
  }
  if (args.function !== "tx") refuse(`-f ${args.function}`, ["-P"], "only tx sends captures");
  if (args.function === "txseq") {
    const reason = "a number is written into each slot, which is a frame of one size";
    refuse("-f txseq", ["-l twice", "-M", "-I", "-r", "--copy"], reason);
  }
  if (args.function === "ping") {
    const alike = ["a range in -s", "a range in -d", "-z", "-Z", "-l twice"] as const;
    const whole = ["-F", "-M", "-I", "-r", "--copy"] as const;
    refuse("-f ping", [...alike, ...whole], "requests are alike, each in one slot");
  }
}
