/**
 * demo: the main job in one command. A sender and a receiver, two processes, exchange packets through a switch
 * and then through a pipe, and what arrives is checked.
 *
 * The two are ordinary runs of nm pkt-gen; this file starts them, shows their rates and compares their figures.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { command } from "../lib/command.js";
import { readDuration } from "../lib/duration.js";
import { ExpectationFailed, Interrupted, NmError } from "../lib/errors.js";
import { ownName } from "../lib/invocation.js";
import { dropped } from "../lib/loop-group.js";
import { type Output, scaled } from "../lib/output.js";
import { type Figures, type Outcome, PktGenProcess } from "../lib/pkt-gen-process.js";
import { inPrivateNamespace } from "../lib/private-namespace.js";
import { wrap } from "../lib/text.js";

interface Path {
  readonly name: "vale" | "pipe";
  readonly title: string;
  readonly from: string;
  readonly to: string;
  /** Whether what finds no room is dropped; otherwise the sender waits. */
  readonly drops: boolean;
}

const paths: readonly Path[] = [
  { name: "vale", title: "VALE switch", from: "vale1:sender", to: "vale1:receiver", drops: true },
  { name: "pipe", title: "pipe", from: "demo{1", to: "demo}1", drops: false },
];

/** What one path did. */
interface Result {
  readonly path: Path;
  readonly sent: Figures;
  readonly received: Figures;
  readonly drops: Outcome["drops"];
  readonly verify: NonNullable<Outcome["verify"]>;
  readonly verified: boolean;
}

/** Shows rates while packets move. */
interface Live {
  readonly period_ms: number;
  show(sent: Figures, received: Figures): void;
  end(): void;
}

const usualDuration = "3s";
const longestDuration_ns = 3600e9;
/** How often rates are shown: in place on a terminal, and in lines elsewhere. */
const livePeriod_ms = 250;
const linePeriod_ms = 1000;
/** How long a receiver may take for what is under way when its sender has ended. */
const settle_ms = 200;
/** After so long without a sender the receiver ends by itself, so that none stays behind if the demo is killed. */
const guard_ms = 10_000;

export default command({
  name: "demo",
  summary: "See two programs exchange packets, in a few seconds",
  details:
    "Starts a sender and a receiver as two processes, first at two ports of a switch, then at the two ends of a " +
    "pipe. Every packet has a number and a checksum, so the receiver knows what is missing or changed. It needs " +
    "no privileges and touches nothing outside a directory of its own, which it removes.",

  options: {
    duration: {
      type: "string",
      value: "TIME",
      default: usualDuration,
      describe: "Send so long on each path, for example 500ms or 10s",
    },
  },

  examples: [
    ["nm demo", "Watch packets cross a switch and a pipe"],
    ["nm demo --duration 1s --json", "Do it faster, for a program"],
  ],

  async run({ duration: text, json }, { out, signal, interrupted }) {
    const duration_ns = readDuration(text);
    if (duration_ns === undefined || duration_ns > longestDuration_ns) {
      const expected = "a time with its unit, at most 1h";
      throw new NmError("OPTION_VALUE", { option: "--duration", text, expected, example: "--duration 3s" });
    }

    const results = await inPrivateNamespace("demo", async (namespace) => {
      const done: Result[] = [];
      for (const path of paths) {
        if (signal.aborted) break;
        const live = json ? jsonLive(out, path) : textLive(path);
        const result = await exchange(path, { namespace, duration_ns, live, signal });
        if (result) done.push(result);
      }
      return done;
    });

    if (json) printSummary(out, results);
    else printTable(out, results);
    if (interrupted()) throw new Interrupted();
    // Nobody reads what a run found that its reader cut short.
    if (out.closed.aborted) return;
    const failed = results.filter(({ verified }) => !verified);
    if (failed.length > 0) {
      const names = failed.map(({ path }) => path.title).join(" and the ");
      throw new ExpectationFailed(
        `Expected every packet to arrive whole or to be counted: not so on the ${names}`,
      );
    }
  },
});

interface Surroundings {
  readonly namespace: string;
  readonly duration_ns: number;
  readonly live: Live;
  readonly signal: AbortSignal;
}

/** Sends through one path for a while. Gives nothing when `signal` fired before there was anything to send. */
async function exchange(path: Path, { namespace, duration_ns, live, signal }: Surroundings) {
  const environment = { NM_DIR: namespace, NM_BACKEND: "embedded" };
  const started: PktGenProcess[] = [];
  const start = (...words: string[]) => {
    const process = new PktGenProcess([...words, "-T", String(livePeriod_ms)], environment);
    started.push(process);
    return process;
  };
  const duration_ms = duration_ns / 1e6;

  try {
    const guard = `${duration_ms + guard_ms}ms`;
    const receiver = start("-i", path.to, "-f", "rx", "--verify", "--duration", guard);
    await receiver.opened;
    if (signal.aborted) return undefined;

    const sender = start("-i", path.from, "-f", "tx", "--mark", "--duration", `${duration_ms}ms`);
    const stop = () => sender.stop();
    signal.addEventListener("abort", stop);
    const timer = setInterval(() => live.show(sender.latest, receiver.latest), live.period_ms);
    const sent = await sender.ended.finally(() => {
      clearInterval(timer);
      signal.removeEventListener("abort", stop);
    });

    await sleep(settle_ms);
    receiver.stop();
    return resultOf(path, sent, await receiver.ended);
  } finally {
    live.end();
    for (const process of started) process.kill();
  }
}

/** What was sent has to be there: arrived whole, once and in order, or counted where it was dropped. */
function resultOf(
  path: Path,
  { figures: sent }: Outcome,
  { figures: received, drops, verify }: Outcome,
): Result {
  const lost = dropped(drops);
  const found = verify ?? { lost: 0, reordered: 0, duplicated: 0, corrupt: 0, unmarked: received.packets };
  const verified =
    sent.packets > 0 &&
    sent.packets === received.packets + lost &&
    found.lost === lost &&
    found.reordered + found.duplicated + found.corrupt + found.unmarked === 0 &&
    (path.drops || lost === 0);
  return { path, sent, received, drops, verify: found, verified };
}

/** For people: one line that changes on a terminal, a line a second elsewhere. It is not the result: stderr. */
function textLive({ title }: Path): Live {
  const { stderr } = process;
  const inPlace = stderr.isTTY === true;
  stderr.write(inPlace ? `${title}: starting` : "");
  return {
    period_ms: inPlace ? livePeriod_ms : linePeriod_ms,
    show(sent, received) {
      const line = `${title}: sending ${scaled(sent.pps)}pps, receiving ${scaled(received.pps)}pps`;
      stderr.write(inPlace ? `\r\x1b[K${line}` : `${line}\n`);
    },
    end() {
      if (inPlace) stderr.write("\r\x1b[K");
    },
  };
}

function jsonLive(out: Output, { name }: Path): Live {
  return {
    period_ms: livePeriod_ms,
    show(sent, received) {
      out.json({ type: "report", path: name, ...received, sent });
    },
    end() {},
  };
}

function printSummary(out: Output, results: readonly Result[]): void {
  out.summary({
    verified: results.length === paths.length && results.every(({ verified }) => verified),
    paths: results.map(({ path, ...result }) => ({ path: path.name, ...result })),
  });
}

function printTable(out: Output, results: readonly Result[]): void {
  if (results.length === 0) return;
  const right = (heading: string) => ({ heading, align: "right" }) as const;
  out.table(
    [
      { heading: "path" },
      right("packets sent"),
      right("received"),
      right("dropped"),
      { heading: "verified" },
      right("Mpps"),
      right("Gbit/s"),
    ],
    results.map(({ path, sent, received, drops, verified }) => [
      path.title,
      count(sent.packets),
      count(received.packets),
      count(dropped(drops)),
      verified ? "yes" : "NO",
      (received.pps / 1e6).toFixed(2),
      (received.bps / 1e9).toFixed(2),
    ]),
  );
  out.print();
  out.print(wrap(explanation, out.width).join("\n"));
  out.print();
  out.print(out.paint.bold("Try next, in two terminals:"));
  for (const line of tryNext) out.print(`  ${out.paint.cyan(`${ownName()} ${line}`)}`);
  out.print();
  out.print('"nm pkt-gen --help" shows what else it can do, "nm --help" the other commands.');
}

const explanation =
  "Verified means: every packet sent either arrived once, whole and in order, or was counted as dropped. A switch " +
  "drops what a busy receiver has no room for; a pipe makes the sender wait and loses nothing. Mpps and Gbit/s " +
  "are what arrived, in packets of 60 bytes.";

const tryNext = ["pkt-gen -i vale1:a -f rx", "pkt-gen -i vale1:b -f tx -R 1M"];

function count(packets: number): string {
  return packets.toLocaleString("en-US");
}
