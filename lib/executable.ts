/**
 * What kind of program a file is, as far as running it with a preloaded library goes.
 *
 * The system itself runs programs; this file only looks early, so that people are told what a program would fail
 * on, or what would silently leave the library out.
 */

import { accessSync, closeSync, constants, openSync, readFileSync, readSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { NmError } from "./errors.js";
import { native } from "./native.js";

/**
 * The file that the system would run for `program`: itself where it has a slash, else the first of that name in
 * PATH.
 *
 * @throws {NmError} PROGRAM_NOT_FOUND, PROGRAM_NOT_EXECUTABLE
 */
export function findProgram(program: string, path = process.env.PATH ?? ""): string {
  if (program.includes("/")) {
    const reason = unusable(program);
    if (reason === undefined) return program;
    if (reason === missing) throw new NmError("PROGRAM_NOT_FOUND", { program, reason });
    throw new NmError("PROGRAM_NOT_EXECUTABLE", { program, path: program, reason });
  }
  const places = path.split(delimiter).map((directory) => join(directory || ".", program));
  const found = program === "" ? undefined : places.find((place) => unusable(place) === undefined);
  if (found === undefined) {
    throw new NmError("PROGRAM_NOT_FOUND", {
      program,
      reason: "no directory of PATH has a program of this name",
    });
  }
  return found;
}

const missing = "there is no such file";

/** Why the system would not run the file at all. */
function unusable(path: string): string | undefined {
  try {
    const file = statSync(path, { throwIfNoEntry: false });
    if (!file) return missing;
    if (!file.isFile()) return "it is not a file";
    accessSync(path, constants.X_OK);
  } catch {
    // A directory on the way may be closed to this user: the system would look further too.
    return "it is not marked as executable, or not for this user";
  }
  return undefined;
}

/**
 * Looks whether a library can be preloaded into what runs when `path` is run: a program, or a script's
 * interpreter.
 *
 * @throws {NmError} PROGRAM_STATIC, PROGRAM_PRIVILEGED, PROGRAM_FOREIGN, PROGRAM_NOT_EXECUTABLE
 */
export function checkPreloadable(program: string, path: string): void {
  const seen = new Set<string>();
  for (let file = path; !seen.has(file); ) {
    seen.add(file);
    const start = readStart(program, file);
    const interpreter = scriptInterpreter(start);
    if (interpreter === undefined) {
      checkElf(program, file, start);
      return;
    }
    if (unusable(interpreter) !== undefined) {
      const reason = `its first line names "${interpreter}", which cannot be run`;
      throw new NmError("PROGRAM_NOT_EXECUTABLE", { program, path: file, reason });
    }
    // A script's own set-user-ID bits are ignored by the system.
    file = interpreter;
  }
}

function readStart(program: string, path: string): Buffer {
  const start = Buffer.alloc(4096);
  try {
    const file = openSync(path, "r");
    try {
      return start.subarray(0, readSync(file, start, 0, start.length, 0));
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const reason = `it cannot be read: ${(error as Error).message}`;
    throw new NmError("PROGRAM_NOT_EXECUTABLE", { program, path, reason }, { cause: error });
  }
}

/** "#!/usr/bin/env python3" names /usr/bin/env. */
function scriptInterpreter(start: Buffer): string | undefined {
  const line = /^#![ \t]*([^\s]+)/.exec(start.toString("latin1"));
  return line?.[1];
}

/** What of the ELF format is looked at: an interpreter is the dynamic loader, which a static program has none of. */
const elf = { class64: 2, littleEndian: 1, programInterpreter: 3, headerBytes: 64, segmentBytes: 56 };

const machines: Readonly<Record<string, number>> = {
  x64: 62,
  arm64: 183,
  riscv64: 243,
  ppc64: 21,
  s390x: 22,
};

function checkElf(program: string, path: string, start: Buffer): void {
  if (start.length < elf.headerBytes || start.toString("latin1", 0, 4) !== "\x7fELF") {
    const reason = "it is neither a program nor a script that names its interpreter";
    throw new NmError("PROGRAM_NOT_EXECUTABLE", { program, path, reason });
  }
  const machine = start.readUInt16LE(18);
  const fits =
    start[4] === elf.class64 && start[5] === elf.littleEndian && machine === machines[process.arch];
  if (!fits) {
    throw new NmError("PROGRAM_FOREIGN", { program, path, reason: "is built for another kind of processor" });
  }
  const loader = dynamicLoader(start);
  if (loader === undefined) throw new NmError("PROGRAM_STATIC", { program, path });
  const ours = dynamicLoader(readStart(program, process.execPath));
  if (ours !== undefined && isMusl(loader) !== isMusl(ours)) {
    const reason = `uses another C library (${loader}) than the one this package is built for`;
    throw new NmError("PROGRAM_FOREIGN", { program, path, reason });
  }
  const privileged = privileges(path);
  if (privileged) throw new NmError("PROGRAM_PRIVILEGED", { program, path, privileged });
}

/** The loader that an ELF file names in a segment of its own. Files keep both near their start. */
function dynamicLoader(start: Buffer): string | undefined {
  const segments = Number(start.readBigUInt64LE(32));
  const count = start.readUInt16LE(56);
  for (let i = 0; i < count; i++) {
    const at = segments + i * elf.segmentBytes;
    if (at + elf.segmentBytes > start.length) return undefined;
    if (start.readUInt32LE(at) !== elf.programInterpreter) continue;
    const from = Number(start.readBigUInt64LE(at + 8));
    const size = Number(start.readBigUInt64LE(at + 32));
    return start.toString("latin1", from, from + size).replace(/\0.*$/s, "");
  }
  return undefined;
}

function isMusl(loader: string): boolean {
  return loader.includes("ld-musl");
}

/** Bits of a file's mode, for which node:fs has no names. */
const [setUserId, setGroupId] = [0o4000, 0o2000];

/** What the program would be more than its user, in words. The system then lets nothing be loaded into it. */
function privileges(path: string): string | undefined {
  const { mode, uid, gid } = statSync(path);
  const gained =
    (mode & setUserId) !== 0 && uid !== process.geteuid?.()
      ? "is set-user-ID"
      : (mode & setGroupId) !== 0 && gid !== process.getegid?.()
        ? "is set-group-ID"
        : process.getuid?.() !== 0 && native().hasCapabilities(path)
          ? "has file capabilities"
          : undefined;
  return gained && !losesPrivileges() ? gained : undefined;
}

/** Whether the system gives nothing of that kind to this process, as in many containers. */
function losesPrivileges(): boolean {
  return /^NoNewPrivs:\s*1$/m.test(readFileSync("/proc/self/status", "latin1"));
}
