/** The programs that are compared: what each is called with, and when it can be. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { isInstalled } from "../../lib/doctor/machine.js";
import type { Cable } from "./cable.js";
import { captureFile, packetWords, trafgenFile } from "./packets.js";

export const nm = [process.execPath, join(import.meta.dirname, "..", "..", "bin", "nm.js")];

export interface Sender {
  readonly name: string;
  readonly ours: boolean;
  /** Why it cannot be run here. */
  readonly missing?: string | undefined;
  /** Whether the other end is to receive by polling. Each gets what suits it best. */
  readonly polled: boolean;
  /** Bytes of the longest packet that it can send, if that is less than a frame may have. */
  readonly longest?: number;
  words(cable: Cable, length: number): readonly string[];
}

export interface Receiver {
  readonly name: string;
  readonly ours: boolean;
  readonly missing?: string | undefined;
  readonly words: readonly string[];
  /** What it prints when it is ready; it begins to count then. */
  readonly ready: RegExp;
  /** Finds the packets that it got in what it printed by the end. */
  readonly counted: RegExp;
}

const drivers = ["xdp-live", "af-xdp-native", "af-packet"] as const;

function missing(program: string): string | undefined {
  return isInstalled(program) ? undefined : `${program} is not installed`;
}

const ourSenders: readonly Sender[] = drivers.map((driver) => ({
  name: `nm ${driver}`,
  ours: true,
  polled: driver === "xdp-live",
  words: (_, length) => [
    ...nm,
    "pkt-gen",
    "-i",
    "a",
    "-f",
    "tx",
    "-w",
    "0",
    "--driver",
    driver,
    ...packetWords(length),
  ],
}));

export const senders: readonly Sender[] = [
  ...ourSenders,
  {
    name: "trafgen",
    ours: false,
    polled: false,
    missing: missing("trafgen"),
    words: ({ directory }, length) => [
      "trafgen",
      "-o",
      "a",
      "-c",
      trafgenFile(directory, length),
      "-P",
      "1",
      "-Q",
      "-C",
    ],
  },
  {
    name: "tcpreplay",
    ours: false,
    polled: false,
    missing: missing("tcpreplay"),
    words: ({ directory }, length) => [
      "tcpreplay",
      "-i",
      "a",
      "--topspeed",
      "--preload-pcap",
      "--loop=0",
      "-q",
      captureFile(directory, length),
    ],
  },
  {
    // One short packet again and again, which the kernel makes and no program has to fill.
    name: "xdp-trafficgen",
    ours: false,
    polled: true,
    missing: missing("xdp-trafficgen"),
    longest: 64,
    words: () => [
      "xdp-trafficgen",
      "udp",
      "-m",
      "02:00:00:00:00:99",
      "-M",
      "02:00:00:00:00:01",
      "-t",
      "1",
      "a",
    ],
  },
  {
    name: "kernel pktgen",
    ours: false,
    polled: false,
    missing: existsSync("/proc/net/pktgen") ? undefined : "this kernel has no pktgen, or it is not loaded",
    words: (_, length) => ["sh", "-c", pktgenScript(length)],
  },
];

/** Runs until it is killed. */
function pktgenScript(length: number): string {
  const lines = {
    kpktgend_0: ["rem_device_all", "add_device a"],
    a: [
      "count 0",
      `pkt_size ${length}`,
      "clone_skb 0",
      "dst_mac 02:00:00:00:00:99",
      "src_mac 02:00:00:00:00:01",
    ],
    pgctrl: ["start"],
  };
  return Object.entries(lines)
    .flatMap(([file, texts]) => texts.map((text) => `echo ${text} > /proc/net/pktgen/${file}`))
    .join(" && ");
}

export const receivers: readonly Receiver[] = [
  ...[...drivers, "af-xdp-generic"].map((driver) => ({
    name: `nm ${driver}`,
    ours: true,
    words: [...nm, "pkt-gen", "-i", "b", "-f", "rx", "-w", "0", "--driver", driver, "--json"],
    ready: /"report"/,
    counted: /"type":"summary".*?"packets":(\d+)/,
  })),
  {
    name: "tcpdump",
    ours: false,
    missing: missing("tcpdump"),
    words: ["tcpdump", "-i", "b", "-n", "-w", "/dev/null"],
    ready: /listening on/,
    counted: /(\d+) packets captured/,
  },
  {
    name: "netsniff-ng",
    ours: false,
    missing: missing("netsniff-ng"),
    // It would say that it is running when it no longer is: a pipe's lines wait in its buffer.
    words: [
      "stdbuf",
      "-oL",
      "netsniff-ng",
      "--in",
      "b",
      "--out",
      "/dev/null",
      "--silent",
      "--notouch-irq",
      "--no-sock-mem",
      "--ring-size",
      "64MiB",
      "--bind-cpu",
      "1",
    ],
    ready: /Running!/,
    counted: /(\d+) +packets passed filter/,
  },
];
