/**
 * The program: finds the command, reads its arguments, runs it, and turns how that ended into words and an
 * exit status.
 *
 * Everything a command may need is imported when it is needed, because most of what people type is short:
 * --help, a spec to explain, an error to correct.
 */

import type { Command, Context } from "./command.js";
import { ExpectationFailed, errorLine, exitStatus, Interrupted, NmError } from "./errors.js";
import { checkLogLevel, createLog } from "./log.js";
import { Output, paintFor } from "./output.js";
import { packageVersion } from "./package.js";
import { closest } from "./text.js";

/** Commands by name, each loaded when it is asked for. */
type Commands = Readonly<Record<string, () => Promise<{ default: Command }>>>;

/** Runs nm with the words after its name, and ends the process. */
export async function main(words: readonly string[], known: Commands): Promise<never> {
  // A reader of stderr who has gone misses nothing that could still be told to him.
  process.stderr.on("error", () => {});
  const out = new Output(process.stdout, await paintFor(process.stdout));

  let status = await statusOf(out, words, known);
  const failure = await out.flush();
  if (failure && status === exitStatus.done) {
    status = await reportError(out, words, known, new NmError("OUTPUT_FAILED", { reason: failure.message }));
  }
  process.exit(status);
}

async function statusOf(out: Output, words: readonly string[], known: Commands): Promise<number> {
  try {
    await runWords(out, words, known);
    return exitStatus.done;
  } catch (error) {
    if (error instanceof Interrupted) return exitStatus.interrupted;
    return await reportError(out, words, known, error);
  }
}

async function runWords(out: Output, words: readonly string[], known: Commands): Promise<void> {
  const [name = "--help", ...rest] = words;
  if (name === "--version") return out.print(packageVersion());
  if (name === "--help" || name === "-h") return runCommand(out, await loadCommand("help", known), rest);
  await runCommand(out, await loadCommand(name, known), rest);
}

/** The command of that name, or the error that says which one was meant. */
async function loadCommand(name: string, known: Commands): Promise<Command> {
  const load = Object.hasOwn(known, name) ? known[name] : undefined;
  if (!load) {
    throw new NmError("UNKNOWN_COMMAND", {
      command: name,
      suggestion: closest(name, Object.keys(known)),
    });
  }
  return (await load()).default;
}

async function runCommand(out: Output, command: Command, words: readonly string[]): Promise<void> {
  const asked = await optionsOf(command, words);
  if (asked.includes("--version")) return out.print(packageVersion());
  if (asked.includes("--help") || (asked.includes("-h") && !hasLetter(command, "h"))) {
    const { commandHelp } = await import("./help.js");
    return out.print(commandHelp(command, out));
  }

  checkLogLevel();
  const { readArguments } = await import("./arguments.js");
  const args = await readArguments(command, words);
  const run = command.run as (args: unknown, context: Context) => Promise<void> | void;
  await run(args, contextFor(out, typeof args.verbose === "number" ? args.verbose : 0));
}

/** Words that can be options of the command, which may leave what follows an argument to that argument. */
async function optionsOf(command: Command, words: readonly string[]): Promise<readonly string[]> {
  const takesRest = Object.values(command.positionals).some(({ rest }) => rest);
  return takesRest ? (await import("./arguments.js")).ownWords(command, words) : optionsIn(words);
}

/** Words that can be options: those before a "--". */
function optionsIn(words: readonly string[]): readonly string[] {
  const end = words.indexOf("--");
  return end === -1 ? words : words.slice(0, end);
}

function hasLetter(command: Command, letter: string): boolean {
  return Object.values(command.options).some(({ alias }) => alias === letter);
}

function contextFor(out: Output, verbose: number): Context {
  const stopped = stopSignal();
  let log: Context["log"] | undefined;
  return {
    out,
    signal: AbortSignal.any([stopped, out.closed]),
    interrupted: () => stopped.aborted,
    get log() {
      log ??= createLog(verbose);
      return log;
    },
  };
}

/** Fires at the first SIGINT or SIGTERM. The second ends the program at once, whatever it is waiting for. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(exitStatus.interrupted);
      stop.abort();
    });
  }
  return stop.signal;
}

/** Prints what went wrong on stderr, and on stdout too where JSON was asked for. Gives the exit status. */
async function reportError(
  out: Output,
  words: readonly string[],
  known: Commands,
  error: unknown,
): Promise<number> {
  const [name = "", ...rest] = words;
  const load = Object.hasOwn(known, name) ? known[name] : undefined;
  const program = load ? `nm ${name}` : "nm";
  if (error instanceof ExpectationFailed) {
    for (const line of error.message.split("\n")) process.stderr.write(`${program}: ${line}\n`);
    return exitStatus.expectationFailed;
  }

  const failure = error instanceof NmError ? error : internalError(error);
  const lines = [`${program}: ${failure.message}`];
  if (failure.hint) lines.push(" ".repeat(program.length + 2) + failure.hint);
  process.stderr.write(`${lines.join("\n")}\n`);
  const asked = load ? await optionsOf((await load()).default, rest) : optionsIn(words);
  if (asked.includes("--json")) out.json(errorLine(failure));
  return failure.exit;
}

function internalError(error: unknown): NmError {
  if (process.env.NM_LOG === "debug" && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return new NmError("INTERNAL", { reason: error instanceof Error ? error.message : String(error) });
}
