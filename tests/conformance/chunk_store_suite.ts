/**
 * What every engine of the chunk store must do. An engine's own test names a way to open a fresh
 * store and runs this; engines that keep their chunks also say how to open the same store again.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ChunkId,
  chunkIdOf,
  Fault,
  type FaultCode,
  InventorySum,
  limits,
} from "../../protocol/mod.ts";
import type { ChunkStore } from "../../roles/seeder/store/chunk_store.ts";
import { seededRandom } from "../../roles/kit/random.ts";

/** One place where a store lives for one test. */
export interface StorePlace {
  /** Opens the store; called again after `close`, it finds what was there. */
  open(): Promise<ChunkStore>;
  /** False where chunks do not outlive the store that was opened. */
  readonly keeps: boolean;
  /** Changes a byte of a chunk behind the store's back. */
  damage(store: ChunkStore, chunkId: ChunkId): Promise<void>;
  /** A store that has room for about this much. */
  openSmall(bytes: number): Promise<ChunkStore>;
  remove(): Promise<void>;
}

type Bytes = Uint8Array<ArrayBuffer>;

export function chunkOf(seed: number, sizeBytes: number): { chunkId: ChunkId; bytes: Bytes } {
  const random = seededRandom(seed);
  const bytes = new Uint8Array(sizeBytes);
  // A repeated random page: as good as random bytes for this purpose and much faster.
  const page = random.bytes(Math.min(sizeBytes, 4096));
  for (let at = 0; at < sizeBytes; at += 4096) {
    bytes.set(page.subarray(0, Math.min(4096, sizeBytes - at)), at);
  }
  return { chunkId: chunkIdOf(bytes), bytes };
}

export async function* inParts(bytes: Bytes, partBytes = 65_536): AsyncGenerator<Bytes> {
  for (let at = 0; at < bytes.length; at += partBytes) {
    await Promise.resolve();
    yield bytes.subarray(at, at + partBytes);
  }
}

export async function bytesOf(body: ReadableStream<Bytes> | Bytes): Promise<Bytes> {
  return body instanceof Uint8Array ? body : await new Response(body).bytes();
}

/** Small ones go into packs, large ones into files; the edges of both. */
const sizes = [
  1,
  1000,
  limits.packedChunkBytesMax - 1,
  limits.packedChunkBytesMax,
  limits.packedChunkBytesMax + 1,
  3 * 1024 * 1024 + 17,
];

async function rejectsWith(code: FaultCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

export function chunkStoreSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  const test = (title: string, work: (store: ChunkStore, place: StorePlace) => Promise<void>) =>
    Deno.test(`${name}: ${title}`, async () => {
      const place = await makePlace();
      try {
        const store = await place.open();
        try {
          await work(store, place);
        } finally {
          await store.close();
        }
      } finally {
        await place.remove();
      }
    });

  test("put then read gives the bytes, whole and in ranges", async (store) => {
    for (const [seed, size] of sizes.entries()) {
      const { chunkId, bytes } = chunkOf(seed, size);
      assert.equal(await store.put(chunkId, size, inParts(bytes)), "stored");
      assert.equal(store.sizeOf(chunkId), size);
      const whole = await store.read(chunkId);
      assert.equal(whole.sizeBytes, size);
      assert.deepEqual(chunkIdOf(await bytesOf(whole.body)), chunkId);
      const range = { start: Math.floor(size / 3), end: Math.ceil(size / 2) };
      const part = await store.read(chunkId, range);
      assert.equal(part.sizeBytes, size);
      assert.deepEqual(await bytesOf(part.body), bytes.slice(range.start, range.end));
    }
  });

  test("put of a chunk that is there checks the source and changes nothing", async (store) => {
    for (const [seed, size] of sizes.entries()) {
      const { chunkId, bytes } = chunkOf(seed, size);
      await store.put(chunkId, size, inParts(bytes));
      const before = store.summary();
      assert.equal(await store.put(chunkId, size, inParts(bytes)), "present");
      const wrong = bytes.slice();
      wrong[0] = (wrong[0] ?? 0) ^ 1;
      await rejectsWith("digest-mismatch", store.put(chunkId, size, inParts(wrong)));
      assert.deepEqual(store.summary(), before);
      assert.equal(await store.verify(chunkId), "good");
    }
  });

  test("put refuses wrong bytes and leaves nothing", async (store) => {
    for (const [seed, size] of sizes.entries()) {
      const { chunkId, bytes } = chunkOf(seed, size);
      const wrong = bytes.slice();
      wrong[size - 1] = (wrong[size - 1] ?? 0) ^ 0x80;
      await rejectsWith("digest-mismatch", store.put(chunkId, size, inParts(wrong)));
      const longer = new Uint8Array(size + 1);
      longer.set(bytes);
      await rejectsWith("size-mismatch", store.put(chunkId, size, inParts(longer)));
      await rejectsWith("truncated-body", store.put(chunkId, size, inParts(bytes.slice(1))));
      await rejectsWith("truncated-body", store.put(chunkId, size, inParts(new Uint8Array())));
      assert.equal(store.sizeOf(chunkId), undefined);
      await rejectsWith("chunk-not-found", store.read(chunkId));
    }
    assert.deepEqual(await store.list(undefined, 10), []);
    assert.equal(store.summary().usedBytes, 0);
  });

  test("put passes on what its source throws and leaves nothing", async (store) => {
    for (const size of [1000, limits.packedChunkBytesMax * 2]) {
      const { chunkId, bytes } = chunkOf(7, size);
      const broken = (async function* () {
        yield* inParts(bytes.subarray(0, size / 2));
        throw new Fault("truncated-body", "the line was cut");
      })();
      await rejectsWith("truncated-body", store.put(chunkId, size, broken));
      assert.equal(store.sizeOf(chunkId), undefined);
      assert.equal(await store.put(chunkId, size, inParts(bytes)), "stored");
    }
  });

  test("put of one chunk by several senders at once stores it once", async (store) => {
    for (const size of [5000, limits.packedChunkBytesMax + 5]) {
      const { chunkId, bytes } = chunkOf(size, size);
      const wrong = bytes.slice();
      wrong[3] = (wrong[3] ?? 0) ^ 1;
      const results = await Promise.allSettled([
        store.put(chunkId, size, inParts(bytes, 1000)),
        store.put(chunkId, size, inParts(wrong, 700)),
        store.put(chunkId, size, inParts(bytes, 900)),
        store.put(chunkId, size, inParts(bytes)),
      ]);
      assert.deepEqual(results.map((each) => each.status), [
        "fulfilled",
        "rejected",
        "fulfilled",
        "fulfilled",
      ]);
      assert.equal(await store.verify(chunkId), "good");
    }
    assert.equal(store.summary().chunkCount, 2);
  });

  test("putMany gives one result each, and one bad chunk spoils no other", async (store) => {
    const good = [0, 1, 2, 3].map((seed) => chunkOf(seed, 100 * (seed + 1)));
    const items = [
      ...good,
      { chunkId: chunkOf(9, 10).chunkId, bytes: chunkOf(8, 10).bytes },
      chunkOf(0, 100),
      chunkOf(11, limits.packedChunkBytesMax + 1),
    ];
    const results = await store.putMany(items);
    const told = results.map((each) => each instanceof Fault ? each.code : each);
    assert.deepEqual(told, [
      "stored",
      "stored",
      "stored",
      "stored",
      "digest-mismatch",
      "present",
      "stored",
    ]);
    for (const { chunkId } of good) assert.equal(await store.verify(chunkId), "good");
    assert.equal(store.summary().chunkCount, 5);
  });

  test("drop takes a chunk away, once, and it may come back", async (store) => {
    for (const [seed, size] of sizes.entries()) {
      const { chunkId, bytes } = chunkOf(seed, size);
      assert.equal(await store.drop(chunkId), false);
      await store.put(chunkId, size, inParts(bytes));
      assert.equal(await store.drop(chunkId), true);
      assert.equal(await store.drop(chunkId), false);
      assert.equal(store.sizeOf(chunkId), undefined);
      await rejectsWith("chunk-not-found", store.read(chunkId));
      assert.equal(await store.verify(chunkId), "absent");
      assert.equal(await store.put(chunkId, size, inParts(bytes)), "stored");
      assert.equal(await store.verify(chunkId), "good");
    }
  });

  test("verify sets a corrupt chunk aside, and it can be stored again", async (store, place) => {
    for (const size of [777, limits.packedChunkBytesMax + 777]) {
      const { chunkId, bytes } = chunkOf(size, size);
      await store.put(chunkId, size, inParts(bytes));
      await place.damage(store, chunkId);
      assert.equal(await store.verify(chunkId), "corrupt");
      assert.equal(await store.verify(chunkId), "absent");
      assert.equal(store.sizeOf(chunkId), undefined);
      assert.deepEqual(await store.list(undefined, 10), []);
      assert.equal(await store.put(chunkId, size, inParts(bytes)), "stored");
      assert.equal(await store.verify(chunkId), "good");
      await store.drop(chunkId);
    }
  });

  test("put of a chunk whose copy is damaged stores the good one", async (store, place) => {
    for (const size of [777, limits.packedChunkBytesMax + 777]) {
      const { chunkId, bytes } = chunkOf(size, size);
      await store.put(chunkId, size, inParts(bytes));
      await place.damage(store, chunkId);
      assert.equal(await store.put(chunkId, size, inParts(bytes)), "stored");
      assert.equal(await store.verify(chunkId), "good");
      await place.damage(store, chunkId);
      assert.deepEqual(await store.putMany([{ chunkId, bytes }]), ["stored"]);
      assert.equal(await store.verify(chunkId), "good");
      assert.deepEqual(await store.list(undefined, 10), [{ chunkId, sizeBytes: size }]);
      await store.drop(chunkId);
    }
  });

  test("list pages in ascending order and agrees with the summary", async (store) => {
    const chunks = Array.from({ length: 50 }, (_, seed) => chunkOf(seed, 10 + seed));
    await store.putMany(chunks);
    const ids: ChunkId[] = [];
    let after: ChunkId | undefined;
    while (true) {
      const page = await store.list(after, 7);
      if (page.length === 0) break;
      ids.push(...page.map((entry) => entry.chunkId));
      after = ids.at(-1);
      // A chunk that comes or goes below the page just read disturbs nothing above it.
      const late = chunkOf(1000 + ids.length, 5);
      if (after !== undefined && late.chunkId < after) await store.putMany([late]);
    }
    assert.deepEqual(ids, chunks.map((chunk) => chunk.chunkId).sort());
    const sum = new InventorySum();
    for (const { chunkId } of await store.list(undefined, 1000)) sum.toggle(chunkId);
    assert.equal(store.summary().digest, sum.hex());
  });

  test("a full store refuses and keeps reading, listing and dropping", async (_, place) => {
    const store = await place.openSmall(1024 * 1024);
    try {
      const kept: { chunkId: ChunkId; bytes: Bytes }[] = [];
      const size = limits.packedChunkBytesMax - 1000;
      let refused: unknown;
      for (let seed = 0; refused === undefined && seed < 20; seed++) {
        const chunk = chunkOf(seed, size);
        await store.put(chunk.chunkId, size, inParts(chunk.bytes)).then(
          () => kept.push(chunk),
          (error) => refused = error,
        );
      }
      assert.ok(refused instanceof Fault && refused.code === "disk-full", String(refused));
      assert.ok(kept.length >= 2, `${kept.length} chunks were taken`);
      const [first, ...rest] = kept;
      assert.ok(first !== undefined);
      const large = chunkOf(99, 2 * 1024 * 1024);
      await rejectsWith(
        "disk-full",
        store.put(large.chunkId, large.bytes.length, inParts(large.bytes)),
      );
      for (const { chunkId, bytes } of kept) {
        assert.deepEqual(await bytesOf((await store.read(chunkId)).body), bytes);
      }
      assert.equal((await store.list(undefined, 100)).length, kept.length);
      assert.equal(await store.drop(first.chunkId), true);
      assert.equal((await store.list(undefined, 100)).length, rest.length);
      assert.ok((await store.space()).freeBytes >= 0);
    } finally {
      await store.close();
    }
  });

  Deno.test(`${name}: any sequence of calls agrees with a model`, async () => {
    const chunks = Array.from(
      { length: 8 },
      (_, i) => chunkOf(100 + i, i < 5 ? 1 + i * 997 : limits.packedChunkBytesMax + i),
    );
    const call = fc.record({
      what: fc.constantFrom("put", "many", "drop", "read", "verify", "damage", "reopen", "wrong"),
      which: fc.nat(chunks.length - 1),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 40 }), async (calls) => {
        const place = await makePlace();
        let store = await place.open();
        const model = new Map<ChunkId, "good" | "damaged">();
        try {
          for (const { what, which } of calls) {
            const chunk = chunks[which];
            if (chunk === undefined) continue;
            const { chunkId, bytes } = chunk;
            if (what === "put" || what === "many") {
              const result = what === "put"
                ? await store.put(chunkId, bytes.length, inParts(bytes))
                : (await store.putMany([chunk]))[0];
              // A damaged copy makes room for the good one.
              assert.equal(result, model.get(chunkId) === "good" ? "present" : "stored");
              model.set(chunkId, "good");
            } else if (what === "wrong") {
              const wrong = bytes.slice();
              wrong[0] = (wrong[0] ?? 0) ^ 1;
              await rejectsWith(
                "digest-mismatch",
                store.put(chunkId, wrong.length, inParts(wrong)),
              );
              if (model.get(chunkId) === "damaged") model.delete(chunkId);
            } else if (what === "drop") {
              assert.equal(await store.drop(chunkId), model.delete(chunkId));
            } else if (what === "read") {
              if (model.get(chunkId) === undefined) {
                await rejectsWith("chunk-not-found", store.read(chunkId));
              } else if (model.get(chunkId) === "good") {
                assert.deepEqual(await bytesOf((await store.read(chunkId)).body), bytes);
              }
            } else if (what === "verify") {
              const state = model.get(chunkId);
              const expected = { good: "good", damaged: "corrupt", none: "absent" };
              assert.equal(await store.verify(chunkId), expected[state ?? "none"]);
              if (state === "damaged") model.delete(chunkId);
            } else if (what === "damage") {
              if (model.get(chunkId) !== "good") continue;
              await place.damage(store, chunkId);
              model.set(chunkId, "damaged");
            } else if (place.keeps) {
              await store.close();
              store = await place.open();
              // Opening may find out by itself that a copy is damaged.
              for (const [id, state] of [...model]) {
                if (state === "damaged" && store.sizeOf(id) === undefined) model.delete(id);
              }
            }
            const listed = await store.list(undefined, 100);
            assert.deepEqual(listed.map((entry) => entry.chunkId), [...model.keys()].sort());
            assert.equal(store.summary().chunkCount, model.size);
          }
        } finally {
          await store.close();
          await place.remove();
        }
      }),
      { numRuns: 30 },
    );
  });
}
