/**
 * What only a seeder's list tells of: it spares no upload the sending, whatever size it tells, and
 * a copy that was proved by a receipt does.
 */
import assert from "node:assert/strict";
import type { ChunkEntry } from "../../../../protocol/mod.ts";
import { factsOf } from "../../../../roles/tracker/copies/chunk_facts.ts";
import { chunkOf, commitOf, openOf, TrackerWorld } from "../tracker_world.ts";

/** One that holds nothing tells that it has these, and the tracker has heard it. */
async function claimedBy(world: TrackerWorld, chunks: readonly ChunkEntry[]): Promise<void> {
  const liar = world.seeders.find((seeder) => seeder.chunks.size === 0);
  assert(liar);
  liar.bootId = "c".repeat(16);
  for (const chunk of chunks) liar.chunks.set(chunk.chunkId, chunk);
  assert.equal((await liar.beat()).inventoryWanted, true);
  await liar.tellInventory();
}

async function place(world: TrackerWorld, chunk: ChunkEntry) {
  const uploadId = world.uploadId();
  await world.admin.openUploads({ uploads: [openOf(uploadId, "/file")] });
  const request = { chunks: [{ ...chunk, uploadId, avoid: [] }] };
  const [placed] = (await world.admin.placeChunks(request)).results;
  assert(placed?.ok, JSON.stringify(placed));
  return { uploadId, ...placed.placement };
}

for (const sizeBytes of [1000, 7]) {
  Deno.test(`a claim of ${sizeBytes} bytes spares no sending and fails no put`, async () => {
    const world = await TrackerWorld.open({ seeders: 3 });
    const chunk = chunkOf("wanted", 1000);
    await claimedBy(world, [{ ...chunk, sizeBytes }]);
    const { uploadId, held, wanted } = await place(world, chunk);
    assert.deepEqual([held, wanted], [0, 2]);
    const early = commitOf(uploadId, [chunk], [{ ...chunk, index: 0, receipts: [] }]);
    const [refused] = (await world.admin.commitUploads({ uploads: [early] })).results;
    assert(
      refused?.ok === false && refused.problem.code === "copies-missing",
      "a claim is no copy",
    );
    await world.upload("/file", [chunk]);
    assert.equal((await place(world, chunk)).held, 2, "receipts spare it");
  });
}

Deno.test("a claim of another size counts for nothing, and gives orders no other size", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  const chunk = chunkOf("wanted", 1000);
  await world.upload("/file", [chunk]);
  const holders = world.seeders.filter(({ chunks }) => chunks.size > 0).map((s) => s.seederId);
  await claimedBy(world, [{ ...chunk, sizeBytes: 7 }]);
  const short = { chunkId: chunk.chunkId, sizeBytes: 7 };
  const [facts] = await world.catalog.read((view) => factsOf(view, [short]));
  assert.equal(facts?.sizeBytes, 1000);
  assert.deepEqual(facts?.holders.toSorted(), holders.toSorted());
});
