/** Packets that a loop of our own dropped, by reason: its counts whose names begin with drops_. */

export type DropCounts = Readonly<Record<string, number>>;

const prefix = "drops_";

/** Reason and count, for each reason that there was. */
export function dropsIn(counts: DropCounts): Record<string, number> {
  const drops = Object.entries(counts).filter(([name, count]) => name.startsWith(prefix) && count > 0);
  return Object.fromEntries(drops.map(([name, count]) => [name.slice(prefix.length), count]));
}

/** "12 loss, 3 queue_full" */
export function dropWords(drops: DropCounts): string {
  return Object.entries(drops)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(", ");
}
