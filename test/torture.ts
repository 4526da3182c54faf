/**
 * torture: what the native tests do for seconds, for minutes.
 *
 *     npm run torture                                   2000 kills, then a minute of nonsense per kind of port
 *     NM_SEED=7 NM_KILLS=20000 npm run torture          other choices, more kills
 *     NM_FUZZ_SECONDS=600 npm run torture               ten minutes of nonsense per kind of port
 *
 * native/test/kill_test.cc kills processes at random, native/test/hostile_test.cc overwrites shared memory at random,
 * under the address sanitizer. Both print their seed; with it a run makes the same choices again.
 */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

interface Ordeal {
  readonly says: string;
  readonly test: string;
  readonly flavour: string;
  readonly environment: Record<string, string>;
}

const kills = process.env.NM_KILLS ?? "2000";
const fuzzSeconds = process.env.NM_FUZZ_SECONDS ?? "60";

const ordeals: Ordeal[] = [
  { says: `${kills} kills`, test: "kill", flavour: "plain", environment: { NM_KILLS: kills } },
  {
    says: `${fuzzSeconds} seconds of nonsense per kind of port`,
    test: "hostile",
    flavour: "asan",
    environment: { NM_FUZZ_SECONDS: fuzzSeconds },
  },
];

const native = fileURLToPath(new URL("../../native", import.meta.url));
const patienceSeconds = 24 * 60 * 60;

for (const { says, test, flavour, environment } of ordeals) {
  console.log(`\n${says}`);
  const run = spawnSync(
    "make",
    ["-C", native, "check", `TEST=${test}`, `FLAVOURS=${flavour}`, `TIMEOUT=${patienceSeconds}`],
    { stdio: "inherit", env: { ...process.env, ...environment } },
  );
  if (run.error) throw run.error;
  if (run.status !== 0) {
    process.exitCode = 1;
    break;
  }
}
