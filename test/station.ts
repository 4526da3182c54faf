/**
 * A station: a process that has one port open, sends what it is told to and keeps account of what reaches it.
 *
 *   node station.js PORT     reads an Order a line from stdin, answers each with a line, ends with stdin
 *
 * Every packet that it sends has a number of its own within its stream, so that who compares accounts knows which one is
 * missing, and sees one that came twice.
 */

import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { formatMac, readMac } from "../lib/endpoint.js";
import { openPort } from "../lib/index.js";

export interface Stream {
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly packets: number;
  readonly bytes: number;
}

export type Order =
  /** Send these, one after the other. Answered when all have left. */
  | { readonly send: readonly Stream[] }
  /** Keep account of packets to these addresses, and to everybody, from now on; after forgetting what was before, or not. */
  | { readonly accept: readonly string[]; readonly forget: boolean }
  /** Tell the account. */
  | { readonly report: true };

export interface Account {
  /** By stream: the numbers of its packets that came. */
  readonly received: Readonly<Record<string, readonly number[]>>;
  /** Packets that came a second time. */
  readonly twice: number;
}

export const everybody = "ff:ff:ff:ff:ff:ff";

const etherType = 0x88b5; // for experiments [IEEE 802]
const mark = 0x6e6d7374;
const at = { source: 6, type: 12, mark: 14, stream: 18, number: 22 } as const;
export const leastBytes = 60;

function packetOf({ id, from, to, bytes }: Stream, number: number): Buffer {
  const packet = Buffer.alloc(bytes, id & 0xff);
  packet.set(readMac(to) ?? [], 0);
  packet.set(readMac(from) ?? [], at.source);
  packet.writeUInt16BE(etherType, at.type);
  packet.writeUInt32BE(mark, at.mark);
  packet.writeUInt32BE(id, at.stream);
  packet.writeUInt32BE(number, at.number);
  return packet;
}

async function serve(name: string): Promise<void> {
  using port = openPort(name);
  let accepted = new Set<string>([everybody]);
  let received = new Map<number, Set<number>>();
  let twice = 0;

  const keep = (packet: Uint8Array) => {
    const view = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
    if (view.length < leastBytes || view.readUInt32BE(at.mark) !== mark) return;
    if (!accepted.has(formatMac(packet.subarray(0, 6)))) return;
    const id = view.readUInt32BE(at.stream);
    const number = view.readUInt32BE(at.number);
    const numbers = received.get(id) ?? new Set();
    received.set(id, numbers);
    if (numbers.has(number)) twice++;
    numbers.add(number);
  };
  const take = () => {
    port.rxSync();
    port.rx.drain(keep);
    port.rxSync();
  };

  const send = async (streams: readonly Stream[]) => {
    for (const stream of streams) {
      for (let number = 0; number < stream.packets; number++) {
        const packet = packetOf(stream, number);
        while (!port.tx.put(packet)) {
          port.txSync();
          if (port.tx.space === 0) await pause(1);
        }
      }
      port.txSync();
      await pause(1);
    }
    while (port.tx.pending) {
      port.txSync();
      if (port.tx.pending) await pause(1);
    }
  };

  const answer = async (order: Order): Promise<unknown> => {
    if ("send" in order) {
      await send(order.send);
      return { sent: order.send.length };
    }
    take();
    if ("accept" in order) {
      accepted = new Set([everybody, ...order.accept]);
      if (order.forget) received = new Map();
      return { accepted: order.accept };
    }
    const account = [...received].map(([id, numbers]) => [id, [...numbers]] as const);
    return { received: Object.fromEntries(account), twice } satisfies Account;
  };

  const stopped = new AbortController();
  const receiving = (async () => {
    while (!stopped.signal.aborted) {
      await port.wait({ readable: true, signal: stopped.signal }).catch((error) => {
        if (!stopped.signal.aborted) throw error;
      });
      take();
    }
  })();
  process.stdout.write("open\n");
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Order))}\n`);
  }
  stopped.abort();
  await receiving;
}

if (process.argv[1] === import.meta.filename) await serve(process.argv[2] ?? "");
