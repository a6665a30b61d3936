/** Copies that a seeder tells it lost: the holding goes, readers may still be sent there. */
import assert from "node:assert/strict";
import { limits, type LostChunk } from "../../../../protocol/mod.ts";
import { chunkOf, TrackerWorld } from "../tracker_world.ts";

async function lose(why: LostChunk["why"]) {
  const world = await TrackerWorld.open({ seeders: 2 });
  const chunk = chunkOf(1);
  await world.upload("/file", [chunk]);
  const [one, two] = world.seeders;
  assert(one && two);
  const { chunkId } = chunk;
  one.chunks.delete(chunkId);
  await one.beat({ lost: [{ chunkId, why, foundMs: world.clock.now() + 1 }] });
  const target = { path: "/file" };
  const locate = async () => {
    const [result] = (await world.admin.locate({ targets: [target], fromChunk: 0, chunksMax: 1 }))
      .results;
    assert(result?.ok);
    return result.file.chunks[0]?.holders.map(({ seederId }) => seederId) ?? [];
  };
  return { world, one, two, chunkId, locate, target };
}

Deno.test("a lost copy's holding goes at once, and the file has a copy fewer", async () => {
  for (const why of ["corrupt", "gone", "unreadable"] as const) {
    const { world, target } = await lose(why);
    const { copiesLeast } = await world.admin.stat({ target, follow: true });
    assert.equal(copiesLeast, 1);
    world.clock.advance(2_000);
    assert.equal((await world.admin.status({})).chunksAtRisk, 1);
  }
});

Deno.test("a copy that cannot be read is a last resort, one that is corrupt or gone is none", async () => {
  for (const why of ["corrupt", "gone"] as const) {
    const { locate, two } = await lose(why);
    assert.deepEqual(await locate(), [two.seederId]);
  }
  const { world, one, two, chunkId, locate } = await lose("unreadable");
  assert.deepEqual(await locate(), [two.seederId, one.seederId], "after every other");
  await two.beat({ lost: [{ chunkId, why: "corrupt", foundMs: world.clock.now() + 1 }] });
  assert.deepEqual(await locate(), [one.seederId], "and when nobody else has it");
  await one.beat({ lost: [{ chunkId, why: "corrupt", foundMs: world.clock.now() + 2 }] });
  assert.deepEqual(await locate(), []);
});

Deno.test("a seeder that reports without its disk is not green, and its copies do not count", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.upload("/file", [chunkOf(1)]);
  const [one, two] = world.seeders;
  assert(one && two);
  const gone = { diskGone: true as const, writable: false, trouble: "/disk is gone" };
  const startMs = world.clock.now();
  const states = new Set<string | undefined>();
  while (world.clock.now() - startMs < 30_000) {
    world.clock.advance(limits.heartbeatIntervalMs);
    await one.beat(gone);
    await two.beat();
    const { seeders } = await world.admin.status({});
    states.add(seeders.find(({ seederId }) => seederId === one.seederId)?.state);
  }
  assert.deepEqual([...states], ["green", "yellow", "red"]);
  const status = await world.admin.status({});
  assert.equal(status.chunksAtRisk, 1);
  const told = status.seeders.find(({ seederId }) => seederId === one.seederId);
  assert.deepEqual([told?.diskGone, told?.trouble], [true, "/disk is gone"]);
  // What is placed now goes elsewhere: with one seeder left there is no room for two copies.
  await assert.rejects(world.upload("/other", [chunkOf(2)]), /too-few-seeders/);

  await one.beat();
  world.clock.advance(2_000);
  await one.beat();
  await two.beat();
  const after = await world.admin.status({});
  assert.equal(after.chunksAtRisk, 0, "it is back with what it had");
  assert.equal(after.seeders.find(({ seederId }) => seederId === one.seederId)?.state, "green");
});
