/**
 * torture: what the native tests do for seconds, for minutes; and whether two of them can fail at all.
 *
 *     npm run torture                                   2000 kills, then a minute of nonsense per kind of port
 *     NM_SEED=7 NM_KILLS=20000 npm run torture          other choices, more kills
 *     NM_FUZZ_SECONDS=600 npm run torture               ten minutes of nonsense per kind of port, and of random calls
 *
 * native/test/kill_test.cc kills processes at random, native/test/hostile_test.cc overwrites shared memory at random,
 * native/test/api_fuzz_test.cc makes random calls from several processes; the last two under the address sanitizer. All
 * print their seed; with it a run makes the same choices again. So does test/vale-ctl-random.test.ts, in which interfaces,
 * workers and programs come and go on a switch.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const native = fileURLToPath(new URL("../../native", import.meta.url));

const kills = process.env.NM_KILLS ?? "2000";
/** Each takes a moment, in which the interface is looked at; as many with every driver. */
const nicKills = String(Math.ceil(Number(kills) / 10));
const fuzzSeconds = process.env.NM_FUZZ_SECONDS ?? "60";

process.exitCode =
  endures(`${kills} kills`, "kill", "plain", { NM_KILLS: kills }) &&
  endures(`${fuzzSeconds} seconds of nonsense per kind of port`, "hostile", "asan", {
    NM_FUZZ_SECONDS: fuzzSeconds,
  }) &&
  endures(`${fuzzSeconds} seconds of random calls`, "api_fuzz", "asan", { NM_FUZZ_SECONDS: fuzzSeconds }) &&
  endures(`${nicKills} kills of programs that have an interface open`, "nic", "plain", {
    NM_KILLS: nicKills,
  }) &&
  run(process.execPath, ["--test", fileURLToPath(new URL("vale-ctl-random.test.js", import.meta.url))], {
    NM_FUZZ_SECONDS: fuzzSeconds,
  }) &&
  notices("NM_TEST_WITHOUT_WAKE_FENCE", "wake_test") &&
  notices("NM_TEST_WITHOUT_RECOVERY", "reservation_test")
    ? 0
    : 1;

/** Whether a test holds, however long it takes. */
function endures(says: string, test: string, flavour: string, environment: Record<string, string>): boolean {
  console.log(`\n${says}`);
  const aDay = 24 * 60 * 60;
  return run("make", ["check", `TEST=${test}`, `FLAVOURS=${flavour}`, `TIMEOUT=${aDay}`], environment);
}

/** Whether a test fails, as it should, when the core is built without what it is a test of. */
function notices(omission: string, test: string): boolean {
  console.log(`\n${test} with ${omission} must fail`);
  const build = `../build/${omission.toLowerCase().replaceAll("_", "-")}-`;
  const program = `${build}plain/test/${test}`;
  const compiler = `${process.env.CXX ?? "g++"} -D${omission}`;
  if (!run("make", [program, `BUILD=${build}`, `CXX=${compiler}`, "FLAVOURS=plain"])) return false;
  const scratch = mkdtempSync("/dev/shm/nm-torture-");
  const failed = !run(program, [], { NM_TEST_DIR: scratch });
  rmSync(scratch, { recursive: true });
  return failed;
}

function run(program: string, args: readonly string[], environment: Record<string, string> = {}): boolean {
  const result = spawnSync(program, args, {
    cwd: native,
    stdio: "inherit",
    env: { ...process.env, ...environment },
  });
  if (result.error) throw result.error;
  return result.status === 0;
}
