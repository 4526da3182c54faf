/** Whether the checksums of a packet's IPv4 and UDP headers are right. [RFC 791, RFC 768, RFC 8200] */

const ethernetLength = 14;
const ipv6Length = 40;
const udpLength = 8;
const udpProtocol = 17;

/** "right" or what is wrong with them; "" for a packet that has none of these. */
export function checksumWords(frame: Uint8Array): string {
  if (frame.length < ethernetLength) return "";
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const packet = new DataView(
    view.buffer,
    view.byteOffset + ethernetLength,
    view.byteLength - ethernetLength,
  );
  switch (view.getUint16(12)) {
    case 0x0800:
      return ipv4Words(packet);
    case 0x86dd:
      return packet.byteLength >= ipv6Length && packet.getUint8(6) === udpProtocol
        ? udpWords(packet, ipv6Length, packet.getUint16(4), onesSum(packet, 8, 32))
        : "";
    default:
      return "";
  }
}

function ipv4Words(packet: DataView): string {
  const shortest = 20;
  if (packet.byteLength < shortest) return "cut off";
  const header = (packet.getUint8(0) & 0x0f) * 4;
  if (header < shortest || packet.byteLength < header) return "broken IP header";
  if (onesSum(packet, 0, header) !== 0xffff) return "wrong IP checksum";
  const isFragment = (packet.getUint16(6) & 0x3fff) !== 0;
  if (packet.getUint8(9) !== udpProtocol || isFragment) return "right";
  return udpWords(packet, header, packet.getUint16(2) - header, onesSum(packet, 12, 8));
}

function udpWords(packet: DataView, at: number, length: number, addresses: number): string {
  if (length < udpLength || packet.byteLength - at < length) return "cut off";
  if (packet.getUint16(at + 6) === 0) return "no UDP checksum";
  const sum = fold(onesSum(packet, at, length) + addresses + udpProtocol + length);
  return sum === 0xffff ? "right" : "wrong UDP checksum";
}

function onesSum(bytes: DataView, at: number, length: number): number {
  let sum = 0;
  const end = at + length;
  for (let i = at; i + 1 < end; i += 2) sum += bytes.getUint16(i);
  if (length % 2 === 1) sum += bytes.getUint8(end - 1) << 8;
  return fold(sum);
}

function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}
