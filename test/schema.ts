/** Checks what a command printed with --json against schema/output.schema.json. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { root } from "./run.js";

const ajv = new Ajv2020({ allErrors: true, strictTypes: false });
const validate = ajv.compile(JSON.parse(readFileSync(`${root}schema/output.schema.json`, "utf8")));

export type Line = { readonly type: string } & Readonly<Record<string, unknown>>;

/** The JSON lines of `stdout`, each of which must be as the schema says. */
export function jsonLines(stdout: string): Line[] {
  return stdout
    .split("\n")
    .filter((text) => text !== "")
    .map((text) => {
      const line: Line = JSON.parse(text);
      const valid = validate(line);
      assert.ok(valid, `${text}\nis not as the schema says: ${ajv.errorsText(validate.errors)}`);
      return line;
    });
}

/** The one JSON line that `stdout` must hold. */
export function jsonLine(stdout: string): Line {
  const [line, ...more] = jsonLines(stdout);
  assert.ok(line && more.length === 0, `expected one JSON line and not:\n${stdout}`);
  return line;
}
