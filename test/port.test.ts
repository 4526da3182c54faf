/** Ports and rings as a program in TypeScript sees them. */

import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { abi, counterMeanings, formatPort, type Port, parsePort, portInfo } from "../lib/index.js";
import { type NativePort, native } from "../lib/native.js";
import { nativeOf } from "../lib/port.js";
import { frame, freshNamespace, portsOf } from "./namespace.js";

/** Moves what was put into `from` to where it goes, and shows it there. */
function carry(from: Port, to: Port): void {
  from.txSync();
  to.rxSync();
}

test("openPort tells what was granted", (t) => {
  const open = portsOf(t);
  const port = open("vale1:a@conf:rings=2,slots=256");

  assert.equal(port.name, "vale1:a@conf:rings=2,slots=256");
  assert.equal(port.backend, "embedded");
  assert.equal(port.granted.txRings, 2);
  assert.equal(port.granted.rxSlots, 256);
  assert.deepEqual(
    port.txRings.map(({ kind, number, slots, space }) => ({ kind, number, slots, space })),
    [
      { kind: "tx", number: 0, slots: 256, space: 255 },
      { kind: "tx", number: 1, slots: 256, space: 255 },
    ],
  );
  assert.equal(port.rxRings[1]?.space, 0);
});

test("openPort takes what parsePort gives, and the printed form of it", (t) => {
  const open = portsOf(t);
  const spec = parsePort("p{1/x");
  assert.equal(open(spec).name, formatPort(spec));
});

test("a packet that was put arrives as it was", (t) => {
  const open = portsOf(t);
  const [from, to] = [open("vale1:a"), open("vale1:b")];
  const packet = frame(99, 7);

  assert.equal(from.tx.put(packet), true);
  carry(from, to);

  const { rx } = to;
  assert.equal(rx.space, 1);
  assert.deepEqual(rx.payload(rx.head), packet);
  assert.equal(rx.slot(rx.head).len, 99);
  assert.equal(rx.slot(rx.head).more, false);
  rx.advance();
  assert.equal(rx.space, 0);
});

test("put spreads a packet that is longer than a buffer over several slots", (t) => {
  const open = portsOf(t);
  const [from, to] = [open("vale1:a"), open("vale1:b")];
  const size = from.tx.bufferSize;
  const packet = frame(2 * size + 100).map((byte, i) => (i < 12 ? byte : i % 251));

  assert.equal(from.tx.put(packet), true);
  carry(from, to);

  const slots = [...to.rx];
  assert.deepEqual(
    slots.map(({ len, more }) => ({ len, more })),
    [
      { len: size, more: true },
      { len: size, more: true },
      { len: 100, more: false },
    ],
  );
  assert.deepEqual(Buffer.concat(slots.map((slot) => slot.payload)), Buffer.from(packet));
});

test("put says when the ring has no room, and refuses what no packet can be", (t) => {
  const open = portsOf(t);
  const port = open("vale1:a@conf:slots=64");
  for (let i = 0; i < 63; i++) assert.equal(port.tx.put(frame()), true);

  assert.equal(port.tx.put(frame()), false);
  assert.throws(() => port.tx.put(new Uint8Array(0)), RangeError);
  assert.throws(() => port.tx.put(new Uint8Array(65 * port.tx.bufferSize)), RangeError);
  assert.throws(() => port.rx.put(frame()), TypeError);
});

test("drain hands every packet to the visitor once and gives the slots back", (t) => {
  const open = portsOf(t);
  const [from, to] = [open("vale1:a"), open("vale1:b")];
  for (let fill = 1; fill <= 10; fill++) from.tx.put(frame(60, fill));
  carry(from, to);

  const seen: (number | undefined)[] = [];
  const see = (payload: Uint8Array) => void seen.push(payload.at(-1));
  assert.equal(to.rx.drain(see, 3), 3);
  assert.equal(to.rx.drain(see), 7);
  assert.equal(to.rx.drain(see), 0);
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test("drain gives back the packet whose visitor threw, and keeps those behind it", (t) => {
  const open = portsOf(t);
  const [from, to] = [open("vale1:a"), open("vale1:b")];
  for (let i = 0; i < 5; i++) from.tx.put(frame());
  carry(from, to);

  const fault = new Error("the visitor's");
  assert.throws(() => {
    to.rx.drain((_payload, slot) => {
      if (slot.index === 2) throw fault;
    });
  }, fault);
  assert.equal(to.rx.space, 2);
});

test("payload gives the same object while buffer and length stay", (t) => {
  const open = portsOf(t);
  const [from, to] = [open("vale1:a"), open("vale1:b@conf:slots=64")];
  const views = new Set<Uint8Array>();
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 50; i++) from.tx.put(frame());
    carry(from, to);
    to.rx.drain((payload) => views.add(payload));
  }
  assert.ok(views.size <= 64, `${views.size} views for 64 buffers`);
});

test("swap exchanges packets within a port without copying", (t) => {
  const open = portsOf(t);
  const [from, echo] = [open("vale1:a"), open("vale1:b")];
  from.tx.put(frame(100, 9));
  carry(from, echo);

  const { tx, rx } = echo;
  const received = rx.slot(rx.head).bufIdx;
  tx.swap(tx.head, rx, rx.head);
  assert.equal(tx.slot(tx.head).bufIdx, received);
  assert.equal(tx.slot(tx.head).len, 100);
  assert.ok(tx.slot(tx.head).flags & abi.NS_BUF_CHANGED);
  assert.ok(rx.slot(rx.head).flags & abi.NS_BUF_CHANGED);

  rx.advance();
  tx.advance();
  carry(echo, from);
  assert.deepEqual(from.rx.payload(from.rx.head), frame(100, 9));
});

test("swap works between ports that share memory, and refuses others", (t) => {
  const open = portsOf(t);
  const master = open("p{1");
  const slave = open("p}1");
  const other = open("vale1:a");

  assert.equal(master.sharesMemoryWith(slave), true);
  assert.equal(master.sharesMemoryWith(other), false);
  master.tx.swap(0, slave.tx, 0);
  assert.throws(() => master.tx.swap(0, other.tx, 0), RangeError);
});

test("@share opens a port in the memory of another", (t) => {
  const namespace = freshNamespace(t);
  const open = portsOf(t);
  const first = open("vale1:a", { namespace });
  const second = open("vale1:b@share:port=vale1:a", { namespace });
  assert.equal(second.granted.memId, first.granted.memId);
  assert.equal(second.sharesMemoryWith(first), true);
});

test("@extmem opens a port in a file, which then has its packets", (t) => {
  const file = `${freshNamespace(t)}/memory`;
  writeFileSync(file, "");
  truncateSync(file, 4 << 20);
  const open = portsOf(t);
  const from = open("vale1:a@conf:slots=16");
  const to = open(`vale1:b@conf:slots=16@extmem:file=${file},buf_num=64,buf_size=4096`);
  assert.equal(to.granted.memSize, 4 << 20);
  assert.equal(to.rx.bufferSize, 4096);

  const packet = frame(99, 7);
  from.tx.put(packet);
  carry(from, to);
  assert.deepEqual(to.rx.payload(to.rx.head), packet);
  assert.ok(readFileSync(file).includes(Buffer.from(packet)));
});

test("@offset says where packets begin in their buffers, on either side", (t) => {
  const open = portsOf(t);
  const from = open("vale1:a@offset=64");
  const to = open("vale1:b@offset:initial=100,bits=12");
  assert.equal(from.tx.bufferSize, from.buffer(from.tx.slot(0).bufIdx).length - 64);
  const packet = frame(99, 7);
  from.tx.put(packet);
  assert.deepEqual(from.buffer(from.tx.slot(0).bufIdx).subarray(64, 64 + 99), packet);
  carry(from, to);
  assert.equal(to.rx.slot(to.rx.head).offset, 100);
  assert.deepEqual(to.rx.payload(to.rx.head), packet);
  to.rx.swap(to.rx.head, to.tx, to.tx.head);
  assert.equal(to.tx.slot(0).offset, 100);
  assert.deepEqual(to.tx.payload(0), packet);
});

test("a port that is opened twice has the same rings in both", (t) => {
  const open = portsOf(t);
  const [first, second] = [open("vale1:a"), open("vale1:a")];
  first.tx.advance(3);
  assert.equal(second.tx.head, 3);
  first.close();
  assert.equal(second.tx.put(frame()), true);
});

test("a null port has rings or none, and moves nothing", async (t) => {
  const open = portsOf(t);
  const bare = open("null");
  assert.deepEqual([bare.txRings, bare.rxRings], [[], []]);
  assert.throws(() => bare.tx, RangeError);
  assert.throws(() => bare.buffer(2), RangeError);
  bare.sync();

  const port = open("null@conf:rings=1,slots=64");
  assert.equal(port.tx.put(frame()), true);
  port.sync();
  assert.equal(port.rx.space, 0);
  assert.equal((await port.wait({ writable: true })).writable, true);
});

test("a region that grows keeps the views of before and shows the new buffers", (t) => {
  const open = portsOf(t);
  const first = open("p{1@conf:slots=64");
  const early = first.tx.payload(0);
  early[0] = 77;

  const later = open("p{2@conf:slots=64");
  later.tx.slot(0).buffer[0] = 88;
  const { bufIdx } = later.tx.slot(0);
  assert.equal(first.buffer(bufIdx)[0], 88);
  assert.equal(early[0], 77);
});

test("a ring is indexed only where it has slots", (t) => {
  const open = portsOf(t);
  const { tx } = open("vale1:a@conf:slots=64");
  for (const index of [-1, 64, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, "0" as never]) {
    assert.throws(() => tx.slot(index), RangeError);
    assert.throws(() => tx.payload(index), RangeError);
    assert.throws(() => tx.swap(index, tx, 0), RangeError);
    assert.throws(() => {
      tx.head = index;
    }, RangeError);
  }
});

test("a slot takes only what its ring can have", (t) => {
  const open = portsOf(t);
  const slot = open("vale1:a").tx.slot(0);
  const set = (property: "len" | "flags" | "bufIdx", value: number) => () => {
    slot[property] = value;
  };
  for (const bad of [-1, 2113, 0.5, Number.NaN]) assert.throws(set("len", bad), RangeError);
  for (const bad of [-1, 65536, 0.5]) assert.throws(set("flags", bad), RangeError);
  for (const bad of [-1, 0, 1, 1e6, 2 ** 32, 2.5]) assert.throws(set("bufIdx", bad), RangeError);
});

test("head, cur and advance move only over the slots that are the program's", (t) => {
  const open = portsOf(t);
  const { tx, rx } = open("vale1:a@conf:slots=64");
  assert.throws(() => tx.advance(64), RangeError);
  assert.throws(() => tx.advance(-1), RangeError);
  assert.throws(() => tx.advance(0.5), RangeError);
  assert.throws(() => rx.advance(), RangeError);

  tx.advance(10);
  assert.equal(tx.head, 10);
  assert.throws(() => {
    tx.head = 5;
  }, RangeError);
  tx.head = 63;
  assert.equal(tx.space, 0);
});

test("a packet that is not given back stays, and cur lets a program look further", (t) => {
  const open = portsOf(t);
  const [from, to] = [open("vale1:a"), open("vale1:b")];
  from.tx.put(frame(60, 1));
  carry(from, to);
  to.rx.wantMore();
  to.rxSync();
  assert.equal(to.rx.space, 1);
  assert.equal(to.rx.cur, to.rx.tail);
  assert.notEqual(to.rx.cur, to.rx.head);
});

test("extra buffers can be taken, swapped into slots and given back", (t) => {
  const open = portsOf(t);
  const port = open("vale1:a", { extraBuffers: 3 });
  assert.equal(port.granted.extraBuffers, 3);

  const taken = [port.takeExtraBuffer(), port.takeExtraBuffer(), port.takeExtraBuffer()];
  assert.equal(port.takeExtraBuffer(), undefined);
  assert.equal(new Set(taken).size, 3);

  const [mine = 0] = taken;
  const slot = port.tx.slot(0);
  const old = slot.bufIdx;
  slot.bufIdx = mine;
  slot.flags |= abi.NS_BUF_CHANGED;
  port.giveExtraBuffer(old);
  assert.equal(port.takeExtraBuffer(), old);
  assert.throws(() => port.buffer(1), RangeError);
  assert.throws(() => open("vale1:b", { extraBuffers: -1 }), RangeError);
});

test("counters say what a ring sent, and why packets did not arrive", (t) => {
  const open = portsOf(t);
  const from = open("vale1:a");
  const to = open("vale1:b@conf:slots=64");
  for (let i = 0; i < 100; i++) from.tx.put(frame());
  from.txSync();

  assert.deepEqual(Object.keys(from.tx.counters()), Object.keys(counterMeanings));
  assert.equal(from.tx.counters().packets, 100);
  assert.equal(from.tx.counters().bytes, 6000);
  assert.equal(to.rx.counters().packets, 63);
  assert.equal(to.rx.counters().drops_full, 37);
});

test("portInfo describes a port that is open, and refuses one that nobody has open", (t) => {
  const namespace = freshNamespace(t);
  const open = portsOf(t);
  const { granted } = open("vale1:a@conf:slots=512", { namespace });
  const info = portInfo("vale1:a", { namespace });
  assert.equal(info.txSlots, 512);
  assert.equal(info.memId, granted.memId);
  assert.throws(() => portInfo("vale1:b", { namespace }), { code: "PORT_NOT_FOUND" });
  assert.throws(() => portInfo("p{1", { namespace }), { code: "PIPE_NOT_FOUND" });
});

test("close kills every view of the port, and closing again does nothing", (t) => {
  const open = portsOf(t);
  const port = open("vale1:a");
  const { tx } = port;
  const slot = tx.slot(0);
  const { payload } = slot;
  port.close();
  port.close();
  port[Symbol.dispose]();

  assert.equal(port.isOpen, false);
  assert.equal(payload.length, 0);
  assert.equal(payload[0], undefined);
  payload[0] = 1;
  assert.throws(() => payload.set([1]), TypeError);
  const closed = { code: "PORT_CLOSED", message: 'Cannot use port "vale1:a": it is closed' };
  for (const use of [
    () => tx.head,
    () => tx.space,
    () => tx.put(frame()),
    () => tx.drain(() => {}),
    () => tx.advance(0),
    () => tx.counters(),
    () => tx.payload(0),
    () => [...tx],
    () => slot.len,
    () => slot.bufIdx,
    () => slot.payload,
    () => slot.buffer,
    () => port.sync(),
    () => port.buffer(2),
    () => port.takeExtraBuffer(),
    () => port.giveExtraBuffer(2),
  ]) {
    assert.throws(use, closed);
  }
});

test("a program cannot move the memory of a port away by cloning it", (t) => {
  const open = portsOf(t);
  const port = open("vale1:a");
  const { buffer } = port.tx.payload(0);
  try {
    structuredClone(buffer, { transfer: [buffer] as never[] });
  } catch (error) {
    assert.equal((error as Error).name, "DataCloneError");
  }
  assert.equal(port.tx.put(frame()), true);
});

const transferable = "transfer" in ArrayBuffer.prototype;
const skip = transferable ? false : "ArrayBuffer.transfer comes with Node 22";
test("memory that a program moved out of a port's reach outlives the port", { skip }, (t) => {
  const open = portsOf(t);
  const port = open("vale1:a");
  const { buffer } = port.tx.payload(0);
  const away = new Uint8Array((buffer as unknown as { transfer(): ArrayBuffer }).transfer());
  assert.throws(() => port.tx.put(frame()), TypeError);

  port.close();
  away.fill(5);
  assert.equal(away.at(-1), 5);
});

test("a ring that holds what cannot be is reset, counted, and wait says so", async (t) => {
  const open = portsOf(t);
  const port = open("vale1:a");
  const [ring] = nativeOf(port).tx;
  new Uint32Array(ring?.memory ?? assert.fail())[abi.offsets.netmap_ring.head / 4] = 99_999;
  port.txSync();

  assert.equal(port.tx.head, 0);
  assert.equal(port.tx.counters().ring_resets, 1);
  assert.deepEqual(await port.wait(), { readable: false, writable: false, ringError: true });
});

test("a neighbour that writes anything into a ring makes its user throw, never crash", (t) => {
  const seed = Number(process.env.NM_SEED ?? Date.now()) >>> 0;
  t.diagnostic(`NM_SEED=${seed}`);
  const open = portsOf(t);
  const ports = [open("vale1:a@conf:slots=64"), open("vale1:b@conf:slots=64")];
  const random = randomWords(seed);
  const within = (value: number, limit: number) => assert.ok(value >= 0 && value < limit, `${value}`);

  for (let round = 0; round < 3000; round++) {
    for (const port of ports) {
      const memory = nativeOf(port)[random() % 2 ? "tx" : "rx"][0]?.memory ?? assert.fail();
      const words = new Uint32Array(memory);
      // Not the geometry, which is read from elsewhere after the port was opened.
      const at = 5 + (random() % (words.length - 5));
      words[at] = random() % 3 ? random() % 100 : random();
      for (const use of [
        () => within(port.tx.space, 64),
        () => within(port.rx.space, 64),
        () => port.tx.put(frame()),
        () => port.rx.drain((payload) => payload.fill(1)),
        () => port.tx.swap(random() % 64, port.rx, random() % 64),
        () => port.sync(),
      ]) {
        try {
          use();
        } catch (error) {
          assert.ok(error instanceof RangeError, `${error}`);
        }
      }
    }
  }
});

/** Numbers of 32 bits that look random and follow from the seed. */
function randomWords(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

test("the addon survives arguments that are not what it asks for", (t) => {
  const namespace = freshNamespace(t);
  const addon = native() as unknown as Record<string, (...args: unknown[]) => unknown>;
  const nonsense: unknown[] = [
    undefined,
    null,
    7,
    "/proc/x",
    {},
    [],
    () => {},
    Symbol.iterator,
    new Uint8Array(3),
  ];
  // These take nothing, take anything, or say by what they return that it was nonsense.
  const answers = new Set([
    "compileFilter",
    "hasCapabilities",
    "kernelFeatures",
    "makePipe",
    "scheduleTimes",
    "shareCount",
  ]);
  for (const name of Object.keys(addon)) {
    for (const first of nonsense) {
      for (const second of nonsense) {
        const result = addon[name]?.(first, second);
        const refuses = typeof result === "number" && result < 0;
        assert.ok(refuses || answers.has(name), `${name} gave ${String(result)}`);
      }
    }
  }

  const port = native().openPort(namespace, { name: "vale1:a", mode: 1 } as never);
  assert.ok(typeof port === "object");
  const methods = port as unknown as Record<string, (...args: unknown[]) => unknown>;
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(port));
  assert.ok(names.includes("wait"));
  for (const name of names.filter((each) => each !== "constructor" && each !== "close")) {
    for (const value of nonsense) {
      assert.throws(() => methods[name]?.call(value), TypeError);
      try {
        methods[name]?.call(port, value, value);
      } catch (error) {
        assert.ok(error instanceof TypeError, `${name}: ${error}`);
      }
    }
  }
  const stranger = new (port as unknown as { constructor: new () => NativePort }).constructor();
  assert.ok(stranger.bufferCount() < 0);
  stranger.close();
  const { txSync } = port;
  port.close();
  assert.ok(txSync() < 0);
});
