/**
 * Reads a command line by a command's description.
 *
 * yargs-parser splits the words; it is the parser of yargs, whose other parts we would not use and which
 * would treble the start-up time. Left alone it makes a number of anything, gives a list for an option that
 * is given twice and nothing for one without its value, takes --no-x for --x=0 and keeps what it does not
 * know. The corrections are here, so that a command gets what its description says or does not run at all.
 */

import type { Command, NumberOption, Option, Positional } from "./command.js";
import { longName, valueName } from "./command.js";
import { NmError } from "./errors.js";
import { readNumber } from "./number.js";
import { closest } from "./text.js";

/** What `run` receives, by the names in the description. */
export type Values = Record<string, string | number | boolean | readonly (string | number)[] | undefined>;

type Environment = Readonly<Record<string, string | undefined>>;

export async function readArguments(
  command: Command,
  words: readonly string[],
  environment: Environment = process.env,
): Promise<Values> {
  const { default: parse } = await import("yargs-parser");
  const { _: operands, ...given } = parse(spellOut(command, words), {
    string: Object.entries(command.options).flatMap(([name, option]) => (takesValue(option) ? [name] : [])),
    boolean: namesOfType(command, "boolean"),
    count: namesOfType(command, "count"),
    configuration: {
      "boolean-negation": false,
      "camel-case-expansion": false,
      "dot-notation": false,
      "parse-numbers": false,
      "parse-positional-numbers": false,
    },
  });

  return {
    ...readPositionals(command, operands.map(String)),
    ...Object.fromEntries(
      Object.entries(command.options).map(([name, option]) => [
        name,
        readOption(command, name, option, given[name], environment),
      ]),
    ),
  };
}

/**
 * The words that are the command's own: not those that a positional with `rest` takes as they are, nor what
 * follows a "--".
 */
export function ownWords(command: Command, words: readonly string[]): readonly string[] {
  let operands = 0;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    if (word === "--") return words.slice(0, i);
    if (!looksLikeOption(command, word)) {
      if (operands++ === restPlace(command)) return words.slice(0, i);
    } else if (Object.entries(command.options).some((entry) => takesNextWord(entry, word))) {
      i++;
    }
  }
  return words;
}

function takesNextWord([name, option]: [string, Option], word: string): boolean {
  return takesValue(option) && (word === longName(name) || word === `-${option.alias}`);
}

/** How many positionals stand before the one that takes the rest; -1 when there is none. */
function restPlace(command: Command): number {
  return Object.values(command.positionals).findIndex(({ rest }) => rest);
}

/**
 * Writes every option by its name in the description, as --name=value or --name=true, which yargs-parser
 * cannot misread. Letters may be written as getopt allows: -ftx, -f tx, -vv, -Wf tx, and -4 where it is declared.
 */
function spellOut(command: Command, words: readonly string[]): string[] {
  const spelled: string[] = [];
  const rest = [...words];
  let operands = 0;

  const take = (name: string, attached: string | undefined) => {
    const option = optionNamed(command, name);
    if (!takesValue(option)) {
      if (attached !== undefined) {
        throw new NmError("OPTION_TAKES_NO_VALUE", { option: longName(name), text: attached });
      }
      spelled.push(`--${name}=true`);
      return;
    }
    const next = rest[0];
    const value = attached ?? (next !== undefined && !looksLikeOption(command, next) ? rest.shift() : "");
    // An empty value is what an unset shell variable leaves behind. No option has a use for one.
    if (value === undefined || value === "") {
      throw new NmError("OPTION_NEEDS_VALUE", { option: longName(name), ...expectation(name, option) });
    }
    // yargs-parser takes a pair of quotes off a value. It gets these, and leaves the user's.
    spelled.push(`--${name}="${value}"`);
  };

  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") return [...spelled, word, ...rest];
    if (!looksLikeOption(command, word)) {
      if (operands++ === restPlace(command)) return [...spelled, "--", word, ...rest];
      spelled.push(word);
    } else if (word.startsWith("--")) {
      const equals = word.indexOf("=");
      const written = equals === -1 ? word : word.slice(0, equals);
      take(nameOf(command, written), equals === -1 ? undefined : word.slice(equals + 1));
    } else {
      takeLetters(command, word, take);
    }
  }
  return spelled;
}

/** -vW is -v -W; the first letter whose option takes a value takes all that follows it. */
function takeLetters(
  command: Command,
  word: string,
  take: (name: string, attached: string | undefined) => void,
): void {
  for (let i = 1; i < word.length; i++) {
    const name = nameOf(command, `-${word[i]}`);
    const following = word.slice(i + 1);
    const takesRest = takesValue(optionNamed(command, name));
    take(name, takesRest && following !== "" ? following : undefined);
    if (takesRest) return;
  }
}

/** "-" is a file name by custom, and -5 is a number unless a command declares it. */
function looksLikeOption(command: Command, word: string): boolean {
  if (!word.startsWith("-") || word === "-") return false;
  return !/^-[\d.]/.test(word) || letters(command).has(word.slice(1, 2));
}

function letters(command: Command): Set<string | undefined> {
  return new Set(Object.values(command.options).map((option) => option.alias));
}

/** The name in the description of an option as written, -b or --burst. */
function nameOf(command: Command, written: string): string {
  const known = Object.entries(command.options).flatMap(([name, { alias }]) => [
    [longName(name), name] as const,
    ...(alias ? [[`-${alias}`, name] as const] : []),
  ]);
  const found = known.find(([form]) => form === written);
  if (found) return found[1];

  const long = known.map(([form]) => form).filter((form) => form.startsWith("--"));
  const suggestion = written.startsWith("--") ? closest(written.replace(/^--no-/, "--"), long) : undefined;
  throw new NmError("UNKNOWN_OPTION", { option: written, command: command.name, suggestion });
}

function readOption(
  command: Command,
  name: string,
  option: Option,
  given: unknown,
  environment: Environment,
): Values[string] {
  if (option.type === "boolean") return given !== undefined;
  if (option.type === "count") return typeof given === "number" ? given : 0;

  const texts = given === undefined ? [] : [given].flat().map(String);
  if (option.array) {
    if (texts.length === 0) requireOption(command, name, option);
    return texts.map((text) => readValue(longName(name), name, option, text));
  }
  if (texts.length > 1) throw new NmError("OPTION_TWICE", { option: longName(name) });

  if (texts[0] !== undefined) return readValue(longName(name), name, option, texts[0]);
  const inherited = option.env ? environment[option.env] : undefined;
  if (option.env && inherited) return readValue(option.env, name, option, inherited);
  if (option.default === undefined) requireOption(command, name, option);
  return option.default;
}

function requireOption(command: Command, name: string, option: Option): void {
  if (!("demandOption" in option) || !option.demandOption) return;
  const written = option.alias ? `-${option.alias}` : longName(name);
  throw new NmError("OPTION_MISSING", {
    option: `${written} ${valueName(option)}`,
    command: command.name,
    example: exampleOf(command),
  });
}

function readValue(source: string, name: string, option: Option, text: string): string | number {
  const value = option.type === "number" ? numberOf(option, text) : readChoice(option, text);
  if (value === undefined) {
    throw new NmError("OPTION_VALUE", { option: source, text, ...expectation(name, option) });
  }
  return value;
}

function readChoice(option: Option | Positional, text: string): string | undefined {
  const choices = "choices" in option ? option.choices : undefined;
  return !choices || choices.includes(text) ? text : undefined;
}

/** Nothing where it is no number, out of range, or broken where whole ones are asked. */
function numberOf(option: NumberOption, text: string): number | undefined {
  const number = readNumber(text);
  if (number === undefined || (option.integer !== false && !number.whole)) return undefined;
  const { min, max } = range(option);
  return number.value >= min && number.value <= max ? number.value : undefined;
}

function range(option: NumberOption): { min: number; max: number } {
  return { min: option.min ?? 0, max: option.max ?? Number.MAX_SAFE_INTEGER };
}

/** What an option's value should have been, in words and as one that would do. */
function expectation(name: string, option: Option): { expected: string; example: string } {
  const { expected, sample } = wanted(option);
  return { expected, example: `${longName(name)} ${sample}` };
}

function wanted(option: Option): { expected: string; sample: string } {
  if (option.type === "number") {
    const { min } = range(option);
    const kind = option.integer === false ? "a number" : "a whole number";
    const limits = option.max === undefined ? `of at least ${min}` : `from ${min} to ${option.max}`;
    return { expected: `${kind} ${limits}`, sample: String(option.default ?? Math.max(min, 1)) };
  }
  const choices = "choices" in option ? option.choices : undefined;
  if (choices) return { expected: oneOf(choices), sample: choices[0] ?? "" };
  return { expected: "a value", sample: valueName(option) ?? "" };
}

function oneOf(choices: readonly string[]): string {
  return choices.length === 1 ? `"${choices[0]}"` : `one of ${choices.join(", ")}`;
}

function readPositionals(command: Command, operands: readonly string[]): Values {
  const positionals = Object.entries(command.positionals);
  const takesAll = positionals.some(([, { rest, array }]) => rest || array);
  const unexpected = takesAll ? undefined : operands[positionals.length];
  if (unexpected !== undefined) {
    const names = positionals.map(([name]) => name.toUpperCase()).join(" and ");
    const takes = names === "" ? "options only" : `only ${names}`;
    throw new NmError("ARGUMENT_UNEXPECTED", { text: unexpected, command: command.name, takes });
  }

  return Object.fromEntries(
    positionals.map(([name, positional], i) => [
      name,
      positional.array || (positional.rest && operands.length > i)
        ? operands.slice(i)
        : readPositional(command, name, positional, operands[i]),
    ]),
  );
}

function readPositional(
  command: Command,
  name: string,
  positional: Positional,
  text: string | undefined,
): string | undefined {
  const argument = name.toUpperCase();
  if (text === undefined) {
    if (!positional.demandOption) return undefined;
    throw new NmError("ARGUMENT_MISSING", { argument, command: command.name, example: exampleOf(command) });
  }
  if (readChoice(positional, text) === undefined) {
    const expected = oneOf(positional.choices ?? []);
    throw new NmError("ARGUMENT_VALUE", { argument, text, expected, command: command.name });
  }
  return text;
}

function exampleOf(command: Command): string {
  return command.examples[0]?.[0] ?? `nm ${command.name} --help`;
}

function namesOfType(command: Command, type: Option["type"]): string[] {
  return Object.entries(command.options).flatMap(([name, option]) => (option.type === type ? [name] : []));
}

function optionNamed(command: Command, name: string): Option {
  const option = command.options[name];
  if (!option) throw new Error(`${command.name} has no option ${name}`);
  return option;
}

function takesValue(option: Option): boolean {
  return option.type === "string" || option.type === "number";
}
