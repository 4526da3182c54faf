/**
 * A cursor is the place in a port spec that has been read so far. What goes wrong there becomes the one error
 * that every part of the grammar reports: where, what was found, what was expected, and a form that works.
 */

import { NmError } from "./errors.js";

/** What is wrong at one place of the text. */
export interface Fault {
  readonly expected: string;
  /** A whole spec that would work: what was read so far, completed. */
  readonly form: string;
  /** Where, if not where the cursor stands. */
  readonly at?: number;
  /** What stands there, if more than one character. */
  readonly found?: string | undefined;
  /** What else the user may have meant, after "or". */
  readonly or?: string | undefined;
}

/** A place in the text that moves from left to right. */
export class Cursor {
  constructor(
    readonly text: string,
    readonly interfaceExists: (name: string) => boolean,
    public at = 0,
    /** The text that errors quote, where `text` is only its beginning. */
    readonly whole = text,
  ) {}

  /** The character under the cursor, or "" at the end. */
  get next(): string {
    return this.character(this.at);
  }

  character(at: number): string {
    const code = this.text.codePointAt(at);
    return code === undefined ? "" : String.fromCodePoint(code);
  }

  /** Moves past `expected` if it stands here. */
  skip(expected: string): boolean {
    const found = this.text.startsWith(expected, this.at);
    if (found) this.at += expected.length;
    return found;
  }

  /** Moves past what a sticky pattern matches here, which may be nothing, and gives it. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.text) ?? [""];
    this.at += found.length;
    return found;
  }

  before(at = this.at): string {
    return this.text.slice(0, at);
  }

  fail(fault: Fault): never {
    const position = fault.at ?? this.at;
    const found = printable(fault.found ?? this.character(position));
    const reason =
      found === ""
        ? `${fault.expected} is missing${lastWord(this.before(position))}`
        : `found "${found}" at position ${position}, expected ${fault.expected}`;
    const hint = `write it as ${fault.form}${fault.or ? `, or ${fault.or}` : ""}`;
    const text = printable(this.whole);
    throw new NmError("PORT_SYNTAX", { text, reason, position, found, expected: fault.expected, hint });
  }
}

/** What a missing thing is missing after: the last word, or the end of a long one, or the last sign. */
function lastWord(before: string): string {
  const [, word] = /(\w+|\W)$/u.exec(before.slice(-20)) ?? [];
  return word === undefined ? "" : ` after "${word}"`;
}

/** Text that can be shown on a terminal: control characters and broken UTF-16 are escaped. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** For places where a separator may have been meant as part of an interface's name. */
export function quoteAdvice(cursor: Cursor): string | undefined {
  return cursor.text.includes('"') ? undefined : `put an interface's name in quotes: netmap:"NAME"`;
}

/** A request cannot hold broken UTF-16 or a zero byte, and no interface name holds the others. */
export function refuseControlCharacters(cursor: Cursor): void {
  const at = cursor.text.search(/[\p{Cc}\p{Cs}]/u);
  if (at !== -1) cursor.fail({ at, expected: "a printable character", form: "netmap:NAME" });
}
