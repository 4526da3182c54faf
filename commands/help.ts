/** help: what nm can do, or how to use one of its commands. */

import { command } from "../lib/command.js";
import { commands, loadCommands } from "./index.js";

export default command({
  name: "help",
  summary: "Show what nm can do, or how to use one command",
  details: "The same as nm --help and nm COMMAND --help.",

  positionals: {
    command: { type: "string", choices: Object.keys(commands), describe: "The command to explain" },
  },

  examples: [["nm help completion", "Explain the completion command"]],

  async run({ command: asked, json }, { out }) {
    const all = await loadCommands();
    const one = all.find(({ name }) => name === asked);
    if (json) {
      for (const { name, summary } of one ? [one] : all) out.json({ type: "command", name, summary });
      return;
    }
    const { commandHelp, programHelp } = await import("../lib/help.js");
    out.print(one ? commandHelp(one, out) : programHelp(all, out));
  },
});
