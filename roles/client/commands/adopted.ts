/**
 * `adopted`: what became of the files that were found on the seeders' disks, which of them have
 * another name here than there, and which were left out, each with what to do about it.
 */
import type {
  Adopted,
  AdoptedReply,
  AdoptedRequest,
  Clash,
  SeederId,
  SeederView,
} from "../../../protocol/mod.ts";
import type * as z from "zod";
import type { Command, CommandContext } from "../command.ts";
import { seederCalled } from "../cluster/seeder_names.ts";
import { tableOf } from "../terminal/table.ts";
import { count, sizeText, visible } from "../terminal/wording.ts";

type Told = z.output<typeof Adopted>;
type Seeder = AdoptedReply["seeders"][number];

export const adopted: Command = {
  spec: {
    name: "adopted",
    changes: "nothing",
    group: "Cluster",
    summary: "Show what became of the files found on the seeders' disks.",
    details: "What lies in a seeder's disk folder is offered under / without being copied.\n" +
      "Where a name is taken by something else, the file gets the seeder's name behind\n" +
      "its own. A seeder looks again every ten minutes; --adopt no there ends that.",
    arguments: [{ name: "seeder", summary: "only this one (all)", optional: true }],
    examples: ["adopted", "adopted seeder-2 --json"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const { session } = await context.access();
    const word = context.run.word("seeder");
    const options = { signal: context.signal };
    let seederId: SeederId | undefined;
    if (word !== undefined) {
      const { seeders } = await session.tracker.status({}, options);
      seederId = seederCalled(seeders, word).seederId;
    }
    const base = seederId === undefined ? {} : { seederId };
    const first = await session.tracker.adopted(base, options);
    if (!context.json) await showSeeders(context, first.seeders);
    else for (const seeder of first.seeders) await context.printJson(seeder);
    let any = false;
    for (let page = first;;) {
      if (page.clashes.length > 0) await showClashes(context, first.seeders, page.clashes, !any);
      any ||= page.clashes.length > 0;
      if (page.next === undefined) break;
      const request: z.input<typeof AdoptedRequest> = { ...base, after: page.next };
      page = await session.tracker.adopted(request, options);
    }
    if (any && !context.json) {
      await context.print([
        "    next: rename them as you like: mv; a file stays adopted under its new name",
      ]);
    }
  },
};

async function showSeeders(context: CommandContext, seeders: readonly Seeder[]): Promise<void> {
  if (seeders.length === 0) return context.note("no seeder has joined yet; see: join-code");
  const rows = seeders.map((seeder) => [visible(seeder.name), adoptedText(seeder)]);
  await context.print(tableOf(rows, ["left", "left"]));
  for (const { name, report } of seeders) {
    if (report === undefined || report.leftOutCount === 0) continue;
    await context.print([
      "",
      `${count(report.leftOutCount, "name")} left out on ${visible(name)}:`,
      ...report.leftOut.map(({ source, why }) => `  ${visible(source)}: ${visible(why)}`),
      ...(report.leftOutCount > report.leftOut.length
        ? [`  and ${report.leftOutCount - report.leftOut.length} more`]
        : []),
    ]);
  }
}

async function showClashes(
  context: CommandContext,
  seeders: readonly Seeder[],
  clashes: readonly Clash[],
  isFirst: boolean,
): Promise<void> {
  if (context.json) {
    for (const clash of clashes) await context.printJson(clash);
    return;
  }
  const names = new Map(seeders.map(({ seederId, name }) => [seederId, visible(name)]));
  await context.print([
    ...(isFirst ? ["", "Under another name here, because theirs was taken:"] : []),
    ...clashes.map(({ seederId, source, path }) =>
      `  ${visible(source)} on ${names.get(seederId) ?? seederId} is ${visible(path)}`
    ),
  ]);
}

/** One seeder in a line: how far it is, and what a person may want to look at. */
export function adoptedText({ files, clashes, report }: Told): string {
  const remarks = [
    ...(clashes > 0 ? [`${count(clashes, "name")} clashed`] : []),
    ...(report !== undefined && report.leftOutCount > 0 ? [`${report.leftOutCount} left out`] : []),
  ];
  return [doingText(files, report), ...remarks].join("; ");
}

function doingText(files: number, report: Told["report"]): string {
  if (report === undefined) {
    return files === 0 ? "not heard yet" : `${count(files, "file")} adopted`;
  }
  const { state, filesFound, filesIndexed, bytesIndexed, filesWaiting } = report;
  const number = (value: number) => value.toLocaleString("en-US");
  const inPlace = `${number(filesIndexed)} files in place, ${sizeText(bytesIndexed)}`;
  if (state === "off") return `switched off, ${inPlace}`;
  if (state === "waiting") return `no room left for its index, ${inPlace}`;
  if (state === "counting") return `looking for files, ${number(filesFound)} so far`;
  const done = filesIndexed - Math.min(filesIndexed, filesWaiting);
  if (filesWaiting > 0 || (state === "indexing" && filesIndexed < filesFound)) {
    return `adopting: ${number(done)} of about ${number(Math.max(filesFound, filesIndexed))} ` +
      `files, ${sizeText(bytesIndexed)}`;
  }
  // Some may be too young to be read, or be left out.
  if (filesFound > filesIndexed) {
    return `${number(filesIndexed)} of ${number(filesFound)} files in place, ${
      sizeText(bytesIndexed)
    }`;
  }
  return filesIndexed === 0 ? "no files found" : inPlace;
}

/** A line for each seeder that has something to tell. */
export function adoptedLines(seeders: readonly SeederView[]): string[] {
  return seeders.flatMap(({ name, adopted }) => {
    const nothing = adopted === undefined || (adopted.files === 0 && adopted.clashes === 0 &&
      (adopted.report?.filesFound ?? 0) === 0 && (adopted.report?.leftOutCount ?? 0) === 0);
    return nothing ? [] : [`${visible(name)}: ${adoptedText(adopted)}`];
  });
}
