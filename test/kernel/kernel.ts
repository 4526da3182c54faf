/**
 * The kernel backend in tests: netmap's module where /dev/netmap is, and elsewhere nm's own embedded engine behind it, as
 * `nm run` serves any program that uses /dev/netmap. What nm does with the kernel is the same code either way.
 */

import { existsSync } from "node:fs";
import type { TestContext } from "node:test";
import { kernelDevice } from "../../lib/layout.js";
import { freshNamespace } from "../namespace.js";
import { programFile } from "../run.js";
import { type Started, startLine } from "../started.js";

export const hasModule = existsSync(kernelDevice);

export interface Kernel {
  /** Starts nm with these words and the kernel backend. */
  nm(...words: string[]): Started;
  /** Starts another program that meets the same ports. */
  program(...line: string[]): Started;
  /** Runs lines of JavaScript in which the library's names are, with top-level await. */
  library(lines: string): Started;
}

/** A kernel for one test: without the module, a namespace of its own. */
export function kernelFor(t: TestContext): Kernel {
  const environment = { NM_BACKEND: "kernel", NM_DIR: undefined };
  const namespace = hasModule ? "" : freshNamespace(t);
  const run = [process.execPath, programFile("nm"), "run", "--backend", "embedded", "--namespace", namespace];
  const program = (...line: string[]) => startLine(hasModule ? line : [...run, ...line], environment);
  return {
    program,
    nm: (...words) => program(process.execPath, programFile("nm"), ...words),
    library(lines) {
      const script = `const nm = await import(${JSON.stringify(libraryFile("index.js"))});\n${lines}`;
      return program(process.execPath, "--input-type=module", "-e", script);
    },
  };
}

/** A name that no other test has, for ports that all tests of a module meet. */
export function freshName(stem: string): string {
  return `${stem}${process.pid % 1000}${nextName++}`;
}

let nextName = 1;

/** Where a file of lib/ is, for scripts that import it. */
export function libraryFile(name: string): string {
  return new URL(`../../lib/${name}`, import.meta.url).href;
}
