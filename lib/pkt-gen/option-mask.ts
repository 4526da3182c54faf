/** pkt-gen's -o: several of its options as the bits of one number. */

import type { Options } from "../command.js";
import { badValue } from "./values.js";

export const maskOptions = {
  optionMask: {
    type: "number",
    alias: "o",
    value: "BITS",
    default: 0,
    group: "Sending",
    describe:
      "Add up numbers that stand for options: 4 or 8 for --copy, 32 for -I, 64 for -X, 256 for -r, 512 for -z, " +
      "1024 for -Z, 2048 for -A; 4096, right lengths in packets of random sizes, is always so",
  },
} as const satisfies Options;

interface Switches {
  readonly copy: boolean;
  readonly indirect: boolean;
  readonly dump: boolean;
  readonly rubbish: boolean;
  readonly randomFrom: boolean;
  readonly randomTo: boolean;
  readonly average: boolean;
}

const bits: readonly (readonly [bit: number, option?: keyof Switches])[] = [
  [4, "copy"],
  [8, "copy"],
  [32, "indirect"],
  [64, "dump"],
  [256, "rubbish"],
  [512, "randomFrom"],
  [1024, "randomTo"],
  [2048, "average"],
  [4096],
];

/**
 * The options with those of the mask switched on.
 *
 * @throws {NmError} OPTION_VALUE for bits that stand for nothing, in netmap or here
 */
export function withOptionMask<A extends Switches & { readonly optionMask: number }>(args: A): A {
  const { optionMask } = args;
  const known = bits.reduce((sum, [bit]) => sum + bit, 0);
  // Above 32 bits the operators of JavaScript see another number.
  if (optionMask > known || (optionMask & ~known) !== 0) {
    const numbers = bits.map(([bit]) => bit).join(", ");
    throw badValue("optionMask", String(optionMask), [`a sum of ${numbers}`, "2052"]);
  }
  const on = bits.flatMap(([bit, option]) => (option && optionMask & bit ? [[option, true]] : []));
  return { ...args, ...Object.fromEntries(on) };
}
