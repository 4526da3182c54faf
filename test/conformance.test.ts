/**
 * The conformance suite, test/conformance/: sentences about netmap, proved on the embedded engine by a program that
 * knows nothing of it, and on the kernel module where there is one.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { before, test } from "node:test";
import { freshNamespace } from "./namespace.js";
import { finished, programFile, type Run, root } from "./run.js";

const conformance = `${root}build/conformance/conformance`;
const minutes = 60_000;

before(async () => {
  const make = await finished("make", ["--silent", "-C", `${root}test/conformance`, "-j2"], {
    timeoutMs: 5 * minutes,
  });
  assert.equal(make.status, 0, make.stderr);
});

function embedded(env: Readonly<Record<string, string>>, ...words: string[]): Promise<Run> {
  const args = [programFile("nm"), "run", conformance, ...words];
  return finished(process.execPath, args, { env, timeoutMs: 5 * minutes });
}

function assertAllHold({ status, stdout, stderr }: Run): void {
  const failed = stdout.split("\n").filter((line) => line.startsWith("not ok"));
  assert.deepEqual({ failed, status, stderr }, { failed: [], status: 0, stderr: "" });
}

test("every sentence of the conformance suite holds on the embedded engine, or differs as the documentation says", async (t) => {
  const namespace = freshNamespace(t);
  assertAllHold(await embedded({ NM_DIR: namespace }));
  assert.deepEqual(readdirSync(namespace), ["namespace"], "the suite leaves nothing behind");
});

test("every sentence of the conformance suite holds on netmap's kernel module, or is said to differ", async (t) => {
  const run = await finished(conformance, [], { timeoutMs: 10 * minutes });
  if (run.status === 2) return t.skip(run.stderr.trim());
  assertAllHold(run);
});

test("the conformance suite fails where a sentence that is said to differ holds", async (t) => {
  const sentence = "buffers are 2048 bytes apart";
  const run = await embedded({ NM_DIR: freshNamespace(t), NM_BUF_SIZE: "2048" }, sentence);
  assert.equal(run.status, 1);
  assert.match(run.stdout, /^not ok {3}rings: buffers are 2048 bytes apart: expected to differ here/);
});

test("what the conformance suite says of differences stands in the documentation", async () => {
  const page = (name: string) => readFileSync(`${root}docs/${name}.md`, "utf8").replaceAll("\n", " ");
  const pages = { embedded: page("netmap-differences"), kernel: page("kernel") };
  const { stdout } = await finished(conformance, ["--differences"], {});
  const rows = stdout
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
  assert.ok(rows.length > 0);
  for (const [device, sentence, why = ""] of rows) {
    const documented = pages[device as keyof typeof pages];
    assert.ok(why !== "" && documented.includes(why), `"${sentence}" differs because of "${why}"`);
  }
});
