/** What a store tells that it lost, whoever meets it, and what it does with what cannot be read. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ChunkId, Fault, limits } from "../../../../protocol/mod.ts";
import { type Log, silentLog } from "../../../../roles/kit/log.ts";
import { seededRandom } from "../../../../roles/kit/random.ts";
import type { ChunkStore, LostCopy } from "../../../../roles/seeder/store/chunk_store.ts";
import { openDiskStore } from "../../../../roles/seeder/store/disk_store.ts";
import { bytesOf, chunkOf, inParts } from "../../../conformance/chunk_store_suite.ts";
import { SimDisk } from "../../../simulation/machine/sim_disk.ts";
import { packHeadBytes } from "../../../../roles/seeder/store/pack_format.ts";
import { damageChunk, flipByte, packPaths } from "./damage.ts";

const large = limits.packedChunkBytesMax + 100;
/** One in a file of its own, one in a pack. */
const sizes = [large, 700];

class Place {
  readonly disk = new SimDisk({ random: seededRandom(5), capacityBytes: 2 ** 33 });
  readonly told: LostCopy[] = [];
  nowMs = 1_000;

  async open(): Promise<ChunkStore> {
    const clock = { now: () => this.nowMs, sleep: () => Promise.resolve() };
    const log: Log = silentLog;
    const parts = { clock, random: seededRandom(2), log, reserveBytes: 0 };
    const store = await openDiskStore({ disk: this.disk, directory: "/store", ...parts });
    store.watch((lost) => this.told.push(lost));
    return store;
  }

  async spoil(chunkId: ChunkId, spoiled = true): Promise<void> {
    const path = `/store/chunks/${chunkId.slice(0, 2)}/${chunkId}`;
    if (await this.disk.stat(path) !== undefined) return this.disk.spoil(path, spoiled);
    for (const pack of await packPaths(this.disk, "/store")) this.disk.spoil(pack, spoiled);
  }
}

const put = (store: ChunkStore, { chunkId, bytes }: ReturnType<typeof chunkOf>) =>
  store.put(chunkId, bytes.length, inParts(bytes));

async function failsToRead(work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => error instanceof Fault && error.code === "disk-failed");
}

Deno.test("a corrupt copy is told by a verify and by a put that meets it", async () => {
  for (const size of sizes) {
    const place = new Place();
    const store = await place.open();
    const one = chunkOf(1, size), two = chunkOf(2, size);
    for (const chunk of [one, two]) await put(store, chunk);
    for (const { chunkId } of [one, two]) await damageChunk(place.disk, "/store", chunkId);
    assert.equal(await store.verify(one.chunkId), "corrupt");
    assert.equal(await put(store, two), "stored");
    assert.deepEqual(place.told, [one, two].map(({ chunkId }) => ({ chunkId, why: "corrupt" })));
    await store.close();
  }
});

Deno.test("a copy that is gone is told by a read and by a verify", async () => {
  const place = new Place();
  const store = await place.open();
  const one = chunkOf(1, large), two = chunkOf(2, large);
  for (const chunk of [one, two]) {
    await put(store, chunk);
    place.disk.uproot(`/store/chunks/${chunk.chunkId.slice(0, 2)}/${chunk.chunkId}`);
  }
  assert.equal(await store.verify(one.chunkId), "absent");
  await assert.rejects(store.read(two.chunkId));
  assert.deepEqual(place.told, [one, two].map(({ chunkId }) => ({ chunkId, why: "gone" })));
  await store.close();
});

Deno.test("a copy that cannot be read twice, some time apart, is held no more and stays", async () => {
  for (const size of sizes) {
    const place = new Place();
    const store = await place.open();
    const { chunkId, bytes } = chunkOf(1, size);
    await put(store, { chunkId, bytes });
    await place.spoil(chunkId);
    await failsToRead(store.verify(chunkId));
    assert.deepEqual(store.doubtful().undecided, [chunkId]);
    await failsToRead(store.verify(chunkId));
    assert.equal(store.holds(chunkId), true, "one bad moment is no loss");
    assert.deepEqual(store.doubtful().due, []);
    place.nowMs += limits.unreadableAfterMs;
    assert.deepEqual(store.doubtful().due, [chunkId]);
    await failsToRead(store.verify(chunkId));
    assert.deepEqual(place.told, [{ chunkId, why: "unreadable" }]);
    assert.deepEqual(store.doubtful().unreadable, [chunkId]);
    assert.equal(store.isStored(chunkId), false, "no receipt is given for it");
    assert.deepEqual(await store.list(undefined, 10), []);
    assert.deepEqual(store.summary(), (await new Place().open()).summary());
    await failsToRead(store.read(chunkId));

    await place.spoil(chunkId, false);
    assert.deepEqual(await bytesOf((await store.read(chunkId)).body), bytes, "a last resort");
    assert.deepEqual(await store.list(undefined, 10), [{ chunkId, sizeBytes: size }]);
    assert.deepEqual(store.doubtful(), { due: [], undecided: [], unreadable: [] });
    await store.close();
  }
});

Deno.test("what comes back readable with other bytes is never served", async () => {
  for (const size of sizes) {
    const place = new Place();
    const store = await place.open();
    const { chunkId, bytes } = chunkOf(1, size);
    await put(store, { chunkId, bytes });
    await place.spoil(chunkId);
    await failsToRead(store.verify(chunkId));
    place.nowMs += limits.unreadableAfterMs;
    await failsToRead(store.verify(chunkId));
    await place.spoil(chunkId, false);
    await damageChunk(place.disk, "/store", chunkId);
    await assert.rejects(store.read(chunkId), { code: "chunk-not-found" });
    assert.deepEqual(place.told.map(({ why }) => why), ["unreadable", "corrupt"]);
    await store.close();
  }
});

Deno.test("a put takes the place of a copy that cannot be read, also over a restart", async () => {
  for (const size of sizes) {
    const place = new Place();
    let store = await place.open();
    const { chunkId, bytes } = chunkOf(1, size);
    await put(store, { chunkId, bytes });
    await place.spoil(chunkId);
    if (size < large) {
      // The new record goes into a pack that can be read.
      await store.close();
      await place.spoil(chunkId, false);
      store = await place.open();
      await place.spoil(chunkId);
      await put(store, chunkOf(2, size)).catch(() => {});
    }
    assert.equal(await put(store, { chunkId, bytes }), "stored");
    await place.spoil(chunkId, false);
    assert.equal(await store.verify(chunkId), "good");
    assert.deepEqual(store.doubtful().undecided, []);
    await store.close();
    place.disk.crash();
    store = await place.open();
    assert.equal(await store.verify(chunkId), "good");
    await store.close();
  }
});

Deno.test("a corrupt file that cannot be moved away is held no more, and moved later", async () => {
  const place = new Place();
  const store = await place.open();
  const { chunkId, bytes } = chunkOf(1, large);
  await put(store, { chunkId, bytes });
  await damageChunk(place.disk, "/store", chunkId);
  place.disk.faults.writeErrors = 1;
  await assert.rejects(store.verify(chunkId), { code: "chunk-corrupt" });
  assert.deepEqual(place.told, [{ chunkId, why: "corrupt" }]);
  assert.equal(store.holds(chunkId), false);
  place.disk.faults.writeErrors = 0;
  place.nowMs = 1e9;
  assert.deepEqual(store.doubtful().due, [chunkId]);
  assert.equal(await store.verify(chunkId), "corrupt");
  assert.ok(place.disk.peek(`/store/quarantine/${chunkId}`));
  assert.deepEqual(store.doubtful().due, []);
  await store.close();
});

Deno.test("a put that replaces a corrupt packed copy is not taken for it", async () => {
  const place = new Place();
  const store = await place.open();
  const { chunkId, bytes } = chunkOf(1, 700);
  await put(store, { chunkId, bytes });
  await damageChunk(place.disk, "/store", chunkId);
  // Both find the bad copy; one of them has stored the good one when the other sets the bad aside.
  for (let round = 0; round < 120; round++) {
    const putting = put(store, { chunkId, bytes });
    for (let tick = 0; tick < round; tick++) await Promise.resolve();
    const reading = store.verify(chunkId);
    assert.equal(await putting, "stored");
    await reading;
    assert.equal(store.isStored(chunkId), true, `after ${round} ticks`);
    assert.equal(await store.verify(chunkId), "good");
    await damageChunk(place.disk, "/store", chunkId);
  }
  await store.close();
});

Deno.test("a drop during a verify that mends a record's head stays a drop over a restart", async () => {
  for (let ticks = 0; ticks < 40; ticks++) {
    const place = new Place();
    let store = await place.open();
    const { chunkId, bytes } = chunkOf(1, 700);
    await put(store, { chunkId, bytes });
    const [pack] = await packPaths(place.disk, "/store");
    assert.ok(pack !== undefined);
    await flipByte(place.disk, pack, packHeadBytes + 20);
    const verifying = store.verify(chunkId);
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    await store.drop(chunkId);
    await verifying;
    await store.close();
    store = await place.open();
    assert.equal(store.holds(chunkId), false, `after ${ticks} ticks`);
    await store.close();
  }
});

Deno.test("a store on a disk that fails to read loses nothing and says so of nothing good", async () => {
  const chunks = Array.from({ length: 8 }, (_, i) => chunkOf(300 + i, i < 5 ? 900 + i : large + i));
  const step = fc.record({
    what: fc.constantFrom("put", "many", "verify", "read", "time", "drop"),
    which: fc.nat(chunks.length - 1),
  });
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { maxLength: 40 }), async (seed, steps) => {
      const place = new Place();
      let store = await place.open();
      const random = seededRandom(seed);
      place.disk.faults.readErrors = random.unit() * 0.6;
      const held = new Set<ChunkId>();
      for (const { what, which } of steps) {
        const chunk = chunks[which];
        if (chunk === undefined) continue;
        const { chunkId, bytes } = chunk;
        const tolerant = (error: unknown) => {
          assert.ok(error instanceof Fault, String(error));
          assert.ok(["disk-failed", "chunk-not-found"].includes(error.code), error.message);
          return error;
        };
        if (what === "time") place.nowMs += limits.unreadableAfterMs;
        else if (what === "verify") await store.verify(chunkId).catch(tolerant);
        else if (what === "read") {
          const read = await store.read(chunkId).catch(tolerant);
          if (read instanceof Fault) continue;
          const found = await bytesOf(read.body).catch(() => undefined);
          if (found !== undefined) assert.deepEqual(found, bytes);
        } else if (what === "drop") {
          if (await store.drop(chunkId).catch(tolerant) === true) held.delete(chunkId);
        } else {
          const result = what === "put"
            ? await put(store, chunk).catch(tolerant)
            : (await store.putMany([chunk]))[0];
          if (result instanceof Fault) tolerant(result);
          else held.add(chunkId);
        }
      }
      assert.deepEqual(place.told.filter(({ why }) => why !== "unreadable"), []);
      place.disk.faults.readErrors = 0;
      for (const chunkId of held) assert.equal(await store.verify(chunkId), "good");
      await store.close();
      place.disk.crash();
      store = await place.open();
      for (const chunkId of held) assert.equal(await store.verify(chunkId), "good");
      await store.close();
    }),
    { numRuns: 150 },
  );
});
