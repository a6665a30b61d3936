/** The clock of leases: it never goes back and follows no jump, and uploads outlive both. */
import assert from "node:assert/strict";
import { limits } from "../../../../protocol/mod.ts";
import { openMemoryCatalog } from "../../../../roles/tracker/catalog/memory_catalog.ts";
import { LeaseClock } from "../../../../roles/tracker/copies/lease_clock.ts";
import { attendMs } from "../../../../roles/tracker/seeders/roster.ts";
import { chunkOf, commitOf, HandClock, openOf, TrackerWorld } from "../tracker_world.ts";

const hourMs = 60 * 60_000;

Deno.test("LeaseClock skips what it could not attend to, and else goes with the clock", async () => {
  const catalog = openMemoryCatalog();
  const clock = new HandClock(1_000_000);
  const leases = await catalog.read((view) => LeaseClock.open(view, clock, clock.now()));
  assert.equal(leases.now(), 1_000_000);
  for (let i = 0; i < 100; i++) {
    leases.attend();
    clock.advance(attendMs);
  }
  assert.equal(leases.now(), 1_000_000 + 100 * attendMs);
  leases.attend();
  clock.advance(hourMs);
  const asleep = leases.now();
  assert(asleep <= 1_000_000 + 104 * attendMs, "before it has looked");
  leases.attend();
  assert.equal(leases.now(), asleep, "and after");
});

Deno.test("LeaseClock goes on after every time that was handed out, wherever the clock is", async () => {
  const catalog = openMemoryCatalog();
  let latestMs = 0;
  for (const startMs of [hourMs, 10 * hourMs, 2 * hourMs, 0, 5]) {
    const clock = new HandClock(startMs);
    const leases = await catalog.read((view) => LeaseClock.open(view, clock, clock.now()));
    if (latestMs > 0) assert(leases.now() - latestMs < 60_000, "a start costs less than a minute");
    for (let i = 0; i < 20; i++) {
      const handedMs = await leases.handOut(catalog);
      assert(handedMs >= latestMs, `${handedMs} after ${latestMs}`);
      latestMs = handedMs;
      leases.attend();
      clock.advance(attendMs * (i % 3));
    }
  }
});

Deno.test("LeaseClock hands nothing out that is not written down", async () => {
  const catalog = openMemoryCatalog();
  const clock = new HandClock(0);
  const leases = await catalog.read((view) => LeaseClock.open(view, clock, 0));
  const failing = { ...catalog, transaction: () => Promise.reject(new Error("disk full")) };
  await assert.rejects(leases.handOut(failing), /disk full/);
  await assert.rejects(leases.handOut(failing), /disk full/);
  assert.equal(await leases.handOut(catalog), 0);
  assert.equal(await leases.handOut(failing), 0, "it lasts for a while");
});

for (const jumpMs of [hourMs, -hourMs, 30 * 24 * hourMs]) {
  const name = `an upload goes on when the tracker's clock is off by ${jumpMs / hourMs} hours`;
  Deno.test(name, async () => {
    const world = await TrackerWorld.open({ seeders: 2 });
    const uploadId = world.uploadId();
    await world.admin.openUploads({ uploads: [openOf(uploadId, "/f")] });
    const chunks = [chunkOf(1, limits.chunkBytesMin), chunkOf(2)];
    // One receipt is in hand when the clock jumps, one is given under a leave of after it.
    const first = await world.store(uploadId, chunks[0]!);
    const clock = new HandClock(world.clock.now() + jumpMs);
    await world.start(clock);
    for (const seeder of world.seeders) await seeder.beat();
    const second = await world.store(uploadId, chunks[1]!);
    const recorded = [first, second].map((receipts, index) => ({
      ...chunks[index]!,
      index,
      receipts,
    }));
    const { results } = await world.admin.recordChunks({
      chunks: recorded.slice(0, 1).map((chunk) => ({ ...chunk, uploadId })),
    });
    assert(results[0]?.ok, JSON.stringify(results));
    const commit = commitOf(uploadId, chunks, recorded.slice(1));
    const [done] = (await world.admin.commitUploads({ uploads: [commit] })).results;
    assert(done?.ok, JSON.stringify(done));
  });
}

Deno.test("an upload that nobody goes on with is forgotten all the same", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.admin.openUploads({ uploads: [openOf(world.uploadId(), "/f")] });
  const stop = new AbortController();
  const running = world.tracker.run(stop.signal);
  const turn = () => new Promise((resolve) => setTimeout(resolve));
  const count = () => world.catalog.read((view) => view.uploadCount());
  await turn();
  world.clock.advance(hourMs);
  for (let i = 0; i < 20; i++) {
    await turn();
    world.clock.advance(attendMs);
  }
  assert.equal(await count(), 1, "not by a jump");
  for (let ms = 0; ms <= limits.uploadLeaseMs + 10_000; ms += attendMs) {
    world.clock.advance(attendMs);
    await turn();
  }
  assert.equal(await count(), 0);
  stop.abort();
  await running;
});

Deno.test("LeaseClock is not before what a keeper heard of it, and believes nothing from far ahead", async () => {
  const clock = new HandClock();
  const catalog = openMemoryCatalog();
  const leases = await catalog.read((view) => LeaseClock.open(view, clock, clock.now()));
  const before = leases.now();
  leases.heard(before - 5);
  assert.equal(leases.now(), before);
  leases.heard(before + 40_000);
  assert.equal(leases.now(), before + 40_000, "a tracker set back in time begins after it");
  leases.heard(2 ** 52);
  assert.equal(leases.now(), clock.now() + limits.leaseAheadMsMax);
});
