/**
 * Stories of seeders that say they have what they do not have (`troubles/liar.ts`): no good copy
 * goes for them, and they are found out.
 */
import assert from "node:assert/strict";
import { HealingStory } from "./healing_story.ts";
import { watchDrops } from "../checkers/never_below.ts";
import { Liars } from "../troubles/liar.ts";

const sizes = [10, 5000, 300_000, 2 ** 20, 70_000, 2 ** 21 + 7];

/** A story with files, and so many liars who have claimed all chunks. */
async function withLiars(
  seed: number,
  seeders: number,
  count: number,
  logSync: "auto" | "local" = "auto",
) {
  const story = await HealingStory.begin(seed, seeders, logSync);
  const { cluster } = story;
  const problems: string[] = [];
  const excused = { destroyedMs: () => undefined, victim: undefined, isAtRisk: () => false };
  watchDrops(cluster, excused, (problem) => problems.push(problem));
  await story.put(...sizes);
  const liars = new Liars(cluster);
  for (let i = 0; i < count; i++) liars.join();
  const claimed = (name: string) => (status: Awaited<ReturnType<typeof story.status>>) =>
    (status.seeders.find((one) => one.name === name)?.chunkCount ?? 0) > 0;
  for (const { name } of liars.machines) await story.until(`${name} claims`, claimed(name));
  const end = async () => {
    assert.deepEqual(problems, []);
    const { tracker } = story.session;
    await liars.end(async (seederId) => {
      const state = async () => (await story.status()).seeders.find((s) => s.seederId === seederId);
      for (let i = 0; i < 60 && (await state())?.state !== "red"; i++) {
        await story.world.timeline.pass(1_000);
      }
      await story.world.timeline.run(tracker.forget({ seederId, acceptLoss: false }));
    });
    await story.end();
  };
  return { story, liars, end };
}

for (const count of [1, 2]) {
  Deno.test(`story: ${count} who claim all chunks and say held take no copy away`, async () => {
    const { story, liars, end } = await withLiars(20 + count, 3, count);
    for (const { name } of liars.machines) {
      await story.until(
        `${name} is found out`,
        ({ seeders }) => seeders.find((one) => one.name === name)?.falseAnswers !== undefined,
      );
    }
    // Long enough for every chunk to be asked for, and for drops to be carried out.
    await story.world.timeline.pass(5 * 60_000);
    const { seeders } = await story.status();
    const honest = story.cluster.seeders.map(({ name }) => name);
    const held = seeders.filter(({ name }) => honest.includes(name))
      .reduce((sum, { chunkCount }) => sum + chunkCount, 0);
    const wanted = await story.cluster.recorded().read((view) => view.totals());
    assert.equal(held, 2 * wanted.chunks, "every chunk has its two copies");
    await end();
  });
}

Deno.test("story: what only a liar claims lets nobody forget the seeder that had it", async () => {
  // Most of those who keep the log go: what is asked for is acknowledged without them.
  const { story } = await withLiars(25, 2, 1, "local");
  const [dead, other] = story.cluster.seeders;
  assert(dead && other);
  // Of what the other one has, one copy is left, and the liar says that it has the second.
  const { seederId } = await story.seeder(dead);
  dead.cutPower();
  other.cutPower();
  await story.until(
    "both are gone",
    ({ seeders }) => seeders.filter(({ state }) => state === "red").length === 2,
  );
  await story.until("stopped", ({ authority }) => authority.state === "stopped");
  const { tracker } = story.session;
  const { timeline } = story.world;
  await timeline.run(tracker.confirmLoss({}));
  await timeline.run(tracker.forget({ seederId, acceptLoss: false }));
  const last = await story.seeder(other);
  const refused = tracker.forget({ seederId: last.seederId, acceptLoss: false });
  await assert.rejects(timeline.run(refused), /nothing proves another copy/);
});

Deno.test("story: a drain that a liar would have ended goes on until real copies are proved", async () => {
  const { story, end } = await withLiars(27, 4, 1);
  const { cluster, world } = story;
  const [leaving] = cluster.seeders;
  assert(leaving);
  const { seederId } = await story.seeder(leaving);
  const { tracker } = story.session;
  await world.timeline.run(tracker.drain({ seederId, cancel: false }));
  const early = (await story.status()).healing.drains[0];
  assert(early !== undefined && early.chunksUnproved > 0, "nobody has answered yet");
  await story.until(
    "drained",
    ({ healing: { drains } }) => drains[0]?.chunksLeft === 0 && drains[0].chunksUnproved === 0,
  );
  leaving.cutPower();
  await story.until(
    "it is gone",
    ({ seeders }) => seeders.some((one) => one.seederId === seederId && one.state === "red"),
  );
  await world.timeline.run(tracker.forget({ seederId, acceptLoss: false, ban: false }));
  cluster.seeders.shift();
  await end();
});
