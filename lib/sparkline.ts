/** Numbers as a row of bars, which a terminal can show. */

const bars = "▁▂▃▄▅▆▇█";

/** One bar for each number; the greatest has the highest, and 0 a space. */
export function sparkline(values: readonly number[]): string {
  const greatest = Math.max(...values);
  return values
    .map((value) =>
      value > 0 ? bars.charAt(Math.min(bars.length - 1, Math.floor((value / greatest) * bars.length))) : " ",
    )
    .join("");
}

/** The sums of as many groups of neighbours as there is room for. */
export function gathered(values: ArrayLike<number>, columns: number): number[] {
  const count = Math.min(columns, values.length);
  const sums = Array.from({ length: count }, () => 0);
  for (let i = 0; i < values.length; i++) {
    const column = Math.floor((i * count) / values.length);
    sums[column] = (sums[column] ?? 0) + (values[i] ?? 0);
  }
  return sums;
}
