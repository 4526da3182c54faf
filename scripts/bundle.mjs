/**
 * Makes the programs: for each command one CommonJS file in dist/program/ with all modules that it needs, and nm.js
 * with all commands. bin/start.ts runs them and says why they are there.
 *
 * They are made of what tsc printed into dist/, and lie two levels below the package's root as the files of dist/lib do,
 * so that what those find beside themselves is found from here too. Nothing is renamed: stack traces stay readable.
 */

import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { commands } from "../dist/commands/index.js";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const programs = join(dist, "program");

// These need all commands, which nm.js has.
const listing = ["help", "completion"];
const alone = Object.keys(commands).filter((name) => !listing.includes(name));

rmSync(programs, { recursive: true, force: true });
const inputs = await Promise.all([
  bundle("nm", 'import { commands } from "./commands/index.js";'),
  ...alone.map((name) =>
    bundle(
      name,
      `import command from "./commands/${name}.js";
       const commands = { "${name}": async () => ({ default: command }) };`,
    ),
  ),
]);
writeFileSync(join(programs, "LICENSES"), licences(new Set(inputs.flat())));

for (const directory of [programs, join(dist, "bin")]) {
  copyFileSync(join(root, "bin", "package.json"), join(directory, "package.json"));
}
for (const file of Object.values(JSON.parse(readFileSync(join(root, "package.json"), "utf8")).bin)) {
  chmodSync(join(root, file), 0o755);
}

/** Writes the program that knows the `commands` of these lines. Gives the files it is made of. */
async function bundle(name, lines) {
  const { metafile } = await build({
    stdin: {
      contents: `${lines}
        import { main as run } from "./lib/main.js";
        export const main = (words) => run(words, commands);`,
      resolveDir: dist,
    },
    outfile: join(programs, `${name}.js`),
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20.19",
    // Loaded by few runs, and large or with files of their own.
    external: ["pino", "prom-client", "yaml"],
    define: { "import.meta.url": "moduleUrl" },
    banner: { js: 'const moduleUrl = require("node:url").pathToFileURL(__filename).href;' },
    logOverride: { "empty-import-meta": "error" },
    logLevel: "warning",
    metafile: true,
  });
  return Object.keys(metafile.inputs);
}

/** The licences of the packages whose files are in the programs. */
function licences(files) {
  const packages = new Set(
    [...files].flatMap((file) => file.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []),
  );
  return [...packages]
    .sort()
    .map((directory) => {
      const file = readdirSync(directory).find((name) => /^licen[cs]e/i.test(name));
      if (!file) throw new Error(`${directory} has no licence`);
      return `${directory.replace(/.*node_modules\//, "")}\n\n${readFileSync(join(directory, file), "utf8")}`;
    })
    .join("\n");
}
