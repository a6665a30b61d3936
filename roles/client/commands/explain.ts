/**
 * `explain`: where the copies of a file are and why there. A large file is summed up by seeder
 * while its pages come in, so that memory does not grow with it.
 */
import {
  type ExplainedChunk,
  type ExplainReply,
  limits,
  type SeederId,
} from "../../../protocol/mod.ts";
import { type Command, type CommandContext, forEach } from "../command.ts";
import { tableOf } from "../terminal/table.ts";
import { find } from "../cluster/targets.ts";
import { count, sizeText, verifiedText, visible } from "../terminal/wording.ts";

/** A file of no more chunks is told chunk by chunk. */
const chunksToldMax = 8;

type Seeder = ExplainReply["seeders"][number];

export const explain: Command = {
  spec: {
    name: "explain",
    changes: "nothing",
    group: "Files",
    summary: "Say where the copies of files are, and why there.",
    details:
      "Each chunk gives every seeder a place in an order that follows from the two ids and\n" +
      "the size of the disk alone; copies go to the first places that can take them, in\n" +
      "different zones. BEST counts the chunks that would go to the seeder today.",
    arguments: [{ name: "path", summary: "a file", repeated: true }],
    options: [{ name: "chunks", summary: "every chunk, however many there are" }],
    examples: ["explain /photos/a.jpg", "explain --chunks /backups/disk.img"],
  },
  completes: ["remote"],
  run: (context) =>
    forEach(context, context.run.words("path"), (word) => explainOne(context, word)),
};

async function explainOne(context: CommandContext, word: string): Promise<void> {
  const { target } = await find(context, word);
  const { session } = await context.access();
  const sum = new ExplainSum();
  const all = context.run.isSet("chunks");
  for (let fromChunk = 0;;) {
    const page = await session.tracker.explain(
      { target, fromChunk, chunksMax: limits.manifestPageChunksMax },
      { signal: context.signal },
    );
    sum.add(page);
    if (fromChunk === 0 && !context.json) await context.print(heading(page));
    const told = all || page.chunkCount <= chunksToldMax;
    if (context.json && told) {
      for (const chunk of page.chunks) await context.printJson({ path: page.path, ...chunk });
    } else if (told) await context.print(chunkLines(page));
    fromChunk += page.chunks.length;
    if (page.chunks.length === 0 || fromChunk >= page.chunkCount) break;
  }
  if (context.json) return await context.printJson(sum.json());
  await context.print(sum.lines());
}

function heading(page: ExplainReply): string {
  const { path, sizeBytes, chunkCount, copiesWanted } = page;
  return `${visible(path)}: ${sizeText(sizeBytes)} in ${count(chunkCount, "chunk")}, ` +
    `${count(copiesWanted, "copy", "copies")} of each wanted`;
}

function chunkLines(page: ExplainReply): string[] {
  const names = new Map(page.seeders.map(({ seederId, name }) => [seederId, visible(name)]));
  const rows = page.chunks.map(({ index, chunkId, sizeBytes, copies }) => [
    `  ${index}`,
    chunkId.slice(0, 12),
    sizeText(sizeBytes),
    copies.length === 0 ? "no copy" : copies.map(({ seederId, rank, best, adopted, claimed }) => {
      const today = best ? "" : ", not the best today";
      const proved = claimed === true ? ", not proved" : "";
      const where = adopted === true ? "in a file found there" : `place ${rank}${today}${proved}`;
      return `${names.get(seederId) ?? seederId} (${where})`;
    }).join(", "),
  ]);
  return tableOf(rows, ["right", "left", "right", "left"]);
}

interface Share {
  readonly seeder: Seeder;
  chunks: number;
  bytes: number;
  best: number;
  /** In files found there. */
  adopted: number;
  /** Of its copies the one read longest ago. */
  verifiedMs: number | null;
}

const aligns = ["left", "left", "left", "right", "right", "right", "left"] as const;

/** What is told of a file however long it is. */
export class ExplainSum {
  readonly #shares = new Map<SeederId, Share>();
  /** How many chunks have so many copies, those on silent seeders counted as well. */
  readonly #byCopies = new Map<number, number>();
  #head: ExplainReply | undefined;

  add(page: ExplainReply): void {
    this.#head ??= page;
    const seeders = new Map(page.seeders.map((seeder) => [seeder.seederId, seeder]));
    for (const chunk of page.chunks) this.#addChunk(chunk, seeders);
  }

  #addChunk(chunk: ExplainedChunk, seeders: ReadonlyMap<SeederId, Seeder>): void {
    const { copies, sizeBytes } = chunk;
    this.#byCopies.set(copies.length, (this.#byCopies.get(copies.length) ?? 0) + 1);
    for (const { seederId, best, adopted, verifiedMs } of copies) {
      const seeder = seeders.get(seederId);
      if (seeder === undefined) continue;
      const share = this.#shares.get(seederId) ?? {
        ...{ seeder, chunks: 0, bytes: 0, best: 0, adopted: 0 },
        verifiedMs,
      };
      share.chunks++;
      share.bytes += sizeBytes;
      if (best) share.best++;
      if (adopted === true) share.adopted++;
      share.verifiedMs = share.verifiedMs === null || verifiedMs === null
        ? null
        : Math.min(share.verifiedMs, verifiedMs);
      this.#shares.set(seederId, share);
    }
  }

  #sorted(): Share[] {
    return [...this.#shares.values()].sort((a, b) => a.seeder.name < b.seeder.name ? -1 : 1);
  }

  lines(): string[] {
    const shares = this.#sorted();
    const rows = shares.map(({ seeder, chunks, bytes, best, verifiedMs }) => [
      `  ${visible(seeder.name)}`,
      seeder.state,
      visible(seeder.zone),
      String(chunks),
      sizeText(bytes),
      String(best),
      verifiedText(verifiedMs, this.#head?.nowMs ?? 0),
    ]);
    const head = ["  SEEDER", "STATE", "ZONE", "CHUNKS", "BYTES", "BEST", "VERIFIED"];
    const copies = [...this.#byCopies].sort(([a], [b]) => a - b).map(([number, chunks]) =>
      `${count(chunks, "chunk")} with ${count(number, "copy", "copies")}`
    );
    const inPlace = shares.filter(({ adopted }) => adopted > 0).map(({ seeder, adopted }) =>
      `  ${count(adopted, "chunk")} on ${visible(seeder.name)} in a file found there, not copied`
    );
    return [
      ...shares.length === 0 ? [] : tableOf([head, ...rows], aligns),
      ...copies.length === 0 ? [] : [`  ${copies.join(", ")}`],
      ...inPlace,
    ];
  }

  json() {
    const { path, versionId, sizeBytes, chunkCount, copiesWanted } = this.#head ?? {};
    return {
      path,
      versionId,
      sizeBytes,
      chunkCount,
      copiesWanted,
      seeders: this.#sorted().map(({ seeder, ...share }) => ({ ...seeder, ...share })),
      chunksByCopies: Object.fromEntries(this.#byCopies),
    };
  }
}
