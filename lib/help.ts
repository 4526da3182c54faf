/** What --help prints. It shows how to do things first, and then lists what there is. */

import { type Command, longName, type Option, type Positional, valueName } from "./command.js";
import type { Output } from "./output.js";
import { twoColumns, wrap } from "./text.js";

/** The page to lay out: its width and how it may be coloured. */
type Page = Pick<Output, "paint" | "width">;

/** nm --help. */
export function programHelp(commands: readonly Command[], page: Page): string {
  const { bold, cyan } = page.paint;
  return [
    "netmap's tools, with and without the netmap kernel module",
    "",
    `${bold("Usage:")} nm COMMAND [options]`,
    "",
    bold("Commands:"),
    ...twoColumns(
      commands.map(({ name, summary }) => [name, summary]),
      page.width,
      cyan,
    ),
    "",
    bold("Examples:"),
    ...commands.slice(0, 3).flatMap(({ examples }) => exampleLines(examples.slice(0, 1), page)),
    "",
    'More: "nm COMMAND --help" for one command, "man nm" for exit statuses, environment and errors',
  ].join("\n");
}

/** nm COMMAND --help. */
export function commandHelp(command: Command, page: Page): string {
  const { bold } = page.paint;
  const { positionals } = command;
  return [
    bold(command.summary),
    "",
    `${bold("Usage:")} ${usage(command)}`,
    "",
    bold("Examples:"),
    ...exampleLines(command.examples, page),
    "",
    ...wrap(command.details, page.width),
    ...section(
      "Arguments",
      Object.entries(positionals).map(([name, positional]) => [
        name.toUpperCase(),
        positionalText(positional),
      ]),
      page,
    ),
    ...optionGroups(command).flatMap(([heading, options]) =>
      section(
        heading,
        options.map(([name, option]) => [optionForms(name, option), optionText(option)]),
        page,
      ),
    ),
  ].join("\n");
}

/** nm port SPEC [options], with the options that must be there written out. */
export function usage(command: Command): string {
  const options = Object.entries(command.options).flatMap(([name, option]) =>
    "demandOption" in option && option.demandOption
      ? [`${option.alias ? `-${option.alias}` : longName(name)} ${valueName(option)}`]
      : [],
  );
  const positionals = Object.entries(command.positionals).map(([name, { demandOption, array }]) => {
    const form = array ? `${name.toUpperCase()}...` : name.toUpperCase();
    return demandOption ? form : `[${form}]`;
  });
  const takesRest = Object.values(command.positionals).some(({ rest }) => rest);
  const tail = takesRest ? ["[options]", ...positionals, "..."] : [...positionals, "[options]"];
  return ["nm", command.name, ...options, ...tail].join(" ");
}

/** Options by heading, in the order in which the headings first appear; those without one come last. */
export function optionGroups(command: Command): [heading: string, options: [string, Option][]][] {
  const groups = new Map<string, [string, Option][]>();
  const general: [string, Option][] = [];
  for (const [name, option] of Object.entries(command.options)) {
    if (!option.group) {
      general.push([name, option]);
      continue;
    }
    const group = groups.get(option.group) ?? [];
    groups.set(option.group, [...group, [name, option]]);
  }
  return [...groups, [groups.size > 0 ? "Other options" : "Options", general]];
}

/** -b, --burst N */
export function optionForms(name: string, option: Option): string {
  const letter = option.alias ? `-${option.alias}, ` : "    ";
  const value = valueName(option);
  return `${letter}${longName(name)}${value ? ` ${value}` : ""}`;
}

/** The description with the words that may stand there. */
export function positionalText({ describe, choices }: Positional): string {
  return choices ? `${describe} (${choices.join(", ")})` : describe;
}

/** The description with what can be said of the value: its range, its default, where else it is read from. */
export function optionText(option: Option): string {
  const facts = optionFacts(option);
  return facts.length > 0 ? `${option.describe} (${facts.join("; ")})` : option.describe;
}

function optionFacts(option: Option): string[] {
  if (option.type === "boolean" || option.type === "count") return [];
  const facts: string[] = [];
  if (option.type === "number" && option.max !== undefined) facts.push(`${option.min ?? 0} to ${option.max}`);
  if (option.array) facts.push("may be repeated");
  if (option.demandOption) facts.push("required");
  if (option.default !== undefined) facts.push(`default ${option.default}`);
  if (option.env) facts.push(`or ${option.env}`);
  return facts;
}

function exampleLines(examples: Command["examples"], page: Page): string[] {
  return examples.flatMap(([line, does]) => [
    `  ${page.paint.cyan(line)}`,
    ...wrap(does, page.width - 6).map((text) => `      ${text}`),
  ]);
}

function section(heading: string, rows: (readonly [string, string])[], page: Page): string[] {
  if (rows.length === 0) return [];
  return ["", page.paint.bold(`${heading}:`), ...twoColumns(rows, page.width, page.paint.cyan)];
}
