/** The scrub of a real seeder: what it finds, tells, keeps over a restart, and leaves alone. */
import assert from "node:assert/strict";
import type { ScrubReport } from "../../../protocol/mod.ts";
import { limits } from "../../../protocol/mod.ts";
import { systemClock } from "../../../roles/kit/clock.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { openDiskStore } from "../../../roles/seeder/mod.ts";
import { chunkOf, inParts } from "../../conformance/chunk_store_suite.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { inWorld, type SeederWorld, until } from "./seeder_world.ts";
import { damageChunk } from "./store/damage.ts";

function openOn(disk: SimDisk) {
  return openDiskStore({
    disk,
    directory: "/state",
    clock: systemClock(),
    random: seededRandom(3),
    log: silentLog,
    reserveBytes: 0,
  });
}

const newDisk = () => new SimDisk({ random: seededRandom(9), capacityBytes: 2 ** 33 });
const large = limits.packedChunkBytesMax + 10;
const last = (world: SeederWorld): ScrubReport | undefined => world.heard.scrubs.at(-1);
const asked = (world: SeederWorld) => {
  const scrubAskedMs = world.clock.now() + world.aheadMs;
  world.reply = () => ({ scrubAskedMs });
  return scrubAskedMs;
};

Deno.test("scrub finds flipped bits in files and packs, sets them aside and tells them once", () =>
  inWorld(async (world) => {
    const disk = newDisk();
    const store = await openOn(disk);
    const chunks = [
      ...[1, 2, 3].map((seed) => chunkOf(seed, large)),
      ...[4, 5, 6].map((seed) => chunkOf(seed, 700)),
    ];
    for (const { chunkId, bytes } of chunks) await store.put(chunkId, bytes.length, inParts(bytes));
    const bad = [chunks[1], chunks[4]].flatMap((one) => one?.chunkId ?? []);
    for (const chunkId of bad) await damageChunk(disk, "/state", chunkId);
    await world.start("one", { store, disk });
    const askedMs = asked(world);
    await until(
      () => last(world)?.verifiedMs.every((ms) => ms >= askedMs) ?? false,
      "all is read",
    );
    const told = world.heard.heartbeats.flatMap(({ lost = [] }) => lost);
    assert.deepEqual(told.map(({ chunkId }) => chunkId).sort(), bad.toSorted());
    assert(told.every(({ why }) => why === "corrupt"));
    for (const chunkId of bad) {
      assert.equal(store.sizeOf(chunkId), undefined);
      assert.ok(await disk.stat(`/state/quarantine/${chunkId}.txt`) !== undefined);
    }
    assert.equal(store.summary().chunkCount, 4);
    const progress = last(world)?.progress;
    assert.deepEqual([progress?.corruptChunks, progress?.unreadableChunks], [2, 0]);
    assert.notEqual(progress?.pace, "asked");
  }));

Deno.test("scrub remembers over a restart what was verified when", () =>
  inWorld(async (world) => {
    const disk = newDisk();
    const store = await openOn(disk);
    const { chunkId, bytes } = chunkOf(1, 700);
    await store.put(chunkId, bytes.length, inParts(bytes));
    const first = await world.start("one", { store, disk });
    await until(() => last(world) !== undefined, "it tells");
    assert.equal(Math.min(...last(world)?.verifiedMs ?? []), 0, "what was there is not verified");
    const askedMs = asked(world);
    await until(() => Math.min(...last(world)?.verifiedMs ?? [0]) >= askedMs, "all is read");
    await first.stop();
    const before = world.heard.scrubs.length;
    world.reply = () => ({});
    await world.start("one", { store: await openOn(disk), disk });
    await until(() => world.heard.scrubs.length > before, "it tells again");
    assert(Math.min(...last(world)?.verifiedMs ?? [0]) >= askedMs);
  }));

Deno.test("scrub on an empty disk knows that whatever comes was checked on its way in", () =>
  inWorld(async (world) => {
    const sinceMs = world.clock.now() + world.aheadMs - 1_000;
    await world.start("one");
    const firstMs = world.clock.now() + world.aheadMs + 1_000;
    await until(() => last(world) !== undefined, "it tells");
    const { verifiedMs } = last(world) ?? { verifiedMs: [0] };
    assert(Math.min(...verifiedMs) >= sinceMs);
    assert(Math.max(...verifiedMs) <= firstMs, "and nothing later than it first was heard");
    assert.equal(last(world)?.progress.pace, "calm");
  }));

Deno.test("what an empty disk promises outlives a crash soon after", () =>
  inWorld(async (world) => {
    const disk = newDisk();
    const store = await openOn(disk);
    await world.start("one", { store, disk });
    await until(() => last(world) !== undefined, "it tells");
    const promisedMs = Math.min(...last(world)?.verifiedMs ?? [0]);
    assert(promisedMs > 0);
    const { chunkId, bytes } = chunkOf(1, 700);
    await store.put(chunkId, bytes.length, inParts(bytes));
    // The first start never ends: what it had not synced is gone.
    const left = new SimDisk({ random: seededRandom(9), capacityBytes: 2 ** 33 });
    left.wipe(disk.image());
    const before = world.heard.scrubs.length;
    await world.start("two", { store: await openOn(left), disk: left });
    await until(
      () => world.heard.scrubs.slice(before).some(({ progress }) => progress.pace === "calm"),
      "the second tells",
    );
    assert.equal(Math.min(...last(world)?.verifiedMs ?? [0]), promisedMs);
  }));

Deno.test("a damaged scrub file costs a round and not the start", () =>
  inWorld(async (world) => {
    const disk = newDisk();
    await disk.makeDirectory("/state");
    const file = await disk.open("/state/scrub.json", "create");
    await file.write(new TextEncoder().encode('{"passedMs":'), 0);
    await file.sync();
    file.close();
    await world.start("one", { disk });
    await until(() => last(world) !== undefined, "it tells");
    assert.equal(last(world)?.progress.pace, "late");
  }));

Deno.test("a corrupt chunk that the tracker has verified counts like one the scrub finds", () =>
  inWorld(async (world) => {
    const disk = newDisk();
    const store = await openOn(disk);
    const { chunkId, bytes } = chunkOf(1, large);
    await store.put(chunkId, bytes.length, inParts(bytes));
    await world.start("one", { store, disk });
    const askedMs = asked(world);
    await until(() => Math.min(...last(world)?.verifiedMs ?? [0]) >= askedMs, "all is read");
    await damageChunk(disk, "/state", chunkId);
    const deadlineMs = world.clock.now() + world.aheadMs + 60_000;
    const order = { orderId: "order-1", chunkId, sizeBytes: bytes.length, deadlineMs };
    const verify = {
      kind: "verify",
      nonce: "0".repeat(64),
      ...order,
      why: "a reader got other bytes",
    } as const;
    world.reply = () => ({ orders: [verify] });
    await until(() => last(world)?.progress.corruptChunks === 1, "it is told");
    assert((last(world)?.progress.corruptMs ?? 0) >= askedMs);
    assert.equal(store.sizeOf(chunkId), undefined);
  }));
