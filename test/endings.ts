/** A program whose commands end in every way a command can; endings.test.ts runs it. */

import { setTimeout as sleep } from "node:timers/promises";
import { type Context, command, verboseOption } from "../lib/command.js";
import { ExpectationFailed, Interrupted } from "../lib/errors.js";
import { main } from "../lib/main.js";

/** A command that is only its `run`. */
function ending(name: string, run: (context: Context) => Promise<void> | void) {
  const described = command({
    name,
    summary: "End in one way",
    details: "It exists to be run by a test.",
    options: { verbose: verboseOption },
    examples: [[`nm ${name}`, "End"]],
    run: (_args, context) => run(context),
  });
  return async () => ({ default: described });
}

await main(process.argv.slice(2), {
  patient: ending("patient", async ({ out, signal, interrupted }) => {
    out.print("started");
    while (!signal.aborted) await sleep(10);
    out.print("figures");
    if (interrupted()) throw new Interrupted();
  }),
  deaf: ending("deaf", async ({ out }) => {
    out.print("started");
    await sleep(60_000);
  }),
  chatty: ending("chatty", async ({ out, signal, interrupted }) => {
    while (!signal.aborted) {
      out.print("a line");
      await sleep(1);
    }
    if (interrupted()) throw new Interrupted();
  }),
  hopeful: ending("hopeful", () => {
    throw new ExpectationFailed("Expected 5 packets: 4 arrived");
  }),
  faulty: ending("faulty", () => {
    throw new TypeError("x is not a function");
  }),
  talkative: ending("talkative", ({ log }) => {
    for (const level of ["warn", "info", "debug"] as const) log[level](`a ${level}`);
  }),
});
