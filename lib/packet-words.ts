/** A packet in one line for people: who sends to whom, and what. */

import { formatMac } from "./endpoint.js";

const etherTypes: Readonly<Record<number, string>> = {
  2054: "ARP",
  34887: "MPLS",
  35020: "LLDP",
  34958: "EAPOL",
};
const protocols: Readonly<Record<number, string>> = {
  1: "ICMP",
  2: "IGMP",
  6: "TCP",
  17: "UDP",
  47: "GRE",
  58: "ICMPv6",
  132: "SCTP",
};
const vlanTypes = [0x8100, 0x88a8];

/** "10.0.0.1:1234 > 10.0.0.2:53 UDP", "vlan 7, ARP 02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff". */
export function packetWords(bytes: Uint8Array): string {
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (packet.length < 14) return "less than an Ethernet header";
  const tags: number[] = [];
  let at = 12;
  while (vlanTypes.includes(packet.readUInt16BE(at)) && packet.length >= at + 6) {
    tags.push(packet.readUInt16BE(at + 2) & 0xfff);
    at += 4;
  }
  const words = networkWords(packet, packet.readUInt16BE(at), at + 2);
  return [...tags.map((tag) => `vlan ${tag}`), words].join(", ");
}

/** "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff" */
export function macWords(bytes: Uint8Array): string {
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return packet.length < 12 ? "" : `${macOf(packet, 6)} > ${macOf(packet, 0)}`;
}

function networkWords(packet: Buffer, type: number, at: number): string {
  if (type === 0x0800 && packet.length >= at + 20) return ipv4Words(packet, at);
  if (type === 0x86dd && packet.length >= at + 40) return ipv6Words(packet, at);
  const name = etherTypes[type] ?? `type 0x${type.toString(16).padStart(4, "0")}`;
  return `${name} ${macWords(packet)}`;
}

function ipv4Words(packet: Buffer, at: number): string {
  const address = (from: number) => [...packet.subarray(from, from + 4)].join(".");
  const fragment = packet.readUInt16BE(at + 6) & 0x1fff;
  const transport = fragment > 0 ? packet.length : at + (packet.readUInt8(at) & 0xf) * 4;
  const words = transportWords(
    packet,
    packet.readUInt8(at + 9),
    transport,
    address(at + 12),
    address(at + 16),
  );
  return fragment > 0 ? `${words}, fragment at ${fragment * 8}` : words;
}

function ipv6Words(packet: Buffer, at: number): string {
  const protocol = packet.readUInt8(at + 6);
  return transportWords(packet, protocol, at + 40, ipv6Of(packet, at + 8), ipv6Of(packet, at + 24));
}

function transportWords(packet: Buffer, protocol: number, at: number, from: string, to: string): string {
  const name = protocols[protocol] ?? `protocol ${protocol}`;
  if ((protocol !== 6 && protocol !== 17) || packet.length < at + 4) return `${from} > ${to} ${name}`;
  const side = (address: string, port: number) =>
    `${address.includes(":") ? `[${address}]` : address}:${port}`;
  return `${side(from, packet.readUInt16BE(at))} > ${side(to, packet.readUInt16BE(at + 2))} ${name}`;
}

/** With the longest run of zeros left out, as is usual. [RFC 5952] */
function ipv6Of(packet: Buffer, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => packet.readUInt16BE(at + 2 * i).toString(16));
  const text = groups.join(":");
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].sort((a, b) => b[0].length - a[0].length);
  const [longest] = runs;
  if (!longest) return text;
  const after = text.slice(longest.index + longest[0].length);
  return `${text.slice(0, longest.index)}:${after === "" ? ":" : after}`;
}

function macOf(packet: Buffer, at: number): string {
  return formatMac(packet.subarray(at, at + 6));
}
