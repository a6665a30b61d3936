/** `whatif lose`: what the loss of seeders would mean, before it happens. */
import { Fault, type LossTally, type WhatIfReply } from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { seederCalled } from "../cluster/seeder_names.ts";
import { count, durationText, rateText, sizeText, visible } from "../terminal/wording.ts";

const examplesMax = 10;

export const whatIf: Command = {
  spec: {
    name: "whatif",
    changes: "nothing",
    group: "Cluster",
    summary: "Say what the loss of seeders would mean.",
    details: "What stays readable, what is left with one copy, and how long copying would take\n" +
      "until all is as safe as before. Nothing is changed.",
    usage: "lose SEEDER...",
    arguments: [
      { name: "what", summary: "lose" },
      { name: "seeder", summary: "a seeder's name, or its id (@7e104)", repeated: true },
    ],
    examples: ["whatif lose seeder-2", "whatif lose seeder-2 seeder-3"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const verb = context.run.word("what") ?? "";
    if (verb !== "lose") {
      throw new Fault("usage", `whatif knows lose, and not "${visible(verb)}"`, {
        next: "type whatif lose SEEDER",
      });
    }
    const { session } = await context.access();
    const { seeders } = await session.tracker.status({}, { signal: context.signal });
    const lost = context.run.words("seeder").map((word) => seederCalled(seeders, word));
    const lose = [...new Set(lost.map(({ seederId }) => seederId))];
    const sum = await pagesOf(context, lose);
    const names = [...new Set(lost.map(({ name }) => visible(name)))];
    if (context.json) return await context.printJson({ lose: names, ...sum, ...estimateOf(sum) });
    await context.print(linesOf(names, sum));
  },
};

export interface LossSum {
  readonly tally: LossTally;
  readonly examples: readonly WhatIfReply["examples"][number][];
  readonly left: WhatIfReply["left"];
}

async function pagesOf(
  context: CommandContext,
  lose: Parameters<typeof seederCalled>[0][number]["seederId"][],
): Promise<LossSum> {
  const { session } = await context.access();
  const options = { signal: context.signal };
  let page = await session.tracker.whatIf({ lose }, options);
  let { tally } = page;
  let examples = worstFirst(page.examples);
  while (page.next !== undefined) {
    page = await session.tracker.whatIf({ lose, cursor: page.next }, options);
    tally = sumOf(tally, page.tally);
    examples = worstFirst([...examples, ...page.examples]);
  }
  return { tally, examples, left: page.left };
}

/** The first few, those that could not be read before all others. */
export function worstFirst(examples: LossSum["examples"]): LossSum["examples"] {
  const rank = ({ effect }: LossSum["examples"][number]) => effect === "unreadable" ? 0 : 1;
  return examples.toSorted((a, b) => rank(a) - rank(b)).slice(0, examplesMax);
}

export function sumOf(one: LossTally, other: LossTally): LossTally {
  return {
    chunksUnreadable: one.chunksUnreadable + other.chunksUnreadable,
    bytesUnreadable: one.bytesUnreadable + other.bytesUnreadable,
    chunksOneCopy: one.chunksOneCopy + other.chunksOneCopy,
    chunksFewer: one.chunksFewer + other.chunksFewer,
    bytesToCopy: one.bytesToCopy + other.bytesToCopy,
    filesUntouched: one.filesUntouched + other.filesUntouched,
    filesFewer: one.filesFewer + other.filesFewer,
    filesOneCopy: one.filesOneCopy + other.filesOneCopy,
    filesUnreadable: one.filesUnreadable + other.filesUnreadable,
  };
}

/** How long copying would take; null where it cannot be done with what is left. */
export function estimateOf({ tally, left }: LossSum): { repairMs: number | null; why: string } {
  const { bytesToCopy } = tally;
  if (bytesToCopy === 0) return { repairMs: 0, why: "nothing to copy" };
  if (left.seeders < 2) return { repairMs: null, why: "one seeder alone cannot hold two copies" };
  if (bytesToCopy > left.freeBytes) {
    const missing = sizeText(bytesToCopy - left.freeBytes);
    return { repairMs: null, why: `${missing} more free space would be needed` };
  }
  if (left.bytesPerSecond === 0) return { repairMs: null, why: "no seeder is left to copy to" };
  const repairMs = Math.ceil(bytesToCopy * 1000 / left.bytesPerSecond);
  const how = left.measured ? "as measured" : "assumed";
  return { repairMs, why: `at ${rateText(left.bytesPerSecond)}, ${how}` };
}

export function linesOf(names: readonly string[], sum: LossSum): string[] {
  const { tally, examples, left } = sum;
  const { filesUntouched, filesFewer, filesOneCopy, filesUnreadable } = tally;
  const readable = filesUntouched + filesFewer + filesOneCopy;
  const all = readable + filesUnreadable;
  const { repairMs, why } = estimateOf(sum);
  const lines = [
    `Without ${names.join(", ")}, ${count(left.seeders, "seeder")} would be left.`,
    filesUnreadable === 0
      ? `Every file stays as readable as it is now: ${count(all, "file")}.`
      : `! ${count(filesUnreadable, "file")} could not be read: ` +
        `${count(tally.chunksUnreadable, "chunk")}, ${sizeText(tally.bytesUnreadable)}.`,
    `${count(readable, "file")} of ${all} stay; ${filesOneCopy} of them with one copy, ` +
    `${filesFewer} with fewer copies than now, ${filesUntouched} untouched.`,
    ...examples.map(({ path, effect }) => {
      return `    ${effect === "unreadable" ? "unreadable" : "one copy"}  ${visible(path)}`;
    }),
  ];
  if (repairMs === null) lines.push(`To copy again: ${sizeText(tally.bytesToCopy)}; ${why}.`);
  else if (tally.bytesToCopy > 0) {
    lines.push(
      `To copy again: ${sizeText(tally.bytesToCopy)}, about ${durationText(repairMs)} ${why}.`,
    );
  } else lines.push("Nothing would have to be copied again.");
  return lines;
}
