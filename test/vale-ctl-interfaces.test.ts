/** nm vale-ctl and network interfaces: attaching, who moves their packets, and what is said when that one is no more. */

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { cableOf, noInterfaces as skip } from "./cable.js";
import { program, programFile } from "./run.js";
import { jsonLines } from "./schema.js";

interface Listed {
  readonly port: string;
  readonly kind: string;
  readonly driver: string | null;
  readonly processes: readonly { readonly pid: number; readonly command: string | null }[];
}

test("an interface is attached with its host, listed with its worker, refused twice, and told of when its worker is killed", {
  skip,
}, async (t) => {
  const { a, b, directory } = await cableOf(t);
  const ctl = (...words: string[]) => a.run(process.execPath, programFile("nm"), "vale-ctl", ...words);
  const name = `vale0:${a.interface}`;
  const attached = await ctl("attach", name, "--host");
  assert.deepEqual([attached.status, attached.stderr], [0, ""]);
  t.after(() => ctl("detach", name));
  const ping = await a.run("ping", "-c", "2", "-i", "0.2", "-W", "5", b.address);
  assert.match(ping.stdout, /2 received/);

  const ports = async () =>
    jsonLines((await ctl("list", "--json")).stdout).flatMap((line) => (line.ports ?? []) as Listed[]);
  const [nic, host] = await ports();
  assert.deepEqual([nic?.port, nic?.kind, host?.port, host?.kind], [name, "interface", `${name}^`, "host"]);
  assert.match(nic?.driver ?? "", /^(af|xdp)-/);
  assert.match(nic?.processes[0]?.command ?? "", /nm-switch-worker vale0:/);
  assert.match((await ctl("attach", name)).stderr, /Cannot attach .*: it is on a switch\n +Detach it first/);
  assert.equal((await ctl("poll", name, "-C", "0,0")).status, 0);
  assert.match((await ctl("detach", name)).stderr, /polled/);
  assert.equal((await ctl("poll", name, "--off")).status, 0);

  const pid = nic?.processes[0]?.pid ?? 0;
  assert.notEqual(pid, 0);
  process.kill(pid, "SIGKILL");
  while (await isThere(pid)) await new Promise((done) => setTimeout(done, 20));
  const said = await ctl("list");
  assert.match(
    said.stdout,
    new RegExp(`^${name} is attached no longer: its worker, process ${pid}, was killed`),
  );
  const [dead] = jsonLines((await ctl("list", "--json")).stdout);
  assert.deepEqual([dead?.type, dead?.port, dead?.pid, dead?.status], ["dead_worker", name, pid, null]);
  assert.equal((await ctl("attach", name)).status, 0);
  assert.deepEqual(
    (await ports()).map(({ port }) => port),
    [name],
  );
  assert.equal((await ctl("detach", name)).status, 0);
  assert.match((await ctl("detach", name)).stderr, /there is no (switch|port) of this name/);
  assert.deepEqual(readdirSync(directory), ["namespace"]);
});

async function isThere(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("detach forgets an interface whose worker is no more, and says so", { skip }, async (t) => {
  const { a, directory } = await cableOf(t);
  const ctl = (...words: string[]) => a.run(process.execPath, programFile("nm"), "vale-ctl", ...words);
  const name = `vale0:${a.interface}`;
  assert.equal((await ctl("attach", name)).status, 0);
  const [vale] = jsonLines((await ctl("list", "--json")).stdout);
  const pid = ((vale?.ports ?? []) as Listed[])[0]?.processes[0]?.pid ?? 0;
  assert.notEqual(pid, 0);
  process.kill(pid, "SIGKILL");
  while (await isThere(pid)) await new Promise((done) => setTimeout(done, 20));
  const { stdout, status } = await ctl("detach", name);
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^vale0:.* was attached no longer: its worker, process \d+, was killed, or it crashed\.$/m,
  );
  const { stdout: plain } = await program("vale-ctl", [], { env: { NM_DIR: directory } });
  assert.equal(plain, "");
  assert.deepEqual(readdirSync(directory), ["namespace"]);
});
