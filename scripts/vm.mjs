/**
 * Runs a command in a virtual machine: Debian's own kernel, this machine's files read-only under an overlay, kernel modules
 * from a directory of yours. What the command writes is gone when it ends; its exit status is this program's.
 *
 *   npm run vm -- [--kernel DIR] [--modules DIR] [--memory 2G] [--processors 2] [--timeout 600]
 *     [--accelerator kvm|tcg] [--] COMMAND [ARGUMENT...]
 *
 * --kernel is where Debian's linux-image package is: / where it is installed, or a directory that it was unpacked in
 * (apt-get download linux-image-...; dpkg -x linux-image-*.deb DIR). --modules has .ko files that were built for that kernel;
 * all are loaded. Needed are qemu-system-x86 and busybox-static. Without KVM it is emulated, some ten times slower;
 * --accelerator tcg does that where /dev/kvm is, too: within another virtual machine it may open and not run this kernel.
 *
 * Standard output and error of the command come out together, and it reads nothing.
 */

import { execFileSync, spawn } from "node:child_process";
import {
  accessSync,
  constants,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";

function hasKvm() {
  try {
    accessSync("/dev/kvm", constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** What the root filesystem takes, and what tests of network interfaces do. */
const wantedModules = ["virtio_pci", "9pnet_virtio", "9p", "overlay", "veth", "tun", "dummy"];

class Failure extends Error {}

function readWords() {
  const words = process.argv.slice(2);
  // Where our options end, the command begins.
  let end = 0;
  while (words[end]?.startsWith("--") && words[end] !== "--") end += words[end].includes("=") ? 1 : 2;
  const { values } = parseArgs({
    args: words.slice(0, end),
    options: {
      kernel: { type: "string", default: process.env.NM_VM_KERNEL ?? "/" },
      modules: { type: "string", default: process.env.NM_VM_MODULES },
      memory: { type: "string", default: "2G" },
      processors: { type: "string", default: "2" },
      timeout: { type: "string", default: "600" },
      accelerator: { type: "string", default: process.env.NM_VM_ACCELERATOR ?? (hasKvm() ? "kvm" : "tcg") },
    },
  });
  const command = words.slice(words[end] === "--" ? end + 1 : end);
  if (command.length === 0) throw new Failure("No command: npm run vm -- [--modules DIR] -- COMMAND");
  return { ...values, command };
}

/** The newest kernel under a directory, and its modules. */
function findKernel(root) {
  const boot = join(root, "boot");
  const images = existsSync(boot) ? readdirSync(boot).filter((name) => name.startsWith("vmlinuz-")) : [];
  const image = images.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1);
  if (image === undefined) {
    throw new Failure(
      `No kernel in ${boot}: install linux-image-amd64, or unpack it (apt-get download linux-image-VERSION-amd64; ` +
        "dpkg -x linux-image-*.deb DIR) and name the directory with --kernel DIR",
    );
  }
  const version = image.slice("vmlinuz-".length);
  return { image: join(boot, image), version, modules: join(root, "lib", "modules", version) };
}

/** Module files of a directory, by the name that the kernel has for them. */
function moduleFiles(directory) {
  const files = readdirSync(directory, { recursive: true }).filter((file) => /\.ko(\.xz)?$/.test(file));
  return new Map(files.map((file) => [moduleName(file), join(directory, file)]));
}

function moduleName(file) {
  return basename(file)
    .replace(/\.ko(\.xz)?$/, "")
    .replaceAll("-", "_");
}

function readModule(file) {
  return file.endsWith(".xz")
    ? execFileSync("xz", ["-dc", file], { maxBuffer: 2 ** 30 })
    : readFileSync(file);
}

/** The modules and what they depend on, each behind those that it needs. What the kernel has built in is nowhere. */
function inOrder(names, files) {
  const order = new Map();
  const add = (name) => {
    const file = files.get(name.replaceAll("-", "_"));
    if (file === undefined || order.has(moduleName(file))) return;
    const bytes = readModule(file);
    const depends = /\0depends=([^\0]*)\0/.exec(bytes.toString("latin1"))?.[1] ?? "";
    for (const other of depends.split(",").filter(Boolean)) add(other);
    order.set(moduleName(file), bytes);
  };
  for (const name of names) add(name);
  return [...order];
}

/** A cpio archive in the form that the kernel unpacks. Entries: path, mode, bytes. */
function archive(entries) {
  const parts = [];
  const pad = (length) => Buffer.alloc((4 - (length % 4)) % 4);
  const put = (path, mode, bytes) => {
    const name = Buffer.from(`${path}\0`);
    const fields = [0, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
    const header = Buffer.from(
      `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`,
    );
    parts.push(header, name, pad(header.length + name.length), bytes, pad(bytes.length));
  };
  for (const [path, mode, bytes] of entries) put(path, mode, bytes);
  put("TRAILER!!!", 0, Buffer.alloc(0));
  return Buffer.concat(parts);
}

const directoryMode = 0o040755;
const fileMode = 0o100755;

function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** What the machine does: its first process. ttyS0 is what people see, ttyS1 takes the exit status. */
function init({ first, later, command }) {
  const environment = ["PATH", "NM_BACKEND", "NM_LOG", "NM_SEED", "NM_TEST_PATIENCE"].flatMap((name) =>
    process.env[name] === undefined ? [] : [`export ${name}=${quote(process.env[name])}`],
  );
  return `#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs none /dev
$b mount -t proc none /proc
$b stty -F /dev/ttyS0 -opost
exec >/dev/ttyS0 2>&1 </dev/null
load() { for m in "$@"; do $b insmod /modules/$m.ko || echo "vm: $m does not load"; done; }
load ${first.join(" ")}
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root /below
$b mount -t tmpfs none /above
$b mkdir /above/upper /above/work
$b mount -t overlay -o lowerdir=/below,upperdir=/above/upper,workdir=/above/work none /root
load ${later.join(" ")}
$b mount -t proc none /root/proc
$b mount -t sysfs none /root/sys
$b mount --move /dev /root/dev
$b mkdir -p /root/dev/shm /root/dev/pts
$b mount -t devpts none /root/dev/pts
for d in dev/shm run; do $b mount -t tmpfs none /root/$d; done
$b ip link set lo up
cat > /root/vm-command <<'END'
${environment.join("\n")}
export HOME=/root LANG=C.UTF-8
cd ${quote(process.cwd())}
${command.map(quote).join(" ")}
END
$b chroot /root /bin/sh /vm-command
echo $? > /root/dev/ttyS1
echo 1 > /root/proc/sys/kernel/printk
echo o > /root/proc/sysrq-trigger
$b sleep 60
`;
}

async function main() {
  const words = readWords();
  const busybox = ["/bin/busybox", "/usr/bin/busybox"].find((path) => existsSync(path));
  if (busybox === undefined) throw new Failure("No busybox: install busybox-static");
  const kernel = findKernel(resolve(words.kernel));
  if (!existsSync(kernel.modules)) throw new Failure(`No modules in ${kernel.modules}`);
  const own = words.modules === undefined ? new Map() : moduleFiles(resolve(words.modules));
  if (words.modules !== undefined && own.size === 0) throw new Failure(`No .ko files in ${words.modules}`);

  const files = new Map([...moduleFiles(kernel.modules), ...own]);
  const ordered = inOrder([...wantedModules, ...own.keys()], files);
  const rootAt = ordered.findIndex(([name]) => name === "overlay") + 1;
  const names = ordered.map(([name]) => name);
  const script = init({ first: names.slice(0, rootAt), later: names.slice(rootAt), command: words.command });
  const directories = ["bin", "dev", "proc", "below", "above", "root", "modules"];
  const initramfs = archive([
    ...directories.map((path) => [path, directoryMode, Buffer.alloc(0)]),
    ["bin/busybox", fileMode, readFileSync(busybox)],
    ...ordered.map(([name, bytes]) => [`modules/${name}.ko`, fileMode, bytes]),
    ["init", fileMode, Buffer.from(script)],
  ]);

  const scratch = mkdtempSync(join(tmpdir(), "nm-vm-"));
  try {
    writeFileSync(join(scratch, "initramfs"), initramfs);
    writeFileSync(join(scratch, "status"), "");
    await run(
      [
        ...[
          "-machine",
          `q35,accel=${words.accelerator}`,
          "-cpu",
          // An emulated processor forgets all its translations at each write of PKRU, which Linux does between a thread of
          // Node's process and any other: V8 sets it. A real one forgets none.
          words.accelerator === "tcg" ? "max,-pku" : "max",
          "-m",
          words.memory,
          "-smp",
          words.processors,
        ],
        ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
        ...["-kernel", kernel.image, "-initrd", join(scratch, "initramfs")],
        ...[
          "-append",
          "console=ttyS0 quiet loglevel=4 panic=-1 rdinit=/init mitigations=off net.ifnames=0 " +
            // An emulated clock device would cost more than anything that is measured.
            "clocksource=tsc tsc=reliable",
        ],
        ...["-serial", "stdio", "-serial", `file:${join(scratch, "status")}`],
        ...["-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"],
        ...["-device", "virtio-9p-pci,fsdev=root,mount_tag=root"],
      ],
      Number(words.timeout),
    );
    const status = Number.parseInt(readFileSync(join(scratch, "status"), "utf8"), 10);
    if (Number.isNaN(status)) throw new Failure("The virtual machine ended before the command did");
    process.exitCode = status;
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function run(args, timeout_s) {
  return new Promise((done, failed) => {
    const machine = spawn("qemu-system-x86_64", args, { stdio: ["ignore", "inherit", "inherit"] });
    const stop = () => machine.kill("SIGKILL");
    const timer = setTimeout(() => {
      stop();
      failed(new Failure(`The command took more than ${timeout_s} s; --timeout gives it more`));
    }, timeout_s * 1000);
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
    machine.on("error", (error) =>
      failed(error.code === "ENOENT" ? new Failure("No qemu-system-x86_64: install qemu-system-x86") : error),
    );
    machine.on("close", () => {
      clearTimeout(timer);
      done();
    });
  });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`vm: ${error.message}\n`);
  process.exitCode = 1;
}
