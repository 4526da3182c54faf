/** Gathers what the machine offers. Everything is read, nothing is changed; what cannot be read is undefined. */

import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from "node:fs";
import { availableParallelism, loadavg, release, constants as system } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { type Capability, capabilities, missingCapabilities } from "../capabilities.js";
import { namespaceDirectory } from "../control.js";
import { NmError } from "../errors.js";
import { ownName } from "../invocation.js";
import { type KernelFeature, kernelFeatures } from "../layout.js";
import { native } from "../native.js";
import { allowedProcessors } from "../processors.js";
import { coreDistance } from "./core-distance.js";
import { type KernelFacts, kernelFacts } from "./kernel-facts.js";

export interface MachineFacts {
  /** How nm is run here, for the command lines of fixes. */
  readonly nm: string;
  readonly release: string;
  readonly uid: number;
  /** Why the addon cannot be loaded. */
  readonly addonMissing: string | undefined;
  readonly netmap: KernelFacts;
  readonly namespace: NamespaceFacts;
  readonly otherNamespaces: readonly OtherNamespace[];
  readonly missingCapabilities: readonly Capability[];
  /** Bytes of RLIMIT_MEMLOCK; Infinity: no limit. */
  readonly lockedMemory: number | undefined;
  readonly processors: ProcessorFacts;
  readonly clock: { readonly current: string; readonly available: readonly string[] } | undefined;
  /** Whether shared memory gets huge pages, and the pages of each reserved pool. */
  readonly hugePages: { readonly shared: string | undefined; readonly reserved: number };
  /** 0: BPF programs are interpreted. */
  readonly bpfJit: number | undefined;
  /** What drivers of network interfaces need of the kernel; null: this process may not find out. */
  readonly kernelFeatures: Partial<Readonly<Record<KernelFeature, boolean | null>>>;
  /** /dev/net/tun: whether it is there, and why it does not open. */
  readonly tun: { readonly exists: boolean; readonly refusal: string | undefined };
  /** Whether ip, of iproute2, is installed. */
  readonly hasIp: boolean;
}

/** A directory beside ours where ports are that do not meet ours. */
export interface OtherNamespace {
  readonly directory: string;
  /** Names of the switches in it; undefined where we may not look. */
  readonly switches: readonly string[] | undefined;
}

export interface NamespaceFacts {
  readonly directory: string;
  readonly exists: boolean;
  readonly isDirectory: boolean;
  readonly owner: number | undefined;
  /** Permission bits. */
  readonly mode: number | undefined;
  /** Of the filesystem that it is on, or will be. */
  readonly freeBytes: number | undefined;
  readonly sizeBytes: number | undefined;
  readonly isTmpfs: boolean | undefined;
  readonly isWritable: boolean;
}

export interface ProcessorFacts {
  /** Those that this process may run on. */
  readonly allowed: readonly number[];
  readonly isolated: readonly number[];
  /** How many processors' time a control group leaves us. */
  readonly quota: number | undefined;
  /** By name, how many processors each governor has. */
  readonly governors: Readonly<Record<string, number>>;
  readonly isVirtual: boolean;
  /** Processes that want to run, on average of the last minute. */
  readonly load: number;
  /** How many processors the machine has that are on. */
  readonly online: number;
  /** Nanoseconds for a cache line from one processor to another. */
  readonly distance_ns: number | undefined;
}

const tmpfsMagic = 0x01021994;
const hugetlbfsMagic = 0x958458f6;

export async function gatherMachine(): Promise<MachineFacts> {
  return {
    nm: ownName(),
    release: release(),
    uid: process.getuid?.() ?? 0,
    addonMissing: addonMissing(),
    netmap: kernelFacts(),
    namespace: namespaceFacts(namespaceDirectory()),
    otherNamespaces: otherNamespaces(namespaceDirectory()),
    missingCapabilities: missingCapabilities(capabilities),
    lockedMemory: lockedMemory(text("/proc/self/limits")),
    processors: await processorFacts(),
    clock: clockFacts(),
    hugePages: hugePageFacts(),
    bpfJit: number("/proc/sys/net/core/bpf_jit_enable"),
    kernelFeatures: kernelFeatureFacts(),
    tun: deviceFacts("/dev/net/tun"),
    hasIp: isInstalled("ip"),
  };
}

function text(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function number(path: string): number | undefined {
  const read = text(path);
  return read === undefined || read === "" || Number.isNaN(Number(read)) ? undefined : Number(read);
}

function addonMissing(): string | undefined {
  try {
    native();
    return undefined;
  } catch (error) {
    return error instanceof NmError ? error.message : String(error);
  }
}

export function deviceFacts(path: string): { exists: boolean; refusal: string | undefined } {
  if (!existsSync(path)) return { exists: false, refusal: undefined };
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return { exists: true, refusal: undefined };
  } catch {
    return { exists: true, refusal: "permission denied" };
  }
}

export function namespaceFacts(directory: string): NamespaceFacts {
  const exists = existsSync(directory);
  const there = exists ? directory : dirname(directory);
  const status = exists ? statSync(directory) : undefined;
  const filesystem = existsSync(there) ? statfsSync(there) : undefined;
  return {
    directory,
    exists,
    isDirectory: status?.isDirectory() ?? false,
    owner: status?.uid,
    mode: status && status.mode & 0o777,
    freeBytes: filesystem && filesystem.bavail * filesystem.bsize,
    sizeBytes: filesystem && filesystem.blocks * filesystem.bsize,
    isTmpfs: filesystem && [tmpfsMagic, hugetlbfsMagic].includes(filesystem.type),
    isWritable: isWritable(there),
  };
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Those of the usual place, which each user has one of. */
export function otherNamespaces(own: string, parent = "/dev/shm"): OtherNamespace[] {
  const all = existsSync(parent) ? readdirSync(parent) : [];
  return all
    .filter((name) => /^nm-\d+$/.test(name))
    .map((name) => join(parent, name))
    .filter((directory) => directory !== own)
    .map((directory) => ({ directory, switches: switchesIn(directory) }));
}

function switchesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(directory).flatMap((file) => (file.startsWith("switch.") ? [file.slice(7)] : []));
  } catch {
    return undefined;
  }
}

export function lockedMemory(limits: string | undefined): number | undefined {
  const soft = /^Max locked memory\s+(\S+)/m.exec(limits ?? "")?.[1];
  if (soft === undefined) return undefined;
  return soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
}

async function processorFacts(): Promise<ProcessorFacts> {
  const allowed = allowedProcessors();
  return {
    allowed,
    isolated: processorList(text("/sys/devices/system/cpu/isolated") ?? ""),
    quota: quota(text("/sys/fs/cgroup/cpu.max")),
    governors: governors(),
    isVirtual: /^flags\b.*\bhypervisor\b/m.test(text("/proc/cpuinfo") ?? ""),
    load: loadavg()[0] ?? 0,
    online: processorList(text("/sys/devices/system/cpu/online") ?? "").length || availableParallelism(),
    distance_ns: allowed.length > 1 ? await coreDistance() : undefined,
  };
}

/** "0-2,7" */
function processorList(list: string): number[] {
  return list === "" ? [] : allowedProcessors(`Cpus_allowed_list:\t${list}`);
}

/** "200000 100000" is two processors. */
export function quota(max: string | undefined): number | undefined {
  const [time, period] = (max ?? "").split(" ").map(Number);
  return time !== undefined && period && !Number.isNaN(time) ? time / period : undefined;
}

function governors(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const processor of processorList(text("/sys/devices/system/cpu/online") ?? "")) {
    const governor = text(`/sys/devices/system/cpu/cpu${processor}/cpufreq/scaling_governor`);
    if (governor) counts[governor] = (counts[governor] ?? 0) + 1;
  }
  return counts;
}

function clockFacts(): MachineFacts["clock"] {
  const directory = "/sys/devices/system/clocksource/clocksource0";
  const current = text(`${directory}/current_clocksource`);
  if (current === undefined) return undefined;
  return {
    current,
    available: (text(`${directory}/available_clocksource`) ?? "").split(/\s+/).filter(Boolean),
  };
}

function hugePageFacts(): MachineFacts["hugePages"] {
  const directory = "/sys/kernel/mm/hugepages";
  const pools = existsSync(directory) ? readdirSync(directory) : [];
  const enabled = text("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  return {
    shared: /\[(\w+)\]/.exec(enabled ?? "")?.[1],
    reserved: pools.reduce((sum, pool) => sum + (number(`${directory}/${pool}/nr_hugepages`) ?? 0), 0),
  };
}

/** Each is tried; nothing is left changed. None where the addon does not load. */
function kernelFeatureFacts(): MachineFacts["kernelFeatures"] {
  if (addonMissing() !== undefined) return {};
  const errors = native().kernelFeatures();
  const { EPERM, EACCES } = system.errno;
  return Object.fromEntries(
    Object.keys(kernelFeatures).map((name, i) => {
      const error = errors[i] ?? -1;
      return [name, error === EPERM || error === EACCES ? null : error === 0];
    }),
  );
}

export function isInstalled(program: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((directory) => existsSync(join(directory, program)));
}
