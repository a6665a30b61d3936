/**
 * Files that seeders offer: what they become, and that the same offer always gets the same answer.
 */
import assert from "node:assert/strict";
import {
  chunkBytesAt,
  chunkCountOf,
  type ChunkEntry,
  limits,
  type OfferResult,
  startManifestDigest,
} from "../../../../protocol/mod.ts";
import { openMemoryCatalog } from "../../../../roles/tracker/catalog/memory_catalog.ts";
import { replay } from "../../../../roles/tracker/log/operations.ts";
import { chunkOf, namesOf, path, type TestSeeder, TrackerWorld } from "../tracker_world.ts";

const chunkSizeBytes = limits.chunkBytesMin;
const report = {
  ...{ state: "indexing" as const, filesFound: 9, filesIndexed: 4, bytesIndexed: 4000 },
  ...{ filesWaiting: 2, leftOutCount: 1, leftOut: [{ source: "/link", why: "it is a link" }] },
};

function fileOf(source: string, sizeBytes: number, label: string | number = source) {
  const count = chunkCountOf(sizeBytes, chunkSizeBytes);
  const chunks = Array.from(
    { length: count },
    (_, i) => chunkOf(`${label} ${i}`, chunkBytesAt(i, sizeBytes, chunkSizeBytes)),
  );
  const digest = startManifestDigest(chunkSizeBytes);
  for (const chunk of chunks) digest.add(chunk);
  return {
    ...{ source: path(source), sizeBytes, modifiedMs: 77, mode: 0o640, chunkSizeBytes },
    ...{ manifestDigest: digest.hex(), from: 0, chunks },
  };
}

async function offer(
  seeder: TestSeeder,
  ...files: ReturnType<typeof fileOf>[]
): Promise<OfferResult[]> {
  const { seederId, bootId } = seeder;
  return (await seeder.connection.offer({ seederId, bootId, files, report })).results;
}

async function open(seeders = 3) {
  const world = await TrackerWorld.open({ seeders });
  const [one, two] = world.seeders;
  assert(one !== undefined && two !== undefined);
  const list = async (at: string) =>
    (await world.admin.list({ path: path(at) })).entries.map(({ name }) => name);
  const stat = (at: string) => world.admin.stat({ target: { path: path(at) }, follow: false });
  const sequence = async () => (await world.admin.status({})).logSequence;
  return { world, one, two, list, stat, sequence };
}

const taken = (at: string, clash = false) => ({ kind: "adopted", path: at, clash });

Deno.test("an offered file is a file, with its time, mode, folders and holdings", async () => {
  const { world, one, stat, sequence } = await open();
  const file = fileOf("/films/old/sea.mp4", chunkSizeBytes + 5);
  assert.deepEqual(await offer(one, file), [taken("/films/old/sea.mp4")]);
  const told = await stat("/films/old/sea.mp4");
  assert.deepEqual(
    [told.sizeBytes, told.modifiedMs, told.mode, told.copiesWanted],
    [file.sizeBytes, 77, 0o640, 2],
  );
  const { versions } = await world.admin.versions({ target: { path: told.path } });
  assert.equal(versions[0]?.by, one.name);
  const status = await world.admin.status({});
  assert.deepEqual([status.chunksAtRisk, status.chunksUnavailable], [2, 0], "until it is repaired");
  const mine = status.seeders.find(({ name }) => name === one.name)?.adopted;
  assert.deepEqual(mine, { files: 1, clashes: 0, report });
  const before = await sequence();
  assert.deepEqual(await offer(one, file, file), [taken(told.path), taken(told.path)]);
  assert.equal(await sequence(), before);
  await world.start();
  assert.deepEqual(await offer(one, file), [taken(told.path)], "a tracker that started again");
  assert.equal(await sequence(), before + 1, "asked again, nothing new is written");
});

Deno.test("the same content under the same name is a holding, other content a clash", async () => {
  const { world, one, two, list, stat } = await open();
  await offer(one, fileOf("/a.txt", 100, "same"), fileOf("/b.tar.gz", 100, "left"));
  const first = (await stat("/a.txt")).versionId;
  assert.deepEqual(
    await offer(two, fileOf("/a.txt", 100, "same"), fileOf("/b.tar.gz", 100, "right")),
    [taken("/a.txt"), taken("/b.tar (seeder-2).gz", true)],
  );
  assert.equal((await stat("/a.txt")).versionId, first);
  await world.upload("/c", [chunkOf("uploaded")]);
  await world.upload("/c (seeder-2)", [chunkOf("uploaded too")]);
  assert.deepEqual(await offer(two, fileOf("/c", 1000, "mine")), [taken("/c (seeder-2) 2", true)]);
  assert.deepEqual(await list("/"), [
    "a.txt",
    "b.tar (seeder-2).gz",
    "b.tar.gz",
    "c",
    "c (seeder-2)",
    "c (seeder-2) 2",
  ]);
  const { clashes, seeders } = await world.admin.adopted({});
  assert.deepEqual(clashes.map(({ source, path }) => [source, path]), [
    ["/b.tar.gz", "/b.tar (seeder-2).gz"],
    ["/c", "/c (seeder-2) 2"],
  ]);
  assert.deepEqual(seeders.map(({ files, clashes }) => [files, clashes]), [[2, 0], [3, 2], [0, 0]]);
  const page = await world.admin.adopted({ limit: 1 });
  assert(page.next !== undefined);
  const rest = await world.admin.adopted({ limit: 1, after: page.next });
  assert.deepEqual([...page.clashes, ...rest.clashes], clashes);
  assert.equal(rest.next, undefined);
});

Deno.test("a folder where a file is, and a file where a folder is, are named apart", async () => {
  const { world, one, two, list } = await open();
  await offer(one, fileOf("/box", 10), fileOf("/crate/x", 10));
  assert.deepEqual(await offer(two, fileOf("/box/in/y", 20), fileOf("/crate", 20)), [
    taken("/box (seeder-2)/in/y", true),
    taken("/crate (seeder-2)", true),
  ]);
  const links = [{ path: path("/l"), target: "crate", modifiedMs: 1, replace: false }];
  await world.admin.makeLinks({ links });
  assert.deepEqual(await offer(two, fileOf("/l/z", 5)), [taken("/l (seeder-2)/z", true)]);
  assert.deepEqual(await list("/crate"), ["x"], "nothing goes through a link");
});

Deno.test("what a person removed or replaced does not come back by itself", async () => {
  const { world, one, list } = await open();
  const [away, over] = [fileOf("/away", 10), fileOf("/over", 10)];
  await offer(one, away, over);
  await world.admin.remove({ path: path("/away"), what: "file" });
  assert.deepEqual(await offer(one, away), [taken("/away")], "held while it is in the trash");
  await world.admin.emptyTrash({ trashIds: "all" });
  assert.deepEqual(await offer(one, away), [{ kind: "declined" }]);
  await world.admin.setPolicy({ path: path("/"), versions: 0 });
  await world.upload("/over", [chunkOf("newer")]);
  assert.deepEqual(await offer(one, over), [{ kind: "declined" }]);
  assert.deepEqual(await list("/"), ["over"]);
  assert.deepEqual(await offer(one, fileOf("/away", 10, "changed")), [taken("/away")]);
});

Deno.test("a changed file is the next version, unless somebody changed the name since", async () => {
  const { world, one, two, stat } = await open();
  await offer(one, fileOf("/a", 10, 1), fileOf("/b", 10, 2));
  const before = await stat("/a");
  await world.admin.move({ from: path("/a"), to: path("/moved"), replace: false });
  assert.deepEqual(await offer(one, fileOf("/a", 30, 3)), [taken("/moved")]);
  const after = await stat("/moved");
  assert.equal(after.sizeBytes, 30);
  const { versions } = await world.admin.versions({ target: { path: path("/moved") } });
  assert.deepEqual(versions.map(({ versionId }) => versionId), [after.versionId, before.versionId]);
  await world.upload("/b", [chunkOf("a person's")]);
  assert.deepEqual(await offer(one, fileOf("/b", 30, 4)), [taken("/b (seeder-1)", true)]);
  assert.deepEqual(await offer(one, fileOf("/b", 40, 5)), [taken("/b (seeder-1)", true)]);
  assert.equal((await stat("/b (seeder-1)")).sizeBytes, 40);
  // In the trash it is not the file any more.
  await world.admin.remove({ path: path("/moved"), what: "file" });
  assert.deepEqual(await offer(one, fileOf("/a", 50, 6)), [taken("/a")]);
  // The other seeder's file of the same content is its own affair.
  await offer(two, fileOf("/a", 50, 6));
  assert.deepEqual(await offer(one, fileOf("/a", 60, 7)), [taken("/a")]);
  assert.deepEqual(await offer(two, fileOf("/a", 60, 8)), [taken("/a (seeder-2)", true)]);
});

Deno.test("a version whose bytes went with the change is not kept", async () => {
  const { world, one, stat } = await open();
  await offer(one, fileOf("/a", 10, 1));
  await world.catalog.transaction((tx) =>
    tx.removeHoldings(one.seederId, fileOf("/a", 10, 1).chunks.map(({ chunkId }) => chunkId))
  );
  await offer(one, fileOf("/a", 20, 2));
  assert.equal((await stat("/a")).sizeBytes, 20);
  const { versions } = await world.admin.versions({ target: { path: path("/a") } });
  assert.equal(versions.length, 1);
  assert.equal((await world.admin.status({})).chunksUnavailable, 0);
});

Deno.test("a version of which no copy is known yet is kept while a seeder has not told", async () => {
  const { world, one, two, stat } = await open();
  await offer(one, fileOf("/a", 10, 1));
  await offer(two, fileOf("/a", 10, 1));
  const before = await stat("/a");
  // As after a rebuild: the names are there, and nobody has told yet what it holds.
  await world.catalog.transaction(async (tx) => {
    for (const { reconciledBootId: _, ...row } of await tx.seeders()) {
      await tx.putSeeder(row);
      const held = await tx.holdingsOf(row.seederId, undefined, 99);
      await tx.removeHoldings(row.seederId, held.map(({ chunkId }) => chunkId));
    }
  });
  await world.start();
  await offer(one, fileOf("/a", 20, 2));
  const { versions } = await world.admin.versions({ target: { path: path("/a") } });
  assert.equal(versions[1]?.versionId, before.versionId, "the other seeder has it still");
});

Deno.test("a large file comes in pages, and is asked for again where they were forgotten", async () => {
  const { world, one, stat } = await open();
  const count = 2 * limits.manifestPageChunksMax + 7;
  const whole = fileOf("/large", count * chunkSizeBytes);
  const pageAt = (from: number) => ({
    ...whole,
    from,
    chunks: whole.chunks.slice(from, from + limits.manifestPageChunksMax),
  });
  assert.deepEqual(await offer(one, pageAt(0)), [{ kind: "more", from: 1024 }]);
  assert.deepEqual(await offer(one, pageAt(0)), [{ kind: "more", from: 1024 }], "again");
  assert.deepEqual(await offer(one, pageAt(2048)), [{ kind: "more", from: 1024 }]);
  await world.pass(limits.uploadLeaseMs + 2_000);
  await world.catalog.transaction(async (tx) => {
    for (const uploadId of await tx.uploadsEndedBefore(world.clock.now(), 9)) {
      await tx.removeUpload(uploadId);
    }
  });
  assert.deepEqual(await offer(one, pageAt(2048)), [{ kind: "more", from: 0 }]);
  for (const from of [0, 1024]) await offer(one, pageAt(from));
  assert.deepEqual(await offer(one, pageAt(2048)), [taken("/large")]);
  assert.equal((await stat("/large")).chunkCount, count);
  assert.equal((await world.admin.status({})).uploadsOpen, 0);
  const { versionId } = await stat("/large");
  assert(versionId !== undefined);
  const all: ChunkEntry[] = await world.catalog.read((view) => view.manifest(versionId, 0, 9999));
  assert.deepEqual(all, whole.chunks);
});

Deno.test("an offer that is not right is refused by itself", async () => {
  const { one, list } = await open();
  const wrong = { ...fileOf("/wrong", 10), manifestDigest: "0".repeat(64) };
  const short = { ...fileOf("/short", 10), sizeBytes: 11 };
  const long = `/${"n".repeat(255)}`.repeat(15);
  const [a, b, c, d] = await offer(
    one,
    wrong,
    short,
    fileOf("/good", 10),
    fileOf(`${long}/${"m".repeat(200)}`, 10),
  );
  assert(a?.kind === "refused" && a.problem.code === "digest-mismatch");
  assert(b?.kind === "refused" && b.problem.code === "size-mismatch");
  assert.deepEqual([c, d?.kind], [taken("/good"), "adopted"]);
  assert.deepEqual((await list("/")).sort(), ["good", "n".repeat(255)].sort());
});

Deno.test("an upload counts no copy in a person's file", async () => {
  const { world, one, two } = await open();
  const file = fileOf("/film", 1000, "film");
  await offer(one, file);
  await offer(two, file);
  assert.equal((await world.admin.status({})).chunksAtRisk, 0);
  const [chunk] = file.chunks;
  assert(chunk !== undefined);
  await world.upload("/sent", [chunk]);
  const own = world.seeders.filter(({ chunks }) => chunks.has(chunk.chunkId));
  assert.equal(own.length, 2, "it was sent to two all the same");
  assert.equal((await world.admin.status({})).chunksAtRisk, 0);
});

Deno.test("replaying the log gives the same files and the same memory of offers", async () => {
  const { world, one, two } = await open();
  await offer(one, fileOf("/a", 10, 1), fileOf("/d/b", 10, 2), fileOf("/empty", 0));
  await offer(two, fileOf("/a", 10, 3), fileOf("/d/b", 10, 2));
  await offer(one, fileOf("/a", 10, 4));
  const again = openMemoryCatalog();
  await replay(world.catalog, again);
  assert.deepEqual(await namesOf(again), await namesOf(world.catalog));
  for (const { seederId } of [one, two]) {
    for (const source of ["/a", "/d/b", "/empty"]) {
      assert.deepEqual(
        await again.read((view) => view.adoption(seederId, source)),
        await world.catalog.read((view) => view.adoption(seederId, source)),
      );
    }
  }
});

Deno.test("a seeder plants no program that acts for another user", async () => {
  const { world, one } = await open();
  await offer(one, { ...fileOf("/tool", 10), mode: 0o6755 });
  const { mode } = await world.admin.stat({ target: { path: path("/tool") }, follow: false });
  assert.equal(mode, 0o755);
});
