/** The command lines of what measures. */

import { parseArgs } from "node:util";

type Options = Record<string, { readonly type: "string" | "boolean"; readonly default?: string | boolean }>;
type Values<T extends Options> = {
  readonly [Name in keyof T]: T[Name]["type"] extends "boolean"
    ? boolean
    : T[Name] extends { default: string }
      ? string
      : string | undefined;
};

/**
 * The values of the options on the command line. `--help` prints the usage and ends the program; what is wrong is told
 * with the usage, and ends it with status 2.
 */
export function readOptions<const T extends Options>(usage: string, options: T): Values<T> {
  if (process.argv.slice(2).some((word) => word === "--help" || word === "-h")) {
    console.log(`Usage: ${usage}`);
    process.exit(0);
  }
  try {
    return parseArgs({ options: options as Options }).values as Values<T>;
  } catch (error) {
    return usageError(`${(error as Error).message}\nUsage: ${usage}`);
  }
}

/** The number that an option's text is. What is no positive number ends the program with status 2. */
export function positive(name: string, text: string): number {
  const value = Number(text);
  return value > 0 ? value : usageError(`--${name} needs a positive number, not "${text}"`);
}

/** Ends the program for what the command line asks. */
export function usageError(message: string): never {
  console.error(message);
  process.exit(2);
}
