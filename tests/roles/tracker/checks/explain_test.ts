/** Why copies are where they are, through the tracker's route. */
import assert from "node:assert/strict";
import { limits } from "../../../../protocol/mod.ts";
import { chunkOf, refusedWith, TrackerWorld } from "../tracker_world.ts";

const full = limits.chunkBytesMin;

Deno.test("explain names holders with their place, and pages through a file", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  const chunks = [chunkOf(1, full), chunkOf(2, full), chunkOf(3, 9)];
  const versionId = await world.upload("/file", chunks);
  const whole = await world.admin.explain({
    target: { versionId },
    fromChunk: 0,
    chunksMax: 10,
  });
  assert.deepEqual(whole.chunks.map(({ chunkId }) => chunkId), chunks.map((one) => one.chunkId));
  for (const { copies } of whole.chunks) {
    assert.deepEqual(copies.map(({ rank, best }) => [rank, best]), [[1, true], [2, true]]);
  }
  assert.deepEqual([whole.chunkCount, whole.copiesWanted, whole.path], [3, 2, "/file"]);
  const target = { path: "/file" };
  const page = await world.admin.explain({ target, fromChunk: 1, chunksMax: 1 });
  assert.deepEqual(page.chunks, whole.chunks.slice(1, 2));
  assert.equal(page.seeders.length, 2);
});

Deno.test("explain tells a copy that would go elsewhere today", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  await world.upload("/file", [chunkOf(1)]);
  const ask = () => world.admin.explain({ target: { path: "/file" }, fromChunk: 0, chunksMax: 1 });
  const first = (await ask()).chunks[0]?.copies[0];
  assert(first);
  await world.seederOf(first.seederId).beat({ writable: false });
  const [copy] = (await ask()).chunks[0]?.copies ?? [];
  assert.deepEqual(copy, { ...first, best: false });
  await refusedWith(
    "is-a-directory",
    world.admin.explain({ target: { path: "/" }, fromChunk: 0, chunksMax: 1 }),
  );
});
