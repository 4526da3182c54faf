/**
 * How far two processors are from each other: the time for a cache line to go from one to the other.
 *
 * Two threads pass a number to and fro. Whoever is put off the processor meanwhile makes a turn longer, never shorter, so the
 * shortest of many turns is the distance.
 */

import { Worker } from "node:worker_threads";

const turns = 200;
const rounds = 200;
/** Longer than any distance; somebody is not running. */
const patience_ms = 200;

/** Runs in both threads: answers each odd number with the next even one, or the other way round. */
const player = `
  const { workerData, parentPort } = require("node:worker_threads");
  const { memory, first, turns, rounds, patience_ms } = workerData;
  const ball = new Int32Array(memory);
  let best = Infinity;
  let number = first ? 0 : 1;
  Atomics.add(ball, 16, 1);
  while (Atomics.load(ball, 16) < 2) Atomics.wait(ball, 16, 1, 1);
  const end = Date.now() + patience_ms;
  out: for (let round = 0; round < rounds; round++) {
    const began = process.hrtime.bigint();
    for (let turn = 0; turn < turns; turn++) {
      let spins = 0;
      while (Atomics.load(ball, 0) !== number) if ((++spins & 0xffff) === 0 && Date.now() > end) break out;
      Atomics.store(ball, 0, number + 1);
      number += 2;
    }
    best = Math.min(best, Number(process.hrtime.bigint() - began) / (2 * turns));
  }
  if (first) parentPort.postMessage(best);
`;

/** Nanoseconds one way; undefined where two threads could not run at the same time. */
export async function coreDistance(): Promise<number | undefined> {
  const memory = new SharedArrayBuffer(128);
  const start = (first: boolean) =>
    new Worker(player, { eval: true, workerData: { memory, first, turns, rounds, patience_ms } });
  const other = start(false);
  const worker = start(true);
  try {
    const best = await new Promise<number>((done, fail) => {
      worker.once("message", done);
      for (const thread of [worker, other]) thread.once("error", fail);
    });
    return Number.isFinite(best) ? best : undefined;
  } finally {
    await Promise.all([worker.terminate(), other.terminate()]);
  }
}
