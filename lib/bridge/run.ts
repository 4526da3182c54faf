/** A bridge that runs: its threads, and what they and its ports have counted. */

import { countsBetween, countsTogether, noCounts } from "../counts.js";
import type { Standstill } from "../doctor/finding.js";
import type { NmError } from "../errors.js";
import { type Forwarder, type LaneCounts, startForwarder } from "../forwarder.js";
import { laneCountMeanings } from "../layout.js";
import { type Drops, dropsOf, moreDrops } from "../loop-group.js";
import type { Port } from "../port.js";
import { formatPort, type PortSpec } from "../port-spec.js";
import { type Recorder, startRecorder } from "../recorder.js";
import { allEnded } from "../running.js";
import type { BridgeJob } from "./job.js";
import type { Direction } from "./patch.js";
import type { BridgePorts } from "./ports.js";
import type { BridgeReport, BridgeSubject } from "./report.js";

/** What was counted up to a moment. */
interface Look {
  readonly at_ms: number;
  readonly counts: readonly LaneCounts[];
  readonly drops: readonly Drops[];
}

interface Thread {
  readonly forwarder: Forwarder;
  /** The direction of each of its lanes. */
  readonly directions: readonly number[];
}

export class BridgeRun {
  readonly #job: BridgeJob;
  readonly #ports: BridgePorts;
  readonly #portDrops: readonly { readonly port: string; readonly drops: () => Drops }[];
  #threads: readonly Thread[] = [];
  #recorder: Recorder | undefined;
  #first: Look;
  #last: Look;

  constructor(job: BridgeJob, ports: BridgePorts) {
    this.#job = job;
    this.#ports = ports;
    const named = [
      ...ports.byName,
      ...(job.mirror ? [[formatPort(job.mirror), ports.mirrors] as const] : []),
    ];
    this.#portDrops = named.map(([port, opened]) => ({ port, drops: dropsOf(opened, ["rx", "tx"]) }));
    this.#first = this.#last = this.#look();
  }

  get subject(): BridgeSubject {
    const { byName } = this.#ports;
    const first = (name: string) => byName.get(name)?.[0] as Port;
    return {
      backend: [...byName.values()][0]?.[0]?.backend ?? "embedded",
      drivers: [...byName.values()].map(([port]) => (port as Port).driver),
      directions: this.#job.directions.map((direction, i) => {
        const [from, to] = [formatPort(direction.from), formatPort(direction.to)];
        const zeroCopy = !this.#job.treatments[i]?.copy && first(from).sharesMemoryWith(first(to));
        return { from, to, zeroCopy };
      }),
      ports: new Map(
        [...byName].map(([name, opened]) => [
          name,
          opened.reduce((sum, port) => sum + port.rxRings.length, 0),
        ]),
      ),
    };
  }

  /** @throws {NmError} CAPTURE_UNWRITABLE */
  start(): void {
    const threads = this.#ports.lanes(this.#job);
    this.#recorder = recorderFor(this.#job, threads.length);
    this.#threads = threads.map((lanes) => ({
      forwarder: startForwarder(
        lanes.map(({ lane }) => lane),
        { durationNs: this.#job.durationNs, recorder: this.#recorder },
      ),
      directions: lanes.map(({ direction }) => direction),
    }));
    this.#first = this.#last = this.#look();
  }

  /** Fulfilled when all threads have ended. When one fails the others are stopped, and this rejects with its error. */
  get ended(): Promise<void> {
    return allEnded(this.#threads.map(({ forwarder }) => forwarder));
  }

  /** Why the capture could not go on, if there is one. */
  captureFailure(): NmError | undefined {
    return this.#recorder?.failure();
  }

  stop(): void {
    for (const { forwarder } of this.#threads) forwarder.stop();
  }

  /** Packets that passed so far; and, where none do, the port to blame: one that takes none, else one where none arrive. */
  standstill(): { readonly packets: number; readonly port: PortSpec; readonly standstill: Standstill } {
    const { counts } = this.#look();
    const { directions } = this.#job;
    const held = directions.find((_, i) => (counts[i]?.held_back ?? 0) > 0);
    return {
      packets: counts.reduce((sum, { packets }) => sum + packets, 0),
      ...(held
        ? { port: held.to, standstill: { direction: "tx", partner: "rx" } as const }
        : {
            port: (directions[0] as Direction).from,
            standstill: { direction: "rx", partner: "tx" } as const,
          }),
    };
  }

  /** What passed since the last time. */
  interval(): BridgeReport {
    const now = this.#look();
    const report = this.#report(this.#last, now);
    this.#last = now;
    return report;
  }

  /** What passed since the start, in the time from the first packet to the last. */
  total(): BridgeReport {
    const passed = this.#threads
      .map(({ forwarder }) => forwarder.passed())
      .filter(({ firstNs }) => firstNs > 0);
    const first = Math.min(...passed.map(({ firstNs }) => firstNs));
    const last = Math.max(...passed.map(({ lastNs }) => lastNs));
    return {
      ...this.#report(this.#first, this.#look()),
      seconds: passed.length > 0 ? (last - first) / 1e9 : 0,
    };
  }

  #report(before: Look, now: Look): BridgeReport {
    return {
      seconds: (now.at_ms - before.at_ms) / 1000,
      directions: this.#job.directions.map(({ from, to }, i) => ({
        from: formatPort(from),
        to: formatPort(to),
        counts: countsBetween(before.counts[i], now.counts[i] ?? none),
      })),
      ports: this.#portDrops.map(({ port }, i) => ({
        port,
        drops: moreDrops(now.drops[i] ?? {}, before.drops[i] ?? {}),
      })),
    };
  }

  #look(): Look {
    const lanes = this.#threads.flatMap(({ forwarder, directions }) =>
      forwarder.counts().map((counts, lane) => ({ counts, direction: directions[lane] })),
    );
    const counts = this.#job.directions.map((_, direction) => {
      const its = lanes.filter((lane) => lane.direction === direction);
      return countsTogether([none, ...its.map(({ counts }) => counts)]);
    });
    return { at_ms: performance.now(), counts, drops: this.#portDrops.map(({ drops }) => drops()) };
  }
}

/** Each direction is an interface of the capture. */
function recorderFor({ capture, directions }: BridgeJob, loops: number): Recorder | undefined {
  if (!capture) return undefined;
  const interfaces = directions.map(({ from, to }) => ({
    name: formatPort(from),
    description: `a port, whose packets are passed on to ${formatPort(to)}`,
  }));
  return startRecorder({ ...capture, interfaces, loops });
}

const none: LaneCounts = noCounts(laneCountMeanings);
