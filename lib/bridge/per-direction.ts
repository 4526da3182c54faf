/**
 * Options that may be for all directions of a bridge, or for one of them:
 *
 *   --filter 'udp port 53'                          both ways
 *   --filter 'vale0:a->vale1:b: udp port 53'        this way
 */

import { longName } from "../command.js";
import { NmError } from "../errors.js";
import { formatPort, parsePort } from "../port-spec.js";
import { type Direction, formatDirection } from "./patch.js";

/** The text of option `name` for each direction; nothing where there is none. */
export function perDirection(
  name: string,
  texts: readonly string[],
  directions: readonly Direction[],
): (string | undefined)[] {
  const option = longName(name);
  const values: (string | undefined)[] = directions.map(() => undefined);
  let forAll: string | undefined;
  for (const text of texts) {
    const [, from, to, value = ""] = /^(\S+)->(\S+):\s+(.*)$/s.exec(text) ?? [];
    if (from === undefined || to === undefined) {
      if (forAll !== undefined) throw new NmError("OPTION_TWICE", { option });
      forAll = text;
      continue;
    }
    const place = placeOf(option, text, { from: parsePort(from), to: parsePort(to) }, directions);
    if (values[place] !== undefined) throw new NmError("OPTION_TWICE", { option });
    values[place] = value;
  }
  return values.map((value) => value ?? forAll);
}

function placeOf(option: string, text: string, wanted: Direction, directions: readonly Direction[]): number {
  const place = directions.findIndex(
    ({ from, to }) =>
      formatPort(from) === formatPort(wanted.from) && formatPort(to) === formatPort(wanted.to),
  );
  if (place !== -1) return place;
  const known = directions.map(formatDirection).join(", ");
  throw new NmError("DIRECTION_UNKNOWN", { option, text, direction: formatDirection(wanted), known });
}
