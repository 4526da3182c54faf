/** The open ports of a bridge, and who of its threads has which of their rings. */

import { NmError } from "../errors.js";
import type { Lane } from "../forwarder.js";
import { openForThreads } from "../loop-group.js";
import { type OpenOptions, openPort, type Port } from "../port.js";
import { formatPort, type PortSpec } from "../port-spec.js";
import type { BridgeJob } from "./job.js";

export class BridgePorts {
  /** By their printed names: one port with all rings, or one for each ring. */
  readonly byName: ReadonlyMap<string, readonly Port[]>;
  /** One for each thread; none without a mirror. */
  readonly mirrors: readonly Port[];
  readonly #threads: number;

  private constructor(
    byName: ReadonlyMap<string, readonly Port[]>,
    mirrors: readonly Port[],
    threads: number,
  ) {
    this.byName = byName;
    this.mirrors = mirrors;
    this.#threads = threads;
  }

  /** @throws {NmError} what openPort throws, BRIDGE_RINGS_DIFFER or THREADS_BEYOND_RINGS; nothing stays open then */
  static open(job: BridgeJob, threads: number, place: OpenOptions): BridgePorts {
    const byName = new Map<string, Port[]>();
    let mirrors: Port[] = [];
    try {
      for (const [name, spec] of job.ports) {
        const opened: Port[] = [];
        byName.set(name, opened);
        openRings(spec, threads, place, opened);
      }
      if (job.mirror) mirrors = openForThreads(job.mirror, ["tx"], threads, place);
      const ports = new BridgePorts(byName, mirrors, threads);
      if (threads > 1) ports.#checkRings(threads);
      return ports;
    } catch (error) {
      for (const port of [...byName.values(), mirrors].flat()) port.close();
      throw error;
    }
  }

  close(): void {
    for (const port of this.all) port.close();
  }

  get all(): readonly Port[] {
    return [...this.byName.values(), this.mirrors].flat();
  }

  /** The lanes of each thread, with the number of their direction. */
  lanes(job: BridgeJob): { readonly direction: number; readonly lane: Lane }[][] {
    const threads = Array.from({ length: this.#threads }, (): { direction: number; lane: Lane }[] => []);
    for (const [direction, { from, to }] of job.directions.entries()) {
      const [sources, targets] = [this.#portsOf(from), this.#portsOf(to)];
      for (const [i, source] of sources.entries()) {
        const target = targets[i % targets.length] as Port;
        const thread = i % this.#threads;
        const lane = { ...job.treatments[direction], from: source, to: target, mirror: this.mirrors[thread] };
        threads[thread]?.push({ direction, lane });
      }
    }
    return threads;
  }

  #portsOf(spec: PortSpec): readonly Port[] {
    return this.byName.get(formatPort(spec)) ?? [];
  }

  /** Threads share no ring, so that ring i of one port goes with ring i of the other. */
  #checkRings(threads: number): void {
    const counts = [...this.byName].map(([port, ports]) => ({ port, rings: ports.length }));
    const [first, ...others] = counts;
    const odd = others.find(({ rings }) => rings !== first?.rings);
    if (first && odd) {
      const details = { port: first.port, rings: first.rings, other: odd.port, other_rings: odd.rings };
      throw new NmError("BRIDGE_RINGS_DIFFER", details);
    }
    if (first && threads > first.rings) {
      throw new NmError("THREADS_BEYOND_RINGS", {
        port: first.port,
        kind: "rx",
        threads,
        rings: first.rings,
      });
    }
  }
}

/** Opens a port as it is named for one thread, or each of its rings by itself for several. */
function openRings(spec: PortSpec, threads: number, place: OpenOptions, opened: Port[]): void {
  if (threads === 1) {
    const port = openPort(spec, place);
    opened.push(port);
    checkKinds(port);
    return;
  }
  if (spec.mode !== "all_nic") {
    throw new NmError("OPTION_CONFLICT", {
      option: "--threads",
      with: formatPort(spec),
      reason: "threads share all rings of a port, and this names some",
    });
  }
  for (let ring = 0; ring === 0 || ring < (opened[0]?.granted.rxRings ?? 0); ring++) {
    const port = openPort({ ...spec, mode: "one_nic", ring }, place);
    opened.push(port);
    checkKinds(port);
  }
}

/** A port that only receives, or only sends, can be used in one direction; which is found out by its rings. */
function checkKinds(port: Port): void {
  if (port.rxRings.length + port.txRings.length > 0) return;
  throw new NmError("PORT_WITHOUT_RINGS", { port: port.name, kind: "rx" });
}
