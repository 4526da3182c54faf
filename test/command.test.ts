/** The command line: what it accepts, how it refuses, and how a run ends. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readArguments } from "../lib/arguments.js";
import { backendOption, command, verboseOption } from "../lib/command.js";
import { NmError } from "../lib/errors.js";
import { commandHelp } from "../lib/help.js";
import { Output } from "../lib/output.js";
import { bash, nm, nmWith, packageFile, program, root } from "./run.js";
import { jsonLine, jsonLines } from "./schema.js";

/** A command with an option of every kind. */
const sample = command({
  name: "sample",
  summary: "Do nothing in many ways",
  details: "It exists to be parsed.",
  positionals: { left: { type: "string", describe: "A port" } },
  options: {
    interface: { type: "string", alias: "i", demandOption: true, value: "PORT", describe: "The port" },
    function: { type: "string", alias: "f", choices: ["tx", "rx"], default: "rx", describe: "What to do" },
    source: { type: "string", alias: "s", describe: "Addresses" },
    burst: { type: "number", alias: "b", default: 512, min: 1, max: 4096, describe: "The burst" },
    count: { type: "number", alias: "n", describe: "How many" },
    length: { type: "number", alias: "l", array: true, describe: "Sizes" },
    duration: { type: "number", integer: false, describe: "Seconds" },
    quietly: { type: "boolean", alias: "W", describe: "Say less" },
    ipv4: { type: "boolean", alias: "4", describe: "Generate IPv4" },
    expectRate: { type: "number", describe: "Fail below this rate" },
    backend: backendOption,
    verbose: verboseOption,
  },
  examples: [["nm sample -i vale1:10", "Do it"]],
  run({ interface: port, burst, count, length, function: what, left }) {
    // The types follow from the description above.
    const typed: [string, number, number | undefined, readonly number[], "tx" | "rx", string | undefined] = [
      port,
      burst,
      count,
      length,
      what,
      left,
    ];
    assert.ok(typed);
  },
});

async function read(words: string, environment = {}) {
  return readArguments(sample, words.split(" "), environment);
}

async function refusal(words: string, environment = {}): Promise<NmError> {
  const error = await read(words, environment).then(
    () => assert.fail(`${words} was accepted`),
    (error: unknown) => error,
  );
  assert.ok(error instanceof NmError);
  assert.equal(error.exit, 2);
  return error;
}

test("arguments keep text as it was written, whatever it looks like", async () => {
  for (const text of [
    "netmap:t}1",
    "10.0.0.1:1-10.0.0.9",
    "007",
    "1e3",
    "0x10",
    "a.b.c",
    "a=b",
    "true",
    "'q'",
  ]) {
    assert.equal((await read(`-i ${text}`)).interface, text);
    assert.equal((await read(`-i x --source=${text}`)).source, text);
    assert.equal((await read(`-i x ${text}`)).left, text);
  }
});

test("arguments take letters as getopt does", async () => {
  const spaced = await read("-i vale0:1 -f tx -n 5 -W -v -v");
  assert.deepEqual(await read("-ivale0:1 -ftx -n5 -Wvv"), spaced);
  assert.deepEqual(await read("-Wvvi vale0:1 -ftx -n5"), spaced);
  assert.deepEqual(
    await read("--interface=vale0:1 --function tx --count 5 --quietly --verbose --verbose"),
    spaced,
  );
  assert.equal(spaced.verbose, 2);
});

test("arguments take a digit as an option where it is declared, and as a number where it is not", async () => {
  assert.equal((await read("-i x -4")).ipv4, true);
  assert.equal(
    (await refusal("-i x -b -5")).message,
    'Cannot read --burst "-5": expected a whole number from 1 to 4096',
  );
});

test("arguments read numbers with k, M, G and T", async () => {
  for (const [text, value] of [
    ["10M", 10e6],
    ["64k", 64e3],
    ["1.5K", 1500],
    ["1.1M", 1.1e6],
    ["2G", 2e9],
    ["3t", 3e12],
    ["0", 0],
  ] as const) {
    assert.equal((await read(`-i x -n ${text}`)).count, value, text);
  }
  assert.equal((await read("-i x --duration 0.25")).duration, 0.25);
});

test("arguments refuse what is no number, is broken, or is out of range, and say what would do", async () => {
  for (const text of ["x", "1x", "NaN", "Infinity", "0", "4097", "1.5", "5k", "0x10", "1e3", "k", "1,000"]) {
    const error = await refusal(`-i x --burst ${text}`);
    assert.equal(error.message, `Cannot read --burst "${text}": expected a whole number from 1 to 4096`);
    assert.equal(error.hint, "Write it as --burst 512");
  }
  const { message } = await refusal("-i x -n 99999999999999999999");
  assert.match(message, /expected a whole number of at least 0$/);
});

test("arguments refuse an option given twice, unless it may be repeated", async () => {
  const error = await refusal("-i x --burst 1 -b 2");
  assert.equal(error.code, "OPTION_TWICE");
  assert.equal(error.message, "Cannot read --burst: it is given more than once");
  assert.equal((await refusal("-i x -i y")).code, "OPTION_TWICE");
  assert.deepEqual((await read("-i x -l 1500 -l 60")).length, [1500, 60]);
  assert.deepEqual((await read("-i x -l 60")).length, [60]);
  assert.deepEqual((await read("-i x")).length, []);
  assert.equal((await read("-i x -W -W")).quietly, true);
});

test("arguments refuse an option without its value", async () => {
  for (const words of ["-i x --burst", "-i x --burst --json", "-i x -b -W", "-i x --burst="]) {
    const error = await refusal(words);
    assert.equal(error.code, "OPTION_NEEDS_VALUE");
    assert.equal(error.message, "Cannot read --burst: it needs a whole number from 1 to 4096 after it");
  }
  assert.equal((await refusal("-i")).hint, "Write it as --interface PORT");
});

test("arguments refuse a value after an option that takes none, and leave the next word alone", async () => {
  assert.equal((await refusal("-i x --quietly=false")).code, "OPTION_TAKES_NO_VALUE");
  const { quietly, left } = await read("-i x --quietly false");
  assert.deepEqual([quietly, left], [true, "false"]);
});

test("arguments refuse unknown options and name the nearest known one", async () => {
  const error = await refusal("-i x --brust 5");
  assert.equal(error.message, "Cannot read --brust: sample has no such option");
  assert.equal(error.hint, "Did you mean --burst?");
  assert.equal((await refusal("-i x --no-burst")).hint, "Did you mean --burst?");
  assert.equal((await refusal("-i x --no-quietly")).code, "UNKNOWN_OPTION");
  assert.equal((await refusal("-i x -x")).message, "Cannot read -x: sample has no such option");
  assert.equal((await refusal("-i x --constructor")).hint, '"nm sample --help" lists the options');
  assert.equal((await refusal("-i x --expectRate 1")).code, "UNKNOWN_OPTION");
  assert.equal((await read("-i x --expect-rate 1k")).expectRate, 1000);
});

test("arguments refuse words beyond the last argument, and what is missing", async () => {
  const error = await refusal("-i x a b");
  assert.equal(error.message, 'Cannot read "b": sample takes only LEFT');
  assert.equal((await refusal("a")).message, "Cannot run sample: -i PORT is missing");
  assert.equal((await refusal("a")).hint, "For example: nm sample -i vale1:10");
});

test("arguments take everything after -- as it is, and - as a file name", async () => {
  assert.equal((await read("-i x -- -W")).left, "-W");
  assert.equal((await read("-i x -")).left, "-");
  assert.equal((await read("-s - -i x")).source, "-");
});

test("arguments come from the environment where an option names a variable", async () => {
  assert.equal((await read("-i x")).backend, "auto");
  assert.equal((await read("-i x", { NM_BACKEND: "embedded" })).backend, "embedded");
  assert.equal((await read("-i x --backend kernel", { NM_BACKEND: "embedded" })).backend, "kernel");
  assert.equal((await read("-i x", { NM_BACKEND: "" })).backend, "auto");
  assert.equal(
    (await refusal("-i x", { NM_BACKEND: "vhost" })).message,
    'Cannot read NM_BACKEND "vhost": expected one of auto, kernel, embedded',
  );
});

test("help shows examples before options, fits the width, and has no colour off a terminal", () => {
  const page = { width: 60, paint: new Output(process.stdout).paint };
  const help = commandHelp(sample, page);
  assert.match(help, /Usage: nm sample -i PORT \[LEFT\] \[options\]/);
  assert.ok(help.indexOf("nm sample -i vale1:10") < help.indexOf("--burst"));
  assert.match(help, /-b, --burst N\s+The burst \(1 to 4096; default 512\)/);
  assert.match(help, / {4}--expect-rate N/);
  assert.deepEqual(
    help.split("\n").filter((line) => line.length > page.width),
    [],
  );
  assert.ok(!help.includes("\u001b"));
});

test("nm --version prints the version in package.json", async () => {
  const { version } = packageFile();
  assert.deepEqual(await nm("--version"), { status: 0, stdout: `${version}\n`, stderr: "" });
  assert.equal((await nm("completion", "--version")).stdout, `${version}\n`);
});

test("nm and nm --help list the commands", async () => {
  const bare = await nm();
  assert.equal(bare.status, 0);
  assert.match(bare.stdout, /^ {2}completion +Print a script/m);
  assert.deepEqual(await nm("--help"), bare);
  assert.deepEqual(await nm("help"), bare);
});

test("nm help COMMAND is nm COMMAND --help", async () => {
  const help = await nm("help", "completion");
  assert.equal(help.status, 0);
  assert.deepEqual(await nm("completion", "--help"), help);
  assert.deepEqual(await nm("completion", "-h"), help);
});

test("nm refuses an unknown command and suggests the nearest", async () => {
  const run = await nm("compeltion");
  assert.equal(run.status, 2);
  assert.equal(run.stdout, "");
  assert.equal(
    run.stderr,
    'nm: nm has no command "compeltion" in this version\n    Did you mean "nm completion"?\n',
  );
  assert.equal((await nm("constructor")).status, 2);
});

test("every program of the package runs a command or says that this version has none", async () => {
  for (const name of Object.keys(packageFile().bin)) {
    const run = await program(name, ["--help"]);
    if (run.status === 0) assert.match(run.stdout, /Usage: nm /);
    else assert.match(run.stderr, /^nm: nm has no command "[a-z-]+" in this version\n/);
  }
});

test("a command is read from one file, not from one for each of its parts", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "nm-modules-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const witness = join(directory, "witness.cjs");
  writeFileSync(
    witness,
    'process.on("exit", () => console.error("read", ...Object.keys(require.cache).slice(1)));',
  );

  const started = ["dist/bin/nm.js", "dist/bin/start.js"];
  for (const [words, ...read] of [
    ["vale-ctl list", "dist/program/vale-ctl.js", "build/Release/nm.node"],
    ["cflags", "dist/program/cflags.js"],
    ["help", "dist/program/nm.js"],
  ] as const) {
    const run = await nmWith({ env: { NODE_OPTIONS: `--require=${witness}` } }, ...words.split(" "));
    const line = run.stderr.split("\n").find((text) => text.startsWith("read"));
    assert.equal(line, ["read", ...[...started, ...read].map((file) => root + file)].join(" "));
  }
});

test("errors go to stderr with a hint, and with --json to stdout as well", async () => {
  const run = await nm("completion", "tcsh", "--json");
  assert.equal(run.status, 2);
  assert.equal(
    run.stderr,
    'nm completion: Cannot read SHELL "tcsh": expected one of bash, zsh, fish\n' +
      '               "nm completion --help" says more\n',
  );
  const { type, code, text } = jsonLine(run.stdout);
  assert.deepEqual({ type, code, text }, { type: "error", code: "ARGUMENT_VALUE", text: "tcsh" });
});

test("every command prints JSON lines with --json", async () => {
  assert.ok(jsonLines((await nm("help", "--json")).stdout).length >= 2);
  assert.equal(jsonLine((await nm("completion", "bash", "--json")).stdout).shell, "bash");
});

test("NM_LOG with a level that does not exist is refused", async () => {
  const run = await nmWith({ env: { NM_LOG: "loud" } }, "completion", "bash");
  assert.equal(run.status, 2);
  assert.match(run.stderr, /^nm completion: Cannot read NM_LOG "loud": expected one of silent, fatal/);
});

test("a closed stdout is a success", async () => {
  for (const line of [
    "nm --help | true",
    "nm completion bash | head -n 1 >/dev/null",
    "nm --version | true",
  ]) {
    assert.deepEqual(await bash(line), { status: 0, stdout: "", stderr: "" });
  }
});

test("a full stdout is an error", async () => {
  const run = await bash("nm --help >/dev/full");
  assert.equal(run.status, 1);
  assert.match(run.stderr, /^nm: Cannot write to stdout: .*no space left on device/);
});

test("the bash completion is a script that bash accepts, and completes commands and choices", async () => {
  const complete = (...words: string[]) =>
    bash(
      `source <(nm completion bash); COMP_WORDS=(${words.join(" ")}); COMP_CWORD=${words.length - 1}; ` +
        `_nm ${words[0]} "${words.at(-1)}" "${words.at(-2)}"; echo "\${COMPREPLY[*]}"`,
    );
  assert.deepEqual(await complete("nm", "comp"), { status: 0, stdout: "completion\n", stderr: "" });
  assert.equal((await complete("nm", "completion", "b")).stdout, "bash\n");
  assert.equal((await complete("nm", "completion", "--js")).stdout, "--json\n");
});
