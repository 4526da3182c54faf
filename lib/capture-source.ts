/**
 * Where the bytes of a capture come from: a file, a compressed one, standard input, a named pipe.
 *
 * The native side reads a descriptor. What must be decompressed goes through a pipe; what must be read more than once and
 * cannot be goes into a temporary file first.
 */

import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  fstatSync,
  openSync,
  readSync,
  unlinkSync,
} from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";
import { systemReason } from "./capture.js";
import { NmError } from "./errors.js";
import { native } from "./native.js";

export interface CaptureSource {
  /** As it was named. */
  readonly path: string;
  readonly descriptor: number;
  /** Of a file that can be read again: how many bytes it has. Of anything else, bytes come when they come. */
  readonly bytes: number | undefined;
  /** What went wrong while the bytes were made, which explains why they end. */
  readonly failure: () => NmError | undefined;
  /** A descriptor of the same file that begins anew. The caller closes it. */
  readonly reopen: () => number;
  readonly close: () => void;
}

/** How many bytes at the beginning of a file tell that it is compressed. */
const magicBytes = 4;

const gzipMagic = 0x1f8b;
const zstdMagic = 0x28b52ffd;

/**
 * Opens a capture; "-" is standard input.
 *
 * @throws {NmError} CAPTURE_UNREADABLE, ZSTD_MISSING
 */
export function openCapture(path: string): CaptureSource {
  const descriptor = path === "-" ? 0 : openForReading(path);
  const file = fstatSync(descriptor);
  // Standard input may be a file too, whose position is not ours to move.
  if (file.isFile())
    return compressed(path, descriptor) ?? plain(path, path === "-" ? anew(0) : descriptor, file.size);
  return plain(path, descriptor, undefined);
}

/**
 * The same capture in a temporary file, so that it can be read again: the source itself where it can.
 *
 * @throws {NmError} CAPTURE_UNREADABLE where it cannot be kept
 */
export async function keepCapture(source: CaptureSource, signal: AbortSignal): Promise<CaptureSource> {
  if (source.bytes !== undefined) return source;
  const { path } = source;
  const name = join(tmpdir(), `nm-capture-${process.pid}-${Date.now()}`);
  try {
    const descriptor = openSync(name, "wx+", 0o600);
    unlinkSync(name);
    const from = createReadStream("", { fd: source.descriptor, autoClose: false });
    await pipeline(from, createWriteStream("", { fd: descriptor, start: 0, autoClose: false }), { signal });
    const failure = source.failure();
    if (failure) throw failure;
    source.close();
    return plain(path, descriptor, fstatSync(descriptor).size);
  } catch (error) {
    if (error instanceof NmError || signal.aborted) throw error;
    throw new NmError("CAPTURE_UNREADABLE", {
      path,
      reason: `it cannot be kept in ${tmpdir()}: ${words(error)}`,
    });
  }
}

function openForReading(path: string): number {
  try {
    // A named pipe is opened before somebody writes to it, so that waiting for that can be ended.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { errno = 0 } = error as NodeJS.ErrnoException;
    throw new NmError("CAPTURE_UNREADABLE", { path, reason: systemReason(errno) });
  }
}

function plain(path: string, descriptor: number, bytes: number | undefined): CaptureSource {
  return {
    path,
    descriptor,
    bytes,
    failure: () => undefined,
    reopen: () => anew(descriptor),
    close: () => {
      if (descriptor !== 0) closeSync(descriptor);
    },
  };
}

/** Another descriptor of the file, with a position of its own. */
function anew(descriptor: number): number {
  return openSync(`/proc/self/fd/${descriptor}`, constants.O_RDONLY);
}

/** Nothing when the file is not compressed. */
function compressed(path: string, descriptor: number): CaptureSource | undefined {
  const decompressor = decompressorOf(path, descriptor);
  if (!decompressor) return undefined;
  const ends = native().makePipe();
  if (typeof ends === "number") throw new NmError("CAPTURE_UNREADABLE", { path, reason: systemReason(ends) });
  const [reading, writing] = ends;

  const stop = new AbortController();
  let failure: NmError | undefined;
  // A socket, as a stream of a file would occupy one of the few threads that wait for files.
  const to = new Socket({ fd: writing, readable: false, writable: true });
  const from = createReadStream("", { fd: descriptor, start: 0, autoClose: false });
  pipeline(from, decompressor, to, { signal: stop.signal }).catch((error: unknown) => {
    if (!stop.signal.aborted) failure = new NmError("CAPTURE_COMPRESSION", { path, reason: words(error) });
    to.destroy();
  });
  return {
    ...plain(path, reading, undefined),
    failure: () => failure,
    close: () => {
      stop.abort();
      closeSync(reading);
      if (descriptor !== 0) closeSync(descriptor);
    },
  };
}

function decompressorOf(path: string, descriptor: number): Duplex | undefined {
  const magic = Buffer.alloc(magicBytes);
  if (readSync(descriptor, magic, 0, magicBytes, 0) < magicBytes) return undefined;
  if (magic.readUInt16BE(0) === gzipMagic) return zlib.createGunzip();
  if (magic.readUInt32BE(0) !== zstdMagic) return undefined;
  // Node has it since 22.15.
  const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Duplex };
  if (!createZstdDecompress) throw new NmError("ZSTD_MISSING", { path, node: process.version });
  return createZstdDecompress();
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
