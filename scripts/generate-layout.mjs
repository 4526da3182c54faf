/**
 * Prints lib/abi.ts and lib/layout.ts from the native headers, with the C++ compiler doing the measuring.
 *
 *   node scripts/generate-layout.mjs           writes the files that differ
 *   node scripts/generate-layout.mjs --check   writes nothing; fails and names the files that are stale
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

/** The path of each generated file, from the package's root, and the text it should have. */
export function layoutFiles() {
  const scratch = mkdtempSync(join(tmpdir(), "nm-generate-"));
  try {
    const program = join(scratch, "print_ts");
    const source = join(root, "native", "abi", "print_ts.cc");
    const flags = ["-std=c++20", "-Wall", "-Wextra", "-I", join(root, "native"), "-o", program];
    // CXX may be more than a program: "ccache g++".
    const [compiler, ...first] = (process.env.CXX ?? "c++").split(" ");
    execFileSync(compiler, [...first, ...flags, source], { stdio: ["ignore", "inherit", "inherit"] });
    const print = (what) => execFileSync(program, [what], { encoding: "utf8" });
    return new Map([
      ["lib/abi.ts", print("abi")],
      ["lib/layout.ts", print("layout")],
    ]);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes("--check");
  for (const [path, text] of layoutFiles()) {
    if (current(path) === text) continue;
    if (check) {
      console.error(`${path} is stale: run npm run generate`);
      process.exitCode = 1;
    } else {
      writeFileSync(join(root, path), text);
      console.error(`wrote ${path}`);
    }
  }
}

function current(path) {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return undefined;
  }
}
