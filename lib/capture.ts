/**
 * Capture files: pcap and pcapng, read natively into memory to be sent.
 *
 *   const recording = readRecording("trace.pcap");
 *   startGenerator(port, { recording, count: recording.packets });
 */

import { getSystemErrorMap } from "node:util";
import { NmError } from "./errors.js";
import { type CaptureFault, captureFaults, type RecordingOutcome, recordingOutcomes } from "./layout.js";
import { type NativeRecording, native } from "./native.js";

/** The packets of a capture file in memory. */
export type Recording = NativeRecording;

/**
 * Reads all packets of a capture file.
 *
 * @throws {NmError} CAPTURE_UNREADABLE, CAPTURE_BROKEN, CAPTURE_TOO_LARGE, CAPTURE_PACKET_TOO_LONG, CAPTURE_LINK_TYPE or
 * CAPTURE_EMPTY
 */
export function readRecording(path: string): Recording {
  const recording = native().readRecording(path);
  if (typeof recording === "number") {
    const [, reason] = getSystemErrorMap().get(recording) ?? ["", `error ${-recording}`];
    throw new NmError("CAPTURE_UNREADABLE", { path, reason });
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
      return brokenAt(path, nameOf(captureFaults, fault), offset, found);
    case "too_large":
      return new NmError("CAPTURE_TOO_LARGE", { path });
    case "too_long":
      return new NmError("CAPTURE_PACKET_TOO_LONG", { path, offset, length: found });
    case "not_ethernet":
      return new NmError("CAPTURE_LINK_TYPE", { path, link_type: found });
  }
}

function brokenAt(path: string, kind: CaptureFault, offset: number, found: number): NmError {
  const expected = captureFaults[kind];
  return new NmError("CAPTURE_BROKEN", { path, kind, offset, expected, found: foundWords(kind, found) });
}

/** What was there instead, in words. */
function foundWords(kind: CaptureFault, found: number): string {
  switch (kind) {
    case "empty":
      return "an empty file";
    case "unreadable":
      return (getSystemErrorMap().get(-found) ?? ["", `error ${found}`])[1];
    case "not_a_capture":
      return `0x${found.toString(16).padStart(8, "0")}`;
    case "truncated_header":
    case "truncated_packet":
      return `the end of the file after ${found} bytes of it`;
    default:
      return String(found);
  }
}

/** The names of a table, which the native side knows by their numbers. */
function nameOf<Name extends string>(table: Readonly<Record<Name, string>>, number: number): Name {
  return Object.keys(table)[number] as Name;
}
