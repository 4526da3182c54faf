/** How a run ends, and what its exit status says. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bash, finished, type RunOptions } from "./run.js";
import { jsonLine } from "./schema.js";

const endings = fileURLToPath(new URL("./endings.js", import.meta.url));

function run(words: readonly string[], options: RunOptions = {}) {
  return finished(process.execPath, [endings, ...words], options);
}

/** Starts a command, sends it these signals one after another once it has started, and waits for its end. */
async function stopped(name: string, ...signals: NodeJS.Signals[]) {
  const child = spawn(process.execPath, [endings, name], { stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  // Before its first word it may not heed signals yet.
  let again: NodeJS.Timeout | undefined;
  const signalNext = () => {
    const next = signals.shift();
    if (next) child.kill(next);
  };
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
    signalNext();
    again ??= setInterval(signalNext, 200);
  });
  const status = await new Promise((done) => child.on("close", done));
  clearInterval(again);
  return { status, stdout };
}

test("a command that SIGINT or SIGTERM stops prints its figures and ends with 130", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    assert.deepEqual(await stopped("patient", signal), { status: 130, stdout: "started\nfigures\n" });
  }
});

test("a second signal ends a command that does not heed the first", async () => {
  assert.deepEqual(await stopped("deaf", "SIGINT", "SIGINT"), { status: 130, stdout: "started\n" });
});

test("a command whose reader goes away is told, and ends with 0", async () => {
  const line = `"${process.execPath}" "${endings}" chatty | head -n 1`;
  assert.deepEqual(await bash(line), { status: 0, stdout: "a line\n", stderr: "" });
});

test("an expectation that did not hold ends with 3", async () => {
  assert.deepEqual(await run(["hopeful"]), {
    status: 3,
    stdout: "",
    stderr: "nm hopeful: Expected 5 packets: 4 arrived\n",
  });
});

test("a fault of ours ends with 1, a sentence, and no stack unless it is asked for", async () => {
  const plain = await run(["faulty", "--json"]);
  assert.equal(plain.status, 1);
  assert.match(plain.stderr, /^nm faulty: Cannot go on: x is not a function\n +This is a fault of nm/);
  assert.doesNotMatch(plain.stderr, /^ +at /m);
  assert.equal(jsonLine(plain.stdout).code, "INTERNAL");

  assert.match((await run(["faulty"], { env: { NM_LOG: "debug" } })).stderr, /^ +at /m);
});

test("the log has warnings, more with each --verbose, and what NM_LOG says before all", async () => {
  const logged = async (words: string[], env = {}) => {
    const { status, stdout, stderr } = await run(["talkative", ...words], { env: { NM_LOG: "", ...env } });
    assert.deepEqual({ status, stdout }, { status: 0, stdout: "" });
    return stderr
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line).msg);
  };
  assert.deepEqual(await logged([]), ["a warn"]);
  assert.deepEqual(await logged(["-v"]), ["a warn", "a info"]);
  assert.deepEqual(await logged(["-vv"]), ["a warn", "a info", "a debug"]);
  assert.deepEqual(await logged(["-vv"], { NM_LOG: "silent" }), []);
});
