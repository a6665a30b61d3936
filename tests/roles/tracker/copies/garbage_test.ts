/** Chunks nobody needs go after their grace; chunks an upload may name stay, or are sent again. */
import assert from "node:assert/strict";
import { type ChunkEntry, limits, type Order } from "../../../../protocol/mod.ts";
import { seededRandom } from "../../../../roles/kit/random.ts";
import { openMemoryCatalog } from "../../../../roles/tracker/catalog/memory_catalog.ts";
import { Garbage, type GarbageNeeds } from "../../../../roles/tracker/copies/garbage.ts";
import { OrderBook } from "../../../../roles/tracker/seeders/orders.ts";
import { seeder } from "../../../conformance/catalog_rows.ts";
import { rulingAuthority } from "../ruling.ts";
import { chunkOf, commitOf, openOf, throwProblem, TrackerWorld } from "../tracker_world.ts";

/** A world whose tracker runs: its steps are carried out as time passes. */
async function running(work: (world: Running) => Promise<void>): Promise<void> {
  const world = await TrackerWorld.open({ seeders: 2 });
  const stop = new AbortController();
  const run = world.tracker.run(stop.signal);
  const drops = new Map<string, Order>();
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 5_000) {
      world.clock.advance(5_000);
      // Steps are several awaits long: they end before time goes on.
      for (let i = 0; i < 100; i++) await Promise.resolve();
      for (const seeder of world.seeders) {
        for (const order of (await seeder.beat()).orders) {
          if (order.kind === "drop") drops.set(`${seeder.name} ${order.chunkId}`, order);
        }
      }
    }
  };
  const dropsOf = (chunk: ChunkEntry) =>
    [...drops.values()].filter((order) => order.chunkId === chunk.chunkId).length;
  try {
    await work({ world, pass, dropsOf });
  } finally {
    stop.abort();
    world.clock.advance(10_000);
    await run.catch(() => {});
  }
}
interface Running {
  readonly world: TrackerWorld;
  readonly pass: (ms: number) => Promise<void>;
  /** Seeders that were told to drop the chunk. */
  readonly dropsOf: (chunk: ChunkEntry) => number;
}

Deno.test("a removed file's chunks are dropped after the grace, shared ones stay", () =>
  running(async ({ world, pass, dropsOf }) => {
    const [mine, shared] = [chunkOf("mine", limits.chunkBytesMin), chunkOf("shared", 10)];
    await world.upload("/a", [mine, shared]);
    await world.upload("/b", [shared]);
    await world.admin.remove({ path: "/a", what: "file", now: true });
    await pass(limits.garbageGraceMs - 30_000);
    assert.equal(dropsOf(mine), 0);
    await pass(60_000);
    assert.equal(dropsOf(mine), 2);
    assert.equal(dropsOf(shared), 0);
    const holders = await world.catalog.read((view) =>
      view.holders([mine.chunkId, shared.chunkId])
    );
    assert.equal(holders.get(mine.chunkId), undefined);
    assert.equal(holders.get(shared.chunkId)?.length, 2);
  }));

Deno.test("a chunk placed as held begins its grace anew, and a recorded one stays", () =>
  running(async ({ world, pass, dropsOf }) => {
    const chunk = chunkOf("again", 10);
    await world.upload("/a", [chunk]);
    await world.admin.remove({ path: "/a", what: "file", now: true });
    await pass(limits.garbageGraceMs - 60_000);
    const uploadId = world.uploadId();
    await world.admin.openUploads({ uploads: [openOf(uploadId, "/b")] });
    assert.deepEqual(await world.store(uploadId, chunk), [], "it is held");
    await pass(5 * 60_000);
    assert.equal(dropsOf(chunk), 0);
    await world.admin.recordChunks({ chunks: [{ ...chunk, uploadId, index: 0, receipts: [] }] });
    await pass(limits.uploadLeaseMs - 60_000);
    assert.equal(dropsOf(chunk), 0);
    const commit = commitOf(uploadId, [chunk], []);
    const [result] = (await world.admin.commitUploads({ uploads: [commit] })).results;
    throwProblem(result);
    await pass(2 * limits.garbageGraceMs);
    assert.equal(dropsOf(chunk), 0);
  }));

Deno.test("an upload that was told of a copy that is gone is told to send it again", () =>
  running(async ({ world, pass, dropsOf }) => {
    const chunk = chunkOf("gone", 10);
    await world.upload("/a", [chunk]);
    await world.admin.remove({ path: "/a", what: "file", now: true });
    const uploadId = world.uploadId();
    await world.admin.openUploads({ uploads: [openOf(uploadId, "/b")] });
    assert.deepEqual(await world.store(uploadId, chunk), [], "it is held");
    // The upload lives on by asking for places for another chunk, beyond any promise of its lease.
    for (let minutes = 0; minutes < 20; minutes += 5) {
      await pass(5 * 60_000);
      await world.store(uploadId, chunkOf("other", 10));
    }
    assert.equal(dropsOf(chunk), 2);
    const commit = commitOf(uploadId, [chunk], [{ ...chunk, index: 0, receipts: [] }]);
    const [refused] = (await world.admin.commitUploads({ uploads: [commit] })).results;
    assert(refused?.ok === false && refused.problem.code === "copies-missing");
    const receipts = await world.store(uploadId, chunk);
    assert.equal(receipts.length, 2);
    const again = commitOf(uploadId, [chunk], [{ ...chunk, index: 0, receipts }]);
    const [done] = (await world.admin.commitUploads({ uploads: [again] })).results;
    throwProblem(done);
  }));

Deno.test("a seeder that would refuse every drop is asked for none until it would not", () =>
  running(async ({ world, pass, dropsOf }) => {
    const chunk = chunkOf("mine", 10);
    await world.upload("/a", [chunk]);
    // One of them began anew, and an upload that is older may count on what it said before.
    const uploadId = world.uploadId();
    await world.admin.openUploads({ uploads: [openOf(uploadId, "/b")] });
    await pass(60_000);
    const [one] = world.seeders;
    assert(one);
    const report = one.report.bind(one), receiptsFloorMs = one.lastReply.leaseNowMs;
    one.report = () => ({ ...report(), receiptsFloorMs });
    await world.admin.remove({ path: "/a", what: "file", now: true });
    const next = async () => {
      await pass(60_000);
      await world.store(uploadId, chunkOf("other", 10));
    };
    for (let minutes = 0; minutes < 20; minutes++) await next();
    assert.equal(dropsOf(chunk), 1, "the other seeder knows all its receipts");
    const holders = await world.catalog.read((view) => view.holders([chunk.chunkId]));
    assert.deepEqual(holders.get(chunk.chunkId), [one.seederId], "and this one counts as holding");
    await world.admin.abandonUploads({ uploadIds: [uploadId] });
    await pass(60_000);
    assert.equal(dropsOf(chunk), 2, "no receipt of before can stand in the way now");
  }));

Deno.test("a chunk that a seeder keeps begins its grace anew", () =>
  running(async ({ world, pass, dropsOf }) => {
    const chunk = chunkOf("kept", 10);
    await world.upload("/a", [chunk]);
    await world.admin.remove({ path: "/a", what: "file", now: true });
    let told = 0;
    for (const seeder of world.seeders) {
      const beat = seeder.beat.bind(seeder);
      seeder.beat = async (changes = {}) => {
        const reply = await beat(changes);
        for (const { kind, orderId, chunkId, sizeBytes } of reply.orders) {
          if (kind !== "drop") continue;
          told++;
          await beat({ outcomes: [{ kind, orderId, chunkId, sizeBytes, result: "held" }] });
        }
        return reply;
      };
    }
    await pass(limits.garbageGraceMs + 60_000);
    assert.deepEqual([told, dropsOf(chunk)], [2, 2]);
    await pass(limits.garbageGraceMs - 120_000);
    assert.equal(told, 2, "nobody asks every second");
    await pass(180_000);
    assert.equal(told, 4);
  }));

Deno.test("chunks that only a seeder holds which is gone keep no others from being dropped", async () => {
  const catalog = openMemoryCatalog();
  const chunks = Array.from({ length: 2_500 }, (_, i) => chunkOf(i))
    .sort((a, b) => a.chunkId < b.chunkId ? -1 : 1);
  const last = chunks.at(-1);
  const [gone, here] = [1, 2].map(seeder);
  assert(last && gone && here);
  await catalog.transaction(async (tx) => {
    await tx.addHoldings(gone, chunks);
    await tx.addHoldings(here, [last]);
  });
  let nowMs = 10_000_000;
  const now = () => nowMs;
  const orders = new OrderBook(seededRandom(1));
  const seeders = [{ seederId: gone, state: "red" }, { seederId: here, state: "green" }];
  const needs = {
    ...{ catalog, now, orders, losses: { dropped: () => {} }, authority: rulingAuthority() },
    leases: { now, handOut: () => Promise.resolve(nowMs) },
    members: { all: () => [], view: () => ({ nowMs, seeders }) },
  } as unknown as GarbageNeeds;
  const garbage = new Garbage(needs, 60_000, 1_000);
  for (let second = 0; second < 120; second++, nowMs += 1_000) await garbage.sweep();
  assert.equal(orders.isWaiting("drop", here, last.chunkId), true);
  assert.equal(orders.isWaitingFor(gone), false);
});
