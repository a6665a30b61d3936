/** A disk that goes away under a running seeder: what is refused, what is told, the way back. */
import assert from "node:assert/strict";
import { Fault, limits } from "../../../protocol/mod.ts";
import { systemClock } from "../../../roles/kit/clock.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { systemDisk } from "../../../roles/kit/system_disk.ts";
import { Anchor, openDiskStore } from "../../../roles/seeder/mod.ts";
import { bytesOf, chunkOf, inParts } from "../../conformance/chunk_store_suite.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { SimMount } from "../../simulation/machine/sim_mount.ts";
import { inWorld, until } from "./seeder_world.ts";

const state = "/disk/.offshore/seeder";
const sizes = [limits.packedChunkBytesMax + 10, 700];

function newDisk(seed: number): SimDisk {
  const disk = new SimDisk({ random: seededRandom(seed), capacityBytes: 2 ** 33 });
  disk.plantDirectory("/disk");
  return disk;
}

/** What may stand where the disk was. */
const others: Record<string, () => SimDisk | Promise<SimDisk>> = {
  "nothing": () => new SimDisk({ random: seededRandom(2) }),
  "an empty folder": () => newDisk(3),
  "another seeder's disk": () => {
    const disk = newDisk(4);
    disk.plantDirectory(`${state}/chunks/00`);
    disk.plantDirectory(`${state}/tmp`);
    disk.plantDirectory(`${state}/packs`);
    for (let i = 0; i < 40; i++) disk.plant(`${state}/packs/${i}`, new Uint8Array([i]));
    disk.plant(`${state}/anchor`, new TextEncoder().encode(`${"ab".repeat(16)}\n`));
    return disk;
  },
  // Its packs have the names of our own, and other chunks in the same places.
  "another seeder's full store": async () => {
    const disk = newDisk(5);
    disk.plantDirectory(state);
    const anchor = await Anchor.drop(disk, state, seededRandom(9));
    const parts = { clock: systemClock(), random: seededRandom(6), log: silentLog };
    const held = anchor.held();
    const store = await openDiskStore({ disk: held, directory: state, ...parts, reserveBytes: 0 });
    for (const [i, size] of sizes.entries()) {
      const { chunkId, bytes } = chunkOf(20 + i, size);
      await store.put(chunkId, bytes.length, inParts(bytes));
    }
    await store.close();
    return disk;
  },
};

async function mounted() {
  const home = newDisk(1);
  home.plantDirectory(state);
  const mount = new SimMount(home);
  const anchor = await Anchor.drop(mount.disk(), state, seededRandom(8));
  const disk = anchor.held();
  const parts = { clock: systemClock(), random: seededRandom(3), log: silentLog };
  const open = () => openDiskStore({ disk, directory: state, ...parts, reserveBytes: 0 });
  return { home, mount, anchor, disk, store: await open(), open };
}

async function isRefused(work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert(error instanceof Fault, String(error));
    assert.equal(error.code, "disk-gone", error.message);
    return true;
  });
}

for (const [name, other] of Object.entries(others)) {
  Deno.test(`a store with ${name} in its disk's place loses and writes nothing`, async () => {
    const { mount, anchor, disk, store } = await mounted();
    const lost: unknown[] = [];
    store.watch((one) => lost.push(one));
    const [large, small] = sizes.map((size, i) => chunkOf(i, size));
    assert(large && small);
    for (const { chunkId, bytes } of [large, small]) {
      await store.put(chunkId, bytes.length, inParts(bytes));
    }
    mount.put(await other());
    await isRefused(store.read(large.chunkId));
    for (const { chunkId } of [large, small]) await isRefused(store.verify(chunkId));
    const third = chunkOf(9, sizes[0] ?? 0);
    await isRefused(store.put(third.chunkId, third.bytes.length, inParts(third.bytes)));
    for (const path of [`${state}/seeder.json`, "/disk/a"]) {
      await isRefused(disk.open(path, "create"));
      await isRefused(disk.remove(path));
      await isRefused(disk.rename(path, `${path}.new`));
      await isRefused(disk.makeDirectory(path));
    }
    await isRefused(disk.list("/disk"));
    await isRefused(disk.stat("/disk/file-of-a-person"));
    assert.match(await anchor.look() ?? "", /gone|another disk/);
    assert.equal(mount.comeBack(), true, "nothing was written there");

    assert.equal(await anchor.look(), undefined);
    for (const { chunkId, bytes } of [large, small]) {
      assert.deepEqual(await bytesOf((await store.read(chunkId)).body), bytes);
      assert.equal(await store.verify(chunkId), "good");
    }
    assert.equal(
      await store.put(third.chunkId, third.bytes.length, inParts(third.bytes)),
      "stored",
    );
    assert.deepEqual(lost, []);
    await store.close();
  });
}

Deno.test("on a full disk the anchor of an earlier start holds", async () => {
  const home = newDisk(1);
  home.plantDirectory(state);
  const mount = new SimMount(home);
  await Anchor.drop(mount.disk(), state, seededRandom(1));
  home.capacityBytes = 0;
  const anchor = await Anchor.drop(mount.disk(), state, seededRandom(2));
  await anchor.hold();
  mount.put(newDisk(3));
  await isRefused(anchor.hold());
  assert.equal(mount.comeBack(), true);
  await anchor.hold();
});

Deno.test("a seeder without its disk says so, is not full, and goes on when it is back", () =>
  inWorld(async (world) => {
    const { mount, anchor, disk, store } = await mounted();
    const { chunkId, bytes } = chunkOf(1, 700);
    await store.put(chunkId, bytes.length, inParts(bytes));
    await world.start("one", { store, disk, anchor, stateDirectory: state });
    const last = () => world.heard.heartbeats.at(-1);
    mount.put(newDisk(3));
    await until(() => last()?.diskGone === true, "it tells");
    assert.equal(last()?.writable, false);
    assert.match(last()?.trouble ?? "", /gone: the disk was unmounted or removed/);
    assert((last()?.space.freeBytes ?? 0) > 0, "nobody shall be told to make room");
    assert.equal(last()?.chunkCount, 1);
    assert.equal(mount.comeBack(), true);
    await until(() => last()?.diskGone === undefined && last()?.writable === true, "it is back");
    assert.equal(await store.verify(chunkId), "good");
  }));

Deno.test("on a real disk the anchor holds, and a folder moved away is noticed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const disk = systemDisk();
    const directory = `${folder}/disk/.offshore/seeder`;
    await disk.makeDirectory(directory);
    const anchor = await Anchor.drop(disk, directory, seededRandom(1));
    await anchor.hold();
    await disk.rename(`${folder}/disk`, `${folder}/elsewhere`);
    await isRefused(anchor.hold());
    await disk.makeDirectory(directory);
    await Anchor.drop(disk, directory, seededRandom(2));
    assert.match(await anchor.look() ?? "", /that of another disk/);
    await disk.rename(`${folder}/disk`, `${folder}/other`);
    await disk.rename(`${folder}/elsewhere`, `${folder}/disk`);
    await anchor.hold();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
