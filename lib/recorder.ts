/**
 * Recorders: capture files that a native thread writes, of packets that traffic loops bring.
 *
 *   const recorder = startRecorder({ path: "trace.pcapng", interfaces: [{ name: "vale0:a" }] });
 *   startCapturer([port], { recorder });
 *
 * When all loops have ended that were to bring packets, everything is written.
 */

import { captureKindOf, systemReason } from "./capture.js";
import { NmError } from "./errors.js";
import { type CaptureKind, captureKinds } from "./layout.js";
import { type NativeRecorder, native } from "./native.js";
import { packageVersion } from "./package.js";

/** Where packets were captured, as a pcapng file tells it. */
export interface CaptureInterface {
  readonly name: string;
  readonly description?: string | undefined;
  /** The expression that chose the packets. */
  readonly filter?: string | undefined;
  /** Most bytes of a packet that are kept; by default all. */
  readonly snaplen?: number | undefined;
}

/** When to begin the next file. What is missing or 0 never does. */
export interface Rotation {
  readonly bytes?: number | undefined;
  /** By the time of the packets. */
  readonly timeNs?: number | undefined;
  readonly packets?: number | undefined;
  /** How many files to keep; by default all. */
  readonly files?: number | undefined;
}

export interface RecorderOptions {
  /** "-" is standard output. Files that rotate get a number before their ending: trace_00001.pcapng. */
  readonly path: string;
  /** By default classic pcap where the path ends in ".pcap", else pcapng. */
  readonly kind?: CaptureKind | undefined;
  readonly interfaces: readonly CaptureInterface[];
  readonly rotation?: Rotation | undefined;
  /** How many loops bring packets; by default one. */
  readonly loops?: number | undefined;
}

/** Bytes and files that were written, and packets that were not because that failed. */
export interface RecorderFigures {
  readonly bytes: number;
  readonly files: number;
  readonly discarded: number;
}

export class Recorder {
  readonly path: string;
  readonly native: NativeRecorder;

  /** Use `startRecorder`. */
  constructor(path: string, recorder: NativeRecorder) {
    this.path = path;
    this.native = recorder;
  }

  figures(): RecorderFigures {
    const { bytes, files, discarded } = this.native.figures();
    return { bytes, files, discarded };
  }

  /** Why it could not go on; nothing while it can. That nobody reads standard output any more is no failure. */
  failure(): NmError | undefined {
    const { error } = this.native.figures();
    if (error === 0 || (this.path === "-" && error === brokenPipe)) return undefined;
    return new NmError("CAPTURE_UNWRITABLE", { path: this.path, reason: systemReason(-error) });
  }
}

const standardOutput = 1;
const brokenPipe = 32;

/** @throws {NmError} CAPTURE_UNWRITABLE */
export function startRecorder(options: RecorderOptions): Recorder {
  const { path, kind = captureKindOf(path), interfaces, rotation, loops = 1 } = options;
  const [, stem = path, ending = ""] = /^(.*[^/])(\.[^./]+)$/s.exec(path) ?? [];
  const recorder = native().startRecorder({
    kind: Object.keys(captureKinds).indexOf(kind),
    application: `nm ${packageVersion()}`,
    interfaces,
    rotation,
    inputs: loops,
    ...(path === "-" ? { descriptor: standardOutput } : { path: stem, pathEnd: ending }),
  });
  if (typeof recorder === "number") {
    throw new NmError("CAPTURE_UNWRITABLE", { path, reason: systemReason(recorder) });
  }
  return new Recorder(path, recorder);
}
