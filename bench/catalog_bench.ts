/**
 * Durable commits a second of the SQLite catalog, one caller alone and 100 at once, as a ratio to
 * bare `node:sqlite` committing single rows with the same settings in the same run: figures of one
 * machine say little, ratios travel. Then the look-ups that are asked all the time, on a catalog
 * of some size.
 *
 *   deno run -A bench/catalog_bench.ts
 */
import { DatabaseSync } from "node:sqlite";
import { type ChunkEntry, chunkIdOf, SeederId, VersionId } from "../protocol/mod.ts";
import type { Catalog } from "../roles/tracker/catalog/catalog.ts";
import { openSqliteCatalog } from "../roles/tracker/catalog/sqlite_catalog.ts";

const spanMs = 2_000;

/** How often `step` ran in a second, one run after another. */
async function rateOf(step: (i: number) => unknown): Promise<number> {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < spanMs) await step(count++);
  return count * 1000 / (performance.now() - start);
}

function bareRate(path: string): Promise<number> {
  const database = new DatabaseSync(path);
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE log (sequence INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT");
  const insert = database.prepare("INSERT INTO log VALUES (?, ?)");
  const rate = rateOf((i) => insert.run(i + 1, text));
  return rate.finally(() => database.close());
}

const text = JSON.stringify({ operation: "bench", filler: "x".repeat(70) });

function append(catalog: Catalog): Promise<void> {
  return catalog.transaction(async (t) => {
    const sequence = ((await t.logHead())?.sequence ?? 0) + 1;
    await t.appendLog({
      sequence,
      epoch: 1,
      term: "1".repeat(16),
      timeMs: 0,
      text,
      checksum: "0".repeat(64),
    });
  });
}

async function crowdRate(catalog: Catalog, callers: number): Promise<number> {
  const start = performance.now();
  const end = start + spanMs;
  let count = 0;
  await Promise.all(Array.from({ length: callers }, async () => {
    while (performance.now() < end) {
      await append(catalog);
      count++;
    }
  }));
  return count * 1000 / (performance.now() - start);
}

function chunkOf(number: number): ChunkEntry {
  return { chunkId: chunkIdOf(new TextEncoder().encode(`chunk ${number}`)), sizeBytes: 4 << 20 };
}

const seeders = Array.from(
  { length: 10 },
  (_, i) => SeederId.parse(i.toString(16).padStart(16, "0")),
);

/** One directory of `files` files of one chunk each, two copies, in transactions of 1000 files. */
async function fill(catalog: Catalog, files: number): Promise<void> {
  await catalog.transaction((t) =>
    t.putNode({
      ...{ nodeId: 1, parentId: 1, name: "", kind: "directory", mode: 0o755 },
      ...{ modifiedMs: 0, sizeBytes: 0 },
    })
  );
  for (let first = 0; first < files; first += 1000) {
    await catalog.transaction(async (t) => {
      for (let i = first; i < Math.min(files, first + 1000); i++) {
        const entry = chunkOf(i);
        const versionId = VersionId.parse(entry.chunkId.slice(0, 32));
        await t.putNode({
          ...{ nodeId: i + 2, parentId: 1, name: `file ${i}`, kind: "file", mode: 0o644 },
          ...{ modifiedMs: 0, sizeBytes: entry.sizeBytes, versionId },
        });
        await t.putVersion({
          ...{ versionId, nodeId: i + 2, sizeBytes: entry.sizeBytes, chunkSizeBytes: 4 << 20 },
          ...{ chunkCount: 1, manifestDigest: entry.chunkId, copies: 2, createdMs: 0 },
        });
        await t.putManifest(versionId, 0, [entry]);
        for (const copy of [0, 1]) await t.addHoldings(holderOf(i + copy), [entry]);
      }
    });
  }
}

function holderOf(number: number): SeederId {
  return seeders[number % seeders.length] ?? SeederId.parse("0".repeat(16));
}

async function timed(label: string, work: () => Promise<unknown>): Promise<void> {
  const start = performance.now();
  await work();
  console.log(`${label.padEnd(52)} ${(performance.now() - start).toFixed(1).padStart(9)} ms`);
}

const directory = await Deno.makeTempDir({ prefix: "offshore-bench-" });
try {
  const bare = await bareRate(`${directory}/bare.db`);
  const catalog = await openSqliteCatalog(`${directory}/catalog.db`);
  const report = (label: string, rate: number) =>
    console.log(
      `${label.padEnd(40)} ${rate.toFixed(0).padStart(8)} /s  ${(rate / bare).toFixed(2)} of bare`,
    );
  report("bare node:sqlite, single-row commits", bare);
  report("catalog, one caller", await rateOf(() => append(catalog)));
  report("catalog, 100 callers at once", await crowdRate(catalog, 100));

  const files = 100_000;
  await timed(`put ${files} files with 2 holdings each`, () => fill(catalog, files));
  const live = seeders.slice(1);
  await catalog.read(async (view) => {
    await timed("children, 1000 from the middle", () => view.children(1, "file 5", 1000));
    await timed("totals", () => view.totals());
    await timed("usage of the root", () => view.usage(1));
    await timed("holdingsSummary", () => view.holdingsSummary(holderOf(0)));
    await timed("holdingsOf, 4096", () => view.holdingsOf(holderOf(0), chunkOf(0).chunkId, 4096));
    const ids = Array.from({ length: 1024 }, (_, i) => chunkOf(i).chunkId);
    await timed("holders of 1024 chunks", () => view.holders(ids));
    await timed("chunksBelow, all seeders live", () => view.chunksBelow(seeders));
    await timed("chunksBelow, one of ten away", () => view.chunksBelow(live));
  });
  await timed("remove 100000 files", () => catalog.transaction((t) => t.removeTree(1)));
  await catalog.close();
} finally {
  await Deno.remove(directory, { recursive: true });
}
