/** A slot as pkt-gen -X prints it. */

import type { DumpEntry } from "./traffic.js";

const bytesPerLine = 16;

export function hexDump({ ring, slot, buffer, flags, length, bytes }: DumpEntry): string {
  const lines = [
    `ring 0x${ring.toString(16)} cur ${padded(slot, 5)} ` +
      `[buf ${padded(buffer, 6)} flags 0x${hex(flags, 4)} len ${padded(length, 5)}]`,
  ];
  for (let offset = 0; offset < bytes.length; offset += bytesPerLine) {
    lines.push(dumpLine(offset, bytes.subarray(offset, offset + bytesPerLine)));
  }
  return lines.join("\n");
}

/** As netmap does it, only a full line shows its letters too. */
function dumpLine(offset: number, bytes: Uint8Array): string {
  const codes = Array.from(bytes, (byte) => `${hex(byte, 2)} `).join("");
  const letters = bytes.length === bytesPerLine ? Array.from(bytes, letter).join("") : "";
  return `${padded(offset, 5)}: ${codes}${letters}`;
}

function letter(byte: number): string {
  return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".";
}

function padded(value: number, width: number): string {
  return String(value).padStart(width);
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, "0");
}
