/**
 * The native addon with its types: what native/addon offers, and nothing more.
 *
 * A call that can fail gives a number: from 0 on it is what the call has to say, below 0 it is minus the position
 * of a status in `statuses`. lib/control.ts turns those into words. Everything here is plain numbers and memory;
 * lib/port.ts is what people use.
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { NmError } from "./errors.js";
import { type HistogramName, type Status, statusMeanings } from "./layout.js";
import type { PortOptions } from "./port-options.js";
import type { PortRequest } from "./port-spec.js";

/** What is there of a port: rings of each kind, slots in a ring, bytes of the memory region and its id. */
export interface NativeGeometry {
  readonly memSize: number;
  readonly memId: number;
  readonly txSlots: number;
  readonly rxSlots: number;
  readonly txRings: number;
  readonly rxRings: number;
  readonly hostTxRings: number;
  readonly hostRxRings: number;
}

/** What a registration granted. */
export interface NativeGrant extends NativeGeometry {
  readonly mode: number;
  readonly ringid: number;
  readonly flags: number;
  readonly extraBuffers: number;
}

export interface NativeRing {
  /** As netmap numbers the rings of one direction: host rings after the others. */
  readonly number: number;
  readonly slots: number;
  /** A netmap_ring: header, then slots. */
  readonly memory: ArrayBuffer;
}

/** A ring whose head or cur were where they cannot be, and what it held; which ring and what where that is known. */
export interface NativeRingReset {
  readonly kind: "tx" | "rx";
  readonly ring?: number;
  readonly head?: number;
  readonly cur?: number;
}

export interface NativePort {
  readonly granted: NativeGrant;
  readonly tx: readonly NativeRing[];
  readonly rx: readonly NativeRing[];
  /** Bytes from one buffer to the next, all of which a packet may fill. */
  readonly bufferSize: number;
  /** How many buffers the region has now. It can grow. */
  bufferCount(): number;
  /** Memory of as many buffers, from buffer 0 on. */
  buffers(): ArrayBuffer | number;
  txSync(): number;
  rxSync(): number;
  /** Resolves to bits of `events`, to 0 when `timeoutMs` (below 0: no limit) was over first. One at a time. */
  wait(events: number, timeoutMs: number): Promise<number> | number;
  /** Resolves a pending wait to minus "interrupted". */
  stopWaiting(): void;
  /** The ring that was set back last, if one was. Undefined while a loop runs. */
  lastReset(): NativeRingReset | undefined;
  /** In the order of `counterMeanings`. */
  txCounters(ring: number): readonly number[] | number;
  rxCounters(ring: number): readonly number[] | number;
  /** Index of the first extra buffer, each of which begins with the index of the next; 0 ends. */
  extraBuffersHead(): number;
  setExtraBuffersHead(index: number): number;
  /** Leaves the port and detaches all memory that was handed out. */
  close(): void;
}

export interface NativeRequest extends PortRequest {
  readonly extraBuffers: number;
  /** Which driver opens a network interface. By default $NM_DRIVER, else the best that works. */
  readonly driver?: string | undefined;
  /** The file that is to be the port's memory, under the names of the port syntax. */
  readonly extmem?: PortOptions["extmem"] | undefined;
  /** Where packets begin in their buffers. */
  readonly offset?: PortOptions["offset"] | undefined;
}

/** `refusal` is a number of `driverRefusals`, `error` an errno or 0. */
export interface NativeDriverReport {
  readonly attempts: readonly { readonly driver: string; readonly refusal: number; readonly error: number }[];
  readonly mode: string;
}

/** IPv4 addresses, or of IPv6 addresses one group of 16 bits, and UDP ports in host order, both ends included. */
export interface NativeEndpoint {
  readonly firstAddress: number;
  readonly lastAddress: number;
  readonly firstPort: number;
  readonly lastPort: number;
  /** The IPv6 address, 16 bytes, and which of its 8 groups the numbers above are for. */
  readonly address?: Uint8Array | undefined;
  readonly group?: number | undefined;
  /** Another address, or group, and another port for each packet. */
  readonly random?: boolean | undefined;
}

/** What is missing has the default of native/traffic. Times are in nanoseconds. */
export interface NativeLoopOptions {
  readonly count?: number | undefined;
  readonly durationNs?: number | undefined;
  readonly burst?: number | undefined;
  readonly dump?: { readonly capacity: number; readonly longest: number } | undefined;
  readonly cpu?: number | undefined;
}

/** So many packets in so many nanoseconds, at most one in each. */
export interface NativeRate {
  readonly packets: number;
  readonly perNs: number;
}

export interface NativeSchedule {
  readonly phases: readonly {
    /** A position in `phaseKinds`. */
    readonly kind: number;
    readonly rate: NativeRate;
    readonly endRate?: NativeRate | undefined;
    readonly durationNs?: number | undefined;
  }[];
  readonly repeats?: boolean | undefined;
  readonly seed?: number | undefined;
}

export interface NativeGeneratorOptions extends NativeLoopOptions {
  readonly frame?:
    | {
        readonly toMac?: Uint8Array | undefined;
        readonly fromMac?: Uint8Array | undefined;
        readonly from?: NativeEndpoint | undefined;
        readonly to?: NativeEndpoint | undefined;
        readonly length?: number | undefined;
        readonly shortestLength?: number | undefined;
        readonly family?: number | undefined;
        readonly seed?: number | undefined;
      }
    | undefined;
  readonly startNs?: number | undefined;
  readonly schedule?: NativeSchedule | undefined;
  readonly share?: { readonly index: number; readonly of: number } | undefined;
  readonly pace?:
    | {
        readonly burstNs?: number | undefined;
        readonly gathers?: boolean | undefined;
        readonly patienceNs?: number | undefined;
      }
    | undefined;
  /** A value of `contents`. */
  readonly contents?: number | undefined;
  readonly headerLength?: number | undefined;
  readonly indirect?: boolean | undefined;
  readonly fragments?: number | undefined;
  readonly longestFragment?: number | undefined;
  readonly recording?: NativeRecording | undefined;
  readonly numbered?: boolean | undefined;
  readonly mark?: boolean | undefined;
  readonly firstStream?: number | undefined;
  readonly lingerNs?: number | undefined;
}

/** A count that several loops take from. */
export type NativeBudget = { readonly __nativeBudget: never };

export interface NativeSinkOptions extends NativeLoopOptions {
  readonly budget?: NativeBudget | undefined;
  readonly idleNs?: number | undefined;
  readonly measure?: boolean | undefined;
  readonly checkNumbers?: boolean | undefined;
  readonly touch?: boolean | undefined;
  readonly headerLength?: number | undefined;
}

export interface NativePingerOptions
  extends NativeLoopOptions,
    Pick<NativeGeneratorOptions, "frame" | "startNs" | "schedule" | "share" | "pace" | "headerLength"> {
  readonly patienceNs?: number | undefined;
}

export interface NativePongerOptions extends NativeLoopOptions {
  readonly budget?: NativeBudget | undefined;
  readonly idleNs?: number | undefined;
  readonly headerLength?: number | undefined;
  readonly lingerNs?: number | undefined;
}

/** Packets of a capture file, and what came of reading it. */
export interface NativeRecording {
  /** Numbers of `recordingOutcomes` and `captureFaults`. */
  readonly outcome: number;
  readonly fault: number;
  /** Byte of the file where the fault is, and what was there. */
  readonly offset: number;
  readonly found: number;
  readonly packets: number;
  readonly bytes: number;
  /** Bytes of the longest packet. */
  readonly longest: number;
}

/** A compiled packet filter, or why there is none. */
export interface NativeFilter {
  /** A number of `filterOutcomes`. */
  readonly outcome: number;
  readonly reason: string;
}

/** A packet to be written to a capture file: when it was there, its first bytes, and how many it had. */
export interface NativeCapturedPacket {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly bytes: Uint8Array;
  /** By default as many as `bytes` has. */
  readonly length?: number | undefined;
}

/** A model of a link: its number in the table of its kind, and values. */
export interface NativeModel {
  readonly model: number;
  readonly values: readonly number[];
}

/** The addresses that begin with the first `bits` bits of one of 4 or 16 bytes. */
export interface NativeNetwork {
  readonly address: Uint8Array;
  readonly bits: number;
}

/** What is changed in packets; MAC addresses for those of each side. */
export interface NativeEdit {
  readonly toMac?: readonly (Uint8Array | undefined)[] | undefined;
  readonly fromMac?: readonly (Uint8Array | undefined)[] | undefined;
  /** Both networks of a map have as many bits. */
  readonly maps?: readonly { readonly from: NativeNetwork; readonly to: NativeNetwork }[] | undefined;
  readonly randomSeed?: number | undefined;
  readonly popVlan?: boolean | undefined;
  /** 16 bits: priority, drop eligible, number. */
  readonly pushVlan?: number | undefined;
}

/** What is played of a capture, and when. What is missing has the default of native/traffic/replay/feed.h. */
export interface NativeFeedOptions {
  /** The file, which the native side duplicates. */
  readonly descriptor: number;
  readonly passes?: number | undefined;
  readonly fromNs?: number | undefined;
  readonly toNs?: number | undefined;
  readonly limit?: number | undefined;
  readonly longestGapNs?: number | undefined;
  readonly filter?: NativeFilter | undefined;
  readonly sides?:
    | {
        /** A number of `sideRules`. */
        readonly rule: number;
        readonly networks?: readonly NativeNetwork[] | undefined;
        readonly macs?: readonly Uint8Array[] | undefined;
      }
    | undefined;
  readonly edit?: NativeEdit | undefined;
  readonly bandwidth?: NativeModel | undefined;
  readonly loss?: NativeModel | undefined;
  readonly delay?: NativeModel | undefined;
  readonly seed?: number | undefined;
}

export interface NativeReplayOptions extends NativeFeedOptions {
  readonly burst?: number | undefined;
  readonly durationNs?: number | undefined;
  readonly lingerNs?: number | undefined;
  /** Whether bytes of the file come when somebody writes them. */
  readonly live?: boolean | undefined;
  readonly cpu?: number | undefined;
  readonly stays?: boolean | undefined;
  readonly realtime?: boolean | undefined;
}

export interface NativeRehearsalOptions extends NativeFeedOptions {
  readonly shown?: number | undefined;
  readonly durationNs?: number | undefined;
  /** Where to write what would be sent: an open file, a number of `captureKinds`, and the interface of each side. */
  readonly write?:
    | { readonly descriptor: number; readonly kind: number; readonly names: readonly string[] }
    | undefined;
}

/** Work in the background. */
export interface NativeJob<Result> {
  readonly ended: Promise<Result>;
  /** Bytes of the file that were read. */
  offset(): number;
  stop(): void;
}

export interface NativeTally {
  readonly packets: number;
  readonly bytes: number;
}

export interface NativeRehearsal {
  /** In the order of `feedCounts`. */
  readonly counts: readonly number[];
  readonly sides: readonly NativeTally[];
  readonly lastDueNs: number;
  /** A number of `feedEnds`, and of `captureFaults` with its place. */
  readonly end: number;
  readonly fault: number;
  readonly faultOffset: number;
  readonly faultFound: number;
  /** An errno, or 0. */
  readonly writeError: number;
  readonly shown: readonly NativeRehearsedPacket[];
}

export interface NativeRehearsedPacket {
  readonly dueNs: number;
  readonly length: number;
  readonly side: number;
  /** The first of its bytes. */
  readonly bytes: Uint8Array;
}

export interface NativeCaptureInterface {
  /** Empty where the file does not tell. */
  readonly name: string;
  readonly linkType: number;
  /** Bytes that are kept of a packet, 0 for all. */
  readonly snaplen: number;
  readonly unitsPerSecond: number;
}

export interface NativeSurvey {
  /** In the order of `surveyCounts`. */
  readonly counts: readonly number[];
  /** A number of `captureFaults`, and its place. */
  readonly fault: number;
  readonly offset: number;
  readonly found: number;
  readonly firstNs: bigint;
  readonly earliestNs: bigint;
  readonly latestNs: bigint;
  readonly interfaces: readonly NativeCaptureInterface[];
  readonly sizes: readonly NativeTally[];
  /** In the order of `protocols`. */
  readonly protocols: readonly NativeTally[];
  readonly comments: readonly string[];
  readonly gaps: NativeHistogram;
  readonly binNs: number;
  readonly binPackets: Float64Array;
  readonly binBytes: Float64Array;
}

/** One direction of a forwarder. Ports are numbers in the list that it gets. */
export interface NativeLane {
  readonly from: number;
  readonly to: number;
  readonly burst?: number | undefined;
  readonly copy?: boolean | undefined;
  readonly filter?: NativeFilter | undefined;
  readonly limit?: NativeModel | undefined;
  readonly loss?: NativeModel | undefined;
  readonly dropEvery?: number | undefined;
  readonly delay?: NativeModel | undefined;
  readonly seed?: number | undefined;
  readonly mirror?: number | undefined;
  /** Of the recorder. */
  readonly captureInterface?: number | undefined;
}

export interface NativeRecorderOptions {
  /** A number of `captureKinds`. */
  readonly kind: number;
  readonly application: string;
  /** A path in two parts, between which the number of a file comes; or an open descriptor. */
  readonly path?: string | undefined;
  readonly pathEnd?: string | undefined;
  readonly descriptor?: number | undefined;
  readonly interfaces: readonly {
    readonly name: string;
    readonly description?: string | undefined;
    readonly filter?: string | undefined;
    readonly snaplen?: number | undefined;
  }[];
  readonly rotation?:
    | {
        readonly bytes?: number | undefined;
        readonly timeNs?: number | undefined;
        readonly packets?: number | undefined;
        readonly files?: number | undefined;
      }
    | undefined;
  /** How many loops bring packets. */
  readonly inputs: number;
}

export interface NativeRecorder {
  /** `error` is an errno, 0 while there was none. */
  figures(): {
    readonly bytes: number;
    readonly files: number;
    readonly discarded: number;
    readonly error: number;
  };
}

export interface NativeCapturerOptions extends Pick<NativeLoopOptions, "count" | "durationNs" | "burst"> {
  readonly recorder: NativeRecorder;
  readonly filter?: NativeFilter | undefined;
  readonly snaplen?: number | undefined;
}

export interface NativeBalancerOptions {
  /** A number of `flowHashes`. */
  readonly hash: number;
  /** How many outputs each group has. */
  readonly groups: readonly number[];
  readonly batch?: number | undefined;
  readonly busy?: boolean | undefined;
  readonly durationNs?: number | undefined;
  readonly cpu?: number | undefined;
}

export interface NativeForwarderOptions {
  readonly lanes: readonly NativeLane[];
  readonly recorder?: NativeRecorder | undefined;
  readonly durationNs?: number | undefined;
  readonly cpu?: number | undefined;
}

/** How a link treats packets, see native/traffic/link.h. */
export interface NativeLinkModels {
  readonly bandwidth?: NativeModel | undefined;
  readonly delay?: NativeModel | undefined;
  readonly loss?: NativeModel | undefined;
  readonly reorder?: { readonly share: number; readonly holdNs: number } | undefined;
  readonly queueBytes?: number | undefined;
  readonly lessNs?: number | undefined;
  readonly dropsOvertaking?: boolean | undefined;
  readonly patienceNs?: number | undefined;
}

export interface NativeLinkOptions {
  readonly models: NativeLinkModels;
  readonly burst?: number | undefined;
  readonly durationNs?: number | undefined;
  readonly memory?: number | undefined;
  readonly seed?: number | undefined;
  readonly cpu?: number | undefined;
}

export interface NativeDumpEntry {
  /** As netmap numbers the rings of one direction. */
  readonly ring: number;
  readonly slot: number;
  /** Index of the slot's buffer. */
  readonly buffer: number;
  readonly flags: number;
  /** Bytes in the slot; `bytes` are the first of them. */
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** What occurred, in increasing order, and how often. Values are right to 1/1024, the other figures exactly. */
export interface NativeHistogram {
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly values: Float64Array;
  readonly counts: Float64Array;
}

/** What did not fit: the number that was due, and the one that came. */
export interface NativeMismatch {
  readonly expected: number;
  readonly found: number;
}

/** What the check of numbered slots found. The last mismatches are told once. */
export interface NativeNumbers {
  /** Jumps to a greater number, and to a smaller one. */
  readonly gaps: number;
  readonly backward: number;
  /** Slots without room for a number. */
  readonly tooShort: number;
  /** Packets with another count of slots than the one before. */
  readonly oddPackets: number;
  readonly number: NativeMismatch | undefined;
  readonly slots: NativeMismatch | undefined;
}

export interface NativeLoop {
  /** Resolves when the thread has ended: to 0, or to minus a status. */
  readonly ended: Promise<number>;
  /** In the order of `progressMeanings`. */
  progress(): readonly number[];
  /** The fewest free slots since the last call, -1 when nothing was received meanwhile. */
  takeMinSpace(): number;
  takeDump(): NativeDumpEntry[];
  /** Of a sink that checks numbers. */
  numbers(): NativeNumbers | undefined;
  /** Counts that only loops of its kind have, in the order of their table. */
  counts(): Float64Array;
  /** Whether it is a link that can go on with these. */
  reconfigure(models: NativeLinkModels): boolean;
  /** Those that the loop keeps. */
  histograms(): Partial<Record<HistogramName, NativeHistogram>>;
  /** Of each stream its number, then its counts in the order of `streamCountMeanings`. */
  streams(): Float64Array;
  stop(): void;
}

/** A port that a program has open. */
export interface NativeOpenPort {
  readonly pid: number;
  /** As netmap was asked for it; a monitor's is that of the port it watches. */
  readonly name: string;
  /** A number of `openPortKinds`. */
  readonly kind: number;
  readonly memId: number;
  /** nr_mode and nr_flags of its request. */
  readonly mode: number;
  readonly flags: number;
  /** How many rings the program has. */
  readonly txRings: number;
  readonly rxRings: number;
  /** Sums over these rings since they were made, in the order of `counterMeanings`. */
  readonly sent: readonly number[];
  readonly received: readonly number[];
}

/** What a port of a switch is told to do. 0 and an empty name: nothing. */
export interface NativePolicy {
  /** Packets for it wait while it has no room, instead of being lost. */
  readonly waits: boolean;
  /** Packets, or payload bits, that it may send in a second. */
  readonly rate: number;
  readonly rateIsBits: boolean;
  readonly macLimit: number;
  readonly group: number;
  /** A port of the same switch, by its name there. */
  readonly mirror: string;
}

/** Ports, row by row. */
export interface NativePortTable {
  /** Of each what `listedPort` names, what it sent and received by `counterMeanings`, and how many of `pids` are its. */
  readonly numbers: Float64Array;
  /**
   * Four of each, with a NUL behind each: its name without the switch's; the switch that it joins this one to; the driver of its
   * interface; the port that mirrors it. Empty: none.
   */
  readonly texts: string;
  /** Of the processes that have it open, one for each descriptor. */
  readonly pids: Float64Array;
}

export interface NativeSwitch {
  /** Empty: of the ports that are on no switch. */
  readonly name: string;
  readonly index: number;
  readonly ageingSeconds: number;
  readonly ports: NativePortTable;
}

export interface NativeStation {
  /** 6 bytes. */
  readonly mac: Uint8Array;
  readonly port: string;
  readonly ageSeconds: number;
  readonly moves: number;
  readonly isPinned: boolean;
}

/** Of a new persistent port; 0 or missing: as usual. */
export interface NativeCreated {
  readonly txSlots: number;
  readonly rxSlots: number;
  readonly txRings: number;
  readonly rxRings: number;
  readonly memId: number;
}

/** A network interface as the kernel and its driver describe it. 0 and null: not told. */
export interface NativeInterfaceCondition {
  readonly index: number;
  readonly driver: string;
  readonly mtu: number;
  readonly txQueues: number;
  readonly rxQueues: number;
  readonly speedMbps: number;
  readonly isEthernet: boolean;
  readonly isLoopback: boolean;
  readonly isUp: boolean;
  readonly hasCarrier: boolean;
  /** Of a virtual one: "veth", "bridge", "tun". */
  readonly kind: string;
  /** How many want it promiscuous. */
  readonly promiscuous: number;
  /** Index of the bridge or bond that it is a port of. */
  readonly master: number;
  /** Index of the other end of a pair, and the kernel's number for that one's network namespace, -1 for this one. */
  readonly peer: number;
  readonly peerNetwork: number;
  /** 0 no program, 1 native, 2 generic, 3 in hardware, 4 several. */
  readonly xdpMode: number;
  readonly xdpProgram: number;
  readonly txSlots: number;
  readonly rxSlots: number;
  readonly mostTxSlots: number;
  readonly mostRxSlots: number;
  readonly queues: number;
  readonly mostQueues: number;
  readonly halfDuplex: boolean;
  readonly gro: boolean | null;
  readonly lro: boolean | null;
  readonly gso: boolean | null;
  readonly tso: boolean | null;
  readonly rxChecksums: boolean | null;
  readonly txChecksums: boolean | null;
  readonly vlanStrip: boolean | null;
  readonly rxPause: boolean | null;
  readonly txPause: boolean | null;
}

/** Where a port is. */
export interface NativePlace {
  /** With the switch's, as the device has it: "vale0:a". */
  readonly name: string;
  readonly switchIndex: number;
  readonly place: number;
}

export interface Native {
  openPorts(directory: string): readonly NativeOpenPort[] | number;
  /** With a `name`: that switch, if it is there. `onlyNames`: of its ports nothing is told but their names and places. */
  listSwitches(directory: string, name: string, onlyNames: boolean): readonly NativeSwitch[] | number;
  /** The ports that workers have written logs of. */
  workerLogs(directory: string): readonly string[] | number;
  /** What netmap's own request tells of all ports on switches, of either backend. */
  listPorts(place: string): readonly NativePlace[] | number;
  /** Pipes, interfaces and so on: ports that no switch can have. */
  listOtherPorts(directory: string): NativePortTable | number;
  listStations(directory: string, vale: string): readonly NativeStation[] | number;
  /** How many were forgotten, of all ports where `port` is empty. */
  flushStations(directory: string, vale: string, port: string): number;
  pinStation(directory: string, port: string, mac: Uint8Array): number;
  unpinStation(directory: string, vale: string, mac: Uint8Array): number;
  /** 0: no station is forgotten. */
  setAgeing(directory: string, vale: string, seconds: number): number;
  setPolicy(directory: string, port: string, policy: NativePolicy): number;
  /** These two give the port's place on the switch. */
  attachPort(directory: string, name: string, mode: number, memId: number): number;
  detachPort(directory: string, name: string): number;
  createPort(directory: string, name: string, wanted: Partial<NativeCreated>): NativeCreated | number;
  destroyPort(directory: string, name: string): number;
  setPolling(
    directory: string,
    name: string,
    on: boolean,
    mode: number,
    firstCpu: number,
    cpus: number,
  ): number;
  interfaceCondition(name: string): NativeInterfaceCondition | number;
  /** For each row of `kernelFeatures` in lib/layout.ts: 0 where it is there, else an errno, or -1 where none was given. */
  kernelFeatures(): readonly number[];
  /** `tell` is called with how a network interface was opened, or why it could not be. */
  openPort(
    directory: string,
    request: NativeRequest,
    tell?: (report: NativeDriverReport) => void,
  ): NativePort | number;
  portInfo(directory: string, name: string): NativeGeometry | number;
  portHeader(directory: string, name: string): number;
  /** 0 where a device can be opened there, which makes a namespace that is not there. */
  tryDevice(place: string): number;
  setPortHeader(directory: string, name: string, bytes: number): number;
  /**
   * Becomes another program in this process, with the standard descriptors as they were. Returns only where that
   * did not work: minus a status when the namespace `directory` cannot be used (an empty one is none), else an errno.
   */
  execute(path: string, args: readonly string[], environment: readonly string[], directory: string): number;
  /** Whether the file gives capabilities to who runs it. */
  hasCapabilities(path: string): boolean;
  startGenerator(port: NativePort, options: NativeGeneratorOptions): NativeLoop | number;
  startSink(port: NativePort, options: NativeSinkOptions): NativeLoop | number;
  startPinger(port: NativePort, options: NativePingerOptions): NativeLoop | number;
  startPonger(port: NativePort, options: NativePongerOptions): NativeLoop | number;
  shareCount(packets: number): NativeBudget;
  /** When the first packets are due, in nanoseconds after the start; shorter where there are fewer. */
  scheduleTimes(
    options: Pick<NativeGeneratorOptions, "schedule" | "share">,
    packets: number,
  ): Float64Array<ArrayBuffer>;
  /** By one port, or by one for each side. */
  startReplay(ports: readonly NativePort[], options: NativeReplayOptions): NativeLoop | number;
  rehearse(options: NativeRehearsalOptions): NativeJob<NativeRehearsal> | number;
  /** Reads the file from the descriptor's position; all, or counts and times only. */
  surveyCapture(descriptor: number, all: boolean): NativeJob<NativeSurvey> | number;
  /** The descriptors of an end to read and one to write, or minus an errno. */
  makePipe(): readonly [number, number] | number;
  startCapturer(ports: readonly NativePort[], options: NativeCapturerOptions): NativeLoop | number;
  /** From the first port to the others, group by group. */
  startBalancer(ports: readonly NativePort[], options: NativeBalancerOptions): NativeLoop | number;
  startForwarder(ports: readonly NativePort[], options: NativeForwarderOptions): NativeLoop | number;
  /** From the first of two ports to the second. */
  startLink(ports: readonly NativePort[], options: NativeLinkOptions): NativeLoop | number;
  /** Minus an errno where the file cannot be opened. */
  readRecording(path: string): NativeRecording | number;
  /** An empty `library` is the system's libpcap. */
  compileFilter(expression: string, library: string): NativeFilter;
  /** Minus an errno where the first file cannot be made. */
  startRecorder(options: NativeRecorderOptions): NativeRecorder | number;
  /** `kind` is a number of `captureKinds`. Gives 0, or minus an errno. */
  writeCapture(
    path: string,
    kind: number,
    interfaceName: string,
    packets: readonly NativeCapturedPacket[],
  ): number;
}

const statuses = Object.keys(statusMeanings) as Status[];

/** The status behind a number below 0. */
export function statusOf(result: number): Exclude<Status, "ok"> {
  return (statuses[-result] ?? "system_error") as Exclude<Status, "ok">;
}

let loaded: Native | undefined;

/**
 * The addon, loaded on the first call.
 *
 * @throws {NmError} NATIVE_MISSING when it was not built, or was built for another Node
 */
export function native(): Native {
  loaded ??= load();
  return loaded;
}

function load(): Native {
  const path = addonPath();
  try {
    return createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    const reason = existsSync(path) ? (error as Error).message : "it has not been built";
    throw new NmError("NATIVE_MISSING", { path, reason }, { cause: error });
  }
}

/** The package's root is two levels up from dist/lib, and one from lib where the sources themselves are run. */
function addonPath(): string {
  const compiled = import.meta.url.includes("/dist/");
  return fileURLToPath(new URL(`${compiled ? "../.." : ".."}/build/Release/nm.node`, import.meta.url));
}
