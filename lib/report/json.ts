/**
 * What a run prints for programs: a line for each interval, and the summary.
 */

import { dropsField } from "../loop-group.js";
import type { Output } from "../output.js";
import { traitsOf } from "../pkt-gen/functions.js";
import { distributionFigures } from "./distributions.js";
import { measuredFigures } from "./measured.js";
import { figures } from "./passed.js";
import { rateFigures } from "./rate.js";
import type { Found, Report, Subject } from "./report.js";
import { roundTripFigures } from "./round-trips.js";

export function jsonReport(out: Output, subject: Subject): Report {
  const { function: name, port, backend, driver } = subject;
  const origin = { function: name, port, backend, driver };
  return {
    begin() {},
    ready() {},
    interval({ drops, minSpace: _, mismatches: __, ...while_ }) {
      out.json({
        type: "report",
        ...origin,
        ...figures(while_),
        drops: dropsField(drops),
        ...foundFigures(while_),
      });
    },
    note(text) {
      process.stderr.write(`${text}\n`);
    },
    packets(entries) {
      for (const { bytes, ...slot } of entries) {
        out.json({ type: "packet", ...slot, data: Buffer.from(bytes).toString("hex") });
      }
    },
    end({ drops, pending, numbers, streams, judgements, ...total }) {
      out.summary({
        ...origin,
        ...figures(total),
        drops: dropsField(drops),
        ...(traitsOf(name).makes && { pending }),
        ...foundFigures(total),
        ...(numbers && { numbers }),
        ...(streams && { streams }),
        ...(judgements && { expectations: judgements }),
      });
    },
  };
}

function foundFigures({ verify, measured, rate, roundTrips, distributions }: Found) {
  return {
    ...(rate && { rate: rateFigures(rate) }),
    ...(roundTrips && roundTripFigures(roundTrips)),
    ...(verify && { verify }),
    ...(measured && measuredFigures(measured)),
    ...(distributions && { distributions: distributionFigures(distributions) }),
  };
}
