/** What may be wrong with the machine, whatever port is used. Each check looks at the facts of machine.ts. */

import type { Capability } from "../capabilities.js";
import { engineLimits, type KernelFeature, kernelFeatures } from "../layout.js";
import { type Check, fault, note, ok, warning } from "./finding.js";
import { kernelMachineChecks } from "./kernel-checks.js";
import type { MachineFacts } from "./machine.js";

const megabyte = 1e6;
/** What a switch port takes with as many slots as it has by default, both ways. */
const portBytes = 2 * engineLimits.slotsByDefault * engineLimits.bufferBytes;
/** Room for a handful of ports. */
const wantedBytes = 16 * portBytes;
/** What AF_XDP locks for a few rings of an interface. */
const wantedLockedBytes = 64 * 2 ** 20;
/** One way, between processors that share their last cache; others take five times as long. */
const near_ns = 120;

const engine: Check<MachineFacts> = {
  name: "engine",
  look({ addonMissing }) {
    if (addonMissing === undefined) return [ok("the embedded engine is built and loads")];
    return [fault(`the embedded engine does not load: ${addonMissing}`, "npm rebuild netmap-tools")];
  },
};

const namespace: Check<MachineFacts> = {
  name: "namespace",
  look({ namespace: space, uid }) {
    const { directory, exists, owner, mode, freeBytes, sizeBytes } = space;
    if (exists && !space.isDirectory)
      return [fault(`${directory}, where ports live, is not a directory`, "export NM_DIR=/dev/shm/nm-mine")];
    if (exists && owner !== uid) {
      return [
        fault(`${directory}, where ports live, belongs to user ${owner}`, "export NM_DIR=/dev/shm/nm-mine"),
      ];
    }
    if (exists && ((mode ?? 0) & 0o077) !== 0) {
      return [fault(`${directory}, where ports live, is open to other users`, `chmod 700 ${directory}`)];
    }
    if (!space.isWritable) {
      return [
        fault(`${directory}, where ports live, cannot be made or written to`, `export NM_DIR=/tmp/nm-${uid}`),
      ];
    }
    if (freeBytes !== undefined && freeBytes < wantedBytes) {
      const words = `the filesystem of ${directory} has ${megabytes(freeBytes)} left, enough for ${Math.floor(freeBytes / portBytes)} ports`;
      return [(freeBytes < 2 * portBytes ? fault : warning)(words, enlarge(directory))];
    }
    if (space.isTmpfs === false) {
      return [
        warning(
          `${directory}, where ports live, is not in memory: packets may be written to a disk`,
          `export NM_DIR=/dev/shm/nm-${uid}`,
        ),
      ];
    }
    return [
      ok(
        `ports live in ${directory}, on a filesystem of ${megabytes(sizeBytes)} with ${megabytes(freeBytes)} left`,
      ),
    ];
  },
};

/** In a container the size is chosen when it is started: the error tells that. */
function enlarge(directory: string): string {
  return directory.startsWith("/dev/shm") ? "mount -o remount,size=1g /dev/shm" : `df -h ${directory}`;
}

const otherNamespaces: Check<MachineFacts> = {
  name: "other_namespaces",
  look({ otherNamespaces: others }) {
    const used = others.filter(({ switches }) => switches === undefined || switches.length > 0);
    if (used.length === 0) return [];
    const them = used.map(({ directory }) => directory).join(" and ");
    return [
      note(`there may be ports in ${them} as well: they meet these only in programs with the same NM_DIR`),
    ];
  },
};

/** What a network interface takes, and for what. */
const uses: readonly (readonly [Capability, string])[] = [
  ["CAP_NET_RAW", "to open network interfaces at all"],
  ["CAP_NET_ADMIN", "to keep the host out of them meanwhile, and to make tap devices"],
  ["CAP_BPF", "for their faster drivers"],
];

const privileges: Check<MachineFacts> = {
  name: "privileges",
  look({ missingCapabilities: missing, nm }) {
    const lacking = uses.filter(([capability]) => missing.includes(capability));
    if (lacking.length === 0) return [ok("this process may open network interfaces")];
    const words = lacking.map(([capability, what]) => `${capability} ${what}`).join(", ");
    return [
      note(
        `software ports work; network interfaces do not: this process lacks ${words}`,
        `sudo ${nm} doctor`,
      ),
    ];
  },
};

const lockedMemory: Check<MachineFacts> = {
  name: "locked_memory",
  look({ lockedMemory: limit, missingCapabilities: missing }) {
    if (limit === undefined) return [];
    if (limit >= wantedLockedBytes || !missing.includes("CAP_IPC_LOCK")) {
      return [
        ok(
          `this process may lock ${missing.includes("CAP_IPC_LOCK") ? megabytes(limit) : "any amount"} of memory`,
        ),
      ];
    }
    return [
      warning(
        `this process may lock only ${megabytes(limit)} of memory; AF_XDP locks the buffers of an interface`,
        "ulimit -l unlimited",
      ),
    ];
  },
};

const processors: Check<MachineFacts> = {
  name: "processors",
  look({ processors: { allowed, online, quota, isolated, isVirtual } }) {
    const some =
      allowed.length < online
        ? `${allowed.length} of ${online} processors`
        : `${allowed.length} ${plural(allowed.length, "processor")}`;
    const words = `programs may run on ${some}${isVirtual ? " of a virtual machine" : ""}`;
    const found = [
      allowed.length > 1 ? ok(words) : note(`${words}: a sender and a receiver share it, and each gets half`),
    ];
    if (quota !== undefined && quota < allowed.length) {
      found.push(
        warning(
          `a control group leaves this process the time of ${round(quota)} processors, then stops it for some milliseconds`,
        ),
      );
    }
    if (isolated.length > 0) {
      found.push(
        note(`processors ${isolated.join(", ")} are kept free of other programs; -a puts threads there`),
      );
    }
    return found;
  },
};

const load: Check<MachineFacts> = {
  name: "load",
  look({ processors: { load: waiting, online } }) {
    if (waiting <= online / 2) return [];
    return [
      warning(
        `other programs keep ${round(waiting)} processors busy of ${online}: rates will be lower, and gaps longer`,
        "top",
      ),
    ];
  },
};

const governor: Check<MachineFacts> = {
  name: "governor",
  look({ processors: { governors } }) {
    const names = Object.keys(governors);
    if (names.length === 0) return [];
    if (names.every((name) => name === "performance")) return [ok("processors run at full clock speed")];
    const slow = names.filter((name) => name !== "performance").join(" and ");
    return [
      warning(
        `the clock speed of processors follows their load (governor ${slow}): short runs are slower`,
        "echo performance | tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
      ),
    ];
  },
};

const coreDistance: Check<MachineFacts> = {
  name: "core_distance",
  look({ processors: { distance_ns } }) {
    if (distance_ns === undefined) return [];
    const words = `a cache line takes ${Math.round(distance_ns)} ns from one processor to another`;
    if (distance_ns <= near_ns) return [ok(`${words}: they share a cache`)];
    return [
      note(
        `${words}: they share no cache, so what one writes and the other reads is several times slower; -a chooses processors`,
      ),
    ];
  },
};

const clock: Check<MachineFacts> = {
  name: "clock",
  look({ clock: source }) {
    if (source === undefined) return [];
    if (!/^(hpet|acpi_pm|jiffies|refined-jiffies|pit)$/.test(source.current)) {
      return [ok(`time comes from ${source.current}, which is quick to read`)];
    }
    const [better] = source.available.filter((name) => /tsc|kvm-clock|arch_sys_counter/.test(name));
    const fix = better && `echo ${better} > /sys/devices/system/clocksource/clocksource0/current_clocksource`;
    return [
      warning(
        `time comes from ${source.current}: reading it takes about a microsecond, and rates are less exact`,
        fix,
      ),
    ];
  },
};

const hugePages: Check<MachineFacts> = {
  name: "huge_pages",
  look({ hugePages: { shared, reserved } }) {
    const has = shared !== undefined && shared !== "never" && shared !== "deny";
    const words =
      has || reserved > 0
        ? "huge pages are there for shared memory"
        : "shared memory has ordinary pages only";
    return [ok(`${words}; the engine needs none, and was no faster with them`)];
  },
};

const bpf: Check<MachineFacts> = {
  name: "bpf",
  look({ bpfJit }) {
    if (bpfJit === undefined) return [];
    if (bpfJit > 0) return [ok("BPF programs are compiled")];
    return [
      warning(
        "BPF programs are interpreted: the fast drivers of interfaces lose much of their speed",
        "sysctl -w net.core.bpf_jit_enable=1",
      ),
    ];
  },
};

/** What a driver of network interfaces cannot do without. The last is what every one of them needs. */
const needs: readonly (readonly [string, readonly KernelFeature[]])[] = [
  ["the xdp-live driver of interfaces does not work", ["live_frames", "private_network"]],
  ["the af-xdp drivers of interfaces do not work", ["af_xdp", "af_xdp_wakeup", "bpf_programs"]],
  ["network interfaces cannot be opened", ["tcx", "packet_sockets"]],
];

const drivers: Check<MachineFacts> = {
  name: "drivers",
  look({ kernelFeatures: features, missingCapabilities: missing }) {
    // What a process may not find out, the capabilities tell.
    if (Object.keys(features).length === 0 || missing.length > 0) return [];
    const found = needs.flatMap(([consequence, wanted]) => {
      const lacking = wanted.filter((name) => features[name] === false);
      if (lacking.length === 0) return [];
      const them = lacking.map((name) => kernelFeatures[name]).join("; ");
      return [note(`${consequence}, because this is not so here: ${them}`)];
    });
    return found.length > 0 ? found : [ok("the kernel has what all drivers of network interfaces need")];
  },
};

const lab: Check<MachineFacts> = {
  name: "lab",
  look({ hasIp }) {
    return hasIp
      ? []
      : [note("nm lab cannot make its namespaces: ip is not installed", "apt install iproute2")];
  },
};

/** In the order in which they are told. */
export const machineChecks: readonly Check<MachineFacts>[] = [
  engine,
  ...kernelMachineChecks,
  namespace,
  otherNamespaces,
  privileges,
  lockedMemory,
  lab,
  bpf,
  drivers,
  processors,
  load,
  governor,
  coreDistance,
  clock,
  hugePages,
];

function megabytes(bytes: number | undefined): string {
  if (bytes === undefined) return "unknown size";
  if (bytes === Number.POSITIVE_INFINITY) return "any amount";
  return bytes >= 10e9 ? `${Math.round(bytes / 1e9)} GB` : `${Math.round(bytes / megabyte)} MB`;
}

function round(value: number): string {
  return value.toFixed(1).replace(/\.0$/, "");
}

function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`;
}
