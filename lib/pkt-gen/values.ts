/**
 * Values on pkt-gen's command line that have a form of their own: addresses, times, rates.
 */

import { longName } from "../command.js";
import { NmError } from "../errors.js";

/** What a value should have looked like: in words, and one that would do. */
export type Form = readonly [expected: string, sample: string];

/** Reads the text of option `name`. */
export function readValue<T>(
  name: string,
  text: string,
  read: (text: string) => T | undefined,
  form: Form,
): T {
  const value = read(text);
  if (value === undefined) throw badValue(name, text, form);
  return value;
}

export function badValue(name: string, text: string, [expected, sample]: Form): NmError {
  const option = longName(name);
  return new NmError("OPTION_VALUE", { option, text, expected, example: `${option} ${sample}` });
}

export function conflict(option: string, other: string, reason: string): NmError {
  return new NmError("OPTION_CONFLICT", { option, with: other, reason });
}
