/** `policy`, `join-code`, `login-code`: what an administrator of the cluster decides. */
import { type CodePurpose, CodeUses, Fault, limits } from "../../../protocol/mod.ts";
import type { OptionSpec } from "../../kit/command_line.ts";
import { durationOf } from "./care.ts";
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

const usesOption: OptionSpec = {
  name: "uses",
  value: "count",
  summary: "how often it serves (1)",
};
const forOption: OptionSpec = {
  name: "for",
  value: "duration",
  summary: `for how long: 30m, 2h, 7d (${durationText(limits.codeLifeMs)})`,
};
const pendingOption: OptionSpec = {
  name: "pending",
  summary: "who joins with it waits until you type: seeders accept SEEDER",
};

function codeCommand(
  purpose: CodePurpose,
  summary: string,
  more: readonly OptionSpec[],
  use: string,
): Command {
  return {
    spec: {
      name: `${purpose}-code`,
      changes: "cluster",
      group: "Cluster",
      summary,
      options: [usesOption, forOption, ...more],
      examples: [`${purpose}-code`, `${purpose}-code --uses 5 --for 1h`],
    },
    completes: ["nothing"],
    run: async (context) => {
      const { run } = context;
      const uses = usesTyped(run.text("uses"));
      const life = run.text("for");
      const request = {
        purpose,
        ...(uses === undefined ? {} : { uses }),
        ...(life === undefined ? {} : { lifeMs: durationOf(life) }),
        ...(more.includes(pendingOption) && run.isSet("pending") ? { pending: true as const } : {}),
      };
      const { session } = await context.access();
      const reply = await session.tracker.mintCode(request, { signal: context.signal });
      if (context.json) return await context.printJson(reply);
      await context.print(reply.code);
      if (context.terminal.outputIsTerminal) {
        const often = reply.uses === 1 ? "once" : `${reply.uses} times`;
        context.note(`it serves ${often}, for ${durationText(reply.lifeMs)}: ${use}`);
      }
    },
  };
}

/** @throws Fault `usage` */
function usesTyped(word: string | undefined): number | undefined {
  if (word === undefined) return undefined;
  const uses = CodeUses.safeParse(/^\d{1,5}$/.test(word) ? Number(word) : undefined);
  if (uses.success) return uses.data;
  throw new Fault("usage", `"${visible(word)}" is no number of uses`, {
    next: `type a number from 1 to ${limits.codeUsesMax}`,
  });
}

export const joinCode = codeCommand(
  "join",
  "Print a code with which seeders join the cluster.",
  [pendingOption],
  "offshore --role seeder, which asks for it",
);

export const loginCode = codeCommand(
  "login",
  "Print a code with which a person logs in.",
  [],
  "offshore login, which asks for it",
);
