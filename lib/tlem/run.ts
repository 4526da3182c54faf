/** A link that runs: a thread for each direction, and what they and their ports have counted. */

import type { Backend } from "../control.js";
import { countsBetween, countsTogether, noCounts } from "../counts.js";
import { NmError } from "../errors.js";
import { Histogram } from "../histogram.js";
import { type LinkCount, linkCounts } from "../layout.js";
import { type Link, type LinkCounts, type LinkModels, startLink } from "../link.js";
import { type Drops, dropsOf, moreDrops } from "../loop-group.js";
import { openPort, type Port } from "../port.js";
import { formatPort, type PortSpec } from "../port-spec.js";
import type { Passed } from "../report/passed.js";
import type { RingKind } from "../ring.js";
import { allEnded } from "../running.js";
import type { LinkJob } from "./job.js";
import type { DirectionReport, LinkReport } from "./report.js";

/** One direction. Each has its ports to itself, so that no direction waits for another. */
interface Direction {
  readonly from: Port;
  readonly to: Port;
  readonly names: { readonly from: string; readonly to: string };
}

interface Look {
  readonly at_ms: number;
  readonly passed: readonly Passed[];
  readonly counts: readonly LinkCounts[];
  readonly drops: readonly Drops[];
}

export class LinkRun {
  readonly #job: LinkJob;
  readonly #directions: readonly Direction[];
  readonly #portDrops: readonly (() => Drops)[];
  #links: readonly Link[] = [];
  #first: Look;
  #last: Look;

  private constructor(job: LinkJob, directions: readonly Direction[]) {
    this.#job = job;
    this.#directions = directions;
    // Drops before a direction's receive ring, and after its transmit ring.
    this.#portDrops = directions.flatMap(({ from, to }) => [dropsOf([from], ["rx"]), dropsOf([to], ["tx"])]);
    this.#first = this.#last = this.#look();
  }

  /** Opens the ports. @throws {NmError} what openPort throws, or PORT_WITHOUT_RINGS; nothing stays open then */
  static open(job: LinkJob): LinkRun {
    const [left, right] = job.specs;
    const opened: Port[] = [];
    try {
      const directions = [
        { from: left, to: right },
        { from: right, to: left },
      ].map(({ from, to }) => ({
        from: openRings(from, "rx", job.args.backend, opened),
        to: openRings(to, "tx", job.args.backend, opened),
        names: { from: formatPort(from), to: formatPort(to) },
      }));
      return new LinkRun(job, directions);
    } catch (error) {
      for (const port of opened) port.close();
      throw error;
    }
  }

  get backend(): string {
    return this.#directions[0]?.from.backend ?? "embedded";
  }

  start(): void {
    const { args, durationNs, seed, cpus } = this.#job;
    const models = this.#job.models();
    this.#links = this.#directions.map(({ from, to }, i) =>
      startLink(from, to, models[i], {
        ...{ burst: args.burst, memory: args.memory, durationNs },
        // Each direction has random numbers of its own.
        seed: seed + i,
        cpu: cpus[i],
      }),
    );
    this.#first = this.#last = this.#look();
  }

  reconfigure(models: readonly LinkModels[]): void {
    for (const [i, link] of this.#links.entries()) link.reconfigure(models[i] ?? {});
  }

  /** Fulfilled when both directions have ended. When one fails the other is stopped, and this rejects with its error. */
  get ended(): Promise<void> {
    return allEnded(this.#links);
  }

  stop(): void {
    for (const link of this.#links) link.stop();
  }

  close(): void {
    for (const { from, to } of this.#directions) {
      from.close();
      to.close();
    }
  }

  /** What passed since the last time. */
  interval(): LinkReport {
    const now = this.#look();
    const report = this.#report(this.#last, now, (now.at_ms - this.#last.at_ms) / 1000);
    this.#last = now;
    return report;
  }

  /** What passed since the start, in the time from the first packet to the last. */
  total(): LinkReport {
    const spans = this.#links.map((link) => link.progress()).filter(({ first_ns }) => first_ns > 0);
    const first = Math.min(...spans.map(({ first_ns }) => first_ns));
    const last = Math.max(...spans.map(({ last_ns }) => last_ns));
    return this.#report(this.#first, this.#look(), spans.length > 0 ? (last - first) / 1e9 : 0);
  }

  #report(before: Look, now: Look, seconds: number): LinkReport {
    const directions = this.#directions.map(({ names }, i): DirectionReport => {
      const [passed, since] = [now.passed[i] ?? nothing, before.passed[i] ?? nothing];
      return {
        ...names,
        passed: {
          packets: passed.packets - since.packets,
          bytes: passed.bytes - since.bytes,
          events: passed.events - since.events,
          seconds,
        },
        counts: countsBetween(before.counts[i], now.counts[i] ?? none, levels),
        lateness: this.#links[i]?.lateness() ?? Histogram.none,
      };
    });
    const drops = now.drops.map((drops, i) => moreDrops(drops, before.drops[i] ?? {}));
    return { seconds, directions, ports: this.#byPort(drops) };
  }

  /** Of one port both directions dropped something. */
  #byPort(drops: readonly Drops[]): LinkReport["ports"] {
    const [a, b] = this.#job.specs.map((spec) => formatPort(spec));
    const [intoA, intoB, backIntoB, backIntoA] = drops;
    return [
      { port: a ?? "", drops: countsTogether<Drops>([intoA ?? {}, backIntoA ?? {}]) },
      { port: b ?? "", drops: countsTogether<Drops>([intoB ?? {}, backIntoB ?? {}]) },
    ];
  }

  #look(): Look {
    return {
      at_ms: performance.now(),
      passed: this.#links.map((link) => {
        const { packets, bytes, events } = link.progress();
        return { packets, bytes, events, seconds: 0 };
      }),
      counts: this.#links.map((link) => link.counts()),
      drops: this.#portDrops.map((drops) => drops()),
    };
  }
}

const none: LinkCounts = noCounts(linkCounts);
const nothing: Passed = { packets: 0, bytes: 0, events: 0, seconds: 0 };
/** Those that say how things are now do not add up. */
const levels: readonly LinkCount[] = ["under_way", "queued_bytes"];

/** A port of one direction, with only the rings that this needs. */
function openRings(spec: PortSpec, kind: RingKind, backend: Backend, opened: Port[]): Port {
  const flag = kind === "rx" ? ("rx_rings_only" as const) : ("tx_rings_only" as const);
  const flags = spec.flags.includes(flag) ? spec.flags : [...spec.flags, flag];
  const port = openPort({ ...spec, flags }, { backend });
  opened.push(port);
  const rings = kind === "rx" ? port.rxRings : port.txRings;
  if (rings.length === 0) throw new NmError("PORT_WITHOUT_RINGS", { port: formatPort(spec), kind });
  return port;
}
