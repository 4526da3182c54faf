/** `nm port`, from outside. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { openPort } from "../lib/index.js";
import { parsePort, portFlags, portKinds, portModes } from "../lib/port-spec.js";
import { freshNamespace } from "./namespace.js";
import { bash, nm, nmWith, root } from "./run.js";
import { jsonLine } from "./schema.js";

test("nm port explains a VALE port in aligned lines", async (t) => {
  const run = await nmWith({ env: { NM_DIR: freshNamespace(t) } }, "port", "vale1:10-2/x@3");
  assert.deepEqual(run, {
    status: 0,
    stderr: "",
    stdout: [
      "port     vale1:10-2/x@3",
      'is       port "10" of VALE switch "vale1"',
      "opens    ring 2, both directions",
      "flags    exclusive (x)",
      "memory   region 3",
      "options  none",
      "now      nobody has it open",
      "",
    ].join("\n"),
  });
});

test("nm port names both ends of a pipe", async () => {
  const { stdout } = await nm("port", "netmap:pipe0<1");
  assert.match(stdout, /^port +netmap:pipe0\{1$/m);
  assert.match(stdout, /^is +master side of pipe "1" of port "pipe0"$/m);
  assert.match(stdout, /^peer +netmap:pipe0\}1$/m);
});

test("nm port says what a monitor sees", async () => {
  assert.match(
    (await nm("port", "eth0/t")).stdout,
    /monitor of network interface "eth0", seeing copies of what it sends$/m,
  );
  assert.match(
    (await nm("port", "vale0:1/z")).stdout,
    /monitor of port "1" of VALE switch "vale0", seeing all packets without/,
  );
});

test("nm port tells what interface the machine has under the name, and when there is none", async () => {
  assert.match(
    (await nm("port", "lo")).stdout,
    /^machine +a network interface, up, MTU \d+, address 00:00:00:00:00:00,/m,
  );
  assert.match((await nm("port", "netmap:no-0")).stdout, /^machine +no network interface of this name$/m);
  assert.match((await nm("port", 'netmap:".."')).stdout, /^machine +no network interface of this name$/m);
});

test("nm port --json prints one line with everything in the spec", async () => {
  const run = await nm("port", "netmap:pipe0<1/xR@2@conf=4", "--json");
  assert.equal(run.status, 0);
  assert.deepEqual(jsonLine(run.stdout), {
    type: "port_spec",
    spec: "netmap:pipe0<1/xR@2@conf=4",
    canonical: "netmap:pipe0{1/xR@2@conf:rings=4",
    kind: "pipe",
    name: "pipe0{1",
    pipe: { parent: "pipe0", id: "1", side: "master" },
    mode: "all_nic",
    ring: null,
    flags: ["exclusive", "rx_rings_only"],
    mem_id: 2,
    options: { conf: { tx_rings: 4, rx_rings: 4 } },
  });
});

test("the schema lists the kinds, modes and flags that a port can have", () => {
  const { properties } = JSON.parse(readFileSync(`${root}schema/output.schema.json`, "utf8")).$defs.port_spec;
  assert.deepEqual(new Set(properties.kind.enum), new Set(portKinds));
  assert.deepEqual(new Set(properties.mode.enum), new Set(portModes));
  assert.deepEqual(new Set(properties.flags.items.enum), new Set(portFlags));
});

for (const [spec, kind, mode] of [
  ["eth0", "nic", "all_nic"],
  ["eth0^", "host", "sw"],
  ["eth0*", "nic", "nic_sw"],
  ["eth0-1", "nic", "one_nic"],
  ["eth0^1", "host", "one_sw"],
  ["vale0:1", "vale", "all_nic"],
  ["eth0/r", "monitor", "all_nic"],
  ["null", "null", "null"],
  ["tap:blue", "tap", "all_nic"],
] as const) {
  test(`nm port --json tells that ${spec} is of kind ${kind}`, async () => {
    const line = jsonLine((await nm("port", spec, "--json")).stdout);
    assert.deepEqual([line.kind, line.mode], [kind, mode]);
  });
}

test("nm port refuses a bad spec in words and with status 2", async () => {
  const run = await nm("port", "vale1:");
  assert.equal(run.status, 2);
  assert.equal(run.stdout, "");
  assert.match(
    run.stderr,
    /^nm port: Cannot read port "vale1:": a port name is missing after ":"\n +write it as vale1:NAME\n$/,
  );
});

test("nm port --json refuses a bad spec in one line with its position", async () => {
  const run = await nm("port", "--json", "eth0-x");
  assert.equal(run.status, 2);
  const { type, code, message, position, hint } = jsonLine(run.stdout);
  assert.deepEqual(
    { type, code, message, position, hint },
    {
      type: "error",
      code: "PORT_SYNTAX",
      message: 'Cannot read port "eth0-x": found "x" at position 5, expected a ring number (0 to 4094)',
      position: 5,
      hint: 'write it as eth0-0, or put an interface\'s name in quotes: netmap:"NAME"',
    },
  );
});

test("docs/port-names.md shows what nm port really says", async () => {
  const page = readFileSync(`${root}docs/port-names.md`, "utf8");
  const runs = [...page.matchAll(/^ {4}\$ (nm port .*)\n((?: {4}(?!\$).*\n)+)/gm)];
  assert.equal(runs.length, 2);
  for (const [, line = "", shown = ""] of runs) {
    assert.equal((await bash(line)).stderr, shown.replace(/^ {4}/gm, ""));
  }
});

test("docs/port-names.md shows specs that can be read", () => {
  const page = readFileSync(`${root}docs/port-names.md`, "utf8");
  const specs = [...page.matchAll(/^ {4}nm port '(.*?)'|^\| `(\w.*?)`/gm)].map(
    ([, first, second]) => first ?? second ?? "",
  );
  assert.ok(specs.length > 10);
  for (const spec of specs.filter((text) => text.length > 1))
    assert.doesNotThrow(() => parsePort(spec), spec);
});

test("nm port says what a port is like while some program has it open", async (t) => {
  const namespace = freshNamespace(t);
  const ask = (...args: string[]) => nmWith({ env: { NM_DIR: namespace } }, "port", ...args);
  const before = await ask("vale0:a");
  assert.match(before.stdout, /^now +nobody has it open$/m);

  const port = openPort("vale0:a@conf:rx_slots=64", { namespace });
  assert.match(
    (await ask("vale0:a")).stdout,
    /^now +open, transmit rings 1 of 1024 slots, receive rings 1 of 64, memory region 2$/m,
  );
  assert.equal("open" in jsonLine((await ask("vale0:b", "--json")).stdout), false);
  const { open } = jsonLine((await ask("vale0:a", "--json")).stdout);
  port.close();

  assert.deepEqual(open, { tx_rings: 1, rx_rings: 1, tx_slots: 1024, rx_slots: 64, mem_id: 2 });
  assert.match((await ask("vale0:a")).stdout, /^now +nobody has it open$/m);
});
