/** Rates and profiles as people write them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { NmError } from "../lib/errors.js";
import { type Phase, scheduleTimes } from "../lib/index.js";
import { readProfile } from "../lib/pkt-gen/profile.js";
import { ppsOf, readRate } from "../lib/rate.js";

const yardstick = { bytes: 60, line: 10e9 };

test("readRate reads every form exactly", () => {
  for (const [text, packets, perNs] of [
    ["10M", 1, 100],
    ["14.88M", 93, 6250],
    ["14880952", 1_860_119, 125_000_000],
    ["3pps", 3, 1e9],
    ["0.5", 1, 2e9],
    ["480bps", 1, 1e9],
    ["1.5Gbps", 1, 320],
    ["1.5Gbps-wire", 1, 448],
    ["672bps-wire", 1, 1e9],
    ["100%", 5, 336],
    ["10us", 1, 10_000],
    ["67.2ns", 5, 336],
    ["2s", 1, 2e9],
    ["0", 0, 1e9],
  ] as const) {
    assert.deepEqual(readRate(text, yardstick), { packets, perNs }, text);
  }
});

test("readRate refuses what is no rate, and more than a packet in a nanosecond", () => {
  for (const text of [
    "",
    "fast",
    "-1",
    "1.5.0",
    "10Mb",
    "1e6",
    "2G",
    "0.5ns",
    "0us",
    "10kus",
    "10 us",
    "5%%",
    "bps",
  ]) {
    assert.equal(readRate(text, yardstick), undefined, text);
  }
  assert.equal(readRate("50%", { bytes: 60, line: undefined }), "no line rate");
});

const rateOf = (text: string) => {
  const rate = readRate(text, yardstick);
  if (typeof rate === "object") return rate;
  throw new NmError("OPTION_VALUE", { option: "--rate", text, expected: "", example: "" });
};

function profile(
  text: string,
): [phases: (readonly [string, number, number | undefined])[], repeats: boolean] {
  const { phases, repeats } = readProfile(text, rateOf);
  const said = ({ kind, rate, endRate, durationNs }: Phase) =>
    [endRate ? `${kind} to ${ppsOf(endRate)}` : kind, ppsOf(rate), durationNs] as const;
  return [phases.map(said), repeats === true];
}

test("readProfile reads steps, ramps, stairs, bursts, chance, pauses and repetition", () => {
  assert.deepEqual(profile("1M 10s, 480Mbps 1s"), [
    [
      ["steady", 1e6, 10e9],
      ["steady", 1e6, 1e9],
    ],
    false,
  ]);
  assert.deepEqual(profile("0..10M 30s"), [[["ramp to 10000000", 0, 30e9]], false]);
  assert.deepEqual(profile("1k..2k/3 10ms"), [
    [
      ["steady", 1000, 3_333_333],
      ["steady", 1500, 3_333_334],
      ["steady", 2000, 3_333_333],
    ],
    false,
  ]);
  assert.deepEqual(profile("burst 64/1ms 1s,pause 5ms,poisson 500k"), [
    [
      ["burst", 64_000, 1e9],
      ["steady", 0, 5e6],
      ["poisson", 500_000, undefined],
    ],
    false,
  ]);
  assert.deepEqual(profile(" 10us 1s , repeat "), [[["steady", 100_000, 1e9]], true]);
});

test("readProfile says where a profile is wrong, and what was expected there", () => {
  for (const [text, position, found, expected] of [
    ["", 0, "", /a rate, burst/],
    ["1M 1s,", 6, "", /a rate, burst/],
    ["1M, 2M", 2, "", /how long/],
    ["1M 1s, fast 1s", 7, "fast", /a rate in one of the forms/],
    ["1M 1", 3, "1", /how long, at least 1ms/],
    ["1M 1us, 1M", 3, "1us", /how long, at least 1ms/],
    ["1M 1s 2s", 6, "2s", /"," or the end/],
    ["0..1M", 5, "", /how long/],
    ["0..x 1s", 3, "x", /a rate/],
    ["0..1M/1 1s", 6, "1", /number of steps, 2 to 10000/],
    ["0..1M/100 50ms", 6, "100", /at least 1 ms each/],
    ["burst 64 1s", 8, "", /a period after \//],
    ["burst x/1ms 1s", 6, "x", /packets of a burst, 1 to/],
    ["burst 1/x 1s", 7, "/x", /a period/],
    ["poisson", 7, "", /a rate/],
    ["repeat", 0, "repeat", /a rate|packets/],
    ["1M 1s, repeat, 1M", 7, "repeat", /nothing after it/],
    ["pause 1s", 0, "pause 1s", /packets in it/],
  ] as const) {
    assert.throws(
      () => readProfile(text, rateOf),
      (error: unknown) => {
        assert.ok(error instanceof NmError && error.code === "PROFILE_SYNTAX", `${text}: ${error}`);
        const details = error.details as { position: number; found: string; expected: string };
        assert.deepEqual([details.position, details.found], [position, found], text);
        assert.match(details.expected, expected, text);
        return true;
      },
    );
  }
});

test("a profile's packets are due when it says, thread by thread", () => {
  const schedule = readProfile("1k 5ms, pause 1ms, burst 2/1ms 2ms", rateOf);
  const times_ms = [...scheduleTimes(schedule, 100)].map((ns) => ns / 1e6);
  assert.deepEqual(times_ms, [0, 1, 2, 3, 4, 6, 6, 7, 7]);
  const second = [...scheduleTimes(schedule, 100, { index: 1, of: 2 })].map((ns) => ns / 1e6);
  assert.deepEqual(second, [1, 3, 6, 7]);
});
