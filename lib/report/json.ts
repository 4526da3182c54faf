/**
 * What a run prints for programs: a line for each interval, and the summary.
 */

import type { Output } from "../output.js";
import { traitsOf } from "../pkt-gen/functions.js";
import { figures } from "./passed.js";
import { rateFigures } from "./rate.js";
import type { Report, Subject } from "./report.js";
import { roundTripFigures } from "./round-trips.js";

export function jsonReport(out: Output, subject: Subject): Report {
  const { function: name, port, backend, driver } = subject;
  const origin = { function: name, port, backend, driver };
  return {
    begin() {},
    ready() {},
    interval({ drops, roundTrips, ...passed }) {
      const times = roundTrips && { rtt_ns: roundTrips.percentiles() };
      out.json({ type: "report", ...origin, ...figures(passed), drops, ...times });
    },
    packets(entries) {
      for (const { bytes, ...slot } of entries) {
        out.json({ type: "packet", ...slot, data: Buffer.from(bytes).toString("hex") });
      }
    },
    end({ drops, pending, verify, rate, roundTrips, numbers, ...passed }) {
      out.summary({
        ...origin,
        ...figures(passed),
        drops,
        ...(traitsOf(name).makes && { pending }),
        ...(rate && { rate: rateFigures(rate) }),
        ...(roundTrips && roundTripFigures(roundTrips)),
        ...(numbers && { numbers }),
        ...(verify && { verify }),
      });
    },
  };
}
