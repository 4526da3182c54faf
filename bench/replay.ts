/**
 * npm run bench:replay: how fast captures are read, how soon they start and how exactly they leave, beside pcap-parser and
 * tcpreplay.
 *
 *   npm run bench:replay -- [--only scan,start,lateness,speed,veth] [--seconds 5]
 *
 * Each figure stands beside one of the same run that says what the machine can do: a copy in memory, a thread that only looks
 * at the clock, pkt-gen on the same pipe, tcpreplay on the same interface. The captures are made up, see test/traffic.ts.
 * What needs a program or a privilege that is not there is left out, and said. All is cleaned up.
 */

import { spawn, spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "pcap-parser";
import { openCapture } from "../lib/capture-source.js";
import { formatDuration } from "../lib/duration.js";
import { scaled } from "../lib/output.js";
import { surveyCapture } from "../lib/survey.js";
import { noNetworkNamespaces } from "../test/privileges.js";
import { programFile } from "../test/run.js";
import { type MadePacket, makeTraffic, packetsOfPcap, pcapOf } from "../test/traffic.js";
import { positive, readOptions } from "./options.js";
import { buildProgram, runProgram } from "./window.js";

const parts = { scan, start, lateness, speed, veth } as const;

const options = readOptions("npm run bench:replay -- [--only PART,...] [--seconds 5]", {
  only: { type: "string", default: Object.keys(parts).join(",") },
  seconds: { type: "string", default: "5" },
});
const seconds = positive("seconds", options.seconds);
const directory = mkdtempSync(join(tmpdir(), "nm-bench-"));
const namespace = mkdtempSync("/dev/shm/nm-bench-");
const env = { ...process.env, NM_DIR: namespace };

try {
  // Before other work, and so are the programs that are started here.
  setPriority(-20);
} catch {
  console.log("Without priority over other work: figures are worse than they could be.");
}
try {
  for (const name of options.only.split(",")) await parts[name as keyof typeof parts]();
} finally {
  rmSync(directory, { recursive: true });
  rmSync(namespace, { recursive: true });
}

function say(what: string, figure: string, beside = ""): void {
  console.log(`${what.padEnd(48)} ${figure.padStart(14)}   ${beside}`);
}

function perSecond(bytes: number, ms: number): string {
  return `${scaled((bytes / ms) * 1000)}B/s`;
}

/** A capture of that many bytes: the same traffic again and again. */
function largeCapture(bytes: number): string {
  const path = join(directory, `large-${bytes}.pcap`);
  const once = pcapOf(makeTraffic({ packets: 100_000 }));
  const descriptor = openSync(path, "w");
  writeSync(descriptor, once.subarray(0, 24));
  for (let written = 24; written < bytes; written += once.length - 24)
    writeSync(descriptor, once.subarray(24));
  closeSync(descriptor);
  return path;
}

async function best(times: number, measure: () => Promise<number> | number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) least = Math.min(least, await measure());
  return least;
}

/** Milliseconds that something takes. */
async function timed(what: () => unknown): Promise<number> {
  const began = performance.now();
  await what();
  return performance.now() - began;
}

async function scan(): Promise<void> {
  const path = largeCapture(1e9);
  const from = Buffer.alloc(256 << 20, 1);
  const to = Buffer.alloc(from.length, 2);
  const copying = await best(5, () => timed(() => from.copy(to)));
  const rate = (bytes: number, ms: number) => bytes / ms;
  const copyRate = rate(from.length, copying);
  say("copy in memory, 256 MiB", perSecond(from.length, copying));
  const source = openCapture(path);
  const bytes = source.bytes ?? 0;
  let all = 0;
  for (const [what, deep] of [
    ["a 1 GB capture, counts and times", false],
    ["a 1 GB capture, all that --info tells", true],
  ] as const) {
    all = await best(3, () => timed(() => surveyCapture(source, { all: deep })));
    say(what, perSecond(bytes, all), `${((rate(bytes, all) / copyRate) * 100).toFixed(0)}% of the copy`);
  }
  const memory = process.resourceUsage().maxRSS / 1024 - (2 * from.length) / 2 ** 20;
  say("most memory meanwhile, without the copy's", `${memory.toFixed(0)} MiB`);
  source.close();

  const small = largeCapture(20e6);
  const parsing = await best(2, () =>
    timed(() => new Promise((done, failed) => parse(small).on("end", done).on("error", failed))),
  );
  const parserRate = rate(openCapture(small).bytes ?? 0, parsing);
  say(
    "pcap-parser",
    perSecond(parserRate, 1),
    `--info is ${(rate(bytes, all) / parserRate).toFixed(0)} times as fast`,
  );
}

/** A run of nm in the bench's namespace. */
function nm(...words: string[]) {
  return spawn(process.execPath, [programFile("nm"), ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
}

type Summary = Record<string, number> & { lateness_ns: Record<"p50" | "p99" | "p999" | "max", number> };

async function summaryOf(child: ReturnType<typeof nm>): Promise<Summary> {
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  child.stderr.resume();
  await new Promise((done) => child.on("close", done));
  return JSON.parse(text.trim().split("\n").at(-1) ?? "{}");
}

/** A receiver at the other end of a pipe, once it is there. */
async function receiver(name: string) {
  const child = nm("pkt-gen", "-i", name, "-f", "rx", "--json", "-T", "100");
  await new Promise((done) => child.stdout.once("data", done));
  return { ended: summaryOf(child), stop: () => child.kill("SIGINT") };
}

async function start(): Promise<void> {
  const path = largeCapture(1e9);
  const rx = await receiver("start}1");
  const words = ["nmreplay", "-f", path, "-i", "start{1", "--limit", "1", "--json"];
  const checked = (await timed(() => summaryOf(nm(...words)))).toFixed(0);
  const unchecked = (await timed(() => summaryOf(nm(...words, "--partial")))).toFixed(0);
  rx.stop();
  await rx.ended;
  say("the first packet of a 1 GB capture, and the end", `${checked} ms`, "checked as a whole before");
  say("the same with --partial", `${unchecked} ms`, "most of it is the start of Node");
}

function sayLateness(what: string, { p50, p99, p999, max }: Summary["lateness_ns"], beside = ""): void {
  const words = [p50, p99, p999, max].map(formatDuration).map((word) => word.padStart(9));
  console.log(
    `${what.padEnd(28)} 50% ${words[0]}  99% ${words[1]}  99.9% ${words[2]}  max ${words[3]}   ${beside}`,
  );
}

/** Of a busy link and of one with little to do. The receiver never sleeps: waking it would take the sender 5 us and more. */
function lateness(): void {
  buildProgram();
  for (const gapNs of [5_000, 50_000]) {
    const path = join(directory, `recorded-${gapNs}.pcap`);
    // For two fifths of the time, three times: noise is read before and after.
    const packets = (seconds * 4e8) / gapNs;
    writeFileSync(path, pcapOf(makeTraffic({ packets, gapNs }), { nanoseconds: true }));
    const { figures, class: distance } = runProgram(["lateness", path]);
    const told = (of: string) =>
      ["p50_ns", "p99_ns"].map((name) => formatDuration(figures[`${of}${name}`] ?? Number.NaN).padStart(9));
    const inTime = (of: string) => `${((figures[`${of}in_time`] ?? Number.NaN) * 100).toFixed(1)}%`;
    for (const [what, of] of [
      [`pipe, ${scaled(1e9 / gapNs)}pps as recorded`, ""],
      ["a loop that only reads the clock", "noise_"],
    ] as const) {
      const [p50, p99] = told(of);
      console.log(
        `${what.padEnd(36)} 50% ${p50}  99% ${p99}  within 2 us ${inTime(of).padStart(6)}   ${distance}`,
      );
    }
  }
}

async function speed(): Promise<void> {
  const path = join(directory, "small.pcap");
  const packets = Array.from({ length: 100_000 }, (_, i): MadePacket => {
    const bytes = Buffer.alloc(60, i);
    return { timeNs: BigInt(i) * 1000n, bytes, fromClient: true };
  });
  writeFileSync(path, pcapOf(packets));
  const rates: Record<string, number> = {};
  for (const [what, words] of [
    [
      "pkt-gen, 60 bytes, as fast as it can",
      ["pkt-gen", "-i", "fast{1", "-f", "tx", "-l", "60", "--duration", "2s"],
    ],
    [
      "nmreplay --top-speed, 60 bytes",
      ["nmreplay", "-f", path, "-i", "fast{1", "--top-speed", "--loop", "0", "--duration", "2s"],
    ],
  ] as const) {
    const rx = await receiver("fast}1");
    const { pps = 0 } = await summaryOf(nm(...words, "--json"));
    rx.stop();
    await rx.ended;
    rates[what] = pps;
    const first = Object.values(rates)[0] ?? pps;
    say(what, `${scaled(pps)}pps`, `${((pps / first) * 100).toFixed(0)}% of pkt-gen's`);
  }
}

/** Two interfaces joined by a wire, one in a namespace of its own, as long as `use` takes. */
async function withVeth(
  use: (near: string, far: string, inFar: readonly string[]) => Promise<void>,
): Promise<void> {
  const [near, far, netns] = ["nmbr0", "nmbr1", "nm-bench-replay"];
  const ip = (...words: string[]) => spawnSync("ip", words);
  ip("netns", "add", netns);
  ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", netns);
  try {
    for (const words of [[near], ["-n", netns, far]]) {
      const [place, name] = words.length > 1 ? [words.slice(0, 2), words[2]] : [[], words[0]];
      ip(...place, "link", "set", name ?? "", "up", "mtu", "9000");
    }
    await sleep(500);
    await use(near, far, ["ip", "netns", "exec", netns]);
  } finally {
    ip("netns", "del", netns);
    ip("link", "del", near);
  }
}

async function veth(): Promise<void> {
  const missing = ["tcpreplay", "tcpdump", "ip"].find((name) => spawnSync("which", [name]).status !== 0);
  if (noNetworkNamespaces || missing) {
    console.log(`Left out: ${noNetworkNamespaces || `${missing} is not installed`}`);
    return;
  }
  const recorded = makeTraffic({ packets: seconds * 4000, gapNs: 250_000 });
  const path = join(directory, "veth.pcap");
  writeFileSync(path, pcapOf(recorded));
  await withVeth(async (near, far, inFar) => {
    const ways = {
      tcpreplay: ["tcpreplay", "-i", near, path],
      nmreplay: [
        process.execPath,
        programFile("nm"),
        "nmreplay",
        "-f",
        path,
        "-i",
        `netmap:${near}`,
        "-w",
        "0.2",
      ],
    };
    for (const [name, [program = "", ...words]] of Object.entries(ways)) {
      const arrived = join(directory, `${name}.pcap`);
      const [ip = "", ...rest] = inFar;
      const capture = [
        "tcpdump",
        "-i",
        far,
        "-w",
        arrived,
        "--time-stamp-precision=nano",
        "-B",
        "65536",
        "-n",
        "-U",
      ];
      const watcher = spawn(ip, [...rest, ...capture], { stdio: "ignore" });
      await sleep(1000);
      spawnSync(program, words, { env });
      await sleep(500);
      watcher.kill("SIGINT");
      await new Promise((done) => watcher.on("close", done));
      sayArrivals(`veth, ${name}`, recorded, packetsOfPcap(readFileSync(arrived)));
    }
    topSpeed(near, path);
  });
}

/** How late packets arrived, where the one that arrived soonest counts as in time: what a sender's own clock cannot beautify. */
function sayArrivals(
  what: string,
  sent: readonly MadePacket[],
  arrived: readonly { timeNs: bigint; bytes: Buffer }[],
): void {
  // Others may send too: the host announces itself.
  let next = 0;
  const late: number[] = [];
  for (const { timeNs, bytes } of arrived) {
    const due = sent[next];
    if (!due?.bytes.equals(bytes)) continue;
    late.push(Number(timeNs - due.timeNs - (arrived[0]?.timeNs ?? 0n) + (sent[0]?.timeNs ?? 0n)));
    next++;
  }
  const least = Math.min(...late);
  const sorted = late.map((one) => one - least).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const drift = (late.at(-1) ?? 0) - (late[0] ?? 0);
  const lateness = { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) };
  sayLateness(
    what,
    lateness,
    `${late.length} of ${sent.length} arrived, the last ${formatDuration(Math.abs(drift))} ${drift < 0 ? "early" : "late"}`,
  );
}

/** Mixed traffic as fast as it goes, where packets go nowhere. */
function topSpeed(near: string, path: string): void {
  const theirs = spawnSync("tcpreplay", ["-i", near, "--topspeed", "--preload-pcap", "--loop", "50", path], {
    encoding: "utf8",
  });
  const [, rate = "0"] = /,\s+([\d.]+) pps/.exec(theirs.stdout + theirs.stderr) ?? [];
  const words = [
    "nmreplay",
    "-f",
    path,
    "-i",
    `netmap:${near}`,
    "--top-speed",
    "--loop",
    "0",
    "--duration",
    "2s",
    "--json",
    "-w",
    "0.2",
  ];
  const ours = spawnSync(process.execPath, [programFile("nm"), ...words], { env, encoding: "utf8" });
  const summary = JSON.parse(ours.stdout.trim().split("\n").at(-1) ?? "{}");
  say("veth, mixed traffic, tcpreplay --topspeed", `${scaled(Number(rate))}pps`);
  const times = Number(rate) > 0 ? summary.pps / Number(rate) : 0;
  say(
    "veth, mixed traffic, nmreplay --top-speed",
    `${scaled(summary.pps)}pps`,
    `${times.toFixed(1)} times tcpreplay, by ${summary.driver}`,
  );
}
