/** Command lines for virtual machines. QEMU itself is a script here, which says what it can do and what it was given. */

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { kernelFor } from "./kernel/kernel.js";
import { nm } from "./run.js";
import { jsonLines } from "./schema.js";

function qemu(t: TestContext, backends: string, devices: string): string {
  const directory = mkdtempSync(join(tmpdir(), "nm-qemu-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "qemu");
  writeFileSync(
    path,
    `#!/bin/sh
case "$1" in
  -netdev) printf 'Available netdev backend types:\\n${backends}\\n' ;;
  -device) printf 'name "e1000", bus PCI\\n${devices}\\n' ;;
  *) printf '%s\\n' "$@" ;;
esac
`,
  );
  chmodSync(path, 0o755);
  return path;
}

const ptnet = 'name "ptnet-pci", bus PCI';

test("vm passes ports through, each as a card with an address of its own", async (t) => {
  const file = qemu(t, "user\\nnetmap", ptnet);
  const run = await nm("vm", "vale0:a", "p<1", "--qemu", file, "--disk", "a,b.qcow2");
  assert.equal(run.status, 0, run.stderr);
  assert.equal(run.stderr, "");
  const rows = run.stdout.split(" \\\n    ");
  assert.equal(rows[0], file);
  assert.match(rows[1] ?? "", /^-accel (kvm -cpu host|tcg -cpu max) -m 2G -smp 2$/);
  assert.equal(rows[2], "-drive file=a,,b.qcow2,if=virtio");
  assert.equal(rows[3], "-netdev netmap,id=port0,ifname=vale0:a,passthrough=on");
  assert.equal(rows[5], "-netdev 'netmap,id=port1,ifname=netmap:p{1,passthrough=on'");
  const [first, second] = [rows[4], rows[6]].map(
    (row) => /mac=(52:54:00(:[0-9a-f]{2}){3})/.exec(row ?? "")?.[1],
  );
  assert.match(rows[4] ?? "", /^-device ptnet-pci,netdev=port0,mac=/);
  assert.ok(first && second && first !== second);
});

test("vm says what a QEMU lacks, prints the line nevertheless, and does not run it", async (t) => {
  const plain = qemu(t, "user", ptnet);
  const shown = await nm("vm", "vale0:a", "--qemu", plain);
  assert.equal(shown.status, 0);
  assert.match(shown.stdout, /ifname=vale0:a/);
  assert.match(shown.stderr, /it was built without netmap/);
  const run = await nm("vm", "vale0:a", "--qemu", plain, "--run");
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^nm vm: Cannot give netmap ports to .*: it was built without netmap/);

  const upstream = qemu(t, "netmap", "");
  assert.match((await nm("vm", "vale0:a", "--qemu", upstream)).stderr, /no ptnet cards/);
  const emulated = await nm("vm", "vale0:a", "--qemu", upstream, "--emulated", "--json");
  const [line] = jsonLines(emulated.stdout);
  assert.deepEqual([line?.netmap, line?.ptnet], [true, false]);
  const words = line?.arguments as string[];
  assert.ok(words.includes("netmap,id=port0,ifname=vale0:a"));
  assert.match(words.at(-1) ?? "", /^virtio-net-pci,netdev=port0/);

  const missing = await nm("vm", "vale0:a", "--qemu", "/nowhere/qemu");
  assert.match(missing.stderr, /it does not run/);
});

test("vm becomes QEMU where it can, with what else was given", async (t) => {
  const file = qemu(t, "netmap", ptnet);
  const run = await kernelFor(t).nm("vm", "vale0:a", "--qemu", file, "--argument=-nographic", "--run").ended;
  assert.equal(run.status, 0, run.stderr);
  const words = run.stdout.trimEnd().split("\n");
  assert.equal(words.at(-1), "-nographic");
  assert.equal(words[words.indexOf("-netdev") + 1], "netmap,id=port0,ifname=vale0:a,passthrough=on");
});

test("vm refuses ports that no machine can have", async () => {
  for (const [port, why] of [
    ["tap:a", /embedded engine/],
    ["null", /no rings/],
    ["vale0:a/t", /monitor cannot send/],
  ] as const) {
    const run = await nm("vm", port);
    assert.equal(run.status, 2);
    assert.match(run.stderr, why);
  }
  assert.equal((await nm("vm")).status, 2);
});
