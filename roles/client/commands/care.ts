/**
 * `maintenance`, `drain`, `forget`, `pace`, `confirm-loss`: what an administrator says about
 * seeders and their copies. What becomes of it is in `status`.
 */
import { Fault, Pace, type SeederId } from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { seederCalled } from "../cluster/seeder_names.ts";
import { StatusLine } from "../terminal/status_line.ts";
import { count, durationText, visible } from "../terminal/wording.ts";
import { drainText } from "./status.ts";

async function seederNamed(context: CommandContext): Promise<{ seederId: SeederId; name: string }> {
  const { session } = await context.access();
  const { seeders } = await session.tracker.status({}, { signal: context.signal });
  return seederCalled(seeders, context.run.word("seeder") ?? "");
}

/** As `seederNamed`, among those that wait or were banned too. */
async function anySeederNamed(context: CommandContext): ReturnType<typeof seederNamed> {
  const { session } = await context.access();
  const { seeders, outsiders } = await session.tracker.status({}, { signal: context.signal });
  return seederCalled([...seeders, ...outsiders], context.run.word("seeder") ?? "");
}

const unitsMs = { s: 1000, m: 60_000, h: 60 * 60_000, d: 24 * 60 * 60_000 } as const;

/** "30m", "2h", "1d". Throws `usage`. */
export function durationOf(word: string): number {
  const match = /^(\d{1,6})([smhd])$/.exec(word);
  const unit = match?.[2] as keyof typeof unitsMs | undefined;
  const ms = Number(match?.[1] ?? 0) * (unit === undefined ? 0 : unitsMs[unit]);
  if (ms > 0 && ms <= 30 * unitsMs.d) return ms;
  throw new Fault("usage", `"${visible(word)}" is no duration`, {
    next: "type a number and s, m, h or d, 30 days at most: 30m",
  });
}

export const maintenance: Command = {
  spec: {
    name: "maintenance",
    changes: "cluster",
    group: "Cluster",
    summary: "Announce that a seeder will be away for a while.",
    details:
      "Its absence starts no repair until then: its copies are taken for safe. It ends by\n" +
      "itself, by the tracker's clock, or with off.",
    arguments: [
      { name: "seeder", summary: "a seeder's name, or its id (@7e104)" },
      { name: "duration", summary: "30m, 2h, 1d; or off" },
    ],
    examples: ["maintenance seeder-2 30m", "maintenance seeder-2 off"],
  },
  completes: ["nothing", "nothing"],
  run: async (context) => {
    const word = context.run.word("duration") ?? "";
    const forMs = word === "off" ? null : durationOf(word);
    const { seederId, name } = await seederNamed(context);
    const { session } = await context.access();
    const reply = await session.tracker.maintenance({ seederId, forMs }, {
      signal: context.signal,
    });
    if (context.json) return await context.printJson(reply);
    await context.print(
      forMs === null
        ? `${visible(name)} is expected to be there`
        : `${visible(name)} may be away for ${durationText(forMs)} without a repair`,
    );
  },
};

export const drain: Command = {
  spec: {
    name: "drain",
    changes: "cluster",
    group: "Cluster",
    summary: "Have everything on a seeder elsewhere too, so that it can be switched off.",
    details: "It goes on being read and takes nothing new. status tells how far it is.",
    arguments: [{ name: "seeder", summary: "a seeder's name, or its id (@7e104)" }],
    options: [
      { name: "wait", summary: "show how far it is until it has ended; Ctrl-C only stops looking" },
      { name: "cancel", summary: "let it be a seeder like the others again" },
    ],
    examples: ["drain seeder-2 --wait", "drain seeder-2 --cancel"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const cancel = context.run.isSet("cancel");
    const { seederId, name } = await seederNamed(context);
    const { session } = await context.access();
    const options = { signal: context.signal };
    const reply = await session.tracker.drain({ seederId, cancel }, options);
    if (context.run.isSet("wait") && reply.draining) return await untilDrained(context, seederId);
    if (context.json) return await context.printJson(reply);
    await context.print(
      reply.draining
        ? `${visible(name)} is being drained; see how far: status`
        : `${visible(name)} keeps its copies and takes new ones`,
    );
  },
};

const lookEveryMs = 1_000;

/** @throws Fault `seeder-unknown` when the drain is cancelled or the seeder forgotten meanwhile */
async function untilDrained(context: CommandContext, seederId: SeederId): Promise<void> {
  const { session } = await context.access();
  const line = new StatusLine(context.terminal);
  let told = "", name = "";
  try {
    for (;;) {
      const status = await session.tracker.status({}, { signal: context.signal });
      const drained = status.healing.drains.find((each) => each.seederId === seederId);
      const seeder = status.seeders.find((each) => each.seederId === seederId);
      if (drained === undefined || seeder === undefined) {
        throw new Fault("seeder-unknown", "the seeder is not being drained any more", {
          next: "see: seeders",
        });
      }
      name = visible(seeder.name);
      const text = drainText(status, drained, visible(seeder.name));
      if (drained.chunksLeft === 0 && drained.chunksUnproved === 0) {
        line.erase();
        return context.json ? await context.printJson(drained) : await context.print(text);
      }
      const why = status.healing.stuck[0]?.why;
      if (why !== undefined && why !== told) {
        line.erase();
        context.note(`not all of it can be copied now: ${visible(why)}; see: status`);
        told = why;
      }
      line.draw(text);
      await context.clock.sleep(lookEveryMs, context.signal);
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
    throw new Fault("interrupted", "stopped looking; the drain goes on", {
      cause: error,
      next: `see how far it is: status; to end it: drain ${name} --cancel`,
    });
  } finally {
    line.erase();
  }
}

export const forget: Command = {
  spec: {
    name: "forget",
    changes: "cluster",
    group: "Cluster",
    summary: "Give up on a seeder that will not come back.",
    details:
      "Its holdings go from the catalog and nothing waits for it any more. Refused while it\n" +
      "reports, and where it has the only copy of something, or the only one that is\n" +
      "proved, unless --force is given. Its key is worth nothing from then on; with a join\n" +
      "code it may come back under another one, unless --now put it out: forget it a second\n" +
      "time to let it.",
    arguments: [{ name: "seeder", summary: "a seeder's name, or its id (@7e104)" }],
    options: [
      { name: "force", summary: "also what only it had" },
      { name: "now", summary: "ban it, though it still reports: it is hostile" },
    ],
    examples: ["forget seeder-2", "forget seeder-2 --now"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const { seederId, name } = await anySeederNamed(context);
    const { session } = await context.access();
    const ban = context.run.isSet("now");
    const request = { seederId, acceptLoss: context.run.isSet("force"), ban };
    const reply = await session.tracker.forget(request, { signal: context.signal });
    if (context.json) return await context.printJson(reply);
    const lost = reply.chunksLost === 0 ? "" : `, and with it ${count(reply.chunksLost, "chunk")}`;
    await context.print(`${visible(name)} is ${ban ? "banned" : "forgotten"}${lost}`);
  },
};

export const pace: Command = {
  spec: {
    name: "pace",
    changes: "cluster",
    group: "Cluster",
    summary: "Show or set how much healing may disturb reading and writing.",
    arguments: [{ name: "pace", summary: Pace.options.join(", "), optional: true }],
    examples: ["pace", "pace urgent"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const word = context.run.word("pace");
    const { session } = await context.access();
    const options = { signal: context.signal };
    if (word === undefined) {
      const { healing } = await session.tracker.status({}, options);
      if (context.json) return await context.printJson({ pace: healing.pace });
      return await context.print(healing.pace);
    }
    const wanted = Pace.safeParse(word);
    if (!wanted.success) {
      throw new Fault("usage", `"${visible(word)}" is no pace`, {
        next: `type one of: ${Pace.options.join(", ")}`,
      });
    }
    const reply = await session.tracker.setPace({ pace: wanted.data }, options);
    if (context.json) return await context.printJson(reply);
    await context.print(reply.pace);
  },
};

export const confirmLoss: Command = {
  spec: {
    name: "confirm-loss",
    changes: "cluster",
    group: "Cluster",
    summary: "Let copies be given up again after a large loss.",
    details:
      "When more than a third of all copies go within ten minutes, no copy is given up on\n" +
      "purpose until this is typed, or all that went is back. Repair goes on meanwhile.",
  },
  completes: ["nothing"],
  run: async (context) => {
    const { session } = await context.access();
    const reply = await session.tracker.confirmLoss({}, { signal: context.signal });
    if (context.json) return await context.printJson(reply);
    await context.print(
      reply.confirmed ? "copies may be given up again" : "no loss waits to be confirmed",
    );
  },
};
