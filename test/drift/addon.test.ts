/** The addon compiles without a warning. The rest of native/ is checked by its own makefile, which knows no Node. */

import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { finished, root } from "../run.js";

const nodeHeaders = join(dirname(dirname(process.execPath)), "include", "node");
const addonApi: string = createRequire(import.meta.url)("node-addon-api").include_dir;
const warnings = ["-Wall", "-Wextra", "-Wshadow", "-Werror"];
const defines = [
  "NAPI_VERSION=9",
  "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
  "NODE_ADDON_API_DISABLE_DEPRECATED",
];

const skip = existsSync(join(nodeHeaders, "node_api.h")) ? false : `Node's headers are not in ${nodeHeaders}`;

test("native/addon compiles without a warning", { skip }, async () => {
  const sources = readdirSync(join(root, "native", "addon")).filter((file) => file.endsWith(".cc"));
  const all = sources.map((file) => `#include "addon/${file}"`).join("\n");
  const includes = ["-I", join(root, "native"), "-isystem", nodeHeaders, "-isystem", addonApi];
  const flags = ["-std=c++20", "-fsyntax-only", "-fno-exceptions", "-fno-rtti", ...warnings];
  const compile = [...flags, ...defines.map((name) => `-D${name}`), ...includes, "-x", "c++", "-"];
  // Not quoted: CXX may be a launcher and the compiler, as make takes it.
  const line = `printf '%s\\n' "$0" | \${CXX:-c++} "$@"`;
  const { status, stderr } = await finished("bash", ["-c", line, all, ...compile], {});
  assert.equal(stderr, "");
  assert.equal(status, 0);
});
