/**
 * Traffic as it looks on a link, made up: conversations of TCP, DNS, ARP and ICMP between clients and servers, over IPv4 and
 * IPv6, with right checksums, sizes as they are on the internet, and times that come in bursts. The same for the same seed.
 *
 * Captures of it are written here too, number by number, so that what reads them in tests is not tested against itself.
 */

export interface MadePacket {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly bytes: Buffer;
  /** Whether a client sent it. */
  readonly fromClient: boolean;
}

export interface TrafficOptions {
  readonly packets: number;
  readonly seed?: number;
  /** The mean time between packets. */
  readonly gapNs?: number;
  readonly vlans?: boolean;
}

/** As random as tests need it. [mulberry32] */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const beginNs = 1_700_000_000_123_456_000n;

export function makeTraffic(options: TrafficOptions): MadePacket[] {
  const { packets: count, seed = 1, gapNs = 50_000, vlans = true } = options;
  const random = randomFrom(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const made: MadePacket[] = [];
  let now = beginNs;
  let identification = 0;

  const put = (fromClient: boolean, bytes: Buffer, gapFactor = 1) => {
    if (made.length >= count) return;
    made.push({ timeNs: now, bytes, fromClient });
    now += BigInt(Math.floor(-Math.log(1 - random()) * gapNs * gapFactor));
  };

  const conversation = () => {
    const ip: 4 | 6 = random() < 0.75 ? 4 : 6;
    const client = below(200) + 1;
    const server = below(40) + 1;
    const tag = vlans && random() < 0.1 ? 1 + below(100) : undefined;
    const frame = (fromClient: boolean, protocol: number, transport: Buffer) =>
      frameOf({
        ip,
        fromClient,
        client,
        server,
        tag,
        protocol,
        transport,
        identification: identification++ & 0xffff,
      });
    const clientPort = 32768 + below(28000);

    const kind = random();
    if (kind < 0.05) {
      put(true, arpOf(true, client, server));
      put(false, arpOf(false, client, server));
    } else if (kind < 0.1) {
      const echo = (reply: boolean) => icmpOf(ip, reply, identification, 56);
      put(true, frame(true, ip === 4 ? 1 : 58, echo(false)));
      put(false, frame(false, ip === 4 ? 1 : 58, echo(true)));
    } else if (kind < 0.4) {
      put(true, frame(true, 17, udpOf(clientPort, 53, textOf(30 + below(20), random))), 3);
      put(false, frame(false, 17, udpOf(53, clientPort, textOf(60 + below(400), random))));
    } else {
      const serverPort = random() < 0.7 ? 443 : 80;
      let sent = below(2 ** 31);
      let received = below(2 ** 31);
      const tcp = (fromClient: boolean, flags: number, length: number, gapFactor = 1) => {
        const [from, to] = fromClient ? [clientPort, serverPort] : [serverPort, clientPort];
        const [number, other] = fromClient ? [sent, received] : [received, sent];
        const segment = tcpOf({ from, to, number, other, flags }, textOf(length, random));
        put(fromClient, frame(fromClient, 6, segment), gapFactor);
        const used = length + (flags & 3 ? 1 : 0);
        if (fromClient) sent += used;
        else received += used;
      };
      tcp(true, 0x02, 0, 4);
      tcp(false, 0x12, 0);
      tcp(true, 0x10, 0, 0.2);
      tcp(true, 0x18, 100 + below(500));
      for (let segments = Math.floor(1 / (random() + 0.02)); segments > 0; segments--) {
        tcp(false, 0x18, segments > 1 ? 1400 : 1 + below(1400), 0.1);
        if (segments % 2 === 0) tcp(true, 0x10, 0, 0.3);
      }
      tcp(true, 0x11, 0, 2);
      tcp(false, 0x11, 0);
    }
  };
  while (made.length < count) conversation();
  return made;
}

interface FrameParts {
  readonly ip: 4 | 6;
  readonly fromClient: boolean;
  readonly client: number;
  readonly server: number;
  readonly tag: number | undefined;
  readonly protocol: number;
  readonly transport: Buffer;
  readonly identification: number;
}

function frameOf(parts: FrameParts): Buffer {
  const { ip, fromClient, client, server, tag, protocol, transport, identification } = parts;
  const addresses = (fromClient ? [client, server] : [server, client]).map((host, i) =>
    addressOf(ip, host, (i === 0) === fromClient),
  );
  const [from = Buffer.alloc(0), to = Buffer.alloc(0)] = addresses;
  fixTransport(protocol, transport, from, to);
  const network =
    ip === 4
      ? ipv4Of(protocol, from, to, transport.length, identification)
      : ipv6Of(protocol, from, to, transport.length);
  const tagBytes = tag === undefined ? Buffer.alloc(0) : Buffer.from([0x81, 0, tag >> 8, tag & 0xff]);
  const type = Buffer.from(ip === 4 ? [0x08, 0x00] : [0x86, 0xdd]);
  const macs = [
    macOf(!fromClient, fromClient ? server : client),
    macOf(fromClient, fromClient ? client : server),
  ];
  return padded(Buffer.concat([...macs, tagBytes, type, network, transport]));
}

function arpOf(request: boolean, client: number, server: number): Buffer {
  const frame = Buffer.alloc(60);
  (request ? Buffer.alloc(6, 0xff) : macOf(true, client)).copy(frame, 0);
  macOf(request, request ? client : server).copy(frame, 6);
  Buffer.from([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, request ? 1 : 2]).copy(frame, 12);
  frame.copy(frame, 22, 6, 12);
  addressOf(4, request ? client : server, request).copy(frame, 28);
  if (!request) macOf(true, client).copy(frame, 32);
  addressOf(4, request ? server : client, !request).copy(frame, 38);
  return frame;
}

function macOf(client: boolean, host: number): Buffer {
  return Buffer.from([0x02, 0, 0, 0, client ? 1 : 2, host & 0xff]);
}

/** Clients are of 10.1.0.0/16 and 2001:db8:1::/48, servers of 192.168.7.0/24 and 2001:db8:2::/48. */
function addressOf(ip: 4 | 6, host: number, client: boolean): Buffer {
  if (ip === 4) return Buffer.from(client ? [10, 1, host >> 8, host & 0xff] : [192, 168, 7, host]);
  const address = Buffer.alloc(16);
  Buffer.from([0x20, 0x01, 0x0d, 0xb8, 0, client ? 1 : 2]).copy(address);
  address.writeUInt16BE(host, 14);
  return address;
}

function ipv4Of(protocol: number, from: Buffer, to: Buffer, payload: number, identification: number): Buffer {
  const header = Buffer.from([0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, ...from, ...to]);
  header.writeUInt16BE(20 + payload, 2);
  header.writeUInt16BE(identification, 4);
  header.writeUInt16BE(checksum(sum(header)), 10);
  return header;
}

function ipv6Of(protocol: number, from: Buffer, to: Buffer, payload: number): Buffer {
  const header = Buffer.from([0x60, 0, 0, 0, 0, 0, protocol, 64, ...from, ...to]);
  header.writeUInt16BE(payload, 4);
  return header;
}

function udpOf(from: number, to: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return Buffer.concat([header, payload]);
}

function tcpOf(
  segment: Record<"from" | "to" | "number" | "other" | "flags", number>,
  payload: Buffer,
): Buffer {
  const { from, to, number, other, flags } = segment;
  const header = Buffer.alloc(20);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt32BE(number >>> 0, 4);
  header.writeUInt32BE(flags & 0x10 ? other >>> 0 : 0, 8);
  header.writeUInt8(0x50, 12);
  header.writeUInt8(flags, 13);
  header.writeUInt16BE(64240, 14);
  return Buffer.concat([header, payload]);
}

function icmpOf(ip: 4 | 6, reply: boolean, number: number, length: number): Buffer {
  const packet = Buffer.alloc(8 + length, 0x61);
  const types = ip === 4 ? [8, 0] : [128, 129];
  packet.writeUInt32BE(((types[reply ? 1 : 0] ?? 0) << 24) >>> 0, 0);
  packet.writeUInt16BE(number & 0xffff, 4);
  return packet;
}

/** Writes the checksum of TCP, UDP or ICMP. */
function fixTransport(protocol: number, transport: Buffer, from: Buffer, to: Buffer): void {
  const at = { 1: 2, 6: 16, 17: 6, 58: 2 }[protocol] ?? 2;
  transport.writeUInt16BE(0, at);
  const pseudo = protocol === 1 ? 0 : sum(from) + sum(to) + transport.length + protocol;
  const right = checksum(pseudo + sum(transport));
  transport.writeUInt16BE(protocol === 17 && right === 0 ? 0xffff : right, at);
}

function sum(bytes: Buffer): number {
  let total = 0;
  for (let i = 0; i < bytes.length; i += 2) total += ((bytes[i] ?? 0) << 8) + (bytes[i + 1] ?? 0);
  return total;
}

function checksum(total: number): number {
  let folded = total;
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded % 0x10000);
  return ~folded & 0xffff;
}

function textOf(length: number, random: () => number): Buffer {
  return Buffer.alloc(length, Math.floor(random() * 256));
}

/** Ethernet frames have 60 bytes at least. */
function padded(frame: Buffer): Buffer {
  return frame.length >= 60 ? frame : Buffer.concat([frame, Buffer.alloc(60 - frame.length)]);
}

export interface PcapOptions {
  readonly nanoseconds?: boolean;
  readonly bigEndian?: boolean;
  /** Bytes that are kept of each packet. */
  readonly snaplen?: number;
}

/** A classic capture. */
export function pcapOf(packets: readonly MadePacket[], options: PcapOptions = {}): Buffer {
  const { nanoseconds = false, bigEndian = false, snaplen = 262_144 } = options;
  const numbers = (...values: number[]) => {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [i, value] of values.entries()) {
      if (bigEndian) bytes.writeUInt32BE(value, 4 * i);
      else bytes.writeUInt32LE(value, 4 * i);
    }
    return bytes;
  };
  const version = bigEndian ? 0x0002_0004 : 0x0004_0002;
  const header = numbers(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, version, 0, 0, snaplen, 1);
  const unit = nanoseconds ? 1n : 1000n;
  const records = packets.flatMap(({ timeNs, bytes }) => {
    const kept = bytes.subarray(0, snaplen);
    const [seconds, fraction] = [timeNs / 1_000_000_000n, (timeNs % 1_000_000_000n) / unit];
    return [numbers(Number(seconds), Number(fraction), kept.length, bytes.length), kept];
  });
  return Buffer.concat([header, ...records]);
}

export interface PcapngInterface {
  readonly name: string;
  /** The exponent of if_tsresol; with `binary`, of 2. */
  readonly exponent: number;
  readonly binary?: boolean;
  readonly offsetSeconds?: bigint;
}

export interface PcapngOptions {
  readonly bigEndian?: boolean;
  readonly interfaces?: readonly PcapngInterface[];
  /** A new section after each so many packets. */
  readonly sectionOf?: number;
  readonly comments?: boolean;
}

/** A pcapng capture, its packets on its interfaces in turn. */
export function pcapngOf(packets: readonly MadePacket[], options: PcapngOptions = {}): Buffer {
  const { bigEndian = false, sectionOf = Number.POSITIVE_INFINITY, comments = false } = options;
  const { interfaces = [{ name: "eth0", exponent: 9 }] } = options;
  const number = (value: number | bigint, size: 2 | 4 | 8) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)));
    const big = bytes.subarray(8 - size);
    return bigEndian ? big : Buffer.from(big).reverse();
  };
  const fill = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const option = (code: number, value: Buffer) =>
    Buffer.concat([number(code, 2), number(value.length, 2), fill(value)]);
  const end = option(0, Buffer.alloc(0));
  const block = (type: number, ...parts: Buffer[]) => {
    const body = fill(Buffer.concat(parts));
    const length = number(body.length + 12, 4);
    return Buffer.concat([number(type, 4), length, body, length]);
  };
  const section = () => [
    block(0x0a0d0d0a, number(0x1a2b3c4d, 4), number(1, 2), number(0, 2), number(-1n, 8)),
    ...interfaces.map(({ name, exponent, binary = false, offsetSeconds = 0n }) =>
      block(
        1,
        Buffer.concat([number(1, 2), number(0, 2), number(0, 4)]),
        option(2, Buffer.from(name)),
        option(9, Buffer.from([exponent | (binary ? 0x80 : 0)])),
        ...(offsetSeconds !== 0n ? [option(14, number(offsetSeconds, 8))] : []),
        end,
      ),
    ),
  ];
  const blocks: Buffer[] = [];
  for (const [i, { timeNs, bytes }] of packets.entries()) {
    if (i % sectionOf === 0 || i === 0) blocks.push(...section());
    const on = i % interfaces.length;
    const { exponent = 9, binary = false, offsetSeconds = 0n } = interfaces[on] ?? {};
    const units = binary ? 2n ** BigInt(exponent) : 10n ** BigInt(exponent);
    const ticks = ((timeNs - offsetSeconds * 1_000_000_000n) * units) / 1_000_000_000n;
    const lengths = [number(bytes.length, 4), number(bytes.length, 4)];
    const times = [number(ticks >> 32n, 4), number(ticks & 0xffff_ffffn, 4)];
    const comment = comments && i % 10 === 0 ? [option(1, Buffer.from(`packet ${i}`)), end] : [];
    blocks.push(block(6, number(on, 4), ...times, ...lengths, fill(bytes), ...comment));
  }
  return Buffer.concat(blocks.length > 0 ? blocks : section());
}

export interface ReadPacket {
  readonly timeNs: bigint;
  readonly length: number;
  readonly bytes: Buffer;
}

/** What a classic capture with nanoseconds, in little endian, holds. */
export function packetsOfPcap(file: Buffer): ReadPacket[] {
  if (file.readUInt32LE(0) !== 0xa1b23c4d) throw new Error("expected a pcap file with nanoseconds");
  const packets: ReadPacket[] = [];
  for (let at = 24; at < file.length; ) {
    const [seconds, ns, captured, length] = [0, 4, 8, 12].map((field) => file.readUInt32LE(at + field));
    const bytes = file.subarray(at + 16, at + 16 + (captured ?? 0));
    packets.push({
      timeNs: BigInt(seconds ?? 0) * 1_000_000_000n + BigInt(ns ?? 0),
      length: length ?? 0,
      bytes,
    });
    at += 16 + bytes.length;
  }
  return packets;
}
