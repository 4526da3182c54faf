/** Lengths of time as people write them: 500ms, 10s, 1.5m. */

const units: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** In whole nanoseconds; undefined where the text is no time, or none that can pass. A unit is needed. */
export function readDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+)(ns|us|ms|s|m|h)$/.exec(text);
  if (!match) return undefined;
  const [, digits = "", unit = ""] = match;
  const nanoseconds = Math.round(Number(digits) * (units[unit] ?? Number.NaN));
  return nanoseconds > 0 && Number.isSafeInteger(nanoseconds) ? nanoseconds : undefined;
}

const scales = [
  [1e9, "s"],
  [1e6, "ms"],
  [1e3, "us"],
] as const;

/** For people, with three digits: "120 ns", "1.25 us", "42.0 s", "3 min 20 s", "2 h 5 min", "1 d 3 h". */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds >= 59.95e9) return formatLong(Math.round(nanoseconds / 1e9));
  const [scale, unit] = scales.find(([least]) => nanoseconds >= least * 0.9995) ?? [1, "ns"];
  const value = nanoseconds / scale;
  if (unit === "ns") return `${Math.round(value)} ns`;
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
}

function formatLong(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor((seconds % 86_400) / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "min"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  const shown = parts.slice(first, first + 2).filter(([count]) => count > 0);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(" ");
}
