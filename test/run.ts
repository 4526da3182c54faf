/** Runs the programs of this package as a user would. */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The package's root; this file runs from dist/test/. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

// A test that names no namespace gets this one, and not the user's, in which anything may be.
const namespace = mkdtempSync("/dev/shm/nm-test-");
process.on("exit", () => rmSync(namespace, { recursive: true, force: true }));
process.env.NM_DIR = namespace;

/** How many times as long as usual a run may take: emulated processors are some ten times slower. */
export const patience = Number(process.env.NM_TEST_PATIENCE ?? 1);

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The longest that the program may take. One that takes longer is killed, and its status is null. */
  readonly timeoutMs?: number;
}

/** Runs `nm` with these words and waits for its end. */
export function nm(...words: string[]): Promise<Run> {
  return nmWith({}, ...words);
}

/** Runs `nm` in an environment of its own. */
export function nmWith(options: RunOptions, ...words: string[]): Promise<Run> {
  return program("nm", words, options);
}

/** Runs any program that package.json names. */
export function program(name: string, words: readonly string[], options: RunOptions = {}): Promise<Run> {
  return finished(process.execPath, [programFile(name), ...words], options);
}

/** Where the program is that package.json gives this name. */
export function programFile(name: string): string {
  const path = packageFile().bin[name];
  if (path === undefined) throw new Error(`package.json has no program ${name}`);
  return root + path;
}

export function packageFile(): { readonly version: string; readonly bin: Readonly<Record<string, string>> } {
  return JSON.parse(readFileSync(`${root}package.json`, "utf8"));
}

/** Runs a line of bash, in which "nm" is this package's. */
export function bash(line: string): Promise<Run> {
  const functions = `nm() { "${process.execPath}" "${programFile("nm")}" "$@"; }`;
  return finished("bash", ["-c", `set -o pipefail; ${functions}; ${line}`], {});
}

/** Runs a file to its end. */
export function finished(file: string, args: readonly string[], options: RunOptions): Promise<Run> {
  return new Promise((done, failed) => {
    const child = spawn(file, args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: (options.timeoutMs ?? 60_000) * patience,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("error", failed);
    child.on("close", (status) => done({ status, stdout, stderr }));
  });
}
