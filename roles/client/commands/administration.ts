/** `policy`, `join-code`, `login-code`: what an administrator of the cluster decides. */
import { Fault, limits } from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { find, findPath } from "../targets.ts";
import { count, durationText, visible } from "../wording.ts";

export const policy: Command = {
  spec: {
    name: "policy",
    group: "Cluster",
    summary: "Show or set how many copies files below a directory get.",
    details: "It holds for files written from now on, in directories below as well.",
    arguments: [
      { name: "path", summary: "a directory, or a file to look at" },
      { name: "copies", summary: "a number, or inherit", optional: true },
    ],
    examples: ["policy /photos", "policy /photos 3", "policy /photos inherit"],
  },
  completes: ["remote", "nothing"],
  run: async (context) => {
    const word = context.run.word("path") ?? ".";
    const wanted = context.run.word("copies");
    if (wanted === undefined) {
      const { path, stat } = await find(context, word);
      return await tell(context, path, stat.copiesWanted);
    }
    const number = /^\d{1,3}$/.test(wanted) ? Number(wanted) : undefined;
    const isNumber = number !== undefined && number >= 1 && number <= limits.copiesMax;
    if (wanted !== "inherit" && !isNumber) {
      throw new Fault("usage", `"${visible(wanted)}" is no number of copies`, {
        next: `type a number from 1 to ${limits.copiesMax}, or inherit`,
      });
    }
    const path = await findPath(context, word);
    const { session } = await context.access();
    const request = { path, copies: number ?? null };
    const reply = await session.tracker.setPolicy(request, { signal: context.signal });
    await tell(context, path, reply.copies);
  },
};

async function tell(context: CommandContext, path: string, copies: number): Promise<void> {
  if (context.json) return await context.printJson({ path, copies });
  await context.print(`${visible(path)}: ${count(copies, "copy", "copies")}`);
}

function codeCommand(purpose: "join" | "login", summary: string, use: string): Command {
  return {
    spec: { name: `${purpose}-code`, group: "Cluster", summary },
    completes: ["nothing"],
    run: async (context) => {
      const { session } = await context.access();
      const reply = await session.tracker.mintCode({ purpose }, { signal: context.signal });
      if (context.json) return await context.printJson(reply);
      await context.print(reply.code);
      if (context.terminal.outputIsTerminal) {
        context.note(`use it within ${durationText(reply.lifeMs)}: ${use}`);
      }
    },
  };
}

export const joinCode = codeCommand(
  "join",
  "Print a code with which seeders join the cluster.",
  "offshore --role seeder --join-code CODE",
);

export const loginCode = codeCommand(
  "login",
  "Print a code with which a person logs in.",
  "offshore --login-code CODE status",
);
