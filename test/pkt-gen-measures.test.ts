/** What pkt-gen measures, prints of it, writes to files, and what --expect makes of it. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { freshNamespace } from "./namespace.js";
import { bash, nmWith, type Run } from "./run.js";
import { jsonLines, type Line } from "./schema.js";
import { starting } from "./started.js";

/** A sender and a receiver on a pipe, until the receiver has its count. */
async function exchanged(
  t: TestContext,
  { receive, send }: { readonly receive: readonly string[]; readonly send: readonly string[] },
): Promise<{ received: Run; sent: Run }> {
  const namespace = freshNamespace(t);
  const receiver = starting(namespace)("pkt-gen", "-i", "p}1", ...receive);
  await receiver.printed(/Ready|"report"/);
  const sent = await nmWith({ env: { NM_DIR: namespace } }, "pkt-gen", "-i", "p{1", "-f", "tx", ...send);
  return { received: await receiver.ended, sent };
}

interface Times {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

function assertOrdered({ min, mean, p50, p90, p99, p999, max }: Times): void {
  const ordered = [min, p50, p90, p99, p999, max];
  assert.deepEqual(
    ordered,
    ordered.toSorted((a, b) => a - b),
  );
  assert.ok(mean >= min && mean <= max);
}

function summaryOf(run: Run): Line {
  return jsonLines(run.stdout).at(-1) as Line;
}

test("--measure tells loss, order, latency, times between arrivals, trains and streams", async (t) => {
  const { received } = await exchanged(t, {
    receive: ["-n", "4000", "--measure", "--json", "-T", "50"],
    send: ["-n", "4000", "-R", "5k", "--mark"],
  });
  assert.equal(received.status, 0);
  const summary = summaryOf(received) as Line & {
    latency_ns: Times;
    interarrival_ns: Times;
    longest_train: number;
    streams: { packets: number; lost: number }[];
  };
  assert.deepEqual(summary.verify, { lost: 0, reordered: 0, duplicated: 0, corrupt: 0, unmarked: 0 });
  assertOrdered(summary.latency_ns);
  assertOrdered(summary.interarrival_ns);
  assert.ok(summary.latency_ns.min > 0);
  assert.ok(summary.longest_train >= 1);
  assert.deepEqual(
    summary.streams.map(({ packets, lost }) => [packets, lost]),
    [[4000, 0]],
  );
  const live = jsonLines(received.stdout).filter((line) => line.type === "report" && line.packets !== 0);
  assert.ok(live.some((line) => line.latency_ns !== undefined && line.verify !== undefined));
});

test("--measure closes with lines about it", async (t) => {
  const { received, sent } = await exchanged(t, {
    receive: ["-n", "2000", "--measure"],
    send: ["-n", "2000", "-R", "20k", "--mark"],
  });
  assert.match(received.stdout, /^Verified 2000 packets: 0 lost, 0 reordered, /m);
  assert.match(
    received.stdout,
    /^Latency: min \d+ mean \d+ 50% \d+ 90% \d+ 99% \d+ 99\.9% \d+ max \d+ ns\.$/m,
  );
  assert.match(received.stdout, /^Between arrivals: min \d+ .* ns\.$/m);
  assert.match(received.stdout, /^Longest train: \d+ packets found at once\.$/m);
  assert.match(sent.stdout, /^Rate: asked 20000 pps, achieved [\d.]+ pps \(-?\d+ ppm.*\)\.$/m);
  assert.match(sent.stdout, /^Gaps: min \d+ 50% \d+ 99% \d+ max \d+ ns; longest burst \d+ packets\.$/m);
});

test("packets without marks are counted, and have no latency", async (t) => {
  const { received } = await exchanged(t, {
    receive: ["-n", "100", "--measure", "--json", "--expect", "p99<10s"],
    send: ["-n", "100"],
  });
  const summary = summaryOf(received);
  assert.deepEqual(summary.verify, { lost: 0, reordered: 0, duplicated: 0, corrupt: 0, unmarked: 100 });
  assert.equal(summary.latency_ns, undefined);
  assert.equal(received.status, 3);
  assert.match(received.stderr, /^nm pkt-gen: Expected p99<10s: nothing was measured$/m);
});

test("streams of several senders are told apart, those in trouble by name", async (t) => {
  const namespace = freshNamespace(t);
  const receiver = starting(namespace)("pkt-gen", "-i", "vale1:a", "--measure", "-n", "900");
  await receiver.printed(/Ready/);
  const env = { NM_DIR: namespace };
  for (const port of ["vale1:b", "vale1:c", "vale1:d"]) {
    await nmWith({ env }, "pkt-gen", "-i", port, "-f", "tx", "-n", "300", "--mark");
  }
  const run = await receiver.ended;
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /^Streams: 3, of which 3 whole and in order\.$/m);
});

test("--percentiles prints a table and a line for each report, and is in the JSON", async (t) => {
  const words = { send: ["-n", "2000", "-R", "10k", "--mark"] };
  const { received } = await exchanged(t, { receive: ["-n", "2000", "--percentiles", "-T", "50"], ...words });
  assert.match(received.stdout, /^ +samples +min +mean +50% +90% +99% +99\.9% +99\.99% +99\.999% +max$/m);
  assert.match(received.stdout, /^latency \(ns\) +2000 +\d+ +\d+\.\d( +\d+){7}$/m);
  assert.match(received.stdout, /^interarrival \(ns\) +1999 /m);
  assert.match(received.stderr, / latency min \d+ mean \d+ 50% /);

  const env = { NM_DIR: freshNamespace(t) };
  const run = await nmWith(
    { env },
    ...["pkt-gen", "-i", "vale1:a", "-f", "tx", "-n", "50", "-R", "1k", "--percentiles", "--json"],
  );
  const { distributions } = summaryOf(run) as Line & { distributions: Record<string, { samples: number }> };
  assert.deepEqual(Object.keys(distributions), ["gap_ns"]);
  assert.equal(distributions.gap_ns?.samples, 49);
});

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "nm-measures-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test("--histogram writes HdrHistogram's text, and a picture where the name ends in .svg", async (t) => {
  const directory = scratch(t);
  const [text, picture, gaps] = ["times.txt", "between.svg", "gaps.svg"].map((name) => join(directory, name));
  const { received, sent } = await exchanged(t, {
    receive: ["-n", "500", "--histogram", `${text}`, "--histogram", `interarrival=${picture}`],
    send: ["-n", "500", "-R", "5k", "--mark", "--histogram", `${gaps}`],
  });
  assert.deepEqual([sent.status, received.status], [0, 0], sent.stderr + received.stderr);
  const lines = readFileSync(`${text}`, "utf8").split("\n");
  assert.equal(lines[0], "       Value     Percentile TotalCount 1/(1-Percentile)");
  assert.match(lines.at(-3) ?? "", /Total count {4}= +500\]$/);
  assert.match(readFileSync(`${picture}`, "utf8"), /<text [^>]*>Interarrival on netmap:p\}1<\/text>/);
  assert.match(readFileSync(`${gaps}`, "utf8"), /<text [^>]*>Gap on netmap:p\{1<\/text>/);
});

test("--histogram says before the run where it cannot write, and what a function does not measure", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  for (const [words, status, said] of [
    ["-f tx --histogram /nowhere/x.svg", 1, /Cannot write "\/nowhere\/x.svg": ENOENT/],
    [
      "-f tx --histogram rtt=x",
      2,
      /Cannot read --histogram "rtt=x": expected a file, or one of gap and a file/,
    ],
    ["-f pong --histogram x", 2, /Cannot use --histogram with -f pong: it measures no times/],
    ["-f pong --percentiles", 2, /Cannot use --percentiles with -f pong/],
  ] as const) {
    const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", ...words.split(" "));
    assert.equal(run.status, status, words);
    assert.match(run.stderr, said);
    assert.equal(run.stdout, "");
  }
});

test("--expect ends with 0 where all holds, and with 3 naming what does not, by how much", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  const sending = ["pkt-gen", "-i", "vale1:a", "-f", "tx", "-n", "100"];
  const well = await nmWith({ env }, ...sending, "--expect", "packets==100", "--expect", "bytes >= 6k");
  assert.equal(well.status, 0, well.stderr);
  assert.match(well.stdout, /^Expected packets==100: it was 100\.$/m);

  const words = ["--expect", "packets>125", "--expect", "loss==0", "--expect", "bytes<1k", "--json"];
  const badly = await nmWith({ env }, ...sending, ...words);
  assert.equal(badly.status, 3);
  assert.equal(
    badly.stderr
      .split("\n")
      .filter((line) => line.startsWith("nm"))
      .join("\n"),
    "nm pkt-gen: Expected packets>125: it was 100, 20% less\nnm pkt-gen: Expected bytes<1k: it was 6000, 500% more",
  );
  const { expectations } = summaryOf(badly) as Line & { expectations: { holds: boolean }[] };
  assert.deepEqual(
    expectations.map(({ holds }) => holds),
    [false, true, false],
  );
});

test("--expect measures what it asks about: loss as a count and a share, percentiles as times", async (t) => {
  const expected = [
    "loss==0",
    "loss<=0.1%",
    "p99<10s",
    "latency.p99.99<20s",
    "interarrival.max<1h",
    "reordered==0",
  ];
  const hopes = expected.filter((text) => !text.endsWith("1h"));
  const { received } = await exchanged(t, {
    receive: ["-n", "500", ...hopes.flatMap((text) => ["--expect", text])],
    send: ["-n", "500", "--mark"],
  });
  assert.equal(received.status, 0, received.stderr);
  const { received: late } = await exchanged(t, {
    receive: ["-n", "500", "--expect", "min>5s"],
    send: ["-n", "500", "--mark"],
  });
  assert.equal(late.status, 3);
  assert.match(late.stderr, /^nm pkt-gen: Expected min>5s: it was [\d.]+ [mun]?s, (99[\d.]*|100)% less$/m);
});

test("--expect refuses what it does not know, and lists what it does", async (t) => {
  const env = { NM_DIR: freshNamespace(t) };
  for (const [text, name, said] of [
    [
      "speed>1",
      "rx",
      /Cannot read --expect "speed>1": expected a condition on a figure of -f rx \(packets, .*loss, /,
    ],
    ["loss=0", "rx", /expected a condition on a figure/],
    ["rtt.p99<1ms", "rx", /a figure of -f rx/],
    ["p100<1ms", "rx", /a figure of -f rx/],
    ["requests>1", "tx", /a figure of -f tx \(packets, .*longest_burst/],
    ["pps>=fast", "tx", /expected >=, <=, ==, !=, > or < after the name, and a number$/m],
    ["pps>=5ms", "tx", /after the name, and a number$/m],
    ["pps<5%", "tx", /after the name, and a number$/m],
    ["p99<5%", "tx", /and a number, with ns, us, ms or s$/m],
  ] as const) {
    const run = await nmWith({ env }, "pkt-gen", "-i", "vale1:a", "-f", name, "--expect", text);
    assert.equal(run.status, 2, text);
    assert.match(run.stderr, said);
  }
});

test("--live writes one line over and over on a terminal, with the course of the rate", async (t) => {
  const namespace = freshNamespace(t);
  const line = "nm pkt-gen -i vale1:a -f tx -R 1k --duration 900ms -T 100 --live";
  // script gives the program a terminal. Its shell is bash, as other shells drop the function that nm is here.
  const run = await bash(
    `export NM_DIR=${namespace} SHELL=/bin/bash; export -f nm; script -qec "${line}" /dev/null`,
  );
  assert.equal(run.status, 0, run.stdout + run.stderr);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal is told.
  const updates = run.stdout.match(/\r\u001b\[K[^\r]*[▁▂▃▄▅▆▇█]+[^\r]*K?pps {2}[^\r]*bps {2}0:0[01]/g) ?? [];
  assert.ok(updates.length >= 2, JSON.stringify(run.stdout));
  assert.match(run.stdout, /Sent \d+ packets/);
  assert.doesNotMatch(run.stdout, /avg_batch/);

  const plain = await nmWith({ env: { NM_DIR: namespace } }, ...line.split(" ").slice(1));
  assert.match(plain.stderr, /avg_batch/);
  assert.doesNotMatch(plain.stderr, /▁|\r/);
});
