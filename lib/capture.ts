/**
 * Capture files: pcap and pcapng, read natively into memory to be sent, and written from packets in memory.
 *
 *   const recording = readRecording("trace.pcap");
 *   startGenerator(port, { recording, count: recording.packets });
 *   writeCapture("first.pcapng", [{ timeNs: 0n, bytes }], { interfaceName: "vale0:a" });
 */

import { getSystemErrorMap } from "node:util";
import { NmError } from "./errors.js";
import {
  type CaptureFault,
  type CaptureKind,
  captureFaults,
  captureKinds,
  type RecordingOutcome,
  recordingOutcomes,
} from "./layout.js";
import { type NativeCapturedPacket, type NativeRecording, native } from "./native.js";

/** The packets of a capture file in memory. */
export type Recording = NativeRecording;

/** A packet as a capture file has it. */
export type CapturedPacket = NativeCapturedPacket;

export interface CaptureOptions {
  /** By default classic pcap where the path ends in ".pcap", else pcapng. */
  readonly kind?: CaptureKind | undefined;
  /** Where the packets were seen; only pcapng tells it. */
  readonly interfaceName?: string | undefined;
}

/** What kind of capture a file of this name is to be. */
export function captureKindOf(path: string): CaptureKind {
  return /\.pcap$/i.test(path) ? "pcap" : "pcapng";
}

/**
 * Writes packets to a capture file, with nanoseconds.
 *
 * @throws {NmError} CAPTURE_UNWRITABLE
 */
export function writeCapture(
  path: string,
  packets: readonly CapturedPacket[],
  { kind = captureKindOf(path), interfaceName = "" }: CaptureOptions = {},
): void {
  const result = native().writeCapture(path, numberOf(captureKinds, kind), interfaceName, packets);
  if (result < 0) throw new NmError("CAPTURE_UNWRITABLE", { path, reason: systemReason(result) });
}

/**
 * Reads all packets of a capture file.
 *
 * @throws {NmError} CAPTURE_UNREADABLE, CAPTURE_BROKEN, CAPTURE_TOO_LARGE, CAPTURE_PACKET_TOO_LONG, CAPTURE_LINK_TYPE or
 * CAPTURE_EMPTY
 */
export function readRecording(path: string): Recording {
  const recording = native().readRecording(path);
  if (typeof recording === "number") {
    throw new NmError("CAPTURE_UNREADABLE", { path, reason: systemReason(recording) });
  }
  const failure = failureOf(path, recording);
  if (failure) throw failure;
  if (recording.packets === 0) throw new NmError("CAPTURE_EMPTY", { path });
  return recording;
}

function failureOf(path: string, { outcome, fault, offset, found }: Recording): NmError | undefined {
  switch (nameOf(recordingOutcomes, outcome) satisfies RecordingOutcome) {
    case "whole":
      return undefined;
    case "faulty":
      return captureFault(path, fault, offset, found);
    case "too_large":
      return new NmError("CAPTURE_TOO_LARGE", { path });
    case "too_long":
      return new NmError("CAPTURE_PACKET_TOO_LONG", { path, offset, length: found });
    case "not_ethernet":
      return new NmError("CAPTURE_LINK_TYPE", { path, link_type: found });
  }
}

/** What is wrong with a file, from the numbers by which the native side says it; nothing where all is well. */
export function captureFault(
  path: string,
  fault: number,
  offset: number,
  found: number,
): NmError | undefined {
  const kind = nameOf(captureFaults, fault);
  if (kind === "none") return undefined;
  const expected = captureFaults[kind];
  return new NmError("CAPTURE_BROKEN", { path, kind, offset, expected, found: foundWords(kind, found) });
}

/** What was there instead, in words. */
function foundWords(kind: CaptureFault, found: number): string {
  switch (kind) {
    case "empty":
      return "an empty file";
    case "unreadable":
      return systemReason(-found);
    case "not_a_capture":
      return magicWords(found);
    case "truncated_header":
    case "truncated_packet":
      return `the end of the file after ${found} bytes of it`;
    default:
      return String(found);
  }
}

/** The first four bytes of something that is no capture. */
function magicWords(magic: number): string {
  const digits = `0x${magic.toString(16).padStart(8, "0")}`;
  if (magic >>> 16 === 0x1f8b) return `${digits}, gzip, which must be unpacked first`;
  return magic === 0x28b52ffd ? `${digits}, zstd, which must be unpacked first` : digits;
}

/** What the system calls minus an errno. */
export function systemReason(result: number): string {
  return getSystemErrorMap().get(result)?.[1] ?? `error ${-result}`;
}

/** The names of a table, which the native side knows by their numbers. */
function nameOf<Name extends string>(table: Readonly<Record<Name, string>>, number: number): Name {
  return Object.keys(table)[number] as Name;
}

function numberOf<Name extends string>(table: Readonly<Record<Name, string>>, name: Name): number {
  return Object.keys(table).indexOf(name);
}
