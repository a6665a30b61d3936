/**
 * Files in place, seen from the store: what a scan finds, what is held, and what becomes of it
 * when the files, the store's own copies and the journal come and go.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type ChunkId,
  chunkIdOf,
  Fault,
  InventorySum,
  limits,
  RemotePath,
  SeederId,
} from "../../../protocol/mod.ts";
import type { Disk } from "../../../roles/kit/disk.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { Adoption } from "../../../roles/seeder/adoption.ts";
import { Load } from "../../../roles/seeder/load.ts";
import type { AdoptedFiles } from "../../../roles/seeder/store/adopted_files.ts";
import { type DiskStore, openDiskStore } from "../../../roles/seeder/store/disk_store.ts";
import { bytesOf, chunkOf, inParts } from "../../conformance/chunk_store_suite.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { HandClock } from "../tracker/tracker_world.ts";

const seederId = SeederId.parse("c".repeat(16));
const journalPath = "/disk/.offshore/seeder/adopted.log";
type Bytes = Uint8Array<ArrayBuffer>;

class Place {
  readonly clock = new HandClock();
  readonly disk = new SimDisk({ random: seededRandom(5), clock: this.clock });
  store!: DiskStore;

  static async open(): Promise<Place> {
    const place = new Place();
    place.disk.plantDirectory("/disk/.offshore/seeder");
    await place.reopen();
    return place;
  }

  get adopted(): AdoptedFiles {
    assert(this.store.adopted !== undefined);
    return this.store.adopted;
  }

  async reopen(disk: Disk = this.disk): Promise<void> {
    await this.store?.close();
    this.store = await openDiskStore({
      ...{ disk, clock: this.clock, random: seededRandom(1), log: silentLog },
      directory: "/disk/.offshore/seeder",
      folder: "/disk",
    });
  }

  plant(path: string, bytes: Bytes): void {
    this.disk.plantDirectory(`/disk${path.slice(0, path.lastIndexOf("/"))}`);
    this.disk.plant(`/disk${path}`, bytes);
  }

  /** One look at everything, and all that was hashed is offered. */
  async scan(disk: Disk = this.disk): Promise<Adoption> {
    this.clock.advance(60_000);
    const adoption = await this.look(disk);
    const { adopted } = this;
    for (let file = 1; file <= adopted.highest; file++) {
      if (file > (adopted.offered?.offered ?? 0) && adopted.isWhole(file)) await adopted.list(file);
    }
    await adopted.noteOffered({ offered: adopted.highest, seederId, generation: 0 });
    return adoption;
  }

  async look(disk: Disk = this.disk): Promise<Adoption> {
    const { clock, store } = this;
    const load = new Load(clock);
    const parts = { disk, folder: "/disk", store, load, clock, log: silentLog, enabled: true };
    const adoption = new Adoption({ ...parts, adopted: this.adopted });
    const stop = new AbortController();
    const ended = adoption.run(stop.signal);
    for (let turns = 0; adoption.report.state !== "resting"; turns++) {
      assert(turns < 100_000, "the look comes to its end");
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    stop.abort();
    await ended;
    return adoption;
  }

  async ids(): Promise<ChunkId[]> {
    return (await this.store.list(undefined, 10_000)).map(({ chunkId }) => chunkId);
  }
}

Deno.test("a look finds files in every folder but ours, and tells what it leaves out", async () => {
  const place = await Place.open();
  place.plant("/a/b/c.txt", chunkOf(1, 10).bytes);
  place.plant("/top", chunkOf(2, 20).bytes);
  place.plant("/empty", new Uint8Array());
  place.plant("/copy/.offshore/seeder/chunks/x", chunkOf(3, 30).bytes);
  await place.disk.makeLink("/disk/link", "top");
  const { report } = await place.scan();
  assert.deepEqual(
    [report.filesFound, report.filesIndexed, report.bytesIndexed, report.leftOutCount],
    [3, 3, 30, 1],
  );
  assert.equal(report.leftOut[0]?.source, "/link");
  const [one, two] = [chunkOf(1, 10), chunkOf(2, 20)];
  assert.deepEqual(await place.ids(), [one.chunkId, two.chunkId].sort());
  assert.deepEqual(await bytesOf((await place.store.read(one.chunkId)).body), one.bytes);
  const range = { start: 3, end: 7 };
  const part = await place.store.read(two.chunkId, range);
  assert.deepEqual(await bytesOf(part.body), two.bytes.slice(3, 7));
  assert.equal(place.store.isStored(one.chunkId), false);
});

Deno.test("switched off, nothing new is looked for and what was adopted stays", async () => {
  const place = await Place.open();
  place.plant("/old", chunkOf(1, 10).bytes);
  await place.scan();
  place.plant("/new", chunkOf(2, 20).bytes);
  const { clock, disk, store, adopted } = place;
  const parts = { disk, folder: "/disk", store, load: new Load(clock), clock, log: silentLog };
  const off = new Adoption({ ...parts, adopted, enabled: false });
  await off.run(new AbortController().signal);
  assert.deepEqual([off.report.state, off.report.filesIndexed], ["off", 1]);
  assert.deepEqual(await place.ids(), [chunkOf(1, 10).chunkId]);
});

Deno.test("a file that was written just now waits for the next look", async () => {
  const place = await Place.open();
  place.plant("/fresh", chunkOf(1, 10).bytes);
  await place.look();
  assert.equal(place.adopted.count, 0);
  place.clock.advance(limits.adoptSettleMs);
  await place.look();
  assert.equal(place.adopted.count, 1);
});

Deno.test("an adopted chunk that is stored as well is one entry, and falls back", async () => {
  const place = await Place.open();
  const chunk = chunkOf(1, limits.packedChunkBytesMax + 7);
  place.plant("/f", chunk.bytes);
  await place.scan();
  const { store } = place;
  const adopted = store.summary();
  assert.equal(await store.put(chunk.chunkId, chunk.bytes.length, inParts(chunk.bytes)), "stored");
  assert(store.isStored(chunk.chunkId));
  const both = store.summary();
  assert.deepEqual([both.chunkCount, both.usedBytes], [1, chunk.bytes.length]);
  assert.notEqual(both.digest, adopted.digest, "the tracker hears of it");
  assert.equal(await store.drop(chunk.chunkId), true);
  assert.deepEqual(store.summary(), adopted);
  assert.equal(await store.verify(chunk.chunkId), "good");
  // Its own copy is taken away by hand: the file is what is left.
  await store.put(chunk.chunkId, chunk.bytes.length, inParts(chunk.bytes));
  const own = `chunks/${chunk.chunkId.slice(0, 2)}/${chunk.chunkId}`;
  place.disk.uproot(`/disk/.offshore/seeder/${own}`);
  assert.deepEqual(await bytesOf((await store.read(chunk.chunkId)).body), chunk.bytes);
  assert.deepEqual(store.summary(), adopted);
});

Deno.test("a drop of an adopted chunk forgets it for good, and leaves the file alone", async () => {
  const place = await Place.open();
  const chunk = chunkOf(1, 5000);
  place.plant("/f", chunk.bytes);
  await place.scan();
  assert.equal(await place.store.drop(chunk.chunkId), true);
  assert.equal(await place.store.drop(chunk.chunkId), false);
  assert.deepEqual(place.disk.peek("/disk/f"), chunk.bytes);
  await place.reopen();
  await place.scan();
  assert.deepEqual(await place.ids(), []);
  place.plant("/f", chunk.bytes);
  await place.scan();
  assert.deepEqual(await place.ids(), [chunk.chunkId], "it is another file now");
});

Deno.test("a journal that is torn or damaged costs hashing, and nothing else", async () => {
  const place = await Place.open();
  const chunks = [1, 2, 3, 4].map((seed) => chunkOf(seed, 100 + seed));
  chunks.forEach(({ bytes }, i) => place.plant(`/f-${i}`, bytes));
  await place.scan();
  const ids = await place.ids();
  const whole = place.disk.peek(journalPath);
  assert(whole !== undefined);
  for (let cut = 0; cut < whole.length; cut += 37) {
    await place.store.close();
    place.disk.plant(journalPath, whole.slice(0, cut));
    await place.reopen();
    await place.scan();
    assert.deepEqual(await place.ids(), ids, `cut at ${cut}`);
    await place.reopen();
    assert.deepEqual(await place.ids(), ids, `cut at ${cut}, opened again`);
  }
});

Deno.test("a journal that is mostly of files that are gone is rewritten", async () => {
  const place = await Place.open();
  const bytes = new Uint8Array(10);
  for (let i = 0; i < 3000; i++) {
    place.plant(`/${"long-name-".repeat(10)}${i}`, bytes.with(0, i % 251).with(1, i >> 8));
  }
  await place.scan();
  const dropped = (await place.ids())[0];
  assert(dropped !== undefined);
  await place.store.drop(dropped);
  const before = place.disk.peek(journalPath)?.length ?? 0;
  for (let i = 0; i < 2500; i++) place.disk.uproot(`/disk/${"long-name-".repeat(10)}${i}`);
  await place.scan();
  const ids = await place.ids();
  const { highest } = place.adopted;
  await place.reopen();
  const after = place.disk.peek(journalPath)?.length ?? 0;
  assert(after < before / 3, `${before} bytes became ${after}`);
  assert.deepEqual(await place.ids(), ids);
  assert.equal(place.adopted.count, 500);
  assert(place.adopted.highest >= highest, "no number is given twice");
  await place.scan();
  assert.deepEqual(await place.ids(), ids, "nothing is new");
});

/** Large files of zeros that nobody has to keep, and how much of them was read. */
function withLargeFile(disk: SimDisk, sizeBytes: number, stopAt: number) {
  const read = { bytes: 0 };
  const large: Disk = {
    ...Object.fromEntries(
      ([
        "stream",
        "rename",
        "renameIfFree",
        "remove",
        "makeDirectory",
        "makeNewDirectory",
        "list",
        "realPath",
        "readLink",
        "makeLink",
        "setAttributes",
        "syncDirectory",
        "space",
      ] as const).map((name) => [name, disk[name].bind(disk)]),
    ) as unknown as Disk,
    stat: async (path) => {
      const stat = await disk.stat(path);
      return path === "/disk/large" && stat !== undefined ? { ...stat, sizeBytes } : stat;
    },
    open: async (path, how) => {
      const file = await disk.open(path, how);
      if (path !== "/disk/large") return file;
      return {
        ...{ close: () => file.close(), sizeBytes: () => Promise.resolve(sizeBytes) },
        stat: async () => ({ ...await file.stat(), sizeBytes }),
        tryLock: () => file.tryLock(),
        ...{
          write: () => Promise.reject(new Error()),
          truncate: () => Promise.reject(new Error()),
        },
        sync: () => Promise.reject(new Error("a person's file is only read")),
        read: (buffer, offset) => {
          if (offset >= stopAt) return Promise.reject(new Fault("local-not-found", "stop"));
          const count = Math.min(buffer.length, sizeBytes - offset);
          buffer.fill(0, 0, count);
          read.bytes += count;
          return Promise.resolve(count);
        },
      };
    },
  };
  return { large, read };
}

Deno.test("a large file whose hashing a crash broke off goes on where it was", async () => {
  const place = await Place.open();
  const { adopted } = place;
  place.plant("/large", new Uint8Array(1));
  const sizeBytes = 100 * limits.chunkBytesDefault + 5;
  const stat = await place.disk.stat("/disk/large");
  assert(stat !== undefined);
  // As the first 64 chunks were written down when the power went.
  const { modifiedMs, inode, mode } = stat;
  const chunkSizeBytes = limits.chunkBytesDefault;
  const path = RemotePath.parse("/large");
  const head = adopted.begin({ path, sizeBytes, modifiedMs, inode, mode, chunkSizeBytes });
  const zeros = chunkIdOf(new Uint8Array(chunkSizeBytes));
  await adopted.add({ ...head, from: 0, chunks: new Array<ChunkId>(64).fill(zeros) });
  await place.reopen();
  const { large, read } = withLargeFile(place.disk, sizeBytes, Infinity);
  await place.scan(large);
  assert.equal(read.bytes, sizeBytes - 64 * chunkSizeBytes);
  assert.deepEqual(await place.ids(), [zeros, chunkIdOf(new Uint8Array(5))].sort());
  assert.deepEqual([place.adopted.count, place.adopted.highest], [1, head.file]);
  await place.reopen();
  assert.equal((await place.ids()).length, 2);
});

Deno.test("a file that goes while it is read is not adopted", async () => {
  const place = await Place.open();
  place.plant("/large", new Uint8Array(1));
  const sizeBytes = 70 * limits.chunkBytesDefault;
  const { large } = withLargeFile(place.disk, sizeBytes, 66 * limits.chunkBytesDefault);
  await place.scan(large);
  assert.deepEqual([place.adopted.count, await place.ids()], [0, []]);
  assert.equal(place.adopted.partial, undefined);
});

const chunks = [300, 5000, limits.packedChunkBytesMax + 9].map((size, i) => chunkOf(60 + i, size));
const call = fc.record({
  what: fc.constantFrom(
    "put",
    "drop",
    "read",
    "verify",
    "plant",
    "uproot",
    "rot",
    "reopen",
    "crash",
  ),
  which: fc.nat(chunks.length - 1),
  file: fc.nat(2),
});

Deno.test("any sequence of calls and of a person's doings agrees with a model", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const place = await Place.open();
      const stored = new Set<ChunkId>(), dropped = new Set<ChunkId>();
      /** By path: which chunk, and whether it is held and whole. */
      const files = new Map<string, { chunkId: ChunkId; held: boolean; whole: boolean }>();
      const inPlace = (chunkId: ChunkId) =>
        [...files.values()].filter((file) => file.chunkId === chunkId && file.held);
      for (const { what, which, file } of calls) {
        const { store } = place;
        const chunk = chunks[which];
        assert(chunk !== undefined);
        const { chunkId, bytes } = chunk;
        const path = `/dir/file-${file}`;
        if (what === "put") {
          const result = await store.put(chunkId, bytes.length, inParts(bytes));
          assert.equal(result, stored.has(chunkId) ? "present" : "stored");
          stored.add(chunkId);
        } else if (what === "drop") {
          const here = stored.has(chunkId) || inPlace(chunkId).length > 0;
          assert.equal(await store.drop(chunkId), here);
          if (stored.delete(chunkId)) dropped.add(chunkId);
          else for (const one of inPlace(chunkId)) one.held = false;
        } else if (what === "verify") {
          const places = inPlace(chunkId);
          const expected = stored.has(chunkId) || places.some(({ whole }) => whole)
            ? "good"
            : places.length > 0
            ? "corrupt"
            : "absent";
          assert.equal(await store.verify(chunkId), expected);
          for (const one of places) one.held = one.whole;
        } else if (what === "read") {
          const places = inPlace(chunkId);
          if (stored.has(chunkId) || (places.length > 0 && places.every(({ whole }) => whole))) {
            assert.deepEqual(await bytesOf((await store.read(chunkId)).body), bytes);
          } else if (places.length === 0) {
            await assert.rejects(store.read(chunkId), { code: "chunk-not-found" });
          }
        } else if (what === "plant") {
          place.plant(path, bytes);
          files.set(path, { chunkId, held: true, whole: true });
          await place.scan();
        } else if (what === "uproot" && files.delete(path)) {
          place.disk.uproot(`/disk${path}`);
          await place.scan();
        } else if (what === "rot" && files.has(path)) {
          place.disk.rot(`/disk${path}`, 11);
          const one = files.get(path);
          if (one !== undefined) one.whole = !one.whole;
        } else if (what === "reopen") await place.reopen();
        else if (what === "crash") {
          // What was not synced may be gone: the next look finds it again.
          await place.adopted.sync();
          place.disk.crash();
          await place.reopen();
          // A drop need not outlive a power cut: the tracker orders it again.
          for (const id of dropped) if (place.store.isStored(id)) stored.add(id);
        }
        const present = new Set(
          [...stored, ...[...files.values()].filter(({ held }) => held).map((one) => one.chunkId)],
        );
        assert.deepEqual(await place.ids(), [...present].sort(), what);
        const sum = new InventorySum();
        for (const id of present) sum.toggle(id, !stored.has(id));
        assert.equal(place.store.summary().digest, sum.hex(), what);
        for (const id of present) assert.equal(place.store.isStored(id), stored.has(id));
      }
      await place.store.close();
    }),
    { numRuns: 40 },
  );
});
