/** Filters that can be compiled, and those that cannot. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { NmError } from "../lib/errors.js";
import { compileFilter } from "../lib/filter.js";

function failureOf(run: () => unknown): NmError {
  try {
    run();
  } catch (error) {
    if (error instanceof NmError) return error;
  }
  throw new assert.AssertionError({ message: "it worked" });
}

test("without libpcap a filter is refused, with the package that has it", () => {
  process.env.NM_LIBPCAP = "/nowhere/libpcap.so";
  try {
    const { code, message, hint } = failureOf(() => compileFilter("udp"));
    assert.equal(code, "LIBPCAP_MISSING");
    assert.match(message, /^Cannot compile filter "udp": libpcap does not load \(\/nowhere\/libpcap\.so: /);
    assert.match(hint ?? "", /apt install libpcap0\.8/);
  } finally {
    delete process.env.NM_LIBPCAP;
  }
});

test("a filter that cannot be read comes with libpcap's reason", (t) => {
  const failure = failureOf(() => compileFilter("udp prot 53"));
  if (failure.code === "LIBPCAP_MISSING") return t.skip(failure.message);
  assert.equal(failure.code, "FILTER_SYNTAX");
  assert.match(failure.message, /^Cannot read filter "udp prot 53": .*syntax error/);
  assert.equal(compileFilter("udp port 53").expression, "udp port 53");
});
