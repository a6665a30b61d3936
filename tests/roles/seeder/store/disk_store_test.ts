/** What can happen to a store's files: crashes, damage, full and failing disks, waste. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ChunkId, chunkIdOf, Fault, limits } from "../../../../protocol/mod.ts";
import { systemClock } from "../../../../roles/kit/clock.ts";
import { silentLog } from "../../../../roles/kit/log.ts";
import { seededRandom } from "../../../../roles/kit/random.ts";
import type { ChunkStore } from "../../../../roles/seeder/store/chunk_store.ts";
import { openDiskStore } from "../../../../roles/seeder/store/disk_store.ts";
import { packHeadBytes, recordHeadBytes } from "../../../../roles/seeder/store/pack_format.ts";
import type { PackRecord } from "../../../../roles/seeder/store/pack_scan.ts";
import { bytesOf, chunkOf, inParts } from "../../../conformance/chunk_store_suite.ts";
import { SimDisk } from "../../../simulation/machine/sim_disk.ts";
import { damageChunk, flipByte, packPaths, recordsOf } from "./damage.ts";

function openOn(disk: SimDisk): Promise<ChunkStore> {
  return openDiskStore({
    disk,
    directory: "/store",
    clock: systemClock(),
    random: seededRandom(2),
    log: silentLog,
    reserveBytes: 0,
  });
}

function newDisk(seed = 1, capacityBytes = 2 ** 33): SimDisk {
  return new SimDisk({ random: seededRandom(seed), capacityBytes });
}

const large = limits.packedChunkBytesMax + 100;

async function idsOf(store: ChunkStore): Promise<ChunkId[]> {
  return (await store.list(undefined, 10_000)).map((entry) => entry.chunkId);
}

async function newestPack(disk: SimDisk): Promise<string> {
  const path = (await packPaths(disk, "/store")).at(-1);
  assert.ok(path !== undefined);
  return path;
}

async function cut(disk: SimDisk, path: string, by: number): Promise<void> {
  const file = await disk.open(path, "update");
  await file.truncate(await file.sizeBytes() - by);
  await file.sync();
  file.close();
}

Deno.test("a chunk file has its id for a name and nothing but the chunk in it", async () => {
  const disk = newDisk();
  const store = await openOn(disk);
  const { chunkId, bytes } = chunkOf(1, large);
  await store.put(chunkId, large, inParts(bytes));
  assert.deepEqual(disk.peek(`/store/chunks/${chunkId.slice(0, 2)}/${chunkId}`), bytes);
  assert.deepEqual(await disk.list("/store/tmp"), []);
  await store.close();
});

Deno.test("open removes temporary files and leaves strange ones alone", async () => {
  const disk = newDisk();
  await (await openOn(disk)).close();
  for (const path of ["/store/tmp/left-over", "/store/chunks/README", "/store/packs/notes.txt"]) {
    (await disk.open(path, "create")).close();
  }
  const empty = chunkOf(1, 10).chunkId;
  await disk.makeDirectory(`/store/chunks/${empty.slice(0, 2)}`);
  (await disk.open(`/store/chunks/${empty.slice(0, 2)}/${empty}`, "create")).close();
  const store = await openOn(disk);
  assert.equal(await disk.stat("/store/tmp/left-over"), undefined);
  assert.ok(await disk.stat("/store/chunks/README") !== undefined);
  assert.ok(await disk.stat("/store/packs/notes.txt") !== undefined);
  assert.ok(await disk.stat(`/store/quarantine/${empty}`) !== undefined);
  assert.equal(store.summary().chunkCount, 0);
  await store.close();
});

Deno.test("a pack cut short anywhere loses only its last record", async () => {
  const chunks = [1, 2, 3].map((seed) => chunkOf(seed, 500 * seed));
  for (const by of [1, 100, 1500, 1500 + recordHeadBytes - 1]) {
    const disk = newDisk();
    let store = await openOn(disk);
    for (const { chunkId, bytes } of chunks) {
      await store.put(chunkId, bytes.length, inParts(bytes));
    }
    await store.close();
    await cut(disk, await newestPack(disk), by);
    for (let round = 0; round < 2; round++) {
      store = await openOn(disk);
      const kept = chunks.slice(0, 2).map((chunk) => chunk.chunkId);
      assert.deepEqual(await idsOf(store), [...kept].sort());
      const again = chunkOf(10 + round, 50);
      await store.put(again.chunkId, 50, inParts(again.bytes));
      await store.drop(again.chunkId);
      await store.close();
    }
  }
});

Deno.test("a damaged record head loses that record only, in the middle of a pack", async () => {
  const chunks = [1, 2, 3, 4].map((seed) => chunkOf(seed, 700));
  for (let byte = 0; byte < recordHeadBytes; byte += 3) {
    const disk = newDisk();
    let store = await openOn(disk);
    await store.putMany(chunks);
    await store.close();
    const path = await newestPack(disk);
    const record: PackRecord | undefined = (await recordsOf(disk, path))[1];
    assert.ok(record !== undefined);
    const hit: ChunkId = record.chunkId;
    await flipByte(disk, path, record.offset + byte);
    for (let round = 0; round < 2; round++) {
      store = await openOn(disk);
      const kept = chunks.filter((chunk) => chunk.chunkId !== hit);
      // Two of the head's bytes say nothing and are covered by the check all the same.
      assert.deepEqual(await idsOf(store), kept.map((chunk) => chunk.chunkId).sort());
      for (const { chunkId } of kept) assert.equal(await store.verify(chunkId), "good");
      await store.close();
    }
  }
});

Deno.test("a damaged pack head loses nothing, and drops under it are forgotten", async () => {
  for (const byte of [0, 20, 40]) {
    const disk = newDisk();
    let store = await openOn(disk);
    const chunks = [1, 2, 3].map((seed) => chunkOf(seed, 900));
    await store.putMany(chunks);
    await store.close();
    await flipByte(disk, await newestPack(disk), byte);
    store = await openOn(disk);
    assert.equal(store.summary().chunkCount, 3);
    for (const { chunkId, bytes } of chunks) {
      assert.deepEqual(await bytesOf((await store.read(chunkId)).body), bytes);
    }
    const more = chunkOf(4, 30);
    assert.equal(await store.put(more.chunkId, 30, inParts(more.bytes)), "stored");
    await store.close();
  }
});

Deno.test("a pack stored as a chunk is not taken for records when its own pack is damaged", async () => {
  const disk = newDisk();
  const inner = newDisk();
  const victim = chunkOf(1, 300);
  const other = await openOn(inner);
  await other.put(victim.chunkId, 300, inParts(victim.bytes));
  await other.drop(victim.chunkId);
  await other.close();
  const bytes = inner.peek(await newestPack(inner));
  assert.ok(bytes !== undefined && bytes.length > packHeadBytes);
  const salted = openDiskStore({
    disk,
    directory: "/store",
    clock: systemClock(),
    random: seededRandom(99),
    log: silentLog,
    reserveBytes: 0,
  });
  let store: ChunkStore = await salted;
  await store.put(victim.chunkId, 300, inParts(victim.bytes));
  await store.putMany([{ chunkId: chunkIdOf(bytes), bytes }]);
  await store.close();
  const path = await newestPack(disk);
  const record = (await recordsOf(disk, path))[1];
  assert.ok(record !== undefined);
  await flipByte(disk, path, record.offset);
  store = await openOn(disk);
  assert.deepEqual(await idsOf(store), [victim.chunkId]);
  await store.close();
});

Deno.test("corrupt chunks go to quarantine with a note", async () => {
  const disk = newDisk();
  const store = await openOn(disk);
  for (const size of [300, large]) {
    const { chunkId, bytes } = chunkOf(size, size);
    await store.put(chunkId, size, inParts(bytes));
    await damageChunk(disk, "/store", chunkId);
    assert.equal(await store.verify(chunkId), "corrupt");
    const kept = disk.peek(`/store/quarantine/${chunkId}`);
    assert.equal(kept?.length, size);
    assert.notDeepEqual(kept, bytes);
    const note = new TextDecoder().decode(disk.peek(`/store/quarantine/${chunkId}.txt`));
    assert.equal(JSON.parse(note).chunkId, chunkId);
  }
  await store.close();
});

Deno.test("a damaged copy is replaced by the bytes that are put again, in files and in packs", async () => {
  const disk = newDisk();
  const store = await openOn(disk);
  const chunks = [chunkOf(1, large), chunkOf(2, 700), chunkOf(3, 800)];
  for (const { chunkId, bytes } of chunks) await store.put(chunkId, bytes.length, inParts(bytes));
  for (const { chunkId } of chunks) await damageChunk(disk, "/store", chunkId);
  const [inFile, one, many] = chunks;
  assert(inFile && one && many);
  for (const { chunkId, bytes } of [inFile, one]) {
    assert.equal(await store.put(chunkId, bytes.length, inParts(bytes)), "stored");
    assert.equal(await store.put(chunkId, bytes.length, inParts(bytes)), "present");
  }
  assert.deepEqual(await store.putMany([many]), ["stored"]);
  assert.deepEqual(await store.putMany([many]), ["present"]);
  for (const { chunkId } of chunks) {
    assert.equal(await store.verify(chunkId), "good");
    assert.ok(await disk.stat(`/store/quarantine/${chunkId}`) !== undefined);
  }
  assert.equal(store.summary().chunkCount, 3);
  await store.close();
});

Deno.test("a chunk file taken away behind the store's back is noticed when read", async () => {
  const disk = newDisk();
  const store = await openOn(disk);
  const { chunkId, bytes } = chunkOf(1, large);
  await store.put(chunkId, large, inParts(bytes));
  await disk.remove(`/store/chunks/${chunkId.slice(0, 2)}/${chunkId}`);
  await assert.rejects(store.read(chunkId), (error) => {
    return error instanceof Fault && error.code === "chunk-not-found";
  });
  assert.equal(store.summary().chunkCount, 0);
  await store.close();
});

Deno.test("sealed packs have sidecars, are rewritten when mostly dead, and drops stay drops", async () => {
  const disk = newDisk();
  let store = await openOn(disk);
  const size = 250_000;
  const count = Math.ceil(limits.packBytesMax * 2.2 / size);
  const model = new Set<ChunkId>();
  const ids: ChunkId[] = [];
  for (let seed = 0; seed < count; seed++) {
    const { chunkId, bytes } = chunkOf(seed, size);
    await store.put(chunkId, size, inParts(bytes, size));
    ids.push(chunkId);
    model.add(chunkId);
  }
  const packs = await packPaths(disk, "/store");
  assert.equal(packs.length, 3);
  assert.ok(await disk.stat(packs[0]?.replace(".pack", ".index") ?? "") !== undefined);
  for (const [i, chunkId] of ids.entries()) {
    if (i % 5 === 0) continue;
    await store.drop(chunkId);
    model.delete(chunkId);
  }
  await store.close();
  for (let round = 0; round < 2; round++) {
    // Round 0 with sidecars, round 1 without.
    if (round === 1) {
      for (const { name } of await disk.list("/store/packs")) {
        if (name.endsWith(".index")) await disk.remove(`/store/packs/${name}`);
      }
    }
    store = await openOn(disk);
    assert.deepEqual(await idsOf(store), [...model].sort());
    for (const chunkId of model) assert.equal(await store.verify(chunkId), "good");
    await store.close();
  }
  const left = disk.files("/store/packs").reduce((sum, file) => sum + file.sizeBytes, 0);
  assert.ok(left < limits.packBytesMax * 1.5, `${left} bytes are left in packs`);
});

Deno.test("a disk that fills up while writing leaves nothing, and drops still work", async () => {
  const disk = newDisk(1, 3_000_000);
  // The store is told of more room than there is, as when something else fills the disk.
  disk.space = () => Promise.resolve({ totalBytes: 1e9, freeBytes: 1e9 });
  let store = await openOn(disk);
  const kept = chunkOf(1, large), small = chunkOf(2, 1000);
  await store.put(kept.chunkId, large, inParts(kept.bytes));
  await store.put(small.chunkId, 1000, inParts(small.bytes));
  const big = chunkOf(3, 4_000_000);
  await assert.rejects(
    store.put(big.chunkId, big.bytes.length, inParts(big.bytes)),
    (error) => error instanceof Fault && error.code === "disk-full",
  );
  assert.deepEqual(await disk.list("/store/tmp"), []);
  const many = Array.from({ length: 30 }, (_, seed) => chunkOf(100 + seed, 200_000));
  const results = await store.putMany(many);
  assert.ok(results.some((each) => each instanceof Fault && each.code === "disk-full"));
  assert.equal(await store.verify(kept.chunkId), "good");
  assert.equal(await store.drop(small.chunkId), true);
  assert.equal(await store.drop(kept.chunkId), true);
  await store.close();
  store = await openOn(disk);
  assert.equal(store.sizeOf(kept.chunkId), undefined);
  await store.close();
});

Deno.test("what was acknowledged survives any crash, and nothing wrong comes of it", async () => {
  const chunks = Array.from(
    { length: 10 },
    (_, i) => chunkOf(200 + i, i < 7 ? 800 * (i + 1) : large),
  );
  const step = fc.record({
    what: fc.constantFrom("put", "put", "putMany", "drop", "crash"),
    which: fc.nat(chunks.length - 1),
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 30 }), async (seed, steps) => {
      const disk = newDisk(seed);
      let store = await openOn(disk);
      const held = new Set<ChunkId>();
      const dropped = new Set<ChunkId>();
      for (const { what, which } of [...steps, { what: "crash", which: 0 }]) {
        const chunk = chunks[which];
        if (chunk === undefined) continue;
        const { chunkId, bytes } = chunk;
        if (what === "put" || what === "putMany") {
          if (what === "put") await store.put(chunkId, bytes.length, inParts(bytes));
          else assert.ok(!((await store.putMany([chunk]))[0] instanceof Fault));
          held.add(chunkId);
          dropped.delete(chunkId);
        } else if (what === "drop") {
          await store.drop(chunkId);
          if (held.delete(chunkId)) dropped.add(chunkId);
        } else {
          // The power goes with a put under way.
          const late = store.put(chunkId, bytes.length, inParts(bytes)).catch(() => {});
          for (let tick = 0; tick < which; tick++) await Promise.resolve();
          disk.crash();
          await late;
          store = await openOn(disk);
          for (const id of held) assert.equal(await store.verify(id), "good");
          for (const { chunkId: id } of await store.list(undefined, 100)) {
            assert.equal(await store.verify(id), "good");
            held.add(id);
          }
          dropped.clear();
        }
      }
    }),
    { numRuns: 150 },
  );
});

Deno.test("failing reads, writes and syncs never make a store lie", async () => {
  const chunks = Array.from({ length: 8 }, (_, i) => chunkOf(300 + i, i < 5 ? 900 + i : large + i));
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(fc.nat(7), { maxLength: 30 }), async (seed, picks) => {
      const disk = newDisk(seed);
      let store = await openOn(disk);
      Object.assign(disk.faults, { readErrors: 0.1, writeErrors: 0.1, syncErrors: 0.1 });
      const held = new Set<ChunkId>();
      for (const pick of picks) {
        const chunk = chunks[pick];
        if (chunk === undefined) continue;
        const { chunkId, bytes } = chunk;
        const result = await store.put(chunkId, bytes.length, inParts(bytes)).catch(
          (error) => error,
        );
        if (result === "stored" || result === "present") held.add(chunkId);
        else assert.ok(result instanceof Fault && result.code === "disk-failed", String(result));
      }
      Object.assign(disk.faults, { readErrors: 0, writeErrors: 0, syncErrors: 0 });
      for (const chunkId of held) assert.equal(await store.verify(chunkId), "good");
      await store.close();
      disk.crash();
      store = await openOn(disk);
      for (const chunkId of held) assert.equal(await store.verify(chunkId), "good");
      await store.close();
    }),
    { numRuns: 100 },
  );
});
