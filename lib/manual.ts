/**
 * The manual pages, made from the commands' descriptions and the table of errors.
 *
 * man/ holds what this file prints; `npm run generate` prints it again and a test compares.
 */

import { type Command, globalOptions, type Option } from "./command.js";
import { describeError, errorCodes, exitStatus } from "./errors.js";
import { optionForms, optionGroups, optionText, positionalText, usage } from "./help.js";
import { packageVersion, programsFor } from "./package.js";

const exitMeanings: Readonly<Record<keyof typeof exitStatus, string>> = {
  done: "The work is done. A reader of stdout that went away early is no error.",
  failed: "It did not work; stderr says why and what to try.",
  wrongCommandLine: "The command line was wrong; nothing was done.",
  expectationFailed: "The work is done, and an --expect option did not hold.",
  interrupted: "The user stopped it before the count that was asked for.",
};

const environment: readonly (readonly [name: string, meaning: string])[] = [
  ["NM_BACKEND", "What --backend is where it is not given: auto, kernel or embedded."],
  [
    "NM_DIR",
    "The directory of the embedded engine's namespace, where the ports of one user's processes meet. The default " +
      "is /dev/shm/nm-UID, which only that user can open.",
  ],
  [
    "NM_LOG",
    "The level of the log on stderr: silent, fatal, error, warn (the default), info, debug or trace.",
  ],
  ["NO_COLOR", "When it is set to anything, nothing is coloured, not even on a terminal."],
];

/** Every page by its path. */
export function manualPages(commands: readonly Command[]): Map<string, string> {
  return new Map([
    ["man/nm.1", programPage(commands)],
    ...commands.map((command) => [`man/nm-${command.name}.1`, commandPage(command)] as const),
  ]);
}

/** nm(1). */
function programPage(commands: readonly Command[]): string {
  return page("nm", "netmap's tools, with and without the netmap kernel module", [
    heading("SYNOPSIS"),
    ".B nm",
    ".I COMMAND",
    "[options]",
    heading("DESCRIPTION"),
    ...paragraphs(
      "nm generates, receives, forwards and measures packets on the ports of netmap. Where the kernel has netmap it " +
        "uses it. Where it has not, an engine inside nm gives the same ports under the same names: VALE switches, " +
        "pipes, monitors and network cards.",
    ),
    heading("COMMANDS"),
    ...commands.flatMap(({ name, summary }) => item(`nm-${name}(1)`, `${summary}.`)),
    heading("OPTIONS"),
    ...Object.entries(globalOptions).flatMap(([name, option]) => optionItem(name, option)),
    ...item("--version", "Print the version."),
    heading("OUTPUT"),
    ...paragraphs(
      "What was asked for goes to stdout, everything else to stderr. With --json every line of stdout is one JSON " +
        'object, whose "type" says what it is; schema/output.schema.json in the package describes them all.',
    ),
    heading("EXIT STATUS"),
    ...Object.entries(exitStatus).flatMap(([name, status]) =>
      item(String(status), exitMeanings[name as keyof typeof exitStatus]),
    ),
    heading("ENVIRONMENT"),
    ...environment.flatMap(([name, meaning]) => item(name, meaning)),
    heading("ERRORS"),
    ...paragraphs(
      'An error has a code, which stays the same in all versions, and which --json prints as "code". Words in ' +
        "capitals stand for what the message names.",
    ),
    ...errorCodes.flatMap(errorItem),
    heading("SEE ALSO"),
    seeAlso(commands.map(({ name }) => `nm-${name}`)),
  ]);
}

/** nm-COMMAND(1). */
function commandPage(command: Command): string {
  const positionals = Object.entries(command.positionals);
  const programs = programsFor(command.name);
  return page(`nm-${command.name}`, command.summary, [
    heading("SYNOPSIS"),
    `.B ${roff(usage(command))}`,
    heading("DESCRIPTION"),
    ...paragraphs(command.details),
    ...programs.flatMap((program) => paragraphs(`${program} is the same as nm ${command.name}.`)),
    ...(positionals.length > 0 ? [heading("ARGUMENTS")] : []),
    ...positionals.flatMap(([name, positional]) =>
      item(name.toUpperCase(), `${positionalText(positional)}.`),
    ),
    ...optionGroups(command).flatMap(([title, options]) => [
      heading(title.toUpperCase()),
      ...options.flatMap(([name, option]) => optionItem(name, option)),
    ]),
    heading("EXAMPLES"),
    ...command.examples.flatMap(([line, does]) => item(line, `${does}.`)),
    heading("SEE ALSO"),
    seeAlso(["nm"]),
  ]);
}

function page(name: string, summary: string, body: readonly string[]): string {
  return `${[
    `.TH ${name.toUpperCase()} 1 "" "netmap\\-tools ${packageVersion()}"`,
    heading("NAME"),
    `${roff(name)} \\- ${roff(summary)}`,
    ...body,
  ].join("\n")}\n`;
}

function heading(title: string): string {
  return `.SH "${roff(title)}"`;
}

function paragraphs(text: string): string[] {
  return text.split(/\n\s*\n/).flatMap((paragraph) => [".PP", roff(paragraph.trim())]);
}

function item(term: string, text: string): string[] {
  return [".TP", `.B ${roff(term)}`, roff(text)];
}

function optionItem(name: string, option: Option): string[] {
  const choices = "choices" in option && option.value ? option.choices : undefined;
  const text = choices ? `${optionText(option)}: ${choices.join(", ")}` : optionText(option);
  return item(optionForms(name, option).trim(), `${text}.`);
}

function errorItem(code: (typeof errorCodes)[number]): string[] {
  const { exit, says, hint } = describeError(code);
  return item(code, [says, ...(hint ? [hint] : []), `Exit status ${exit}`].map(sentence).join(" "));
}

function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

function seeAlso(names: readonly string[]): string {
  return names.map((name) => `.BR ${roff(name)} (1)`).join(",\n");
}

/** Keeps roff from reading text: a backslash, a dash that is part of an option, a line that starts like a request. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll('"', "\\(dq")
    .replace(/^(?=[.'])/gm, "\\&");
}
