/** What the tests use of pcap-parser. */
declare module "pcap-parser" {
  import type { EventEmitter } from "node:events";

  export interface Packet {
    readonly header: {
      readonly timestampSeconds: number;
      readonly timestampMicroseconds: number;
      readonly capturedLength: number;
      readonly originalLength: number;
    };
    readonly data: Buffer;
  }

  /** Emits "packet" with a Packet, "end" and "error". */
  export function parse(path: string): EventEmitter;
}
