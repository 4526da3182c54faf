/**
 * Reads numbers as people write them on a command line, exactly.
 *
 *   4096   1.5M   64k        k, M, G and T stand for thousands, millions and so on, in either case
 *   64Ki   2Mi               with an i they are powers of 1024
 */

export interface ExactNumber {
  /** The nearest that a number can hold. */
  readonly value: number;
  /** Whether what was written is a whole number: 1.5k is, 1.0005k is not. */
  readonly whole: boolean;
}

const powers: Readonly<Record<string, bigint>> = { "": 0n, k: 1n, m: 2n, g: 3n, t: 4n };

/** More digits than any number here has. They would only take time. */
const mostDigits = 40;

/** Nothing where the text is no number. */
export function readNumber(text: string): ExactNumber | undefined {
  if (text.length > mostDigits) return undefined;
  const match = /^(-?)(\d*)(?:\.(\d*))?([kmgt]?)(i?)$/i.exec(text);
  if (!match) return undefined;

  const [, sign = "", whole = "", fraction = "", letter = "", binary = ""] = match;
  if (whole + fraction === "" || (binary !== "" && letter === "")) return undefined;
  // Binary fractions would make 1.1M 1100000.0000000002, so all is counted in units of the last digit.
  const scale = (binary === "" ? 1000n : 1024n) ** (powers[letter.toLowerCase()] ?? 0n);
  const units = BigInt(`${sign}${whole}${fraction}`) * scale;
  const unit = 10n ** BigInt(fraction.length);
  if (units % unit === 0n) return { value: Number(units / unit), whole: true };
  return { value: Number(units) / Number(unit), whole: false };
}
