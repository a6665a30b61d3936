/**
 * Seeders that come, report, tell their inventory and go; and holdings that stay true meanwhile.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ChunkId, Fault, limits } from "../../../../protocol/mod.ts";
import { addressOf } from "../../../../roles/tracker/seeders/membership.ts";
import { joinBy } from "../../../protocol/by_code.ts";
import { chunkOf, openOf, refusedWith, TestSeeder, TrackerWorld } from "../tracker_world.ts";

async function heldBy(world: TrackerWorld, seeder: TestSeeder): Promise<ChunkId[]> {
  const held = await world.catalog.read((view) =>
    view.holdingsOf(seeder.seederId, undefined, 100_000)
  );
  return held.map((entry) => entry.chunkId);
}

const idsOf = (seeder: TestSeeder) => seeder.inOrder().map((entry) => entry.chunkId);

Deno.test("addressOf prefers what is advertised and writes IPv6 in brackets", () => {
  const table: [string | undefined, string, string][] = [
    ["disk1.lan", "10.0.0.1", "http://disk1.lan:80"],
    [undefined, "10.0.0.1", "http://10.0.0.1:80"],
    [undefined, "::1", "http://[::1]:80"],
    [undefined, "::ffff:10.0.0.1", "http://10.0.0.1:80"],
    ["fd00::2", "10.0.0.1", "http://[fd00::2]:80"],
    ["[fd00::2]", "10.0.0.1", "http://[fd00::2]:80"],
  ];
  for (const [host, peer, url] of table) assert.equal(addressOf({ host, port: 80 }, peer), url);
  for (const host of ["a b", "a/b", "a:b@c", "é"]) {
    assert.throws(() => addressOf({ host, port: 80 }, "10.0.0.1"), Fault);
  }
  assert.throws(() => addressOf({ port: 80 }, "unknown"), Fault);
});

Deno.test("join admits a seeder once, and repeats a lost reply", async () => {
  const world = await TrackerWorld.open();
  const seeder = world.newSeeder("seeder-1");
  await seeder.join();
  const { key } = seeder;
  await seeder.join();
  assert.equal(seeder.key, key);
  assert.equal((await world.admin.status({})).seeders.length, 1);
  await seeder.beat();
  await refusedWith("identity-taken", seeder.join());
  await world.start();
  await refusedWith("identity-taken", seeder.join());
  const [view] = (await world.admin.status({})).seeders;
  assert.deepEqual([view?.name, view?.address, view?.state, view?.zone], [
    "seeder-1",
    "http://10.0.0.5:7421",
    "yellow",
    seeder.seederId,
  ]);
});

Deno.test("join tells a key again only to whoever shows the secret of the id", async () => {
  const world = await TrackerWorld.open();
  const seeder = world.newSeeder("seeder-1");
  await seeder.join();
  await world.start();
  const { seederId, attempt } = seeder;
  const ask = (shown: { attempt: typeof attempt }) =>
    joinBy(world.connection(), world.tracker.joinCode(), {
      ...{ seederId, name: "other", advertised: { port: 1 }, generation: 0, capacityBytes: 1 },
      ...shown,
    });
  await refusedWith("invalid-request", ask({ attempt: world.newSeeder("x").attempt }));
  assert.equal((await ask({ attempt })).seederKey, seeder.key);
  await seeder.beat();
  // It was heard, and a tracker that was started again knows it.
  await world.start();
  await refusedWith("identity-taken", ask({ attempt }));
  assert.equal((await world.admin.status({})).seeders.length, 1);
});

Deno.test("a second seeder under one identity is found out", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const [one] = world.seeders;
  assert(one);
  await one.beat({ bootId: "c".repeat(16) });
  await refusedWith("identity-taken", one.beat());
  await one.beat({ bootId: "c".repeat(16) });
});

Deno.test("heartbeat tells epoch and clock, takes a new address, ends an absence", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const [one] = world.seeders;
  assert(one);
  assert.deepEqual([one.lastReply.start.epoch, one.lastReply.trackerNowMs, one.lastReply.orders], [
    1,
    world.clock.now(),
    [],
  ]);
  const stateNow = async () => (await world.admin.status({})).seeders[0]?.state;
  await one.connection.signOut({ seederId: one.seederId });
  assert.equal(await stateNow(), "away");
  await world.start();
  assert.equal(await stateNow(), "away");
  await one.beat({ advertised: { host: "moved.lan", port: 9 }, name: "renamed" });
  assert.equal(await stateNow(), "green");
  await world.start();
  const [view] = (await world.admin.status({})).seeders;
  assert.deepEqual([view?.address, view?.name, view?.state], [
    "http://moved.lan:9",
    "renamed",
    "yellow",
  ]);
  await world.pass(limits.redAfterMs, world.seeders);
  assert.equal(await stateNow(), "red");
});

Deno.test("heartbeats go on while the tracker's disk is full", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const [one] = world.seeders;
  assert(one);
  world.callsUntilFull = 0;
  await one.beat({ advertised: { host: "moved.lan", port: 9 } });
  const address = async () => (await world.admin.status({})).seeders[0]?.address;
  assert.equal(await address(), "http://moved.lan:9");
  await refusedWith("disk-full", world.admin.makeDirectories({ paths: ["/x"], parents: false }));
  world.callsUntilFull = Infinity;
  await one.beat({ advertised: { host: "moved.lan", port: 9 } });
  await world.start();
  assert.equal(await address(), "http://moved.lan:9");
});

Deno.test("a seeder back with the same chunks is believed without one page", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.upload("/file", [chunkOf(1)]);
  for (const seeder of world.seeders) {
    seeder.bootId = "d".repeat(16);
    assert.equal((await seeder.beat()).inventoryWanted, false);
  }
});

Deno.test("a seeder back empty has lost copies, and the files are still there", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.upload("/file", [chunkOf(1)]);
  const [one, two] = world.seeders;
  assert(one && two);
  one.chunks.clear();
  one.bootId = "d".repeat(16);
  world.clock.advance(1);
  assert.equal((await one.beat()).inventoryWanted, true);
  assert.equal((await one.beat()).inventoryWanted, true, "until the first page comes");
  await one.tellInventory();
  assert.deepEqual(await heldBy(world, one), []);
  assert.deepEqual(await heldBy(world, two), idsOf(two));
  assert.equal((await one.beat()).inventoryWanted, false);
  const stat = await world.admin.stat({ target: { path: "/file" }, follow: true });
  assert.deepEqual([stat.copiesWanted, stat.copiesLeast], [2, 1]);
});

Deno.test("inventory pages make holdings equal to the disk, in any page size", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.nat(60), { maxLength: 40 }),
      fc.uniqueArray(fc.nat(60), { maxLength: 40 }),
      fc.integer({ min: 1, max: 9 }),
      async (believed, real, pageSize) => {
        const world = await TrackerWorld.open({ seeders: 2 });
        const [one, two] = world.seeders;
        assert(one && two);
        await world.catalog.transaction(async (tx) => {
          await tx.addHoldings(one.seederId, believed.map((label) => chunkOf(label)));
          await tx.addHoldings(two.seederId, [chunkOf(1), chunkOf(2)]);
        });
        for (const label of real) one.chunks.set(chunkOf(label).chunkId, chunkOf(label));
        one.bootId = "e".repeat(16);
        if ((await one.beat()).inventoryWanted) await one.tellInventory(pageSize);
        assert.deepEqual(await heldBy(world, one), idsOf(one));
        assert.equal((await heldBy(world, two)).length, 2);
        assert.equal((await one.beat()).inventoryWanted, false);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a chunk receipted after a page was made is kept, and the inventory asked again", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one] = world.seeders;
  assert(one);
  await world.upload(
    "/first",
    [chunkOf(1), chunkOf(2, 7)].map((chunk, i) => ({
      ...chunk,
      sizeBytes: i === 0 ? limits.chunkBytesMin : 7,
    })),
  );
  one.bootId = "d".repeat(16);
  one.chunks.delete(chunkOf(2).chunkId);
  world.clock.advance(1);
  assert.equal((await one.beat()).inventoryWanted, true);
  const stale = one.inOrder();
  await world.upload("/second", [chunkOf(3)]);
  assert(one.chunks.has(chunkOf(3).chunkId));
  const { seederId, bootId } = one;
  await one.connection.inventory({ seederId, bootId, chunks: stale, last: true });
  assert.deepEqual(await heldBy(world, one), idsOf(one), "2 is gone, 3 is kept");

  // The chunk is lost after all: a later inventory is believed.
  one.chunks.delete(chunkOf(3).chunkId);
  let asked = false;
  for (let i = 0; i < 3 * limits.inventoryRecheckMs / 1000 && !asked; i++) {
    await world.pass(1000, [one]);
    asked = (await one.beat()).inventoryWanted;
  }
  assert(asked, "the inventory is asked for again");
  await one.tellInventory();
  assert.deepEqual(await heldBy(world, one), idsOf(one));
});

Deno.test("a silent loss shows in the digest and is found without a restart", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.upload("/file", [chunkOf(1)]);
  const [one] = world.seeders;
  assert(one);
  await world.pass(limits.inventoryRecheckMs * 2);
  one.chunks.clear();
  const wanted: boolean[] = [];
  for (let i = 0; i <= limits.inventoryRecheckMs / 1000 + 1; i++) {
    await world.pass(1000);
    wanted.push(one.lastReply.inventoryWanted);
  }
  assert.equal(wanted[0], false);
  assert(wanted.includes(true));
  await one.tellInventory();
  assert.deepEqual(await heldBy(world, one), []);
});

Deno.test("inventory refuses pages that contradict themselves, and passes over uncalled ones", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  const [one] = world.seeders;
  assert(one);
  const { seederId } = one;
  const [a, b] = [chunkOf(1), chunkOf(2)].toSorted((x, y) => x.chunkId < y.chunkId ? -1 : 1);
  assert(a && b);
  const send = (page: object) =>
    one.connection.inventory({ seederId, bootId: one.bootId, chunks: [], last: true, ...page });
  await send({ chunks: [a] });
  assert.deepEqual(await heldBy(world, one), [], "nobody asked for it");
  one.bootId = "d".repeat(16);
  one.chunks.set(a.chunkId, a);
  assert.equal((await one.beat()).inventoryWanted, true);
  await send({ bootId: "9".repeat(16), chunks: [b] });
  assert.deepEqual(await heldBy(world, one), [], "of another start");
  await refusedWith("invalid-request", send({ chunks: [b, a] }));
  await refusedWith("invalid-request", send({ chunks: [a, a] }));
  await refusedWith("invalid-request", send({ after: b.chunkId, chunks: [a] }));
  await refusedWith("invalid-request", send({ last: false }));
  await refusedWith("invalid-request", send({ after: a.chunkId, chunks: [b] }));
  assert.deepEqual(await heldBy(world, one), []);
  await send({ chunks: [a], last: false });
  await send({ chunks: [a], last: false });
  await send({ after: a.chunkId });
  assert.deepEqual(await heldBy(world, one), [a.chunkId]);
});

Deno.test("a reported chunk is verified by order, and its holding goes when it is absent", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.upload("/file", [chunkOf(1)]);
  const [one, two] = world.seeders;
  assert(one && two);
  const { chunkId, sizeBytes } = chunkOf(1);
  const report = (seeder: TestSeeder, id = chunkId) =>
    world.admin.reportChunks({ reports: [{ seederId: seeder.seederId, chunkId: id }] });
  assert.equal((await report(one, chunkOf(9).chunkId)).accepted, 0);
  assert.equal((await report(world.newSeeder("stranger"))).accepted, 0);
  world.clock.advance(1);
  assert.equal((await report(one)).accepted, 1);
  assert.equal((await report(one)).accepted, 0, "one order is enough");
  assert.deepEqual((await two.beat()).orders, []);
  const [order] = (await one.beat()).orders;
  assert(order);
  assert.deepEqual([order.kind, order.chunkId, order.sizeBytes], ["verify", chunkId, sizeBytes]);
  assert.deepEqual((await one.beat()).orders, []);
  await world.pass(limits.orderRepeatMs - 1000);
  assert.deepEqual((await one.beat()).orders, []);
  world.clock.advance(1000);
  assert.deepEqual((await one.beat()).orders, [order], "the reply may have been lost");
  const outcome = { orderId: order.orderId, kind: order.kind, chunkId, sizeBytes };
  await two.beat({ outcomes: [{ ...outcome, result: "absent" }] });
  await one.beat({ outcomes: [{ ...outcome, orderId: "other", result: "absent" }] });
  assert.deepEqual(await heldBy(world, one), [chunkId]);
  await one.beat({ outcomes: [{ ...outcome, result: "absent" }] });
  assert.deepEqual(await heldBy(world, one), []);
  assert.deepEqual(await heldBy(world, two), [chunkId]);
});

Deno.test("an order's outcome never removes a copy that was stored since", async () => {
  const world = await TrackerWorld.open({ seeders: 2 });
  await world.upload("/file", [chunkOf(1)]);
  const [one] = world.seeders;
  assert(one);
  const { chunkId, sizeBytes } = chunkOf(1);
  await world.admin.reportChunks({ reports: [{ seederId: one.seederId, chunkId }] });
  world.clock.advance(1000);
  const [order] = (await one.beat()).orders;
  assert(order);
  await world.catalog.transaction((tx) => tx.removeHoldings(one.seederId, [chunkId]));
  world.clock.advance(1000);
  const uploadId = world.uploadId();
  await world.admin.openUploads({ uploads: [openOf(uploadId, "/again")] });
  const receipts = await world.store(uploadId, chunkOf(1));
  assert.equal(receipts.length, 1);
  const entry = { chunkId, sizeBytes, index: 0 };
  await world.admin.recordChunks({ chunks: [{ ...entry, uploadId, receipts }] });
  const outcome = { orderId: order.orderId, kind: order.kind, chunkId, sizeBytes };
  await one.beat({ outcomes: [{ ...outcome, result: "absent" }] });
  assert.deepEqual(await heldBy(world, one), [chunkId]);
});

Deno.test("orders are forgotten after their deadline", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  await world.upload("/file", [chunkOf(1)]);
  const [one] = world.seeders;
  assert(one);
  const { chunkId } = chunkOf(1);
  await world.admin.reportChunks({ reports: [{ seederId: one.seederId, chunkId }] });
  await one.beat();
  const stop = new AbortController();
  await world.pass(limits.orderLifeMs + 1000);
  const running = world.tracker.run(stop.signal);
  for (let i = 0; i < 200; i++) await Promise.resolve();
  assert.deepEqual((await one.beat()).orders, []);
  stop.abort();
  await running;
});
