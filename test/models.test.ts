/** The words that models of links are written in. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { NmError } from "../lib/errors.js";
import { bandwidthModels, delayModels, lossModels } from "../lib/layout.js";
import {
  type Model,
  readBandwidth,
  readDelay,
  readFraction,
  readLoss,
  readQueue,
  readReorder,
} from "../lib/models.js";

function named(table: Readonly<Record<string, string>>, { model, values }: Model) {
  return [Object.keys(table)[model], ...values];
}

const capture = (text: string) => named(bandwidthModels, readBandwidth("-B", text, "capture"));
const link = (text: string) => named(bandwidthModels, readBandwidth("-B", text, "link"));
const delay = (text: string) => named(delayModels, readDelay("-D", text));
const loss = (text: string) => named(lossModels, readLoss("-L", text));

test("bandwidths are read as netmap reads them", () => {
  assert.deepEqual(capture("1000"), ["constant", 1000, 0]);
  for (const text of [
    "10M",
    "10m",
    "10000k",
    "0.01G",
    "1e7",
    "10Mbit",
    "10mbit/s",
    "10Mbps",
    "10Mb",
    "const,10M",
    "constant 10M",
  ]) {
    assert.deepEqual(capture(text), ["constant", 10e6, 0], text);
  }
  assert.deepEqual(capture("ether,1G"), ["constant", 1e9, 24]);
  assert.deepEqual(capture("ether\t1G\n"), ["constant", 1e9, 24]);
  assert.deepEqual(capture("real"), ["recorded", 1, 1]);
  assert.deepEqual(capture("real,2.5"), ["recorded", 25, 10]);
  assert.deepEqual(link("avg,10M"), ["average", 10e6, 24]);
  assert.deepEqual([capture("0"), link("none")], [["infinite"], ["infinite"]]);
});

test("delays are read as netmap reads them, and exp in both of its orders", () => {
  assert.deepEqual(delay("1"), ["constant", 1e9]);
  for (const text of ["10m", "10ms", "0.01", "10000us", "10000u", "1e7n", "const,10ms", "constant,10ms"]) {
    assert.deepEqual(delay(text), ["constant", 10e6], text);
  }
  assert.deepEqual(delay("uniform,1ms,2ms"), ["uniform", 1e6, 2e6]);
  assert.deepEqual(delay("exp,1ms,5ms"), ["exponential", 1e6, 5e6]);
  assert.deepEqual(delay("exp,5ms,1ms"), ["exponential", 1e6, 5e6]);
  assert.deepEqual(delay("inter-packet,1ms,2ms,9ms"), ["gaps", 1e6, 2e6, 9e6]);
  assert.deepEqual([delay("0"), delay("none")], [["none"], ["none"]]);
});

test("losses, reordering and queues are read as netmap reads them", () => {
  assert.deepEqual(loss("0.01"), ["packets", 0.01]);
  assert.deepEqual(loss("plr,0.01"), ["packets", 0.01]);
  assert.deepEqual(loss("ber 1e-6"), ["bits", 1e-6]);
  assert.deepEqual(loss("burst,0.01,5"), ["bursts", 0.01, 5]);
  assert.deepEqual([loss("0"), loss("none")], [["none"], ["none"]]);
  assert.deepEqual(readReorder("-R", "const,0.1,5ms"), { share: 0.1, holdNs: 5e6 });
  assert.deepEqual(readReorder("-R", "0.1,5ms"), { share: 0.1, holdNs: 5e6 });
  assert.deepEqual(readReorder("-R", "none"), { share: 0, holdNs: 0 });
  assert.deepEqual(
    ["50000", "64k", "1.5M", "none", "0"].map((text) => readQueue("-Q", text)),
    [50000, 65536, 1572864, 0, 0],
  );
});

test("what is no model is refused with the reason and forms that work", () => {
  const cases: readonly [() => unknown, RegExp][] = [
    [() => capture("10X"), /found "10X", expected bits per second/],
    [() => capture("10MB"), /found "10MB", expected bits per second/],
    [() => capture("-5"), /found "-5"/],
    [() => capture("0.5"), /found "0\.5"/],
    [() => capture(""), /found "", expected bits per second/],
    [() => capture("ether"), /a value is missing/],
    [() => capture("ether,1G,2G"), /found "2G" where it should end/],
    [() => capture("real,0"), /found "0", expected a scale above 0, of 1000 at most/],
    [() => capture("real,1001"), /expected a scale/],
    [() => capture("real,2k"), /found "2k", expected a scale/],
    [() => capture("avg,1M"), /found "1M" where it should end/],
    [() => link("real"), /found "real", expected bits per second/],
    [() => delay("5x"), /found "5x", expected a time/],
    [() => delay("uniform,2ms,1ms"), /the least time is greater than the greatest/],
    [() => delay("uniform,1ms"), /a value is missing/],
    [() => delay("1e400"), /found "1e400"/],
    [() => loss("1.5"), /found "1\.5", expected a probability from 0 to 1/],
    [() => loss("plr,1%"), /found "1%"/],
    [() => loss("ber,1k"), /found "1k"/],
    [() => loss("burst,0.9,2"), /longer bursts, expected 9\.01 or more/],
    [() => loss("burst,0.1,0"), /found "0", expected how many/],
    [() => readReorder("-R", "0.1"), /a value is missing/],
    [() => readQueue("-Q", "10X"), /expected a number of bytes/],
  ];
  for (const [read, pattern] of cases) {
    assert.throws(read, (error) => {
      assert.ok(error instanceof NmError && error.code === "MODEL_SYNTAX" && error.exit === 2);
      assert.match(error.message, pattern);
      assert.match(error.hint ?? "", /^Write it like one of: -[BDLRQ] /);
      return true;
    });
  }
});

test("fractions are what was written, without rounding", () => {
  assert.deepEqual(readFraction("1.1"), { numerator: 11, denominator: 10 });
  assert.deepEqual(readFraction(".25"), { numerator: 25, denominator: 100 });
  assert.deepEqual(readFraction("10"), { numerator: 10, denominator: 1 });
  for (const text of ["", ".", "1e3", "-1", "1.2.3", "x"]) assert.equal(readFraction(text), undefined, text);
});
