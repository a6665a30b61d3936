/** `help`, `clear`, `exit`: about the shell itself. */
import { Fault } from "../../../protocol/mod.ts";
import { type CommandSpec, helpOf } from "../../kit/command_line.ts";
import type { Command } from "../command.ts";

export const help: Command = {
  spec: {
    name: "help",
    changes: "nothing",
    aliases: ["h"],
    group: "Shell",
    summary: "List the commands, or tell about one.",
    arguments: [{ name: "command", summary: "which one", optional: true }],
  },
  completes: ["command"],
  run: async (context) => {
    const word = context.run.word("command") ?? "";
    const spec = await programsOwn(word);
    const text = spec === undefined
      ? context.help(context.run.words("command"))
      : helpOf(spec, [], context.terminal.columns());
    await context.print(text.trimEnd());
  },
};

/** What the program does besides being a client: typed outside, and asked about here as well. */
async function programsOwn(word: string): Promise<CommandSpec | undefined> {
  switch (word) {
    case "up":
      return (await import("../cluster/local_cluster.ts")).upSpec;
    case "serve":
      return (await import("../serve.ts")).serveSpec;
    case "health":
      return (await import("../../kit/health.ts")).healthSpec;
    case "tracker":
    case "seeder":
      throw new Fault("usage", `${word} is a role and no command`, {
        next: `outside of this shell: offshore --role ${word} --help`,
      });
    default:
      return undefined;
  }
}

export const clear: Command = {
  spec: { name: "clear", changes: "nothing", group: "Shell", summary: "Clear the screen." },
  completes: ["nothing"],
  run: async (context) => {
    if (!context.terminal.outputIsTerminal) return;
    // Cursor home, erase the screen, erase what was scrolled off it.
    await context.terminal.write(new TextEncoder().encode("\x1b[H\x1b[2J\x1b[3J"));
  },
};

export const exit: Command = {
  spec: {
    name: "exit",
    changes: "nothing",
    aliases: ["e"],
    group: "Shell",
    summary: "Leave the shell.",
  },
  completes: ["nothing"],
  run: (context) => {
    context.leave();
    return Promise.resolve();
  },
};
