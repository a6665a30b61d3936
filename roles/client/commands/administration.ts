/** `policy`, `join-code`, `login-code`: what an administrator of the cluster decides. */
import { Fault, limits } from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { find, findPath } from "../cluster/targets.ts";
import { count, durationText, visible } from "../terminal/wording.ts";

export const policy: Command = {
  spec: {
    name: "policy",
    changes: "cluster",
    group: "Cluster",
    summary: "Show or set copies and earlier versions of what lies below a directory.",
    details: "It holds for files written from now on, in directories below as well. An\n" +
      "overwrite keeps the version before: where no policy says otherwise " +
      `${limits.versionsDefault} of\neach file, for ${limits.versionDaysDefault} days.`,
    arguments: [
      { name: "path", summary: "a directory, or a file to look at" },
      { name: "copies", summary: "a number, or inherit", optional: true },
    ],
    options: [
      {
        name: "versions",
        value: "count",
        summary: "earlier versions kept of each file: a number, 0 for none, or inherit",
      },
      {
        name: "version-days",
        value: "count",
        summary: "for how many days they are kept, or inherit",
      },
    ],
    examples: [
      "policy /photos",
      "policy /photos 3",
      "policy /photos inherit",
      "policy /logs --versions 0",
      "policy /texts --versions 100 --version-days 365",
    ],
  },
  completes: ["remote", "nothing"],
  run: async (context) => {
    const word = context.run.word("path") ?? ".";
    const { run } = context;
    const copies = partOf(run.word("copies"), "copies", 1, limits.copiesMax);
    const versions = partOf(run.text("versions"), "earlier versions", 0, limits.versionsMax);
    const versionDays = partOf(run.text("version-days"), "days", 1, limits.versionDaysMax);
    const parts = {
      ...(copies === undefined ? {} : { copies }),
      ...(versions === undefined ? {} : { versions }),
      ...(versionDays === undefined ? {} : { versionDays }),
    };
    if (Object.keys(parts).length === 0) {
      const { path, stat } = await find(context, word);
      return await tell(context, path, { copies: stat.copiesWanted, ...stat.keeps });
    }
    const path = await findPath(context, word);
    const { session } = await context.access();
    const request = { path, ...parts };
    const reply = await session.tracker.setPolicy(request, { signal: context.signal });
    await tell(context, path, reply);
  },
};

/** A number, or null to inherit; undefined where nothing was typed. Throws `usage`. */
function partOf(
  word: string | undefined,
  what: string,
  least: number,
  most: number,
): number | null | undefined {
  if (word === undefined) return undefined;
  if (word === "inherit") return null;
  const number = /^\d{1,5}$/.test(word) ? Number(word) : -1;
  if (number >= least && number <= most) return number;
  throw new Fault("usage", `"${visible(word)}" is no number of ${what}`, {
    next: `type a number from ${least} to ${most}, or inherit`,
  });
}

interface PolicyTold {
  readonly copies: number;
  readonly versions?: number;
  readonly versionDays?: number;
}

async function tell(context: CommandContext, path: string, policy: PolicyTold): Promise<void> {
  if (context.json) return await context.printJson({ path, ...policy });
  const { copies, versions, versionDays } = policy;
  const keeps = versions === undefined || versionDays === undefined
    ? ""
    : `, ${keepsText({ versions, versionDays })}`;
  await context.print(`${visible(path)}: ${count(copies, "copy", "copies")}${keeps}`);
}

/** What becomes of the version before when a file is overwritten. */
export function keepsText(keeps: { versions: number; versionDays: number }): string {
  const { versions, versionDays } = keeps;
  if (versions === 0) return "no earlier versions kept";
  return `${count(versions, "earlier version")} kept for ${count(versionDays, "day")}`;
}

function codeCommand(purpose: "join" | "login", summary: string, use: string): Command {
  return {
    spec: { name: `${purpose}-code`, changes: "cluster", group: "Cluster", summary },
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
