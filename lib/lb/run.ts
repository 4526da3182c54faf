/** A load balancer that runs: what it, its input and its consumers have come to. */

import { type Balancer, type BalancerCounts, startBalancer } from "../balancer.js";
import { countsBetween } from "../counts.js";
import { type Drops, dropsOf, moreDrops } from "../loop-group.js";
import { formatPort } from "../port-spec.js";
import type { LbJob } from "./job.js";
import type { LbPorts } from "./ports.js";
import type { ConsumerChange, LbReport, LbSubject } from "./report.js";

/** What was counted up to a moment. */
interface Look {
  readonly at_ms: number;
  readonly counts: BalancerCounts;
  readonly inputDrops: Drops;
}

/** Counts that say how much there is now, and not how much there was so far. */
const levels: readonly string[] = ["free_buffers", "queued", "waiting"];

export class LbRun {
  readonly #ports: LbPorts;
  readonly #balancer: Balancer;
  readonly #drops: () => Drops;
  #first: Look;
  #consumers: readonly (number | undefined)[];

  constructor(job: LbJob, ports: LbPorts) {
    this.#ports = ports;
    this.#drops = dropsOf([ports.input], ["rx"]);
    const { hash, batch, busy, durationNs } = job;
    const groups = ports.groups.map((outputs) => outputs.map(({ port }) => port));
    this.#balancer = startBalancer(ports.input, groups, { hash, batch, busy, durationNs });
    this.#first = this.#look();
    this.#consumers = ports.outputs.map(() => undefined);
  }

  get ended(): Promise<void> {
    return this.#balancer.ended;
  }

  stop(): void {
    this.#balancer.stop();
  }

  /** Gives, at each call, what happened since the one before. */
  intervals(): () => LbReport {
    let before = this.#first;
    return () => {
      const now = this.#look();
      const report = this.#report(before, now);
      before = now;
      return report;
    };
  }

  /** What happened since the start, in the time from the first packet to the last. */
  total(): LbReport {
    const { firstNs, lastNs } = this.#balancer.passed();
    return { ...this.#report(this.#first, this.#look()), seconds: (lastNs - firstNs) / 1e9 };
  }

  /** Who came and who went since the last call. */
  changes(): ConsumerChange[] {
    const before = this.#consumers;
    this.#consumers = this.#ports.consumers();
    const { outputs } = this.#balancer.counts();
    return this.#consumers.flatMap((pid, i) => {
      const old = before[i];
      if (pid === old) return [];
      const port = this.#ports.outputs[i]?.consumer ?? "";
      const waiting = (outputs[i]?.waiting ?? 0) + (outputs[i]?.queued ?? 0);
      return [
        ...(old === undefined ? [] : [{ port, pid: old, state: "closed" as const, waiting }]),
        ...(pid === undefined ? [] : [{ port, pid, state: "opened" as const, waiting }]),
      ];
    });
  }

  #report(before: Look, now: Look): LbReport {
    return {
      seconds: (now.at_ms - before.at_ms) / 1000,
      counts: {
        own: countsBetween(before.counts.own, now.counts.own, levels),
        outputs: now.counts.outputs.map((one, i) => countsBetween(before.counts.outputs[i], one, levels)),
      },
      total: now.counts,
      inputDrops: moreDrops(now.inputDrops, before.inputDrops),
      consumers: this.#consumers,
    };
  }

  #look(): Look {
    return { at_ms: performance.now(), counts: this.#balancer.counts(), inputDrops: this.#drops() };
  }
}

/** The load balancer as it is about to begin. */
export function subjectOf(job: LbJob, ports: LbPorts): LbSubject {
  const { input } = ports;
  return {
    backend: input.backend,
    driver: input.driver,
    input: formatPort(job.input),
    outputs: ports.groups.flatMap((outputs, group) =>
      outputs.map(({ name, consumer }) => ({ name, consumer, group })),
    ),
    extraBuffers: input.granted.extraBuffers,
    askedBuffers: job.extraBuffers,
  };
}
