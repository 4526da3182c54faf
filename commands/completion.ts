/** completion: a script that makes a shell complete nm's commands and options. */

import { command } from "../lib/command.js";

export default command({
  name: "completion",
  summary: "Print a script that makes a shell complete nm's commands and options",
  details:
    "The script is made from the same descriptions as the help, so it knows every command, option and choice " +
    "of this version. Load it from the shell's start-up file.",

  positionals: {
    shell: { type: "string", choices: ["bash", "zsh", "fish"], demandOption: true, describe: "The shell" },
  },

  examples: [
    ["source <(nm completion bash)", "Complete in this bash; the same line does it in ~/.bashrc"],
    ["source <(nm completion zsh)", "Complete in this zsh, after compinit"],
    ["nm completion fish | source", "Complete in this fish"],
  ],

  async run({ shell, json }, { out }) {
    const { completionScript } = await import("../lib/completion.js");
    const { loadCommands } = await import("./index.js");
    const script = completionScript(shell, await loadCommands());
    if (json) out.json({ type: "completion", shell, script });
    else out.print(script);
  },
});
