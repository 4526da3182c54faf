/**
 * What a receiver finds in the marks of the packets.
 */

/** What the receiver found in the marks. */
export interface Verdict {
  readonly lost: number;
  readonly reordered: number;
  readonly duplicated: number;
  readonly corrupt: number;
  readonly unmarked: number;
}

/** "3 lost, 0 reordered, ..." */
export function verdictWords(verdict: Verdict): string {
  const { lost, reordered, duplicated, corrupt, unmarked } = verdict;
  return `${lost} lost, ${reordered} reordered, ${duplicated} duplicated, ${corrupt} corrupt, ${unmarked} unmarked`;
}

/** Whether all packets came whole, once and in order. */
export function isIntact({ lost, reordered, duplicated, corrupt, unmarked }: Verdict): boolean {
  return lost + reordered + duplicated + corrupt + unmarked === 0;
}
