/**
 * Shell completion, made from the commands' descriptions.
 *
 * Each script holds all it needs, so that pressing Tab starts no program. It completes commands, options,
 * choices and, where a value is called FILE, file names; after anything else it stays silent.
 */

import { type Command, longName, type Option, valueName } from "./command.js";
import { programsFor } from "./package.js";

export type Shell = "bash" | "zsh" | "fish";

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  return { bash, zsh, fish }[shell](commands);
}

/** What may follow on the command line after an option, or in the place of an argument. */
function valuesOf(command: Command, name: string): readonly string[] {
  const declared = command.options[name] ?? command.positionals[name];
  return declared && "choices" in declared ? (declared.choices ?? []) : [];
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const options = Object.entries(command.options);
    const afterOption = options
      .filter(([, option]) => valueName(option))
      .map(([name, option]) => {
        const reply = isFile(option) ? "-f" : `-W ${quote(valuesOf(command, name).join(" "))}`;
        return `        ${forms(name, option).join("|")}) COMPREPLY=($(compgen ${reply} -- "$word")); return ;;`;
      });
    const words = [
      ...options.flatMap(([name, option]) => forms(name, option)),
      ...Object.keys(command.positionals).flatMap((name) => valuesOf(command, name)),
    ];
    return [
      `    ${command.name})`,
      ...(afterOption.length > 0 ? ['      case "$before" in', ...afterOption, "      esac"] : []),
      `      words=${quote(words.join(" "))} ;;`,
    ].join("\n");
  });
  const names = commands.map(({ name }) => name).join(" ");
  const programs = commands.flatMap(({ name }) =>
    programsFor(name).map((program) => `    ${program}) command=${name} ;;`),
  );

  return [
    "# bash completion for nm. Load it with: source <(nm completion bash)",
    "_nm() {",
    '  local word="$2" before="$3" command="${COMP_WORDS[1]}" words=""',
    '  case "${1##*/}" in',
    ...programs,
    `    *) if ((COMP_CWORD == 1)); then COMPREPLY=($(compgen -W ${quote(`${names} --help --version`)} -- "$word")); return; fi ;;`,
    "  esac",
    '  case "$command" in',
    ...cases,
    "  esac",
    '  COMPREPLY=($(compgen -W "$words" -- "$word"))',
    "}",
    `complete -F _nm ${programNames(commands).join(" ")}`,
  ].join("\n");
}

function zsh(commands: readonly Command[]): string {
  const described = (name: string, text: string) => quote(`${name}:${text.replaceAll(":", "\\:")}`);
  const cases = commands.map((command) => {
    const options = Object.entries(command.options).map(([name, option]) => zshOption(command, name, option));
    const positionals = Object.entries(command.positionals).map(([name, { rest, array }]) =>
      quote(
        rest ? `*::${name}:_normal` : `${array ? "*" : ""}:${name}:${zshValues(valuesOf(command, name))}`,
      ),
    );
    return [
      `    ${command.name})`,
      "      _arguments -s \\",
      [...options, ...positionals].map((spec) => `        ${spec}`).join(" \\\n"),
      "      ;;",
    ].join("\n");
  });
  const programs = commands.flatMap(({ name }) =>
    programsFor(name).map((program) => `    ${program}) command=${name} ;;`),
  );

  return [
    `#compdef ${programNames(commands).join(" ")}`,
    "# zsh completion for nm. Load it with: source <(nm completion zsh)",
    "_nm() {",
    "  local command",
    "  local -a commands=(",
    ...commands.map(({ name, summary }) => `    ${described(name, summary)}`),
    "  )",
    '  case "$service" in',
    ...programs,
    "    *)",
    "      if ((CURRENT == 2)); then _describe command commands; return; fi",
    '      command="$words[2]"',
    "      shift words",
    "      ((CURRENT--))",
    "      ;;",
    "  esac",
    '  case "$command" in',
    ...cases,
    "  esac",
    "}",
    `compdef _nm ${programNames(commands).join(" ")}`,
  ].join("\n");
}

function zshOption(command: Command, name: string, option: Option): string {
  const text = option.describe.replace(/[[\]:\\]/g, "\\$&");
  const value = valueName(option);
  const action = isFile(option) ? "_files" : zshValues(valuesOf(command, name));
  const several = option.type === "count" || ("array" in option && option.array);
  const [letter, long] = [option.alias ? `-${option.alias}` : undefined, longName(name)];
  const spec = `[${text}]${value ? `:${value.replaceAll("|", " or ")}:${action}` : ""}`;
  const written = [...(letter ? [value ? `${letter}+` : letter] : []), value ? `${long}=` : long];
  return written
    .map((form) => quote(`${several ? "*" : `(${forms(name, option).join(" ")})`}${form}${spec}`))
    .join(" ");
}

function zshValues(values: readonly string[]): string {
  return values.length > 0 ? `(${values.join(" ")})` : " ";
}

function fish(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => {
    const conditions = [
      `-c nm -n '__fish_seen_subcommand_from ${command.name}'`,
      ...programsFor(command.name).map((program) => `-c ${program}`),
    ];
    const completions = [
      ...Object.entries(command.options).map(([name, option]) => fishOption(command, name, option)),
      ...Object.keys(command.positionals).flatMap((name) => {
        const values = valuesOf(command, name);
        return values.length > 0 ? [`-a ${quote(values.join(" "))}`] : [];
      }),
    ];
    return conditions.flatMap((condition) => completions.map((what) => `complete ${condition} ${what}`));
  });

  return [
    "# fish completion for nm. Load it with: nm completion fish | source",
    ...programNames(commands).map((program) => `complete -c ${program} -f`),
    ...commands.map(
      ({ name, summary }) => `complete -c nm -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`,
    ),
    ...lines,
  ].join("\n");
}

function fishOption(command: Command, name: string, option: Option): string {
  const values = valuesOf(command, name);
  return [
    `-l ${longName(name).slice(2)}`,
    ...(option.alias ? [`-s ${option.alias}`] : []),
    ...(valueName(option) ? [isFile(option) ? "-rF" : "-x"] : []),
    ...(values.length > 0 ? [`-a ${quote(values.join(" "))}`] : []),
    `-d ${quote(option.describe)}`,
  ].join(" ");
}

function forms(name: string, option: Option): string[] {
  return option.alias ? [`-${option.alias}`, longName(name)] : [longName(name)];
}

function isFile(option: Option): boolean {
  return valueName(option) === "FILE";
}

function programNames(commands: readonly Command[]): string[] {
  return ["nm", ...commands.flatMap(({ name }) => programsFor(name))];
}

/**
 * All three shells take text between single quotes as it is, but differ on how to write a quote inside. Only
 * descriptions have one, as an apostrophe, and the typographic one is not special to any of them.
 */
function quote(text: string): string {
  return `'${text.replaceAll("'", "’")}'`;
}
