/** Counts that the native core says in the order of a table of lib/layout.ts: by name, and between two looks. */

/** What stands from `first` on, under the names of the table. */
export function named<Name extends string, Value = number>(
  table: Readonly<Record<Name, unknown>>,
  values: ArrayLike<Value>,
  first = 0,
): Record<Name, Value> {
  const record = {} as Record<Name, Value>;
  let at = first;
  for (const name in table) record[name] = values[at++] as Value;
  return record;
}

/** The same for as many rows of the table as there are from `first` on. */
export function namedRows<Name extends string>(
  table: Readonly<Record<Name, unknown>>,
  values: ArrayLike<number>,
  first = 0,
): Record<Name, number>[] {
  const width = Object.keys(table).length;
  const rows = (values.length - first) / width;
  return Array.from({ length: rows }, (_, row) => named(table, values, first + row * width));
}

/** Before anything was counted. */
export function noCounts<Name extends string>(table: Readonly<Record<Name, unknown>>): Record<Name, number> {
  return named(
    table,
    Object.keys(table).map(() => 0),
  );
}

/** What came between two looks. `levels` say how much there is now, and not how much there was so far. */
export function countsBetween<Counts extends Readonly<Record<string, number>>>(
  before: Counts | undefined,
  now: Counts,
  levels: readonly string[] = [],
): Counts {
  const since = Object.entries(now).map(([name, count]) => [
    name,
    count - (levels.includes(name) ? 0 : (before?.[name] ?? 0)),
  ]);
  return Object.fromEntries(since) as Counts;
}

/** Counts of the same kind, together. */
export function countsTogether<Counts extends Readonly<Record<string, number>>>(
  all: readonly Counts[],
): Counts {
  const sums: Record<string, number> = {};
  for (const counts of all) {
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  }
  return sums as Counts;
}
