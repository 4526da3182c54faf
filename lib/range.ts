/** Whole numbers that a program gives the library. */

/** @throws {RangeError} for one that is given and not from `min` to `max` */
export function check(name: string, value: number | undefined, min: number, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= min && value <= max)) return;
  throw new RangeError(`Cannot use ${name} ${value}: expected ${min} to ${max}`);
}
