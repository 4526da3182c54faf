/** Reads a length of time as people write it: 500ms, 10s, 1.5m. */

const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** In whole nanoseconds; undefined where the text is no time, or none that can pass. A unit is needed. */
export function readDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+)(ns|us|ms|s|m|h)$/.exec(text);
  if (!match) return undefined;
  const [, digits = "", unit = ""] = match;
  const nanoseconds = Math.round(Number(digits) * (units[unit] ?? Number.NaN));
  return nanoseconds > 0 && Number.isSafeInteger(nanoseconds) ? nanoseconds : undefined;
}
