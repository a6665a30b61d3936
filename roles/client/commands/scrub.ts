/** `scrub`: when everything stored was last read again and compared, and reading it again now. */
import { Fault, type ScrubStatusReply } from "../../../protocol/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { seederCalled } from "../cluster/seeder_names.ts";
import { tableOf } from "../terminal/table.ts";
import { count, durationText, sizeText, verifiedText, visible } from "../terminal/wording.ts";

type ScrubbedSeeder = ScrubStatusReply["seeders"][number];

export const scrub: Command = {
  spec: {
    name: "scrub",
    changes: "cluster",
    group: "Cluster",
    summary: "Show when all that is stored was last verified, or have it verified now.",
    details:
      "Each seeder reads everything it holds again in the background, all of it at least every\n" +
      "30 days, and compares it with its SHA-256. A corrupt copy is set aside and replaced by a\n" +
      "good one from another seeder. VERIFIED is the age of the oldest such reading.",
    arguments: [{ name: "seeder", summary: "only these (all)", optional: true, repeated: true }],
    options: [
      { name: "status", summary: "how far it is (without any option as well)" },
      { name: "now", summary: "read everything at full speed; transfers get half of the disk" },
    ],
    examples: ["scrub", "scrub --now seeder-2"],
  },
  completes: ["nothing"],
  run: async (context) => {
    const { session } = await context.access();
    const options = { signal: context.signal };
    if (context.run.isSet("now") && context.run.isSet("status")) {
      throw new Fault("usage", "--now and --status exclude each other", { next: "type one" });
    }
    const status = await session.tracker.scrubStatus({}, options);
    const words = context.run.words("seeder");
    const meant = words.length === 0
      ? status.seeders
      : words.map((word) => seederCalled(status.seeders, word));
    const seederIds = [...new Set(meant.map(({ seederId }) => seederId))];
    if (seederIds.length === 0) return context.note("no seeder has joined yet; see: join-code");
    if (context.run.isSet("now")) {
      const { askedMs } = await session.tracker.scrubNow({ seeders: seederIds }, options);
      if (context.json) return await context.printJson({ askedMs, seeders: seederIds });
      return await context.print(
        `${count(seederIds.length, "seeder")} will read everything again; watch it with: scrub`,
      );
    }
    const shown = status.seeders.filter(({ seederId }) => seederIds.includes(seederId));
    await show(context, status, shown);
  },
};

async function show(
  context: CommandContext,
  status: ScrubStatusReply,
  seeders: readonly ScrubbedSeeder[],
): Promise<void> {
  if (context.json) {
    for (const seeder of seeders) await context.printJson({ nowMs: status.nowMs, ...seeder });
    return;
  }
  const rows = seeders.map((seeder) => [
    visible(seeder.name),
    doingText(seeder),
    seeder.chunkCount === 0 ? "nothing held" : verifiedText(seeder.verifiedMs, status.nowMs),
    seeder.progress === undefined ? "-" : sizeText(seeder.progress.checkedBytes),
    seeder.progress === undefined ? "-" : String(seeder.progress.corruptChunks),
    seeder.progress === undefined ? "-" : String(seeder.progress.unreadableChunks),
  ]);
  const head = ["SEEDER", "SCRUB", "VERIFIED", "READ", "CORRUPT", "UNREADABLE"];
  await context.print([
    ...tableOf([head, ...rows], ["left", "left", "left", "right", "right", "right"]),
    `Everything is read again within ${durationText(status.roundMs)}, ` +
    `at the latest within ${durationText(status.ageMaxMs)}.`,
  ]);
}

function doingText({ state, progress, askedMs }: ScrubbedSeeder): string {
  if (state === "red" || state === "away") return state;
  if (progress === undefined) return askedMs === undefined ? "not heard yet" : "asked, waits";
  const done = `${Math.floor(100 * progress.shelvesDone / 256)} %`;
  if (askedMs !== undefined) {
    return progress.pace === "asked" ? `asked, ${done} read` : "asked, waits";
  }
  if (progress.yielding) return `makes room for transfers, ${done} of the round`;
  return progress.pace === "calm" ? `on time, ${done} of the round` : `${progress.pace}, ${done}`;
}
