/** Why nothing moves: what a run says when it has waited for a while. */

import { type FunctionName, traitsOf } from "./pkt-gen/functions.js";
import { otherEnd, type PortSpec } from "./port-spec.js";

/** Tells once per standstill that nothing has moved for some time. */
export class StallWatch {
  static readonly patienceMs = 3000;
  #packets = -1;
  #since = 0;
  #told = false;

  /** Whether it is time to tell, given how many packets there have been at a time in milliseconds. */
  notes(packets: number, nowMs: number): boolean {
    if (packets !== this.#packets) {
      this.#packets = packets;
      this.#since = nowMs;
      this.#told = false;
    }
    if (this.#told || nowMs - this.#since < StallWatch.patienceMs) return false;
    this.#told = true;
    return true;
  }
}

/** What keeps packets from moving, as far as a port's name tells, and what could be tried. */
export function stallReason(spec: PortSpec, name: FunctionName): string {
  const { partner } = traitsOf(name);
  const leaves = name === "tx" || name === "txseq";
  const nothing = leaves ? "Nothing could be sent" : "Nothing has arrived";
  const start = `${nothing} for ${StallWatch.patienceMs / 1000} s`;
  if (spec.kind === "pipe" && spec.pipe) {
    const end = otherEnd(spec.pipe);
    const why = leaves ? `nobody takes packets from ${end}` : `nobody sends on ${end}`;
    return `${start}: ${why}, the pipe's other end. Try: nm pkt-gen -i ${end} -f ${partner}`;
  }
  if (spec.kind === "vale") {
    const neighbour = `${spec.name.slice(0, spec.name.indexOf(":"))}:NAME`;
    return `${start}: no other port of the switch sends to this one. Try: nm pkt-gen -i ${neighbour} -f ${partner}`;
  }
  if (spec.kind === "null") return `${start}: no packet passes through a null port`;
  return `${start}: nothing moves on ${spec.name}`;
}
