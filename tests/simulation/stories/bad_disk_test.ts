/** Stories of disks that cannot be read, and that vanish under a running seeder. */
import assert from "node:assert/strict";
import type { ChunkStore } from "../../../roles/seeder/store/chunk_store.ts";
import { stateOf, type Wrappers } from "../machine/cluster.ts";
import { SimDisk } from "../machine/sim_disk.ts";
import { HealingStory } from "./healing_story.ts";

const sizes = [300_000, 400_000];

const isWhole = ({ chunksAtRisk, healing }: Awaited<ReturnType<HealingStory["status"]>>) =>
  chunksAtRisk === 0 && healing.copying === 0;

/** One copy of each chunk lies on bad sectors, and the seeder that has it reads all it holds. */
async function badSectors(wrappers: Wrappers): Promise<HealingStory> {
  const story = await HealingStory.begin(31, 3, "auto", wrappers);
  const { cluster, world, session } = story;
  await story.put(...sizes);
  const [bad] = cluster.seeders;
  assert(bad);
  const chunks = bad.disk.files(`${stateOf.seeder}/chunks`);
  assert(chunks.length > 0, "it holds some of them");
  for (const { path } of chunks) bad.disk.spoil(path);
  const { seederId } = await story.seeder(bad);
  await world.timeline.run(session.tracker.scrubNow({ seeders: [seederId] }));
  await world.timeline.pass(60_000);
  await story.until("every chunk has its copies", isWhole);
  return story;
}

/** How many chunks have fewer than two copies on disks that can be read. */
async function chunksShort({ cluster }: HealingStory): Promise<number> {
  const readable = new Map<string, number>();
  for (const { disk } of cluster.seeders) {
    for (const { path } of disk.files(`${stateOf.seeder}/chunks`)) {
      const chunkId = path.slice(path.lastIndexOf("/") + 1);
      const file = await disk.open(path, "read");
      const isGood = await file.read(new Uint8Array(1), 0).then(() => 1, () => 0);
      readable.set(chunkId, (readable.get(chunkId) ?? 0) + isGood);
      file.close();
    }
  }
  return [...readable.values()].filter((copies) => copies < 2).length;
}

Deno.test("story: copies on bad sectors are made anew", async () => {
  const story = await badSectors({});
  assert.equal(await chunksShort(story), 0);
  await story.end();
});

Deno.test("story: a store that swallows read errors keeps copies that nobody can read", async () => {
  const swallows = (store: ChunkStore): ChunkStore => ({
    ...store,
    verify: (chunkId) => store.verify(chunkId).catch(() => "good" as const),
    doubtful: () => ({ due: [], undecided: [], unreadable: [] }),
  });
  assert((await chunksShort(await badSectors({ store: swallows }))) > 0, "the story barks");
});

for (const [name, empty] of [["nothing", false], ["an empty folder", true]] as const) {
  Deno.test(`story: a disk vanishes, ${name} lies there, and it comes back`, async () => {
    const story = await HealingStory.begin(33, 3);
    const { cluster, world } = story;
    await story.put(...sizes, 900, 5_000);
    const [one] = cluster.seeders;
    assert(one !== undefined);
    const before = await story.seeder(one);
    const place = new SimDisk({ random: world.random });
    if (empty) place.plantDirectory("/disk");
    one.lendPlace(place);
    await world.timeline.pass(25_000);
    const gone = await story.seeder(one);
    assert.deepEqual([gone.state, gone.diskGone], ["red", true]);
    assert.equal(gone.chunkCount, before.chunkCount, "it knows what it has");
    assert(gone.space.freeBytes > 0, "nobody is told to make room");
    one.mountDisk();
    assert(await cluster.allGreen(60_000), "it goes on by itself");
    await story.until("every chunk has its copies", isWhole);
    assert.deepEqual(world.failures, []);
    await story.end();
  });
}
