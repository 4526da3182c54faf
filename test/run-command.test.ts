/** nm run: how it starts programs, and which it refuses. What it serves them is in preload.test.ts. */

import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { freshNamespace } from "./namespace.js";
import { finished, nm, nmWith, programFile, type Run, root } from "./run.js";
import { jsonLine } from "./schema.js";

const scratch = mkdtempSync(join(tmpdir(), "nm-run-"));
after(() => rmSync(scratch, { recursive: true }));
process.env.NM_DIR = join(scratch, "namespace");

/** A file that can be run. */
function script(name: string, text: string): string {
  const path = join(scratch, name);
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}

function refuses(run: Run, message: string | RegExp): void {
  assert.equal(run.status, 1);
  assert.equal(run.stdout, "");
  const [line = ""] = run.stderr.split("\n");
  if (typeof message === "string") assert.equal(line, message);
  else assert.match(line, message);
}

test("run passes on the arguments, options too, and the exit status", async () => {
  const run = await nm(
    "run",
    "sh",
    "-c",
    'echo "$0 $@"; exit 7',
    "zero",
    "--json",
    "--help",
    "-x",
    "a b",
    "",
  );
  assert.deepEqual(run, { status: 7, stdout: "zero --json --help -x a b \n", stderr: "" });
});

test("run takes what follows -- for the program", async () => {
  assert.equal((await nm("run", "--", "echo", "--", "-n")).stdout, "-- -n\n");
});

test("run --help is about run, and PROGRAM --help is the program's", async () => {
  assert.match((await nm("run", "--help")).stdout, /^Run any netmap program/);
  assert.match((await nm("run", "ls", "--help")).stdout, /^Usage: \S*ls/);
});

test("run becomes the program: it has nm's process id", async () => {
  const child = spawn(process.execPath, [programFile("nm"), "run", "sh", "-c", "echo $$"], { stdio: "pipe" });
  const [text] = await once(child.stdout.setEncoding("utf8"), "data");
  assert.equal(text, `${child.pid}\n`);
});

test("a signal that ends the program ends it as it would without nm", async () => {
  const child = spawn(process.execPath, [programFile("nm"), "run", "sh", "-c", "echo; kill -TERM $$"], {
    stdio: "pipe",
  });
  assert.deepEqual(await once(child, "exit"), [null, "SIGTERM"]);
});

test("run leaves standard input, output and the handling of broken pipes as they were", async () => {
  const nmRun = `'${process.execPath}' '${programFile("nm")}' run`;
  const line = `yes | ${nmRun} sh -c 'head -c 2; yes; echo "ended with $?" >&2' | head -c 2`;
  const { stdout, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8" });
  assert.deepEqual(
    { stdout, stderr },
    { stdout: "y\n", stderr: `ended with ${128 + constants.signals.SIGPIPE}\n` },
  );
});

test("run puts its library in front of others and names the namespace", async (t) => {
  const namespace = freshNamespace(t);
  const run = await nmWith(
    { env: { LD_PRELOAD: "libm.so.6" } },
    ...["run", "--namespace", namespace, "sh", "-c", 'echo "$LD_PRELOAD $NM_DIR"'],
  );
  assert.equal(run.stdout, `${root}build/Release/nm_preload.so:libm.so.6 ${namespace}\n`);
});

test("run runs a script by the interpreter that it names", async () => {
  const path = script("greet", "#!/bin/sh\ntest -c /dev/netmap && echo $1\n");
  assert.deepEqual(await nm("run", path, "hello"), { status: 0, stdout: "hello\n", stderr: "" });
});

test("run refuses a program that is not there, not a program, or of another machine", async () => {
  refuses(
    await nm("run", "nosuch"),
    'nm run: Cannot run "nosuch": no directory of PATH has a program of this name',
  );
  refuses(await nm("run", "/nosuch"), 'nm run: Cannot run "/nosuch": there is no such file');
  refuses(await nm("run", "/tmp"), 'nm run: Cannot run "/tmp": it is not a file');
  const text = script("text", "hello\n");
  refuses(await nm("run", text), /: it is neither a program nor a script that names its interpreter$/);
  refuses(
    await nm("run", script("lost", "#!/nosuch -x\n")),
    /: its first line names "\/nosuch", which cannot be run$/,
  );
  const foreign = Buffer.alloc(64);
  foreign.write("\x7fELF\x02\x01\x01", "latin1");
  foreign.writeUInt16LE(8, 18);
  refuses(
    await nm("run", script("foreign", foreign.toString("latin1"))),
    /is built for another kind of processor$/,
  );
});

test("run refuses a statically linked program", async () => {
  const source = join(scratch, "static.c");
  writeFileSync(source, "void _start(void) { for (;;); }\n");
  const path = join(scratch, "static");
  execFileSync("cc", ["-static", "-nostdlib", source, "-o", path]);
  refuses(
    await nm("run", path),
    `nm run: Cannot run "${path}": ${path} is statically linked, so nothing can serve its calls`,
  );
});

const isRoot = process.getuid?.() === 0;
const needsRoot = isRoot ? false : "needs root, to give a file to another user";

test("run refuses a set-user-ID program of another user", { skip: needsRoot }, async () => {
  const path = join(scratch, "privileged");
  copyFileSync("/bin/true", path);
  chownSync(path, 12_345, 0);
  chmodSync(path, 0o4755);
  refuses(
    await nm("run", path),
    new RegExp(`: ${path} is set-user-ID, and the system lets nothing be loaded`),
  );
});

const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/** Why there can be no program with capabilities that another user runs. */
function lacksForCapabilities(): string | false {
  if (!isRoot) return "needs root, to give a file capabilities";
  const hasTools = ["setcap", "setpriv"].every((tool) => spawnSync(tool, ["--version"]).error === undefined);
  if (!hasTools) return "needs setcap (libcap2-bin) and setpriv";
  const reads = spawnSync("setpriv", [...asNobody, process.execPath, programFile("nm"), "--version"]);
  return reads.status === 0 ? false : "needs the package where every user can read it";
}

test("run refuses a program with file capabilities to all but root", {
  skip: lacksForCapabilities(),
}, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "nm-capable-"));
  t.after(() => rmSync(directory, { recursive: true }));
  chmodSync(directory, 0o755);
  const path = join(directory, "capable");
  copyFileSync("/bin/true", path);
  chmodSync(path, 0o755);
  execFileSync("setcap", ["cap_net_raw+ep", path]);
  const nmRun = [process.execPath, programFile("nm"), "run", "--namespace", join(directory, "ports"), path];
  const run = (...more: string[]) => finished("setpriv", [...asNobody, ...more, ...nmRun], {});
  refuses(await run(), new RegExp(`: ${path} has file capabilities, and the system lets nothing be loaded`));
  // Where the system gives them to nobody, the program is like any other.
  chmodSync(directory, 0o777);
  assert.deepEqual(await run("--no-new-privs"), { status: 0, stdout: "", stderr: "" });
  assert.equal((await nm("run", path)).status, 0);
});

test("run refuses a program for 32 bits", async () => {
  const source = Buffer.alloc(64);
  source.write("\x7fELF\x01\x01\x01", "latin1");
  source.writeUInt16LE(3, 18);
  refuses(
    await nm("run", script("narrow", source.toString("latin1"))),
    /is built for another kind of processor$/,
  );
});

test("run refuses a script whose interpreter cannot be served", async () => {
  const path = join(scratch, "static");
  refuses(
    await nm("run", script("of-static", `#!${path}\n`)),
    new RegExp(`: ${path} is statically linked, so nothing can serve its calls$`),
  );
});

const hasKernel = existsSync("/dev/netmap");

test("run --backend kernel is for machines with the kernel module", { skip: hasKernel }, async () => {
  refuses(
    await nm("run", "--backend", "kernel", "echo", "started"),
    "nm run: Cannot use the kernel backend: there is no /dev/netmap here",
  );
  const { status } = await nmWith({ env: { NM_BACKEND: "kernel" } }, "run", "echo", "started");
  assert.equal(status, 1);
});

test("run --backend kernel leaves the program without our library", { skip: needsRoot || hasKernel }, () => {
  const line = `mknod -m 600 /dev/netmap c 1 3 && exec "$@"`;
  const words = [process.execPath, programFile("nm"), "run", "--backend", "kernel"];
  const shell = ["sh", "-c", 'echo "preloaded: $LD_PRELOAD"; stat -c %t,%T /dev/netmap'];
  const mounts = [
    "--mount",
    "--propagation",
    "private",
    "sh",
    "-c",
    `mount -t tmpfs none /dev && ${line}`,
    "sh",
  ];
  const run = spawnSync("unshare", [...mounts, ...words, ...shell], {
    encoding: "utf8",
    env: { ...process.env, LD_PRELOAD: "libm.so.6" },
  });
  assert.deepEqual([run.status, run.stdout], [0, "preloaded: libm.so.6\n1,3\n"], run.stderr);
});

test("run says what is wrong with a namespace before the program starts", async () => {
  const run = await nm("run", "--namespace", "/dev/null", "echo", "started");
  refuses(run, /^nm run: Cannot use namespace "\/dev\/null": /);
});

test("run without a program is a wrong command line", async () => {
  assert.equal((await nm("run")).status, 2);
});

test("cflags prints what a C compiler takes, and pkg-config agrees", async (t) => {
  const cflags = (await nm("cflags")).stdout;
  assert.equal(cflags, `-I${root}native/include\n`);
  const line = jsonLine((await nm("cflags", "--json")).stdout);
  assert.equal(`${line.cflags}\n`, cflags);
  assert.equal(line.libs, (await nm("cflags", "--libs")).stdout.trim());
  assert.equal(line.pkg_config_path, (await nm("cflags", "--pkg-config")).stdout.trim());

  if (!hasPkgConfig()) return t.skip("needs pkg-config");
  const env = { ...process.env, PKG_CONFIG_PATH: String(line.pkg_config_path) };
  const flags = execFileSync("pkg-config", ["--cflags", "--libs", "netmap"], { encoding: "utf8", env });
  const source = join(scratch, "empty.c");
  writeFileSync(source, "#include <libnetmap.h>\nint main(void) { return nmctx_get() == NULL; }\n");
  execFileSync("cc", [source, ...flags.trim().split(/\s+/), "-o", join(scratch, "empty")]);
});

function hasPkgConfig(): boolean {
  try {
    execFileSync("pkg-config", ["--version"]);
    return true;
  } catch {
    return false;
  }
}
