/**
 * Packet filters: expressions as tcpdump takes them, compiled by libpcap where it is installed.
 *
 * The program runs natively on each packet, see native/traffic/filter.h.
 */

import { NmError } from "./errors.js";
import { type FilterOutcome, filterOutcomes } from "./layout.js";
import { type NativeFilter, native } from "./native.js";

/** A compiled expression, to be given to traffic loops. */
export interface Filter {
  readonly expression: string;
  readonly native: NativeFilter;
}

/**
 * Compiles an expression for Ethernet frames, for example "udp port 53"; pcap-filter(7) has the language.
 * $NM_LIBPCAP names another library than the system's libpcap.
 *
 * @throws {NmError} FILTER_SYNTAX, or LIBPCAP_MISSING where there is no libpcap
 */
export function compileFilter(expression: string): Filter {
  const library = process.env.NM_LIBPCAP ?? "";
  const filter = native().compileFilter(expression, library);
  const { reason } = filter;
  switch (Object.keys(filterOutcomes)[filter.outcome] as FilterOutcome) {
    case "compiled":
      return { expression, native: filter };
    case "no_library":
      throw new NmError("LIBPCAP_MISSING", { expression, reason });
    case "bad_expression":
      throw new NmError("FILTER_SYNTAX", { expression, reason });
  }
}
