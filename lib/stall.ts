/** Why nothing moves: what a run says when it has waited for a while. The reasons are those of nm doctor. */

import type { Place } from "./control.js";
import { whyNothingMoves } from "./doctor/doctor.js";
import type { Standstill } from "./doctor/finding.js";
import { formatPort, type PortSpec } from "./port-spec.js";

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

/**
 * One line: what keeps packets from moving on a port that a run has open, and what could be tried. It says less where that
 * cannot be found out.
 */
export async function stallReason(
  spec: PortSpec,
  standstill: Standstill,
  place: Place = {},
): Promise<string> {
  const nothing = standstill.direction === "tx" ? "Nothing could be sent" : "Nothing has arrived";
  const start = `${nothing} on ${formatPort(spec)} for ${StallWatch.patienceMs / 1000} s`;
  const found = await whyNothingMoves(spec, standstill, place).catch(() => undefined);
  if (!found) return start;
  return `${start}: ${found.says}${found.fix ? `. Try: ${found.fix}` : ""}`;
}
