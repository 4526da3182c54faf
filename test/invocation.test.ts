/** Suggested command lines name the program as the shell that shows them would find it. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ownName } from "../lib/invocation.js";

test("ownName is nm only where the shell finds this program by that name", (t) => {
  const place = mkdtempSync(join(tmpdir(), "nm-test-"));
  t.after(() => rmSync(place, { recursive: true }));
  const script = join(place, "nm.js");
  writeFileSync(script, "");
  const [ours, other] = [join(place, "ours"), join(place, "other")];
  mkdirSync(ours);
  mkdirSync(other);
  symlinkSync(script, join(ours, "nm"));
  writeFileSync(join(other, "nm"), "");

  assert.equal(ownName(script, { PATH: `${ours}:${other}` }), "nm");
  assert.equal(ownName(join(ours, "nm"), { PATH: ours }), "nm");
  assert.equal(ownName(script, { PATH: `${other}:${ours}` }), `node ${script}`);
  assert.equal(ownName(script, { PATH: other, npm_command: "exec" }), "npx nm");
  assert.equal(ownName(script, {}), `node ${script}`);
});
