/**
 * Every failure a user can see, in one table.
 *
 * A row's name is the code that scripts match on, so it never changes. `exit` is the status the program ends
 * with: 1 it did not work, 2 the command line was wrong. `says` is the line printed on stderr: what we were
 * doing, a colon, why it did not work. `hint` is the next thing to try; it is omitted only where there is
 * nothing to try. The details a row asks for are also the extra fields of the JSON error line.
 * The table also feeds the ERRORS section of nm(1).
 */

/** What the program's exit status says. Scripts rely on it. */
export const exitStatus = {
  done: 0,
  failed: 1,
  wrongCommandLine: 2,
  expectationFailed: 3,
  interrupted: 130,
} as const;

/** What a row may know about one failure. Names are snake_case, because they are printed as JSON. */
type Fields = Record<string, string | number | null | undefined>;

interface Row {
  readonly exit: 1 | 2;
  readonly says: (details: never) => string;
  readonly hint?: string | ((details: never) => string);
}

const table = {
  UNKNOWN_COMMAND: {
    exit: 2,
    says: (d: { command: string; suggestion?: string | undefined }) =>
      `nm has no command "${d.command}" in this version`,
    hint: (d: { suggestion?: string | undefined }) =>
      d.suggestion ? `Did you mean "nm ${d.suggestion}"?` : '"nm --help" lists the commands',
  },
  UNKNOWN_OPTION: {
    exit: 2,
    says: (d: { option: string; command: string; suggestion?: string | undefined }) =>
      `Cannot read ${d.option}: ${d.command} has no such option`,
    hint: (d: { command: string; suggestion?: string | undefined }) =>
      d.suggestion ? `Did you mean ${d.suggestion}?` : `"nm ${d.command} --help" lists the options`,
  },
  OPTION_VALUE: {
    exit: 2,
    says: (d: { option: string; text: string; expected: string; example: string }) =>
      `Cannot read ${d.option} "${d.text}": expected ${d.expected}`,
    hint: (d: { example: string }) => `Write it as ${d.example}`,
  },
  OPTION_NEEDS_VALUE: {
    exit: 2,
    says: (d: { option: string; expected: string; example: string }) =>
      `Cannot read ${d.option}: it needs ${d.expected} after it`,
    hint: (d: { example: string }) => `Write it as ${d.example}`,
  },
  OPTION_TAKES_NO_VALUE: {
    exit: 2,
    says: (d: { option: string; text: string }) => `Cannot read ${d.option} "${d.text}": it takes no value`,
    hint: (d: { option: string }) => `Write ${d.option} alone, or leave it out`,
  },
  OPTION_TWICE: {
    exit: 2,
    says: (d: { option: string }) => `Cannot read ${d.option}: it is given more than once`,
    hint: (d: { option: string }) => `Keep one ${d.option}`,
  },
  OPTION_MISSING: {
    exit: 2,
    says: (d: { option: string; command: string; example: string }) =>
      `Cannot run ${d.command}: ${d.option} is missing`,
    hint: (d: { example: string }) => `For example: ${d.example}`,
  },
  ARGUMENT_MISSING: {
    exit: 2,
    says: (d: { argument: string; command: string; example: string }) =>
      `Cannot run ${d.command}: ${d.argument} is missing`,
    hint: (d: { example: string }) => `For example: ${d.example}`,
  },
  ARGUMENT_VALUE: {
    exit: 2,
    says: (d: { argument: string; text: string; expected: string; command: string }) =>
      `Cannot read ${d.argument} "${d.text}": expected ${d.expected}`,
    hint: (d: { command: string }) => `"nm ${d.command} --help" says more`,
  },
  ARGUMENT_UNEXPECTED: {
    exit: 2,
    says: (d: { text: string; command: string; takes: string }) =>
      `Cannot read "${d.text}": ${d.command} takes ${d.takes}`,
    hint: (d: { command: string }) => `"nm ${d.command} --help" shows how to write it`,
  },
  PORT_SYNTAX: {
    exit: 2,
    says: (d: {
      text: string;
      reason: string;
      position: number;
      found: string;
      expected: string;
      hint: string;
    }) => `Cannot read port "${d.text}": ${d.reason}`,
    hint: (d: { hint: string }) => d.hint,
  },
  PORT_IS_TAP: {
    exit: 2,
    says: (d: { port: string; name: string }) =>
      `Cannot open port "${d.port}" through netmap: a tap device has no rings`,
    hint: (d: { name: string }) => `netmap:${d.name} opens the interface's rings`,
  },
  OUTPUT_FAILED: {
    exit: 1,
    says: (d: { reason: string }) => `Cannot write to stdout: ${d.reason}`,
    hint: "Free some space there, or send the output somewhere else",
  },
  INTERNAL: {
    exit: 1,
    says: (d: { reason: string }) => `Cannot go on: ${d.reason}`,
    hint: "This is a fault of nm; NM_LOG=debug shows where it happened",
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof table;
export type ErrorDetails<Code extends ErrorCode> = Parameters<(typeof table)[Code]["says"]>[0];

export const errorCodes = Object.keys(table) as ErrorCode[];

export class NmError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = "NmError";
  readonly exit: 1 | 2;
  readonly hint: string | undefined;

  constructor(
    readonly code: Code,
    readonly details: ErrorDetails<Code>,
    options?: ErrorOptions,
  ) {
    const row: Row = table[code];
    super(row.says(details as never), options);
    this.exit = row.exit;
    this.hint = typeof row.hint === "function" ? row.hint(details as never) : row.hint;
  }
}

/**
 * The run worked, and what it found is not what an --expect option asked for. The command has printed its
 * figures; the program prints this message and ends with status 3.
 */
export class ExpectationFailed extends Error {
  override readonly name = "ExpectationFailed";
}

/**
 * The user stopped the run before the count that was asked for. The command has printed its figures; the
 * program ends with status 130 and adds nothing.
 */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** The error as the one line that --json prints on stdout. */
export function errorLine(error: NmError): { readonly type: "error" } & Readonly<Record<string, unknown>> {
  const { code, message, hint } = error;
  return { type: "error", code, message, hint: hint ?? null, ...(error.details as Fields) };
}

/** How the manual describes an error: its row filled with the names of its details instead of their values. */
export function describeError(code: ErrorCode): { exit: number; says: string; hint: string | undefined } {
  const row: Row = table[code];
  const names = new Proxy({}, { get: (_, name) => String(name).toUpperCase() }) as never;
  const hint = typeof row.hint === "function" ? row.hint(names) : row.hint;
  return { exit: row.exit, says: row.says(names), hint };
}
