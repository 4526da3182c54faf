/**
 * A ring: a circular array of slots that a program and the device share, seen from JavaScript without copying.
 *
 *          head            cur                 tail
 *   ...D | U   U   U   U | U   U   U   U   U | D   D ...      U = yours to read and write
 *          (give back)     (wake me past here)                D = the device's
 *
 * On a transmit ring, fill slots from head on and advance; the next sync sends them. On a receive ring, read slots
 * from head on and advance; the next sync takes them back. Only a sync moves tail. One slot always stays with the
 * device, so `space` is at most `slots - 1`. [netmap(4)]
 *
 * A program can index only what exists: anything else is a RangeError, and after the port is closed every use is
 * an NmError PORT_CLOSED. What other programs of the same memory region may have written is checked when it is read.
 */

import { NETMAP_MAX_FRAGS, NS_BUF_CHANGED, NS_MOREFRAG, offsets, sizes } from "./abi.js";
import type { CounterName } from "./layout.js";
import type { NativeRing } from "./native.js";

/** What a ring needs of its port. */
export interface RingOwner {
  readonly memory: Buffers;
  /** How far into their buffers packets begin that are put into a transmit ring. */
  readonly offset: number;
  counters(kind: RingKind, ring: number): Record<CounterName, number>;
  /** The error for any use after the port was closed. */
  closed(): Error;
}

export type RingKind = "tx" | "rx";

/** Called with a packet's bytes in place, its slot, and the ring it is in. The bytes are yours until the next sync. */
export type Visit = (payload: Uint8Array, slot: Slot, ring: Ring) => void;

const words = {
  head: offsets.netmap_ring.head / 4,
  cur: offsets.netmap_ring.cur / 4,
  tail: offsets.netmap_ring.tail / 4,
  // The lower half of 64 bits: no buffer is larger.
  offsetMask: offsets.netmap_ring.offset_mask / 4,
} as const;
const firstSlot = offsets.netmap_ring.slot;

export class Ring implements Iterable<Slot> {
  readonly kind: RingKind;
  /** As netmap numbers the rings of one direction: host rings after the others. */
  readonly number: number;
  /** How many slots there are; a program can own one less. */
  readonly slots: number;

  readonly #owner: RingOwner;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #slots: Slot[] = [];

  constructor(owner: RingOwner, kind: RingKind, { number, slots, memory }: NativeRing) {
    this.kind = kind;
    this.number = number;
    this.slots = slots;
    this.#owner = owner;
    this.#words = new Uint32Array(memory);
    this.#halves = new Uint16Array(memory);
  }

  /** Bytes of a packet that a slot's buffer holds. */
  get bufferSize(): number {
    return this.#owner.memory.size - this.#owner.offset;
  }

  /** The first slot that is yours. */
  get head(): number {
    return this.#word(words.head);
  }
  set head(index: number) {
    this.#words[words.head] = this.#owned(index);
  }

  /** The slot from which on `wait` looks for something new: between head and tail. */
  get cur(): number {
    return this.#word(words.cur);
  }
  set cur(index: number) {
    this.#words[words.cur] = this.#owned(index);
  }

  /** The first slot that is the device's. */
  get tail(): number {
    const tail = this.#word(words.tail);
    return tail < this.slots ? tail : this.#start();
  }

  /** How many slots are yours: free to fill on a transmit ring, received on a receive ring. */
  get space(): number {
    return this.distance(this.#start(), this.tail);
  }

  /** Whether the device still holds slots that were sent. */
  get pending(): boolean {
    return this.next(this.tail) !== this.head;
  }

  /** The slot after `index`. */
  next(index: number): number {
    return index + 1 === this.slots ? 0 : index + 1;
  }

  /** Slots from `from` up to `to`, going forward. */
  distance(from: number, to: number): number {
    return to >= from ? to - from : to + this.slots - from;
  }

  /** Slot `index`; the same object each time. */
  slot(index: number): Slot {
    this.#check(index);
    let slot = this.#slots[index];
    if (slot === undefined) {
      slot = new Slot(this, index, this.#owner, this.#words, this.#halves);
      this.#slots[index] = slot;
    }
    return slot;
  }

  /** The bytes of the packet in slot `index`, in place: `len` bytes of its buffer. */
  payload(index: number): Uint8Array {
    return this.slot(index).payload;
  }

  /** Gives `count` slots from head on to the device with the next sync. */
  advance(count = 1): void {
    if (!Number.isInteger(count) || count < 0 || count > this.space) {
      throw new RangeError(`Cannot advance by ${count}: ${this.space} slots are yours`);
    }
    const start = this.#start();
    const index = (start + count) % this.slots;
    this.#words[words.cur] = index;
    this.#words[words.head] = index;
  }

  /** Makes the next `wait` wake only for more than is here now. */
  wantMore(): void {
    this.#words[words.cur] = this.tail;
  }

  /** The slots that are yours, from head on. It gives none back; see `advance`. */
  *[Symbol.iterator](): Generator<Slot, void, undefined> {
    let index = this.#start();
    for (let left = this.space; left > 0; left--) {
      yield this.slot(index);
      index = this.next(index);
    }
  }

  /**
   * Hands every received packet to `visit`, at most `limit` of them, and gives their slots back. Returns how many.
   * When `visit` throws, the packet it was looking at is given back too.
   */
  drain(visit: Visit, limit = Number.POSITIVE_INFINITY): number {
    const count = Math.min(this.space, limit);
    let index = this.#start();
    let visited = 0;
    try {
      while (visited < count) {
        visited++;
        const slot = this.slot(index);
        visit(slot.payload, slot, this);
        index = this.next(index);
      }
    } finally {
      this.advance(visited);
    }
    return visited;
  }

  /**
   * Copies a packet into the next slots of a transmit ring, several when it is longer than a buffer, for the next
   * sync to send. Returns false, and does nothing, when the ring has no room.
   */
  put(packet: Uint8Array): boolean {
    if (this.kind !== "tx") throw new TypeError("Cannot put a packet into a receive ring");
    const size = this.bufferSize;
    const count = Math.ceil(packet.length / size);
    if (count < 1 || count > NETMAP_MAX_FRAGS) {
      throw new RangeError(
        `Cannot send ${packet.length} bytes: a packet has 1 to ${NETMAP_MAX_FRAGS * size}`,
      );
    }
    if (count > this.space) return false;

    let index = this.#start();
    for (let i = 0; i < count; i++) {
      const part = count === 1 ? packet : packet.subarray(i * size, (i + 1) * size);
      const slot = this.slot(index);
      slot.offset = this.#owner.offset;
      slot.len = part.length;
      slot.flags = i + 1 < count ? NS_MOREFRAG : 0;
      slot.payload.set(part);
      index = this.next(index);
    }
    this.advance(count);
    return true;
  }

  /**
   * Exchanges the packets of two slots without copying them: buffer, length and whether more slots follow.
   * Both rings must be of one memory region, as the two directions of one port are.
   */
  swap(index: number, other: Ring, otherIndex: number): void {
    if (!this.#owner.memory.isSameRegion(other.#owner.memory)) {
      throw new RangeError("Cannot swap buffers between ports that do not share memory");
    }
    const mine = this.slot(index);
    const theirs = other.slot(otherIndex);
    const had = mine.packet;
    mine.packet = theirs.packet;
    theirs.packet = had;
  }

  /** What the ring counted since it was made, by whichever program used it. */
  counters(): Record<CounterName, number> {
    return this.#owner.counters(this.kind, this.number);
  }

  /** Where the program's slots start; the head itself unless somebody wrote nonsense there. */
  #start(): number {
    const head = this.head;
    return head < this.slots ? head : 0;
  }

  #word(index: number): number {
    const word = this.#words[index];
    if (word === undefined) throw this.#owner.closed();
    return word;
  }

  #check(index: number): number {
    if (!Number.isInteger(index) || index < 0 || index >= this.slots) {
      throw new RangeError(`Cannot use slot ${index}: the ring has slots 0 to ${this.slots - 1}`);
    }
    return index;
  }

  /** A slot that head and cur may point at: one of the program's, or the tail. */
  #owned(index: number): number {
    this.#check(index);
    if (this.distance(this.#start(), index) > this.space) {
      throw new RangeError(`Cannot move to slot ${index}: slots ${this.#start()} to ${this.tail} are yours`);
    }
    return index;
  }
}

/** What a slot says of its packet: the buffer, its bytes in there, and whether it goes on in the next slot. */
interface Descriptor {
  readonly bufIdx: number;
  readonly len: number;
  readonly more: boolean;
  readonly offset: number;
}

/** One slot: which buffer, how many of its bytes are the packet, and netmap's NS_ flags. */
export class Slot {
  readonly #ring: Ring;
  readonly #owner: RingOwner;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #bufIdxAt: number;
  readonly #lenAt: number;
  readonly #flagsAt: number;
  readonly #ptrAt: number;

  constructor(
    ring: Ring,
    readonly index: number,
    owner: RingOwner,
    ringWords: Uint32Array,
    ringHalves: Uint16Array,
  ) {
    const at = firstSlot + index * sizes.netmap_slot;
    this.#ring = ring;
    this.#owner = owner;
    this.#words = ringWords;
    this.#halves = ringHalves;
    this.#bufIdxAt = (at + offsets.netmap_slot.buf_idx) / 4;
    this.#lenAt = (at + offsets.netmap_slot.len) / 2;
    this.#flagsAt = (at + offsets.netmap_slot.flags) / 2;
    this.#ptrAt = (at + offsets.netmap_slot.ptr) / 4;
  }

  get ring(): Ring {
    return this.#ring;
  }

  /** Bytes of the packet that are in this slot's buffer. */
  get len(): number {
    return this.#read(this.#halves, this.#lenAt);
  }
  set len(bytes: number) {
    this.#halves[this.#lenAt] = this.#inRange("length", bytes, 0, this.#owner.memory.size);
  }

  /** Bits of NS_MOREFRAG, NS_BUF_CHANGED and the others of the abi; of received packets, slots in the upper byte. */
  get flags(): number {
    return this.#read(this.#halves, this.#flagsAt);
  }
  set flags(bits: number) {
    this.#halves[this.#flagsAt] = this.#inRange("flags", bits, 0, 0xffff);
  }

  /** The buffer. Writing another one also needs NS_BUF_CHANGED in `flags`; `Ring.swap` does both. */
  get bufIdx(): number {
    return this.#read(this.#words, this.#bufIdxAt);
  }
  set bufIdx(index: number) {
    this.#owner.memory.check(index);
    this.#words[this.#bufIdxAt] = index;
  }

  /** How far into its buffer the packet begins. 0 unless the ring was opened with `@offset`. */
  get offset(): number {
    const mask = this.#read(this.#words, words.offsetMask);
    if (mask === 0) return 0;
    return Math.min((this.#read(this.#words, this.#ptrAt) & mask) >>> 0, this.#owner.memory.size);
  }
  set offset(bytes: number) {
    const mask = this.#read(this.#words, words.offsetMask);
    if (mask === 0 && bytes === 0) return;
    this.#inRange("offset", bytes, 0, Math.min(mask, this.#owner.memory.size));
    const ptr = this.#read(this.#words, this.#ptrAt);
    this.#words[this.#ptrAt] = ((ptr & ~mask) | bytes) >>> 0;
    const upperMask = this.#read(this.#words, words.offsetMask + 1);
    this.#words[this.#ptrAt + 1] = (this.#read(this.#words, this.#ptrAt + 1) & ~upperMask) >>> 0;
  }

  /** Which bytes the slot describes. Setting it tells the device that the buffer is another one. */
  get packet(): Descriptor {
    const { bufIdx, len, more, offset } = this;
    this.#owner.memory.check(bufIdx);
    return { bufIdx, len: this.#inRange("length", len, 0, this.#owner.memory.size), more, offset };
  }
  set packet({ bufIdx, len, more, offset }: Descriptor) {
    this.offset = offset;
    this.bufIdx = bufIdx;
    this.len = len;
    this.flags = (this.flags & ~NS_MOREFRAG) | (more ? NS_MOREFRAG : 0) | NS_BUF_CHANGED;
  }

  /** Whether the packet goes on in the next slot. */
  get more(): boolean {
    return (this.flags & NS_MOREFRAG) !== 0;
  }

  /**
   * The packet's bytes in place: the first `len` of the buffer, or from `offset` on. Without offsets the same object while
   * buffer and length stay.
   */
  get payload(): Uint8Array {
    const { offset } = this;
    if (offset === 0) return this.#owner.memory.first(this.bufIdx, this.len);
    return this.#owner.memory.part(this.bufIdx, offset, this.len);
  }

  /** The whole buffer in place. */
  get buffer(): Uint8Array {
    return this.#owner.memory.whole(this.bufIdx);
  }

  #read(from: Uint16Array | Uint32Array, at: number): number {
    const value = from[at];
    if (value === undefined) throw this.#owner.closed();
    return value;
  }

  #inRange(what: string, value: number, min: number, max: number): number {
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new RangeError(`Cannot set ${what} to ${value}: expected ${min} to ${max}`);
  }
}

/** Where the memory of buffers comes from. */
export interface BufferSource {
  /** Says which buffers two ports have in common: equal when they use one region. */
  readonly region: string;
  readonly size: number;
  /** How many buffers there are now. */
  count(): number;
  /** Memory of as many. */
  memory(): ArrayBuffer;
}

/** The buffers of a memory region. Views of them are made once and kept: making one per packet would be slow. */
export class Buffers {
  /** Bytes that a buffer holds. */
  readonly size: number;

  readonly #source: BufferSource;
  #memory: ArrayBuffer;
  #count: number;
  readonly #whole: Uint8Array[] = [];
  readonly #first: Uint8Array[] = [];

  constructor(source: BufferSource) {
    this.#source = source;
    this.size = source.size;
    this.#memory = source.memory();
    this.#count = this.#counted();
  }

  isSameRegion(other: Buffers): boolean {
    return this.#source.region === other.#source.region;
  }

  /** Throws unless buffer `index` can be in a slot: 0 and 1 are never handed out. */
  check(index: number): void {
    if (Number.isInteger(index) && index >= 2 && index < this.#count) return;
    if (Number.isInteger(index) && index >= 2 && index < this.#grow()) return;
    throw new RangeError(`Cannot use buffer ${index}: the region has buffers 2 to ${this.#count - 1}`);
  }

  whole(index: number): Uint8Array {
    const kept = this.#whole[index];
    if (kept !== undefined) return kept;
    this.check(index);
    const view = new Uint8Array(this.#memory, index * this.size, this.size);
    this.#whole[index] = view;
    return view;
  }

  first(index: number, length: number): Uint8Array {
    const kept = this.#first[index];
    if (kept !== undefined && kept.length === length) return kept;
    if (length > this.size) {
      throw new RangeError(`Cannot read ${length} bytes: buffers have ${this.size}`);
    }
    this.check(index);
    const view = new Uint8Array(this.#memory, index * this.size, length);
    this.#first[index] = view;
    return view;
  }

  part(index: number, offset: number, length: number): Uint8Array {
    if (offset + length <= this.size) return this.whole(index).subarray(offset, offset + length);
    throw new RangeError(`Cannot read ${length} bytes from ${offset} on: buffers have ${this.size}`);
  }

  /** Others that open ports in the region make it grow. */
  #grow(): number {
    if (this.#source.count() > this.#count) {
      this.#memory = this.#source.memory();
      this.#count = this.#counted();
    }
    return this.#count;
  }

  /** A port without rings, which a null port can be, does not know how large buffers are. */
  #counted(): number {
    return this.size > 0 ? this.#memory.byteLength / this.size : 0;
  }
}
