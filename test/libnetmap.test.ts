/**
 * The C library: small programs of test/libnetmap/, compiled as a user would, run with `nm run`. What it makes of port
 * names is compared with what the package's own parser makes of them.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { NmError } from "../lib/errors.js";
import { parsePort, portRequest } from "../lib/port-spec.js";
import { freshNamespace } from "./namespace.js";
import { finished, nm, programFile, root } from "./run.js";

const scratch = mkdtempSync(join(tmpdir(), "nm-libnetmap-"));
after(() => rmSync(scratch, { recursive: true }));

const sources = ["read", "ports", "open"] as const;

async function words(...of: string[]): Promise<string[]> {
  return (await nm("cflags", ...of)).stdout.trim().split(" ");
}

async function compile(source: string, to: string, flags: readonly string[] = []): Promise<void> {
  const strict = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror"];
  const file = `${root}test/libnetmap/${source}.c`;
  const line = [...strict, ...flags, ...(await words()), file, ...(await words("--libs")), "-o", to];
  await promisify(execFile)("cc", line);
}

before(async () => {
  for (const source of sources) await compile(source, join(scratch, source));
});

interface Reading {
  readonly refused?: string;
  readonly errno?: number;
  readonly fields?: string;
}

/** What the C library makes of specs. */
async function read(...specs: string[]): Promise<Reading[]> {
  const { status, stdout, stderr } = await finished(join(scratch, "read"), specs, {});
  assert.equal(status, 0, stderr);
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, errno, message] = /^refused (\d+) (.*)$/.exec(line) ?? [];
      return message === undefined
        ? { fields: line.replace(/^ok /, "") }
        : { refused: message, errno: Number(errno) };
    });
}

/** What the package's parser makes of a spec, in the same words. */
function ours(spec: string): string | undefined {
  try {
    const { name, mode, ringid, flags, memId, txRings, rxRings, txSlots, rxSlots } = portRequest(
      parsePort(spec),
    );
    const rings = `tx_rings ${txRings} rx_rings ${rxRings} tx_slots ${txSlots} rx_slots ${rxSlots}`;
    return `${name} mode ${mode} ringid ${ringid} flags ${flags} mem_id ${memId} ${rings}`;
  } catch (error) {
    assert.ok(error instanceof NmError);
    return undefined;
  }
}

test("ports open, map, share regions, clone, inject and close as the header says", async (t) => {
  const args = [programFile("nm"), "run", join(scratch, "ports")];
  const run = await finished(process.execPath, args, { env: { NM_DIR: freshNamespace(t) } });
  assert.deepEqual(run, { status: 0, stdout: "all as it should be\n", stderr: "" });
});

test("the library does nothing that the address and undefined sanitizers object to", async (t) => {
  const program = join(scratch, "ports-asan");
  const library = `${root}native/libnetmap`;
  const files = ["context", "memory", "name", "options", "port", "request"].map(
    (name) => `${library}/${name}.c`,
  );
  await compile("ports", program, ["-fsanitize=address,undefined", ...files]);
  const args = [programFile("nm"), "run", program];
  const env = { NM_DIR: freshNamespace(t), ASAN_OPTIONS: "verify_asan_link_order=0:detect_leaks=0" };
  const run = await finished(process.execPath, args, { env });
  assert.deepEqual(run, { status: 0, stdout: "all as it should be\n", stderr: "" });
});

for (const [language, compiler] of [
  ["C11", ["cc", "-x", "c", "-std=c11"]],
  ["C++17", ["c++", "-x", "c++", "-std=c++17"]],
] as const) {
  test(`programs in strict ${language} compile without a warning, and run`, async (t) => {
    const strict = ["-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"];
    const [name, ...options] = compiler;
    for (const source of ["open", "legacy"]) {
      const to = join(scratch, `${source}-${language}`);
      const file = `${root}test/libnetmap/${source}.c`;
      const line = [
        ...options,
        ...strict,
        ...(await words()),
        file,
        "-x",
        "none",
        ...(await words("--libs")),
        "-o",
        to,
      ];
      await promisify(execFile)(name, line);
      const run = await finished(process.execPath, [programFile("nm"), "run", to, "vale0:a"], {
        env: { NM_DIR: freshNamespace(t) },
      });
      assert.deepEqual([source, run], [source, { status: 0, stdout: "", stderr: "" }]);
    }
  });
}

test("without /dev/netmap a port does not open, and the library says so on stderr", async () => {
  const run = await finished(join(scratch, "open"), ["vale0:a"], {});
  assert.deepEqual(run, { status: 1, stdout: "", stderr: "/dev/netmap: No such file or directory\n" });
});

/** A spec that netmap's library refuses, and its words. */
const refusals: readonly (readonly [string, string])[] = [
  ["eth0", "eth0: invalid request, prefix unknown or missing"],
  ["", ": invalid request, prefix unknown or missing"],
  ["netmap", "netmap: missing ':'"],
  ["vale0", "vale0: missing ':'"],
  ["netmapX:eth0", "netmapX:eth0: no identifier allowed between 'netmap' and ':'"],
  ["vale-0:1", "vale-0:1: invalid identifier '-0'"],
  ["netmap:", "netmap:: invalid empty port name"],
  ["netmap:^", "netmap:^: invalid empty port name"],
  ["netmap:p{", "netmap:p{: invalid empty pipe name"],
  ["netmap:p{a}b", "netmap:p{a}b: invalid pipe name 'a}b'"],
  ["netmap:p{1}2", "netmap:p{1}2: invalid pipe name '1}2'"],
  [`netmap:${"n".repeat(64)}`, `name '${"n".repeat(64)}' too long`],
  [`vale0:${"n".repeat(58)}`, `name 'vale0:${"n".repeat(58)}' too long`],
  ["netmap:eth0-", "unexpected end of request"],
  ["netmap:eth0@2/", "unexpected end of request"],
  ["netmap:eth0-x", "got 'x' while expecting a number"],
  ["vale0:a-b", "got 'b' while expecting a number"],
  ["netmap:eth0-4095", "'4095' out of range [0, 4095)"],
  ["netmap:eth0-1x", "unexpected character: 'x'"],
  ["netmap:eth0^x", "unexpected character: 'x'"],
  ["netmap:eth0/q", "unrecognized flag: 'q'"],
  ["netmap:eth0/R/x", "unrecognized flag: '/'"],
  ["netmap:eth0@0", "invalid mem_id: '0'"],
  ["netmap:eth0@70000", "invalid mem_id: '70000'"],
  ["netmap:eth0@2/R@3", "invalid setting of mem_id to 3 (already set to 2)"],
  ["netmap:eth0@", "invalid empty mem_id"],
  ["netmap:eth0@@conf:rings=1", "invalid empty option"],
  ["netmap:eth0@nothing=1", "unknown option: 'nothing'"],
  ["netmap:eth0@conf:colour=1", "unknown key: 'colour'"],
  ["netmap:eth0@conf:rings", "option 'conf': missing '=value' for key 'rings'"],
  ["netmap:eth0@conf:rings=1,rings=2", "option 'conf': duplicate key 'rings', already set to '1'"],
  ["netmap:eth0@conf", "syntax error: missing body after 'conf'"],
  ["netmap:eth0@extmem:if_num=1", "option 'extmem': mandatory key 'file' not assigned"],
  ["netmap:eth0@extmem=", "missing value for option 'extmem'"],
  ["netmap:eth0@extmem=/nonexistent", "cannot open '/nonexistent': No such file or directory"],
  ["netmap:eth0@conf:rings=abc", "option 'conf': invalid value 'abc' for key 'rings', expected 0 to 65535"],
  [
    "netmap:eth0@conf:rings=70000",
    "option 'conf': invalid value '70000' for key 'rings', expected 0 to 65535",
  ],
  ["netmap:eth0@offset=8", "option 'offset' is not supported"],
];

/** What only the package's own parser reads: docs/netmap-differences.md. */
const readByUsOnly = new Set(["eth0", "netmap:eth0@extmem=/nonexistent", "netmap:eth0@offset=8"]);

test("names that cannot be read are refused in netmap's words, and by the package's own parser too", async () => {
  const found = await read(...refusals.map(([spec]) => spec));
  const errnos: Readonly<Record<string, number>> = {
    "netmap:eth0@extmem=/nonexistent": 2,
    "netmap:eth0@offset=8": 95,
  };
  refusals.forEach(([spec, message], i) => {
    assert.deepEqual([spec, found[i]], [spec, { refused: message, errno: errnos[spec] ?? 22 }]);
    assert.equal(ours(spec) === undefined, !readByUsOnly.has(spec), `the package's parser on "${spec}"`);
  });
});

test("names that both parsers read mean the same request", async () => {
  const specs = [
    "netmap:eth0",
    "netmap:eth0^",
    "netmap:eth0^3",
    "netmap:eth0*",
    "netmap:eth0-3",
    "netmap:eth0-4094",
    "netmap:eth0/x",
    "netmap:eth0/ztrRT",
    "netmap:eth0/xxx",
    "netmap:eth0@7",
    "netmap:eth0@65535",
    "netmap:eth0@2/R",
    "netmap:eth0/R@2",
    "netmap:eth0@2/R@2",
    "netmap:eth0.100",
    "netmap:eth0:1",
    "netmap:pipe{in-7",
    "netmap:p}in_2/T",
    "vale1:10",
    "vale_x:a-1/x@9",
    "vale:0",
    "vale0:a{1",
    "netmap:eth0@conf:rings=4,slots=512",
    "netmap:eth0@conf:rings=4,tx-rings=2,rx_slots=64",
    "netmap:eth0@conf=4",
    "netmap:eth0-1@3@conf:slots=99",
    "netmap:eth0@conf:rings=2@conf:slots=64",
  ];
  const found = await read(...specs);
  specs.forEach((spec, i) => {
    assert.deepEqual([spec, found[i]?.fields], [spec, ours(spec)]);
  });
});
