/**
 * A seeder's talk with a real tracker about files it hashed: order, pages, lost replies, restarts.
 */
import { startOf } from "./seeder_world.ts";
import assert from "node:assert/strict";
import { ChunkId, chunkIdOf, limits, RemotePath, type Transport } from "../../../protocol/mod.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { AdoptionOffers } from "../../../roles/seeder/adoption_offer.ts";
import { TrackerLine } from "../../../roles/seeder/tracker_line.ts";
import { partChunksMax } from "../../../roles/seeder/store/adopted_format.ts";
import { type DiskStore, openDiskStore } from "../../../roles/seeder/store/disk_store.ts";
import { SimDisk } from "../../simulation/machine/sim_disk.ts";
import { path, TrackerWorld } from "../tracker/tracker_world.ts";

class OfferWorld {
  readonly disk = new SimDisk({ random: seededRandom(5) });
  store!: DiskStore;
  /** Requests whose reply is lost, by their number. */
  readonly lost = new Set<number>();
  requests = 0;
  epoch = 1;

  private constructor(readonly world: TrackerWorld) {}

  static async open(): Promise<OfferWorld> {
    const offers = new OfferWorld(await TrackerWorld.open({ seeders: 1 }));
    offers.disk.plantDirectory("/disk/.offshore/seeder");
    await offers.reopen();
    return offers;
  }

  async reopen(): Promise<void> {
    await this.store?.close();
    this.store = await openDiskStore({
      ...{ disk: this.disk, clock: this.world.clock, random: seededRandom(1), log: silentLog },
      directory: "/disk/.offshore/seeder",
      folder: "/disk",
    });
  }

  get adopted() {
    assert(this.store.adopted !== undefined);
    return this.store.adopted;
  }

  /** As if a file of so many chunks had been hashed. */
  async hashed(source: string, count: number): Promise<ChunkId[]> {
    const chunkSizeBytes = limits.chunkBytesDefault;
    const head = this.adopted.begin({
      path: RemotePath.parse(source),
      ...{
        sizeBytes: count * chunkSizeBytes,
        modifiedMs: 7,
        inode: 9,
        mode: 0o644,
        chunkSizeBytes,
      },
    });
    const ids = Array.from(
      { length: count },
      (_, i) => chunkIdOf(new TextEncoder().encode(`${source} ${i}`)),
    );
    for (let from = 0; from === 0 || from < count; from += partChunksMax) {
      const chunks = ids.slice(from, from + partChunksMax);
      const last = from + partChunksMax >= count ? { last: true as const } : {};
      await this.adopted.add({ ...head, from, chunks, ...last });
    }
    return ids;
  }

  /** Offers until everything has an answer. */
  async run(): Promise<void> {
    const { world } = this;
    const [seeder] = world.seeders;
    assert(seeder !== undefined);
    const { seederId, attempt, key: seederKey, bootId } = seeder;
    const transport: Transport = async (request) => {
      this.requests++;
      const reply = await world.tracker.app(request, "10.0.0.5");
      if (!this.lost.has(this.requests)) return reply;
      throw new TypeError("the connection was reset");
    };
    const clusterId = (await world.admin.status({})).clusterId;
    const { epoch, adopted } = this;
    const trackerAddress = "http://tracker.test:1";
    const keys = { seederKey, generation: 1 };
    const heard = startOf(epoch);
    const identity = { seederId, attempt, clusterId, ...keys, trackerAddress, heard };
    const line = new TrackerLine({
      ...{ clock: world.clock, random: world.random, transport },
      identity: () => identity,
      address: () => trackerAddress,
    });
    const offers = new AdoptionOffers({
      ...{ adopted, bootId, line, clock: world.clock, log: silentLog, joined: () => true },
      adoption: {
        report: {
          ...{ state: "resting", filesFound: 1, filesIndexed: 1, bytesIndexed: 1 },
          ...{ leftOutCount: 0, leftOut: [] },
        },
      },
      membership: { identity },
    });
    const stop = new AbortController();
    const ended = offers.run(stop.signal);
    for (let turns = 0; adopted.offered?.offered !== adopted.highest || turns < 20; turns++) {
      assert(turns < 10_000, "all is offered");
      world.clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    stop.abort();
    await ended;
  }

  async listed(): Promise<string[]> {
    return (await this.world.admin.list({ path: path("/") })).entries.map(({ name }) => name);
  }
}

Deno.test("a file with more chunks than a message holds is offered in pages, in its order", async () => {
  const offers = await OfferWorld.open();
  await offers.hashed("/small", 1);
  const count = 2 * limits.manifestPageChunksMax + 9;
  const ids = await offers.hashed("/large", count);
  await offers.hashed("/none", 0);
  // The first is told a session.
  offers.lost.add(4);
  await offers.run();
  assert.deepEqual(await offers.listed(), ["large", "none", "small"]);
  const target = { path: path("/large") };
  const { versionId, chunkCount } = await offers.world.admin.stat({ target, follow: false });
  assert(versionId !== undefined);
  assert.equal(chunkCount, count);
  const manifest = await offers.world.catalog.read((view) => view.manifest(versionId, 0, 9999));
  assert.deepEqual(manifest.map(({ chunkId }) => chunkId), ids);
  assert.equal(offers.store.summary().chunkCount, count + 1);
  assert.equal((await offers.world.admin.status({})).uploadsOpen, 0);
});

Deno.test("what was answered is not offered again, unless the tracker was rebuilt", async () => {
  const offers = await OfferWorld.open();
  for (let i = 0; i < 300; i++) await offers.hashed(`/f-${i}`, 1);
  // The reply is lost after the tracker has taken all of it.
  offers.lost.add(2);
  await offers.run();
  assert.equal((await offers.listed()).length, 300);
  const sequence = (await offers.world.admin.status({})).logSequence;
  await offers.reopen();
  assert.equal(offers.store.summary().chunkCount, 300, "held at once after a start");
  const before = offers.requests;
  await offers.run();
  assert(offers.requests - before <= 3, "only how far it is was told");
  offers.epoch = limits.epochsOfGenerationMax;
  const again = offers.requests;
  await offers.run();
  assert(offers.requests - again >= 2, "a rebuilt tracker is told of everything");
  assert.equal((await offers.world.admin.status({})).logSequence, sequence, "and knew it");
});

Deno.test("chunks of files that were declined stay held until the tracker lets go of them", async () => {
  const offers = await OfferWorld.open();
  await offers.hashed("/a", 2);
  await offers.run();
  const removed = { path: path("/a"), what: "file", now: true } as const;
  await offers.world.admin.remove(removed);
  offers.epoch = limits.epochsOfGenerationMax;
  await offers.run();
  assert.equal(offers.store.summary().chunkCount, 2, "another file may name them");
  for (const { chunkId } of await offers.store.list(undefined, 9)) await offers.store.drop(chunkId);
  assert.equal(offers.store.summary().chunkCount, 0);
  await offers.reopen();
  assert.equal(offers.store.summary().chunkCount, 0);
});
