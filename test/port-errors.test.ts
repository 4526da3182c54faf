/** Why a port cannot be opened, and what people are told. */

import assert from "node:assert/strict";
import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { test } from "node:test";
import { NmError, openPort, portInfo } from "../lib/index.js";
import { statusMeanings } from "../lib/layout.js";
import { statusOf } from "../lib/native.js";
import { freshNamespace, portsOf, script } from "./namespace.js";
import { finished, root } from "./run.js";

function refused(code: string, message: RegExp | string) {
  return (error: unknown) => {
    assert.ok(error instanceof NmError, `${error}`);
    assert.equal(error.code, code);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    assert.ok(error.hint);
    return true;
  };
}

test("a name that cannot be read is a PORT_SYNTAX error before anything is opened", () => {
  assert.throws(
    () => openPort("vale1:", { namespace: "/nowhere" }),
    refused("PORT_SYNTAX", /a port name is missing/),
  );
});

test("rings that somebody has for himself are refused, and so is wanting them alone too late", (t) => {
  const open = portsOf(t);
  const exclusive = open("vale1:a/x");
  const message = 'Cannot open port "vale1:a": another program has its rings for itself';
  assert.throws(() => open("vale1:a"), refused("PORT_EXCLUSIVE", message));
  exclusive.close();
  open("vale1:a");
  assert.throws(() => open("vale1:a/x"), refused("PORT_IN_USE", /^Cannot open port "vale1:a\/x": \/x asks/));
});

for (const [spec, code] of [
  ["vale1:a@conf:slots=100000", "PORT_GEOMETRY"],
  ["vale1:a@conf:rings=500", "PORT_GEOMETRY"],
  ["vale1:a-9", "PORT_RING"],
  ["vale1:a@777", "REGION_NOT_FOUND"],
  ["vale1:a@extmem:file=/nonexistent", "EXTMEM_UNFIT"],
  ["vale1:a@offset=100000", "OFFSETS_INVALID"],
  ["vale1:b@share:port=vale1:nobody", "PORT_NOT_FOUND"],
  ["nosuchinterface", "INTERFACE_NOT_FOUND"],
  ["lo", "INTERFACE_UNFIT"],
  ["vale1:a/r", "WATCHED_NOT_OPEN"],
] as const) {
  test(`openPort("${spec}") is a ${code} error`, (t) => {
    const open = portsOf(t);
    assert.throws(() => open(spec), refused(code, /^Cannot (open|share memory of) port "/));
  });
}

test("portInfo refuses a name that no port can have", (t) => {
  const namespace = freshNamespace(t);
  const message = 'Cannot look up port "netmap:nosuchinterface": no network interface has this name';
  assert.throws(() => portInfo("nosuchinterface", { namespace }), refused("INTERFACE_NOT_FOUND", message));
});

test("the kernel backend is a clear error, and so is one that does not exist", (t) => {
  const namespace = freshNamespace(t);
  const open = (backend: string) => () => openPort("vale1:a", { namespace, backend: backend as "kernel" });
  assert.throws(open("kernel"), refused("BACKEND_MISSING", /^Cannot use the kernel backend: /));
  assert.throws(open("other"), refused("BACKEND_MISSING", /none of that name/));
  open("embedded")().close();
  open("auto")().close();
});

test("NM_BACKEND and NM_DIR choose where nothing else does", async (t) => {
  const namespace = freshNamespace(t);
  const code = `process.env.NM_BACKEND = "kernel"; openPort("vale1:a");`;
  assert.match((await script(namespace, code)).stderr, /BACKEND_MISSING/);
  const here = `console.log(openPort("vale1:a").namespace);`;
  assert.equal((await script(namespace, here)).stdout, `${namespace}\n`);
});

test("a namespace directory that is open to others is refused", (t) => {
  const namespace = freshNamespace(t);
  chmodSync(namespace, 0o777);
  const message = `Cannot open port "vale1:a": the namespace directory ${namespace} is open to other users`;
  assert.throws(() => openPort("vale1:a", { namespace }), refused("NAMESPACE_OPEN", message));
});

test("a namespace that is a link or a file is refused", (t) => {
  const directory = freshNamespace(t);
  mkdirSync(`${directory}/real`, { mode: 0o700 });
  symlinkSync("real", `${directory}/link`);
  writeFileSync(`${directory}/file`, "");
  for (const name of ["link", "file"]) {
    const namespace = `${directory}/${name}`;
    assert.throws(
      () => openPort("vale1:a", { namespace }),
      refused("NAMESPACE_NOT_DIRECTORY", /is a link or not a directory/),
    );
  }
});

test("a namespace that cannot be made is refused", () => {
  const namespace = "/proc/nowhere/nm";
  assert.throws(
    () => openPort("vale1:a", { namespace }),
    refused("NAMESPACE_UNUSABLE", /cannot be made or opened/),
  );
});

test("a namespace of another version is refused, never misread", async (t) => {
  const namespace = freshNamespace(t);
  assert.equal((await script(namespace, `openPort("vale1:a").close();`)).status, 0);
  const file = openSync(`${namespace}/namespace`, "r+");
  writeSync(file, Uint8Array.of(99), 0, 1, 8);
  closeSync(file);
  const run = await script(namespace, `openPort("vale1:a");`);
  assert.match(run.stderr, /NAMESPACE_VERSION/);
  assert.match(run.stderr, /another version of nm made the namespace/);
});

test("a full filesystem is an error that says how much is missing and what to do", async (t) => {
  const directory = freshNamespace(t);
  const code = `
    import { openPort } from "${root}dist/lib/index.js";
    try {
      for (let i = 0; i < 10; i++) openPort("vale1:p" + i, { namespace: "${directory}/full" });
    } catch (error) {
      console.log(error.code + "|" + error.message + "|" + error.hint);
    }`;
  const mount = `mount -t tmpfs -o size=9m,mode=700 none ${directory}`;
  const line = `${mount} && exec "$0" --input-type=module --eval "$1"`;
  const probe = await finished("unshare", ["-rm", "bash", "-c", mount], {}).catch(() => ({ status: 1 }));
  if (probe.status !== 0) return t.skip("mounting a tmpfs needs root or user namespaces (unshare -rm)");

  const run = await finished("unshare", ["-rm", "bash", "-c", line, process.execPath, code], {});
  const [status, message, hint] = run.stdout.split("|");
  assert.equal(status, "SPACE_EXHAUSTED", run.stderr);
  assert.match(
    message ?? "",
    /it needs about 4\.\d MB of memory and the filesystem of .* has \d\.\d MB left$/,
  );
  assert.match(hint ?? "", /docker run --shm-size=256m.*NM_DIR=DIR/s);
});

test("an addon that was not built is an error that says how to build it", async (t) => {
  const directory = freshNamespace(t);
  const copy = `cp -r ${root}dist ${root}package.json ${directory}/ && cd ${directory}`;
  const code = `import { openPort } from "./dist/lib/index.js"; openPort("vale1:a");`;
  const line = `${copy} && "$0" --input-type=module --eval '${code}'`;
  const run = await finished("bash", ["-c", line, process.execPath], {});
  assert.equal(run.status, 1);
  assert.match(run.stderr, /NmError: Cannot load .*nm\.node: it has not been built/);
  assert.match(run.stderr, /npm rebuild netmap-tools/);
});

test("every status of the native core has its own number on both sides", () => {
  const names = Object.keys(statusMeanings);
  assert.equal(names[0], "ok");
  names.slice(1).forEach((name, i) => {
    assert.equal(statusOf(-(i + 1)), name);
  });
  assert.equal(statusOf(-9999), "system_error");
});
