/** What the commands say of themselves is complete, and everything made from it is fresh. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { commands, loadCommands } from "../../commands/index.js";
import { errorCodes } from "../../lib/errors.js";
import { schemaVersion } from "../../lib/output.js";
import { packageFile, programFile, root } from "../run.js";

const all = await loadCommands();

test("the manual pages are what the commands say of themselves", () => {
  const run = spawnSync(process.execPath, ["scripts/generate-manual.mjs", "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  assert.equal(run.stderr, "");
  assert.equal(run.status, 0);
});

test("every command has the name it is listed under", () => {
  assert.deepEqual(
    all.map(({ name }) => name),
    Object.keys(commands),
  );
});

for (const command of all) {
  test(`${command.name} describes itself, its arguments and its options, and shows an example`, () => {
    assert.match(command.summary, /^[A-Z].*[^.]$/);
    assert.ok(command.summary.length <= 80);
    assert.match(command.details, /\.$/);
    assert.ok(command.examples.length > 0);
    for (const [line, does] of command.examples) {
      assert.match(line, /\b(nm|pkt-gen|vale-ctl|nmreplay|nm-bridge|nm-lb)\b/);
      assert.match(does, /^[A-Z].*[^.]$/);
    }
    for (const [name, { describe }] of Object.entries({ ...command.positionals, ...command.options })) {
      assert.match(describe, /^[A-Z].{5,}[^.]$/s, `${command.name} ${name}`);
      assert.doesNotMatch(describe, /^this option/i, `${command.name} ${name}`);
    }
  });

  test(`${command.name} uses each letter once, and none that every command has`, () => {
    const letters = Object.values(command.options).flatMap(({ alias }) => (alias ? [alias] : []));
    assert.deepEqual(letters, [...new Set(letters)]);
    for (const letter of letters) assert.match(letter, /^[A-Za-z0-9]$/);
  });
}

test("every program in package.json is built", () => {
  for (const name of Object.keys(packageFile().bin)) assert.ok(existsSync(programFile(name)), name);
});

test("every error code is in the ERRORS section of nm(1)", () => {
  const page = readFileSync(`${root}man/nm.1`, "utf8");
  const section = page.slice(page.indexOf('.SH "ERRORS"'));
  for (const code of errorCodes) assert.ok(section.includes(`.B ${code}\n`), code);
});

test("the JSON schema names the version that summaries carry", () => {
  const schema = JSON.parse(readFileSync(`${root}schema/output.schema.json`, "utf8"));
  assert.equal(schema.$defs.summary.properties.schema.const, schemaVersion);
});

test("package-lock.json names no registry but npm's", () => {
  const lock = JSON.parse(readFileSync(`${root}package-lock.json`, "utf8"));
  for (const [path, { resolved }] of Object.entries<{ resolved?: string }>(lock.packages)) {
    if (resolved) assert.match(resolved, /^https:\/\/registry\.npmjs\.org\//, path);
  }
});
