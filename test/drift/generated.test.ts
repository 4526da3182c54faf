/** The generated TypeScript is what the native headers say today. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

test("lib/abi.ts and lib/layout.ts are what the native headers print", () => {
  const run = spawnSync(process.execPath, ["scripts/generate-layout.mjs", "--check"], {
    cwd: root,
    encoding: "utf8",
  });
  assert.equal(run.stderr, "");
  assert.equal(run.status, 0);
});
