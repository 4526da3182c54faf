/** The wait of -w, before packets move: what network cards need to bring their link up. */

import type { NumberOption } from "./command.js";
import type { PortSpec } from "./port-spec.js";

/** In seconds. */
const cardWait_s = 2;

const byDefault = `${cardWait_s} by default for network cards and 0 for others`;

/** Of commands that join ports. */
export const joinWaitOption = {
  type: "number",
  alias: "w",
  value: "SECONDS",
  integer: false,
  max: 100,
  describe: `Wait so long before packets move, ${byDefault}`,
} as const satisfies NumberOption;

/** Of commands that send or receive by themselves. */
export const startWaitOption = {
  ...joinWaitOption,
  max: 86_400,
  describe: `Wait so long before the first packet, ${byDefault}`,
} as const satisfies NumberOption;

/** In seconds: what was asked for, or what the ports need. */
export function waitFor(asked: number | undefined, specs: readonly PortSpec[]): number {
  return asked ?? (specs.some(({ kind }) => kind === "nic" || kind === "host") ? cardWait_s : 0);
}
