/** Captures in files that rotate: what can be said of them on the command line. */

import type { Arguments, Options } from "./command.js";
import { readDuration } from "./duration.js";
import { NmError } from "./errors.js";
import { type Form, readValue } from "./pkt-gen/values.js";
import type { Rotation } from "./recorder.js";

export function rotationOptions(group: string) {
  return {
    rotateSize: {
      type: "number",
      value: "BYTES",
      min: 1,
      group,
      describe: "Begin another file before one gets larger: 100M; files get numbers, FILE_00001.pcapng",
    },
    rotateTime: {
      type: "string",
      value: "TIME",
      group,
      describe: "Begin another file after this time, by that of the packets: 60s",
    },
    rotatePackets: {
      type: "number",
      value: "N",
      min: 1,
      group,
      describe: "Begin another file after this many packets",
    },
    keep: {
      type: "number",
      value: "FILES",
      min: 1,
      group,
      describe: "Keep only the last files of those that rotate",
    },
  } as const satisfies Options;
}

type RotationArguments = Partial<Arguments<Record<never, never>, ReturnType<typeof rotationOptions>>>;

const timeForm: Form = ["a time with its unit: ms, s, m", "60s"];

/** `option` is the one that said where to write. */
export function readRotation(
  { rotateSize, rotateTime, rotatePackets, keep }: RotationArguments,
  path: string,
  option: string,
): Rotation | undefined {
  const rotates = rotateSize ?? rotateTime ?? rotatePackets;
  if (rotates === undefined) {
    if (keep === undefined) return undefined;
    const reason = "one file is written, and files must rotate for some of them to be kept";
    throw new NmError("OPTION_CONFLICT", { option: "--keep", with: "no --rotate-... option", reason });
  }
  if (path === "-") {
    const reason = "standard output is one file";
    throw new NmError("OPTION_CONFLICT", { option: "--rotate-...", with: `${option} -`, reason });
  }
  return {
    bytes: rotateSize,
    timeNs: rotateTime === undefined ? 0 : readValue("rotateTime", rotateTime, readDuration, timeForm),
    packets: rotatePackets,
    files: keep,
  };
}
