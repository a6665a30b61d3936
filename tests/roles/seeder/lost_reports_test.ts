/** How a seeder tells which copies it lost: once, in its heartbeats, until it was answered. */
import assert from "node:assert/strict";
import { Fault, limits } from "../../../protocol/mod.ts";
import { systemClock } from "../../../roles/kit/clock.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { openDiskStore } from "../../../roles/seeder/mod.ts";
import { chunkOf, inParts } from "../../conformance/chunk_store_suite.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { inWorld, type Running, type SeederWorld, until } from "./seeder_world.ts";
import { damageChunk } from "./store/damage.ts";

const large = limits.packedChunkBytesMax + 10;

/** A seeder on a simulated disk, whose store's clock can be moved on. */
async function place(world: SeederWorld) {
  const disk = new SimDisk({ random: seededRandom(9), capacityBytes: 2 ** 33 });
  const real = systemClock();
  const time = { aheadMs: 0 };
  const clock = { ...real, now: () => real.now() + time.aheadMs };
  const parts = { disk, directory: "/state", clock, random: seededRandom(3), log: silentLog };
  const open = () => openDiskStore({ ...parts, reserveBytes: 0 });
  const store = await open();
  const chunk = chunkOf(1, large);
  await store.put(chunk.chunkId, large, inParts(chunk.bytes));
  const running = await world.start("one", { store, disk });
  return { disk, store, running, time, ...chunk, open };
}

const told = (world: SeederWorld) => world.heard.heartbeats.flatMap(({ lost = [] }) => lost);
const path = (chunkId: string) => `/state/chunks/${chunkId.slice(0, 2)}/${chunkId}`;

function orderFor(world: SeederWorld, { seederId }: Running, chunkId: string) {
  const deadlineMs = world.clock.now() + world.aheadMs + 60_000;
  return { orderId: `order-${seederId}`, chunkId, sizeBytes: large, deadlineMs, why: "a test" };
}

Deno.test("a lost copy is told again until a heartbeat that carried it was answered", () =>
  inWorld(async (world) => {
    const { disk, store, chunkId } = await place(world);
    await damageChunk(disk, "/state", chunkId);
    world.reply = (heartbeat) =>
      heartbeat.lost !== undefined && told(world).length < 3
        ? new Fault("unavailable", "not now")
        : {};
    assert.equal(await store.verify(chunkId), "corrupt");
    await until(() => told(world).length >= 3, "it is told three times");
    const before = world.heard.heartbeats.length;
    await until(() => world.heard.heartbeats.length > before + 3, "and three heartbeats later");
    const all = told(world);
    assert.equal(all.length, 3);
    assert(all.every((one) => one.chunkId === chunkId && one.why === "corrupt" && one.foundMs > 0));
  }));

Deno.test("a put that meets a bad copy has it told and counted", () =>
  inWorld(async (world) => {
    const { disk, running, store, chunkId, bytes } = await place(world);
    await until(() => world.heard.scrubs.length > 0, "the scrub has begun");
    await damageChunk(disk, "/state", chunkId);
    const leave = world.leave(running, "store", chunkId, large);
    await world.call(running).storeChunk({ chunkId, size: String(large), leave }, { bytes });
    assert.equal(store.holds(chunkId), true, "and what came took its place");
    await until(
      () => world.heard.scrubs.some(({ progress }) => progress.corruptChunks === 1),
      "whoever asks how sound the disk is hears of it",
    );
  }));

Deno.test("a copy that cannot be read is tried again and then told, whoever met it", async () => {
  for (const who of ["scrub", "verify", "read", "copy"]) {
    await inWorld(async (world) => {
      const { disk, store, running, time, chunkId } = await place(world);
      disk.spoil(path(chunkId));
      if (who === "scrub") {
        const scrubAskedMs = world.clock.now() + world.aheadMs;
        world.reply = () => ({ scrubAskedMs });
      } else if (who === "read") {
        const leave = world.leave(running, "read", chunkId, large);
        // A file that is sent as it lies there breaks off: the tracker has it verified then.
        const reading = world.call(running).readChunk({ chunkId, size: String(large), leave });
        await reading.then((response) => response.bytes()).catch(() => {});
        await store.verify(chunkId).catch(() => {});
      } else {
        const order = orderFor(world, running, chunkId);
        const storeLeave = world.leave(running, "store", order.chunkId as never, large);
        const gone = { seederId: "f".repeat(16), address: "http://gone.test:1", leave: storeLeave };
        const kind = who === "verify" ? { kind: "verify", nonce: "ab".repeat(32) } : {
          kind: "copy",
          sources: [gone],
          storeLeave,
        };
        world.reply = () => ({ orders: [{ ...order, ...kind }] as never });
      }
      await until(() => store.doubtful().undecided.length === 1, `${who} meets it`);
      world.reply = () => ({});
      assert.equal(store.holds(chunkId), true);
      assert.deepEqual(told(world), []);
      time.aheadMs += limits.unreadableAfterMs;
      await until(() => told(world).length > 0, "it is read again and told");
      assert.deepEqual(told(world).map(({ why }) => why), ["unreadable"]);
      await until(
        () => world.heard.scrubs.some(({ progress }) => progress.unreadableChunks === 1),
        "status counts it",
      );
    });
  }
});

Deno.test("a copy that could not be read is read first after a restart, and told anew", () =>
  inWorld(async (world) => {
    const { disk, store, running, time, chunkId, open } = await place(world);
    disk.spoil(path(chunkId));
    await store.verify(chunkId).catch(() => {});
    time.aheadMs += limits.unreadableAfterMs;
    await until(() => told(world).length > 0, "it is told");
    await running.stop();
    await store.close();
    const after = await open();
    assert.equal(after.holds(chunkId), true);
    await world.start("one", { store: after, disk });
    await until(() => after.doubtful().undecided.length === 1, "it is read first");
    time.aheadMs += limits.unreadableAfterMs;
    await until(() => told(world).length > 1, "and told again");
    // A tracker that was not heard for a while may be a new one, which knows of no last resort.
    world.reply = () => new Fault("unavailable", "not now");
    const before = world.heard.heartbeats.length;
    await until(() => world.heard.heartbeats.length > before, "the tracker is away");
    world.reply = () => ({});
    await until(() => told(world).length > 2, "and hears it anew");
  }));
