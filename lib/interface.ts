/** What the machine says of its network interfaces. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface InterfaceFacts {
  /** As text: "02:00:00:00:00:01". Nothing where it has none, or one of another length. */
  readonly mac: string | undefined;
  /** The largest packet without its Ethernet header. */
  readonly mtu: number | undefined;
}

/** Nothing is known of an interface that is not there. */
export function interfaceFacts(name: string, sysfs = "/sys/class/net"): InterfaceFacts {
  const mac = fact(sysfs, name, "address");
  const mtu = Number(fact(sysfs, name, "mtu"));
  return {
    mac: mac !== undefined && /^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(mac) ? mac : undefined,
    mtu: Number.isInteger(mtu) && mtu > 0 ? mtu : undefined,
  };
}

function fact(sysfs: string, name: string, what: string): string | undefined {
  try {
    return readFileSync(join(sysfs, name, what), "utf8").trim();
  } catch {
    return undefined;
  }
}
