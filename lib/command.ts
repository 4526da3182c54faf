/**
 * A command is a description and a `run`.
 *
 * The parser (arguments.ts), --help (help.ts), the manual (manual.ts) and shell completion (completion.ts)
 * all read the one object that `command()` returns, and the types of what `run` receives follow from it too.
 * This file knows what a description looks like; it reads no command line and prints nothing.
 */

import type { Logger } from "pino";
import type { Output } from "./output.js";

/** One argument, by its place on the command line. The name it is declared under is shown in capitals. */
export interface Positional {
  readonly type: "string";
  readonly describe: string;
  readonly demandOption?: boolean;
  readonly choices?: readonly string[];
  /** It and everything after it, options too, is not read any further; `run` gets a list. Only the last may be so. */
  readonly rest?: boolean;
  /** It takes all arguments that are left, and `run` gets a list. Only the last may be so. */
  readonly array?: boolean;
}

interface AnyOption {
  /** A sentence of what it does, without a full stop. */
  readonly describe: string;
  /** The letter that netmap's tools use for it. */
  readonly alias?: string;
  /** The heading that --help and the manual list it under. */
  readonly group?: string;
}

interface ValueOption extends AnyOption {
  /** What stands for the value in --help: PORT, FILE, SECONDS. FILE also completes to file names. */
  readonly value?: string;
  readonly demandOption?: boolean;
  /** It may be given several times, and `run` gets a list. */
  readonly array?: boolean;
  /** The environment variable that is read where the option is not given. */
  readonly env?: string;
}

export interface StringOption extends ValueOption {
  readonly type: "string";
  readonly default?: string;
  readonly choices?: readonly string[];
}

/** A number in any form that lib/number.ts reads: 10M, 1.5k, 64Ki. */
export interface NumberOption extends ValueOption {
  readonly type: "number";
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
  /** Only whole numbers, unless this is false. */
  readonly integer?: boolean;
}

/** On where it is given. */
export interface BooleanOption extends AnyOption {
  readonly type: "boolean";
}

/** How often it is given: -vv is 2. */
export interface CountOption extends AnyOption {
  readonly type: "count";
}

export type Option = StringOption | NumberOption | BooleanOption | CountOption;

/** Options by their names in the program; `expectRate` is written --expect-rate. */
export type Options = Readonly<Record<string, Option>>;
export type Positionals = Readonly<Record<string, Positional>>;

type OneValue<O> = O extends { type: "number" | "count" }
  ? number
  : O extends { type: "boolean" }
    ? boolean
    : O extends { choices: readonly (infer Choice)[] }
      ? Choice
      : string;

type Value<O> = O extends { array: true } | { rest: true }
  ? readonly OneValue<O>[]
  : O extends { demandOption: true } | { default: string | number } | { type: "boolean" | "count" }
    ? OneValue<O>
    : OneValue<O> | undefined;

/** What `run` receives for a command's positionals and options, and --json, which every command has. */
export type Arguments<P extends Positionals, O extends Options> = {
  readonly [Name in keyof P]: Value<P[Name]>;
} & {
  readonly [Name in keyof O]: Value<O[Name]>;
} & { readonly json: boolean };

/** What a command may use of the world around it. */
export interface Context {
  readonly out: Output;
  /** Goes to stderr as JSON lines. NM_LOG sets the level, else each --verbose adds one to "warn". */
  readonly log: Logger;
  /** Fires at SIGINT and SIGTERM, and when whoever reads stdout has gone: stop, print the figures, return. */
  readonly signal: AbortSignal;
  /** True where `signal` fired because of the user, rather than a closed stdout. */
  readonly interrupted: () => boolean;
}

interface Description<P extends Positionals, O extends Options> {
  readonly name: string;
  /** A few words that fit on a line of `nm --help`, without a full stop. */
  readonly summary: string;
  /** Paragraphs for --help and the manual, separated by empty lines. */
  readonly details: string;
  readonly positionals?: P;
  readonly options?: O;
  /** Command lines that work as they stand, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  readonly run: (args: Arguments<P, O>, context: Context) => Promise<void> | void;
}

/** A command as the parser, the help and the manual see it: nothing is optional, and types are gone. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly details: string;
  readonly positionals: Positionals;
  readonly options: Options;
  readonly examples: readonly (readonly [line: string, does: string])[];
  readonly run: (args: never, context: Context) => Promise<void> | void;
}

/** Options that every command has. */
export const globalOptions = {
  json: { type: "boolean", describe: "Print one JSON object per line instead of text" },
  help: { type: "boolean", describe: "Show this help" },
} as const satisfies Options;

/** For commands that open ports. */
export const backendOption = {
  type: "string",
  choices: ["auto", "kernel", "embedded"],
  default: "auto",
  env: "NM_BACKEND",
  describe: "Use the kernel module, the embedded engine, or whichever works, the kernel module first",
} as const satisfies StringOption;

/** For commands that open ports: what `@driver=` in a port's name says for that port alone. */
export const driverOption = {
  type: "string",
  value: "NAME",
  env: "NM_DRIVER",
  describe:
    "Open network interfaces with this driver of the embedded engine, not with the best that works: xdp-live, af-xdp (or " +
    "af-xdp-zero-copy, af-xdp-native, af-xdp-generic), af-packet",
} as const satisfies StringOption;

/** For commands that report while they run. */
export const intervalOption = {
  type: "number",
  alias: "T",
  value: "MS",
  default: 1000,
  min: 10,
  max: 2 ** 31 - 1,
  describe: "Report the rate this often",
} as const satisfies NumberOption;

/** For commands that have more to tell than they print by default. */
export const verboseOption = {
  type: "count",
  alias: "v",
  describe: "Log more of what happens; twice for still more",
} as const satisfies CountOption;

export function command<
  const P extends Positionals = Record<never, never>,
  const O extends Options = Record<never, never>,
>(description: Description<P, O>): Command {
  const { positionals = {}, options = {} } = description;
  return { ...description, positionals, options: { ...options, ...globalOptions } };
}

/** `expectRate` is written --expect-rate. */
export function longName(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What stands for an option's value in --help: PORT, N, or the choices. */
export function valueName(option: Option): string | undefined {
  if (option.type === "boolean" || option.type === "count") return undefined;
  if (option.value) return option.value;
  if (option.type === "number") return "N";
  return option.choices ? option.choices.join("|") : "TEXT";
}
