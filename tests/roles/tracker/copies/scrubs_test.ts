/** What the tracker makes of scrub reports, through its routes. */
import assert from "node:assert/strict";
import { limits, shelfOf } from "../../../../protocol/mod.ts";
import { chunkOf, refusedWith, type TestSeeder, TrackerWorld } from "../tracker_world.ts";

const all = (ms: number) => new Array<number>(limits.scrubShelfCount).fill(ms);
const progress = {
  pace: "calm" as const,
  yielding: false,
  shelvesDone: 256,
  checkedChunks: 5,
  checkedBytes: 5000,
  corruptChunks: 0,
  corruptMs: 0,
  unreadableChunks: 0,
};

type Report = Parameters<TestSeeder["connection"]["scrubReport"]>[0];

function tell(seeder: TestSeeder, changes: Partial<Report>) {
  const { seederId, bootId } = seeder;
  const report = { seederId, bootId, verifiedMs: all(0), progress, ...changes };
  return seeder.connection.scrubReport(report);
}

Deno.test("stat, ls and explain tell when the copies were verified, by the oldest", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const chunk = chunkOf(1);
  await world.upload("/file", [chunk]);
  await world.upload("/empty", []);
  const [one, two] = world.seeders;
  assert(one && two);
  const cameMs = world.clock.now();
  const shelf = shelfOf(chunk.chunkId);
  const stat = () => world.admin.stat({ target: { path: "/file" }, follow: true });
  assert.equal((await stat()).verifiedMs, cameMs, "it was checked on its way in");
  for (const each of [one, two]) await tell(each, { verifiedMs: all(cameMs - 500_000) });
  assert.equal((await stat()).verifiedMs, cameMs, "never earlier than the copy");
  world.clock.advance(10_000);
  for (const each of [one, two]) await each.beat();
  const nowMs = world.clock.now();
  await tell(one, { verifiedMs: all(1).with(shelf, nowMs - 500) });
  assert.equal((await stat()).verifiedMs, cameMs, "the other has not told");
  await tell(two, { verifiedMs: all(1).with(shelf, nowMs - 900) });
  assert.equal((await stat()).verifiedMs, nowMs - 900);
  const listed = (await world.admin.list({ path: "/", copies: true })).entries;
  const brief = listed.map(({ name, copiesLeast, verifiedMs }) => [name, copiesLeast, verifiedMs]);
  assert.deepEqual(brief, [["empty", undefined, undefined], ["file", 2, nowMs - 900]]);
  assert.equal((await world.admin.list({ path: "/" })).entries[1]?.copiesLeast, undefined);
  const request = { target: { path: "/file" }, fromChunk: 0, chunksMax: 1 };
  const [explained] = (await world.admin.explain(request)).chunks;
  const times = new Map(explained?.copies.map((copy) => [copy.seederId, copy.verifiedMs]));
  assert.deepEqual([times.get(one.seederId), times.get(two.seederId)], [nowMs - 500, nowMs - 900]);
});

Deno.test("what was told survives a restart of the tracker", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const [one] = world.seeders;
  assert(one);
  await tell(one, { verifiedMs: all(77), progress: { ...progress, corruptChunks: 3 } });
  await world.start();
  const [seeder] = (await world.admin.scrubStatus({})).seeders;
  assert.deepEqual([seeder?.verifiedMs, seeder?.progress?.corruptChunks], [77, 3]);
});

Deno.test("scrubNow is asked of the seeder until all its shelves are younger", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one, two] = world.seeders;
  assert(one && two);
  const { askedMs } = await world.admin.scrubNow({ seeders: [one.seederId] });
  assert.equal((await one.beat()).scrubAskedMs, askedMs);
  assert.equal((await two.beat()).scrubAskedMs, undefined);
  await tell(one, { verifiedMs: all(askedMs).with(9, 1), progress });
  assert.equal((await one.beat()).scrubAskedMs, askedMs);
  await tell(one, { verifiedMs: all(askedMs) });
  assert.equal((await one.beat()).scrubAskedMs, undefined);
  await refusedWith("seeder-unknown", world.admin.scrubNow({ seeders: ["0".repeat(16)] }));
});
