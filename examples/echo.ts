/**
 * An echo port: sends every packet back to where it came from.
 *
 *   node dist/examples/echo.js vale1:echo
 *
 * Nothing is copied. A received packet's buffer is exchanged for one of the transmit ring, the two MAC addresses in
 * it change places, and it leaves again.
 */

import { openPort } from "netmap-tools";

const port = openPort(process.argv[2] ?? "vale1:echo");
const { tx, rx } = port;
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

function swapMacs(packet: Uint8Array): void {
  if (packet.length < 12) return;
  const toMac = packet.slice(0, 6);
  packet.copyWithin(0, 6, 12);
  packet.set(toMac, 6);
}

let echoed = 0;
let startsPacket = true;
console.error(`echoing on ${port.name}, Ctrl-C ends`);
while (!stop.signal.aborted) {
  // When no slot is free to send with, what has arrived must wait for one.
  const wanted = tx.space > 0 ? { readable: true } : { writable: true };
  await port.wait({ ...wanted, signal: stop.signal }).catch((error) => {
    if (!stop.signal.aborted) throw error;
  });

  for (let n = Math.min(rx.space, tx.space); n > 0; n--) {
    tx.swap(tx.head, rx, rx.head);
    const slot = tx.slot(tx.head);
    if (startsPacket) swapMacs(slot.payload);
    startsPacket = !slot.more;
    if (startsPacket) echoed++;
    tx.advance();
    rx.advance();
  }
  port.txSync();
}
console.error(`echoed ${echoed} packets`);
port.close();
