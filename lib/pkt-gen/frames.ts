/**
 * What packets look like: pkt-gen's options about it, and the frame that they mean.
 */

import type { Arguments, Options } from "../command.js";
import { readEndpoint, readMac } from "../endpoint.js";
import { frameLimits } from "../layout.js";
import type { Frame } from "../traffic.js";
import { type Form, readValue } from "./values.js";

export const frameOptions = {
  length: {
    type: "number",
    alias: "l",
    value: "BYTES",
    default: 60,
    min: frameLimits.shortest,
    max: frameLimits.longest,
    group: "Sending",
    describe: "Send packets of this size, without CRC; what exceeds a buffer takes several slots",
  },
  from: {
    type: "string",
    alias: "s",
    value: "ADDRESS",
    default: "10.0.0.1",
    group: "Sending",
    describe:
      "Put this IPv4 address and UDP port into packets, or a range A:PORT-B:PORT that they walk through",
  },
  to: {
    type: "string",
    alias: "d",
    value: "ADDRESS",
    default: "10.1.0.1",
    group: "Sending",
    describe: "Send to this IPv4 address and UDP port, or to a range of them",
  },
  fromMac: {
    type: "string",
    alias: "S",
    value: "MAC",
    default: "00:00:00:00:00:00",
    group: "Sending",
    describe: "Put this Ethernet address into packets as the sender's",
  },
  toMac: {
    type: "string",
    alias: "D",
    value: "MAC",
    default: "ff:ff:ff:ff:ff:ff",
    group: "Sending",
    describe: "Send to this Ethernet address",
  },
} as const satisfies Options;

type Args = Arguments<Record<never, never>, typeof frameOptions>;

const endpointForm: Form = [
  "an IPv4 address with or without :PORT, or two of them with - between",
  "10.0.0.1:1000-10.0.0.9:1999",
];
const macForm: Form = ["six bytes in hexadecimal with : between", "02:00:00:00:00:01"];

export function readFrame(args: Args): Frame {
  return {
    length: args.length,
    from: readValue("from", args.from, readEndpoint, endpointForm),
    to: readValue("to", args.to, readEndpoint, endpointForm),
    fromMac: readValue("fromMac", args.fromMac, readMac, macForm),
    toMac: readValue("toMac", args.toMac, readMac, macForm),
  };
}
