/** `help`, `clear`, `exit`: about the shell itself. */
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
    const text = await context.help(context.run.words("command"));
    await context.print(text.trimEnd());
  },
};

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
