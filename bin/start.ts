/**
 * Starts a program that scripts/bundle.mjs made: one file with every module that a command needs. Node loads modules
 * one by one, which for one command takes longer than most of what people ask of it, and its loader of ES modules
 * is slower to start than that of CommonJS: hence the package.json beside this file.
 */

import fs = require("node:fs");
import path = require("node:path");

interface Program {
  readonly main: (words: readonly string[]) => Promise<never>;
}

const programs = path.join(__dirname, "..", "program");

/** Runs nm with these words. What no command is named by is for the program that has all of them: help and complaints. */
function start(words: readonly string[]): void {
  const [name = ""] = words;
  const own = path.join(programs, `${name}.js`);
  const isCommand = /^[a-z][a-z-]*$/.test(name) && fs.existsSync(own);
  const program: Program = require(isCommand ? own : path.join(programs, "nm.js"));
  void program.main(words);
}

export = start;
