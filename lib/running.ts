/** What runs until it is done or told to stop: loops of native threads, and what is made of several. */

import { setTimeout as sleep } from "node:timers/promises";

export interface Running {
  /** Rejects with what made it fail. */
  readonly ended: Promise<unknown>;
  stop(): void;
}

/** Fulfilled when all have ended. When one fails the others are stopped, and this rejects with its error. */
export async function allEnded(runs: readonly Running[]): Promise<void> {
  const all = runs.map(({ ended }) => ended);
  try {
    await Promise.all(all);
  } catch (error) {
    for (const run of runs) run.stop();
    await Promise.allSettled(all);
    throw error;
  }
}

/** What is done every so many milliseconds meanwhile; 0 for never. */
export type Periodically = readonly [period_ms: number, act: () => void];

/** Waits until a run ends, which it does by itself or because `signal` fires. Gives what made it fail. */
export async function untilEnded(
  run: Running,
  signal: AbortSignal,
  meanwhile: readonly Periodically[],
): Promise<unknown> {
  const stop = () => run.stop();
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop);
  const timers = meanwhile
    .filter(([period_ms]) => period_ms > 0)
    .map(([period_ms, act]) => setInterval(act, period_ms));
  const failure = await run.ended.then(
    () => undefined,
    (error: unknown) => error,
  );
  for (const timer of timers) clearInterval(timer);
  signal.removeEventListener("abort", stop);
  return failure;
}

/** Returns early when the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => {});
}
