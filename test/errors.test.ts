/** The error table: what a row turns into. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { describeError, errorCodes, errorLine, NmError } from "../lib/errors.js";

test("an error knows its code, words, hint and exit status", () => {
  const error = new NmError("UNKNOWN_COMMAND", { command: "pktgen", suggestion: "pkt-gen" });
  assert.equal(error.exit, 2);
  assert.equal(error.message, 'nm has no command "pktgen" in this version');
  assert.equal(error.hint, 'Did you mean "nm pkt-gen"?');
});

test("an error's JSON line holds its details beside code, message and hint", () => {
  const error = new NmError("OPTION_TWICE", { option: "--burst" });
  assert.deepEqual(errorLine(error), {
    type: "error",
    code: "OPTION_TWICE",
    message: "Cannot read --burst: it is given more than once",
    hint: "Keep one --burst",
    option: "--burst",
  });
});

test("every error can be described without an occurrence, in one line and without a full stop", () => {
  for (const code of errorCodes) {
    const { exit, says, hint } = describeError(code);
    assert.ok(exit === 1 || exit === 2, code);
    for (const text of [says, hint ?? "x"]) {
      assert.doesNotMatch(text, /undefined|\[object|\n|\.$/, code);
      assert.notEqual(text, "", code);
    }
  }
});
