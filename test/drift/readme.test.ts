/** What the README shows is what there is. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { commands } from "../../commands/index.js";
import { root } from "../run.js";

const readme = readFileSync(`${root}README.md`, "utf8");

test("the README shows examples/echo.ts as it is", () => {
  assert.ok(readme.includes(readFileSync(`${root}examples/echo.ts`, "utf8").trimEnd()));
});

test("the README shows test/topology.sh as it is", () => {
  assert.ok(readme.includes(readFileSync(`${root}test/topology.sh`, "utf8").trimEnd()));
});

test("the README names only commands that exist", () => {
  const named = [...readme.matchAll(/npx nm ([a-z][a-z-]*)/g)].map(([, name]) => name);
  assert.notEqual(named.length, 0);
  assert.deepEqual(
    named.filter((name) => !(name !== undefined && name in commands)),
    [],
  );
});

for (const page of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]) {
  test(`${page} links to and names only files that exist`, () => {
    const text = readFileSync(`${root}${page}`, "utf8");
    const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => path);
    const named = [...text.matchAll(/`((?:lib|native|commands|test|examples|schema|docs)\/[\w./-]+)`/g)];
    const paths = [...links, ...named.map(([, path]) => path)];
    assert.deepEqual(
      paths.filter((path) => !existsSync(`${root}${path}`)),
      [],
    );
  });
}
