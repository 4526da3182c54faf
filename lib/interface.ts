/** What the machine says of its network interfaces. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface InterfaceFacts {
  /** As text: "02:00:00:00:00:01". Nothing where it has none, or one of another length. */
  readonly mac: string | undefined;
  /** The largest packet without its Ethernet header. */
  readonly mtu: number | undefined;
  /** Bits a second of its link; nothing where it has none, or does not say. */
  readonly speed: number | undefined;
}

/** Of what is no interface. */
export const noFacts: InterfaceFacts = { mac: undefined, mtu: undefined, speed: undefined };

/** Nothing is known of an interface that is not there. */
export function interfaceFacts(name: string, sysfs = "/sys/class/net"): InterfaceFacts {
  const mac = fact(sysfs, name, "address");
  const mtu = Number(fact(sysfs, name, "mtu"));
  // -1 where nobody knows; reading fails where there is no link.
  const megabits = Number(fact(sysfs, name, "speed"));
  return {
    mac: mac !== undefined && /^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(mac) ? mac : undefined,
    mtu: Number.isInteger(mtu) && mtu > 0 ? mtu : undefined,
    speed: megabits > 0 ? megabits * 1e6 : undefined,
  };
}

function fact(sysfs: string, name: string, what: string): string | undefined {
  try {
    return readFileSync(join(sysfs, name, what), "utf8").trim();
  } catch {
    return undefined;
  }
}
