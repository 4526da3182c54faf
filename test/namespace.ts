/** Namespaces and programs for tests that open ports. */

import { mkdtempSync, rmSync } from "node:fs";
import type { TestContext } from "node:test";
import { type OpenOptions, openPort, type Port, type PortSpec } from "../lib/index.js";
import { finished, type Run, root } from "./run.js";

/** A fresh namespace directory that is removed after the test. */
export function freshNamespace(t: Pick<TestContext, "after">): string {
  const directory = mkdtempSync("/dev/shm/nm-test-");
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Opens ports in one fresh namespace, and closes them after the test. */
export function portsOf(t: Pick<TestContext, "after">) {
  const namespace = freshNamespace(t);
  return (port: string | PortSpec, options: OpenOptions = {}): Port => {
    const opened = openPort(port, { namespace, ...options });
    t.after(() => opened.close());
    return opened;
  };
}

/** A frame of `length` bytes to everybody, filled with `fill`. */
export function frame(length = 60, fill = 1): Uint8Array {
  return new Uint8Array(length).fill(fill).fill(0xff, 0, 6).fill(2, 6, 7);
}

/** Runs JavaScript in a process of its own, with the library's names in scope, in a namespace. */
export function script(namespace: string, code: string, flags: readonly string[] = []): Promise<Run> {
  const names = "openPort, portInfo, parsePort, startGenerator, startSink";
  const lines = `import { ${names} } from "${root}dist/lib/index.js"; ${code}`;
  const args = [...flags, "--input-type=module", "--eval", lines];
  return finished(process.execPath, args, { env: { NM_DIR: namespace }, timeoutMs: 30_000 });
}
