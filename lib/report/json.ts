/**
 * What a run prints for programs: a line for each interval, and the summary.
 */

import type { Output } from "../output.js";
import { figures } from "./passed.js";
import { rateFigures } from "./rate.js";
import type { Report, Subject } from "./report.js";

export function jsonReport(out: Output, subject: Subject): Report {
  const { direction, port, backend, driver } = subject;
  const origin = { function: direction, port, backend, driver };
  return {
    begin() {},
    ready() {},
    interval({ drops, ...passed }) {
      out.json({ type: "report", ...origin, ...figures(passed), drops });
    },
    packets(entries) {
      for (const { bytes, ...slot } of entries) {
        out.json({ type: "packet", ...slot, data: Buffer.from(bytes).toString("hex") });
      }
    },
    end({ drops, pending, verify, rate, ...passed }) {
      out.summary({
        ...origin,
        ...figures(passed),
        drops,
        ...(direction === "tx" && { pending }),
        ...(rate && { rate: rateFigures(passed, rate) }),
        ...(verify && { verify }),
      });
    },
  };
}
