/**
 * Stories of seeders that come back other than they went: with an image of their disk of earlier,
 * or twice, because somebody copied the disk. (Empty, and with all they had: `healing_test.ts`.)
 */
import assert from "node:assert/strict";
import { stateOf } from "../machine/cluster.ts";
import { HealingStory } from "./healing_story.ts";
import type { LogSync } from "../../../roles/tracker/plan/log_sync.ts";

const mib = 1024 * 1024;
const sizes = [10, 5000, 300_000, mib, 2 * mib + 7, 400, 70_000, 260_000];

async function begin(seed: number, logSync?: LogSync) {
  const story = await HealingStory.begin(seed, 3, logSync);
  const [first, second, third] = story.cluster.seeders;
  assert(first !== undefined && second !== undefined && third !== undefined);
  await story.put(...sizes);
  return { story, first, second, third };
}

const isWhole = ({ chunksAtRisk, healing }: Awaited<ReturnType<HealingStory["status"]>>) =>
  chunksAtRisk === 0 && healing.copying === 0;

Deno.test("story: a seeder returns as it was earlier, what it has counts again", async () => {
  const { story, first } = await begin(1);
  const image = first.disk.image();
  const before = (await story.seeder(first)).chunkCount;
  const paths = await story.put(...sizes);
  // Some of what the image holds was removed meanwhile.
  for (const path of paths.slice(0, 3)) await story.world.timeline.run(story.actor.remove(path));
  assert((await story.seeder(first)).chunkCount > before);
  first.cutPower();
  first.disk.wipe(image);
  first.start();
  assert(await story.cluster.allGreen(60_000));
  await story.world.timeline.pass(2_000);
  assert((await story.seeder(first)).chunkCount >= before, "what it had counts");
  await story.until("what it lost is copied again", isWhole);
  await story.end();
});

Deno.test("story: a seeder returns as it was earlier, and then the tracker's disk is lost", async () => {
  const { story, first, third } = await begin(2, "seeders");
  const { world, cluster } = story;
  const image = first.disk.image();
  await story.put(...sizes);
  first.cutPower();
  first.disk.wipe(image);
  first.start();
  await world.timeline.pass(10_000);
  // Its log has caught up: it is one of the two that are enough.
  third.cutPower();
  assert(cluster.loseTrackerDisk());
  cluster.tracker.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000));
  third.start();
  assert(await cluster.allGreen(60_000));
  await story.until("all is there", isWhole);
  await story.end();
});

for (const later of ["the copy", "the first"] as const) {
  Deno.test(`story: a copied disk runs in a second machine, ${later} starts last`, async () => {
    const { story, first } = await begin(later === "the copy" ? 3 : 4);
    const { world, cluster } = story;
    const { seederId } = await story.seeder(first);
    first.cutPower();
    const twin = cluster.newTwin(first);
    const [one, other] = later === "the copy" ? [first, twin] : [twin, first];
    one.start();
    await world.timeline.pass(3_000);
    other.start();
    await world.timeline.pass(10_000);
    const status = await story.status();
    assert.equal(status.seeders.filter((seeder) => seeder.seederId === seederId).length, 1);
    const refused = world.trace.filter((line) =>
      line.includes(`${one.name}#`) && line.includes("identity-taken")
    );
    assert(refused.length > 0, "the one that started first is told");
    // Whatever is written meanwhile is acknowledged on two that are not the same disk.
    await story.put(...sizes);
    world.remove(twin);
    cluster.stores.delete(twin);
    first.cutPower();
    first.start();
    assert(await cluster.allGreen(60_000));
    await story.until("all is there", isWhole);
    await story.end();
  });
}

Deno.test("story: a seeder returns under another identity, with the chunks it had", async () => {
  const { story, first } = await begin(3);
  const { seederId, chunkCount } = await story.seeder(first);
  assert(chunkCount > 0);
  const held = async () =>
    (await story.cluster.stores.get(first)?.list(undefined, 1_000) ?? []).map((one) => one.chunkId);
  const before = await held();
  first.kill();
  first.disk.uproot(`${stateOf.seeder}/seeder.json`);
  first.start();
  const mine = (status: Awaited<ReturnType<HealingStory["status"]>>) =>
    status.seeders.filter(({ name }) => name === first.name);
  await story.until("it is here as somebody else", (status) => {
    const fresh = mine(status).find((one) => one.seederId !== seederId);
    return fresh?.state === "green" && fresh.chunkCount === chunkCount;
  });
  await story.until("nobody is heard under the old identity", (status) => {
    const old = mine(status).find((one) => one.seederId === seederId);
    return old?.state === "red" && isWhole(status);
  });
  const after = new Set(await held());
  assert(before.every((chunkId) => after.has(chunkId)), "its copies counted, none was given up");
  const reply = await story.world.timeline.run(
    story.session.tracker.forget({ seederId, acceptLoss: false }),
  );
  assert.equal(reply.chunksLost, 0);
  await story.end();
});

Deno.test("story: of two machines with one identity the one that stays is heard again", async () => {
  const { story, first } = await begin(5);
  const { world, cluster } = story;
  first.cutPower();
  const twin = cluster.newTwin(first);
  first.start();
  await world.timeline.pass(3_000);
  twin.start();
  await world.timeline.pass(10_000);
  const { address } = await story.seeder(first);
  assert(address.includes(twin.host), `${address}: the later one is believed`);
  // Nobody starts the first again: it is heard as soon as the other is silent.
  world.remove(twin);
  cluster.stores.delete(twin);
  await world.timeline.pass(10_000);
  const now = await story.seeder(first);
  assert.equal(now.state, "green");
  assert(now.address.includes(first.host));
  await story.until("all is there", isWhole);
  await story.end();
});
