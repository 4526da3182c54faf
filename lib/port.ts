/**
 * An open port: its rings, and the calls that exchange packets with the other side.
 *
 *   using port = openPort("vale1:a");
 *   port.tx.put(packet);                     // copies it into a slot of the first transmit ring
 *   port.sync();                             // sends it, and fetches what has arrived
 *   await port.wait({ readable: true });     // sleeps until something has
 *   port.rx.drain((payload) => ...);         // looks at each packet in place, gives the slots back
 *
 * Rings and packets are seen in place, in the memory that the device uses. How names are read is in port-spec.ts,
 * where ports live in control.ts, slots in ring.ts.
 */

import { setImmediate as nextTurn } from "node:timers/promises";
import { NR_ACCEPT_VNET_HDR } from "./abi.js";
import { backendAt, deviceOf, lookUp, type Place, portError, readSpec, type UsedBackend } from "./control.js";
import { named } from "./counts.js";
import { type DriverReport, readDriverReport } from "./driver.js";
import { NmError } from "./errors.js";
import { type CounterName, counterMeanings, events } from "./layout.js";
import { type NativeGrant, type NativePort, native, statusOf } from "./native.js";
import { formatPort, type PortSpec, portRequest } from "./port-spec.js";
import { Buffers, Ring, type RingKind, type RingOwner } from "./ring.js";

export interface OpenOptions extends Place {
  /** Buffers to have beside those in the rings; fewer may be granted. See `Port.takeExtraBuffer`. */
  readonly extraBuffers?: number | undefined;
  /** Open a port whose packets begin with a virtio-net header too, which is refused otherwise. See `portHeader`. */
  readonly acceptHeader?: boolean | undefined;
  /** Which driver opens a network interface, where the name does not say. By default the best that works. */
  readonly driver?: string | undefined;
}

export interface WaitOptions {
  /** Wait for slots past `cur` in a receive ring. The default when neither is asked for. */
  readonly readable?: boolean | undefined;
  /** Wait for slots past `cur` in a transmit ring. */
  readonly writable?: boolean | undefined;
  /** Give up after this many milliseconds. By default never; 0 only looks. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait early, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Look again each turn of the event loop instead of sleeping: about ten times faster to wake, and a busy core. */
  readonly spin?: boolean | undefined;
}

/** What a wait ended with. All false: the time was over. */
export interface Ready {
  readonly readable: boolean;
  readonly writable: boolean;
  /** A ring held values that cannot be; the device has reset it. */
  readonly ringError: boolean;
}

/**
 * Opens a port by its name, for example `vale1:a`, `pipe{1` or `eth0-3`, or by a spec from `parsePort`.
 *
 * @throws {NmError} PORT_SYNTAX for a name that cannot be read; NATIVE_MISSING without the addon; otherwise one of
 *   the codes of `statusErrors` in lib/errors.ts, which say why the device refused
 */
export function openPort(port: string | PortSpec, options: OpenOptions = {}): Port {
  const spec = readSpec(port);
  const namespace = deviceOf(options);
  const backend = backendAt(namespace);
  refuseKernel(spec, backend, spec.options.driver?.name ?? options.driver);
  const fields = portRequest(spec);
  const request = {
    ...fields,
    flags: fields.flags | (options.acceptHeader ? NR_ACCEPT_VNET_HDR : 0),
    ...sharedMemory(spec, options),
    extraBuffers: extraBuffers(options),
    driver: spec.options.driver?.name ?? options.driver,
    extmem: spec.options.extmem,
    offset: spec.options.offset,
  };
  let drivers: DriverReport | undefined;
  const opened = native().openPort(namespace, request, (report) => {
    drivers = readDriverReport(report);
  });
  if (typeof opened === "number") {
    throw portError(opened, "open port", formatPort(spec), namespace, { request, drivers });
  }
  return new Port(opened, { spec, namespace, backend, drivers });
}

interface Origin {
  readonly drivers: DriverReport | undefined;
  readonly spec: PortSpec;
  readonly namespace: string;
  readonly backend: UsedBackend;
}

/** For the library's own files: the addon's side of a port, and what a result below 0 means there. */
export let nativeOf: (port: Port) => NativePort;
export let failureOf: (port: Port, result: number, action: string) => NmError;

export class Port {
  static {
    nativeOf = (port) => port.#native;
    failureOf = (port, result, action) => port.#failure(result, action);
  }

  /** The printed form of the name. */
  readonly name: string;
  readonly spec: PortSpec;
  readonly backend: UsedBackend;
  /** The directory that the port lives in, or /dev/netmap. */
  readonly namespace: string;
  /** How a network interface was opened; undefined for other ports, and where only host rings are. */
  readonly drivers: DriverReport | undefined;
  /** What the device granted: rings and slots (counts), region id and bytes. */
  readonly granted: NativeGrant;
  /** The transmit rings that were opened, host rings after the others. */
  readonly txRings: readonly Ring[];
  /** The receive rings that were opened, host rings after the others. */
  readonly rxRings: readonly Ring[];

  readonly #native: NativePort;
  readonly #memory: Buffers;
  #open = true;
  #waiting = false;

  /** Use `openPort`. */
  constructor(opened: NativePort, { spec, namespace, backend, drivers }: Origin) {
    this.name = formatPort(spec);
    this.spec = spec;
    this.backend = backend;
    this.drivers = drivers;
    this.granted = opened.granted;
    this.#native = opened;
    this.namespace = namespace;
    this.#memory = new Buffers({
      region: `${namespace}:${opened.granted.memId}`,
      size: opened.bufferSize,
      count: () => this.#done(opened.bufferCount()),
      memory: () => this.#memoryOf(opened.buffers()),
    });
    const owner: RingOwner = {
      memory: this.#memory,
      offset: spec.options.offset?.initial ?? 0,
      counters: (kind, ring) => this.#counters(kind, ring),
      closed: () => this.#closed(),
    };
    this.txRings = opened.tx.map((ring) => new Ring(owner, "tx", ring));
    this.rxRings = opened.rx.map((ring) => new Ring(owner, "rx", ring));
  }

  /** Whether its rings count packets and what they dropped, which the kernel module does not. */
  get isCounted(): boolean {
    return this.backend !== "kernel";
  }

  /** What moves the packets: "vale", "pipe", or the driver of a network interface, "af-packet" for example. */
  get driver(): string {
    return this.drivers?.attempts.at(-1)?.driver ?? this.spec.kind;
  }

  /** The first transmit ring. */
  get tx(): Ring {
    return this.#ring("tx", this.txRings);
  }

  /** The first receive ring. */
  get rx(): Ring {
    return this.#ring("rx", this.rxRings);
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Sends what was put into the transmit rings and fetches what has arrived. Does not wait. */
  sync(): void {
    this.txSync();
    this.rxSync();
  }

  /** Sends the slots before each transmit ring's head, and frees those that are done with. */
  txSync(): void {
    const result = this.#native.txSync();
    if (result < 0) this.#fail(result, "sync port");
  }

  /** Takes back the slots before each receive ring's head, and shows packets that have arrived. */
  rxSync(): void {
    const result = this.#native.rxSync();
    if (result < 0) this.#fail(result, "sync port");
  }

  /**
   * Syncs, then sleeps until something that was asked for is so. No thread waits: the event loop does.
   *
   * @throws {NmError} PORT_WAITING while another wait is under way, PORT_CLOSED when the port is closed meanwhile
   */
  async wait(options: WaitOptions = {}): Promise<Ready> {
    const { signal, timeoutMs = -1 } = options;
    signal?.throwIfAborted();
    if (this.#waiting) throw new NmError("PORT_WAITING", { port: this.name });
    this.#waiting = true;

    const stop = () => this.#native.stopWaiting();
    signal?.addEventListener("abort", stop);
    try {
      const wanted = wantedEvents(options);
      const result = await (options.spin
        ? this.#spin(wanted, timeoutMs, signal)
        : this.#sleep(wanted, timeoutMs));
      signal?.throwIfAborted();
      this.#done(result, "wait for port");
      return {
        readable: (result & events.readable) !== 0,
        writable: (result & events.writable) !== 0,
        ringError: (result & events.ringError) !== 0,
      };
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#waiting = false;
    }
  }

  /** Whether buffers can be exchanged between this port's slots and the other's. */
  sharesMemoryWith(other: Port): boolean {
    return this.#memory.isSameRegion(other.#memory);
  }

  /** All bytes of buffer `index` of the port's region, in place. */
  buffer(index: number): Uint8Array {
    if (!this.#open) throw this.#closed();
    return this.#memory.whole(index);
  }

  /** Takes one of the buffers that no slot has; undefined when none is left. Give it to a slot, or back. */
  takeExtraBuffer(): number | undefined {
    const index = this.#done(this.#native.extraBuffersHead());
    if (index === 0) return undefined;
    const bytes = this.buffer(index);
    const next = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    this.#done(this.#native.setExtraBuffersHead(next));
    return index;
  }

  /** Gives back a buffer that no slot has, so that closing the port frees it. */
  giveExtraBuffer(index: number): void {
    const head = this.#done(this.#native.extraBuffersHead());
    const bytes = this.buffer(index);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, head, true);
    this.#done(this.#native.setExtraBuffersHead(index));
  }

  /**
   * Leaves the port. Rings and views of packets are dead from then on; closing again does nothing. What still works
   * on a packet in another thread, such as an asynchronous write or compression, must have ended before.
   */
  close(): void {
    this.#open = false;
    this.#native.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #sleep(wanted: number, timeoutMs: number): Promise<number> | number {
    return this.#native.wait(wanted, timeoutMs < 0 ? -1 : Math.ceil(timeoutMs));
  }

  async #spin(wanted: number, timeoutMs: number, signal?: AbortSignal): Promise<number> {
    const end = timeoutMs < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs;
    for (;;) {
      const result = await this.#native.wait(wanted, 0);
      if (result !== 0 || signal?.aborted || performance.now() >= end) return result;
      await nextTurn();
    }
  }

  #ring(kind: RingKind, rings: readonly Ring[]): Ring {
    const [ring] = rings;
    if (!ring) throw new RangeError(`Cannot use the first ${kind} ring of "${this.name}": none was opened`);
    return ring;
  }

  #counters(kind: RingKind, ring: number): Record<CounterName, number> {
    const counted = kind === "tx" ? this.#native.txCounters(ring) : this.#native.rxCounters(ring);
    if (typeof counted === "number") this.#fail(counted, "read counters of port");
    return named(counterMeanings, counted);
  }

  #memoryOf(buffers: ArrayBuffer | number): ArrayBuffer {
    if (typeof buffers === "number") this.#fail(buffers, "map port");
    return buffers;
  }

  #done(result: number, action = "use port"): number {
    return result < 0 ? this.#fail(result, action) : result;
  }

  #fail(result: number, action: string): never {
    throw this.#failure(result, action);
  }

  #failure(result: number, action: string): NmError {
    if (!this.#open) return this.#closed();
    if (statusOf(result) === "port_in_use") return new NmError("PORT_RUNNING", { port: this.name });
    return portError(result, action, this.name, this.namespace, { reset: this.#native.lastReset() });
  }

  #closed(): NmError {
    return new NmError("PORT_CLOSED", { port: this.name });
  }
}

function wantedEvents({ readable, writable }: WaitOptions): number {
  const wanted = (readable ? events.readable : 0) | (writable ? events.writable : 0);
  return wanted || events.readable;
}

function extraBuffers({ extraBuffers = 0 }: OpenOptions): number {
  if (Number.isInteger(extraBuffers) && extraBuffers >= 0 && extraBuffers < 2 ** 32) return extraBuffers;
  throw new RangeError(`Cannot have ${extraBuffers} extra buffers: expected 0 to ${2 ** 32 - 1}`);
}

/** `@share` names a port that is open; its region is then asked for by id. */
function sharedMemory({ options }: PortSpec, place: Place): { memId?: number } {
  return options.share ? { memId: lookUp(options.share.port, place, "share memory of port").memId } : {};
}

/** What only the embedded engine has. */
function refuseKernel(spec: PortSpec, backend: UsedBackend, driver: string | undefined): void {
  if (backend !== "kernel") return;
  const port = formatPort(spec);
  if (spec.kind === "tap") throw new NmError("KERNEL_LACKS", { port, what: "tap ports" });
  if (driver !== undefined) throw new NmError("KERNEL_LACKS", { port, what: "choice of drivers" });
}
