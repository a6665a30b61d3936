/**
 * Stories of healing, on the virtual clock: each ends with every copy where the catalog says it is,
 * every file with its copies on disks, and nothing left to do.
 */
import assert from "node:assert/strict";
import { stateOf } from "../machine/cluster.ts";
import { HealingStory } from "./healing_story.ts";
import type { Machine } from "../machine/world.ts";

const mib = 1024 * 1024;
const sizes = [10, 5000, 300_000, mib, 2 * mib + 7, 3 * mib, 400, 70_000, 260_000, mib + 1];

Deno.test("story: a seeder dies for good, its chunks are copied from the others", async () => {
  const story = await HealingStory.begin(1, 4);
  await story.put(...sizes);
  const [dead] = story.cluster.seeders;
  assert(dead !== undefined);
  assert((await story.seeder(dead)).chunkCount > 0);
  dead.cutPower();
  const tookMs = await story.until("all have copies again", (status) => {
    const gone = status.seeders.find(({ name }) => name === dead.name);
    return gone?.state === "red" && status.chunksAtRisk === 0 && status.healing.copying === 0;
  });
  console.log(`healed ${tookMs} ms after the power went, detection 10000 ms of it`);
  const { seederId } = await story.seeder(dead);
  const reply = await story.world.timeline.run(
    story.session.tracker.forget({ seederId, acceptLoss: false }),
  );
  assert.equal(reply.chunksLost, 0);
  const { seeders } = await story.status();
  assert(!seeders.some(({ name }) => name === dead.name), "it is forgotten");
  story.cluster.seeders.splice(0, 1);
  await story.end();
});

Deno.test("story: an announced absence starts no repair, and ends by itself", async () => {
  const story = await HealingStory.begin(2, 3);
  await story.put(...sizes);
  const [away] = story.cluster.seeders;
  assert(away !== undefined);
  const before = await story.seeder(away);
  await story.world.timeline.run(
    story.session.tracker.maintenance({ seederId: before.seederId, forMs: 180_000 }),
  );
  away.cutPower();
  await story.world.timeline.pass(150_000);
  const during = await story.status();
  assert(during.chunksAtRisk > 0, "nothing was repaired");
  assert.equal(during.healing.copying, 0);
  const tookMs = await story.until("repaired afterwards", (status) => status.chunksAtRisk === 0);
  assert(tookMs >= 20_000, `${tookMs} ms`);
  away.start();
  assert(await story.cluster.allGreen(60_000));
  await story.end();
});

/** Until a seeder that joined holds something and nothing has moved for a minute. */
async function untilSettled(story: HealingStory, joined: Machine): Promise<void> {
  let calm = 0;
  await story.until("it settles", (status) => {
    const mine = status.seeders.find(({ name }) => name === joined.name);
    const busy = status.healing.copying > 0 || status.healing.moving;
    calm = busy || (mine?.chunkCount ?? 0) === 0 ? 0 : calm + 1;
    return calm > 60;
  }, 900_000);
}

Deno.test("story: a seeder joins and takes its share, no more moves than must", async () => {
  const story = await HealingStory.begin(3, 3);
  await story.put(...Array.from({ length: 60 }, (_, i) => 200_000 + i * 5000));
  const used = async () => (await story.status()).seeders.map(({ space }) => space.usedBytes);
  const total = (await used()).reduce((sum, bytes) => sum + bytes, 0);
  const joined = story.cluster.newSeeder();
  joined.disk.plantDirectory(stateOf.seeder);
  joined.start();
  await story.world.timeline.pass(5_000);
  await untilSettled(story, joined);
  const moved = (await story.seeder(joined)).space.usedBytes;
  const after = (await used()).reduce((sum, bytes) => sum + bytes, 0);
  console.log(`moved ${moved} bytes; a fair quarter of ${total} is ${Math.round(total / 4)}`);
  assert.equal(after, total, "what was moved is given up where it was");
  assert(moved > total / 4 * 0.6 && moved < total / 4 * 1.4, `${moved} of ${total}`);
  await story.end();
});

for (const [what, times] of [["half", 0.5], ["twice", 2]] as const) {
  Deno.test(`story: a seeder ${what} as large joins, and nothing moves but to it`, async () => {
    const story = await HealingStory.begin(16, 3);
    await story.put(...Array.from({ length: 60 }, (_, i) => 200_000 + i * 5000));
    const before = (await story.status()).seeders;
    const total = before.reduce((sum, { space }) => sum + space.usedBytes, 0);
    const joined = story.cluster.newSeeder();
    joined.disk.capacityBytes *= times;
    joined.disk.plantDirectory(stateOf.seeder);
    joined.start();
    await untilSettled(story, joined);
    const moved = (await story.seeder(joined)).space.usedBytes;
    const fair = total * times / (3 + times);
    console.log(`moved ${moved} of ${total} bytes; by capacity ${Math.round(fair)} are fair`);
    for (const { name, space } of before) {
      const now = (await story.status()).seeders.find((each) => each.name === name);
      assert(now !== undefined && now.space.usedBytes <= space.usedBytes, `${name} took nothing`);
    }
    assert(moved > fair * 0.6 && moved < fair * 1.4, `${moved} of ${fair}`);
    await story.end();
  });
}

Deno.test("story: a seeder is drained, and says when it may be switched off", async () => {
  const story = await HealingStory.begin(4, 3);
  await story.put(...sizes);
  const [leaving] = story.cluster.seeders;
  assert(leaving !== undefined);
  const { seederId } = await story.seeder(leaving);
  const drain = (cancel: boolean) =>
    story.world.timeline.run(story.session.tracker.drain({ seederId, cancel }));
  await drain(false);
  await story.until("drained", ({ healing }) => healing.drains[0]?.chunksLeft === 0);
  leaving.cutPower();
  await story.world.timeline.pass(30_000);
  const status = await story.status();
  assert.deepEqual([status.chunksAtRisk, status.chunksUnavailable], [0, 0]);
  leaving.start();
  assert(await story.cluster.allGreen(60_000));
  await drain(true);
  const copies = (all: Awaited<ReturnType<HealingStory["status"]>>) =>
    all.seeders.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
  await story.until("surplus is given up", (all) => copies(all) === 2 * all.chunks, 900_000);
  await story.end();
});

Deno.test("story: what cannot be copied is told with the reason until a seeder joins", async () => {
  const story = await HealingStory.begin(14, 2);
  await story.put(...sizes);
  const [dead] = story.cluster.seeders;
  assert(dead !== undefined);
  dead.cutPower();
  await story.until("it says that it is stuck", ({ healing }) => healing.stuck.length > 0);
  const { healing } = await story.status();
  assert.match(healing.stuck[0]?.why ?? "", /^1 of 2 copies: no other seeder can take/);
  const joined = story.cluster.newSeeder();
  joined.disk.plantDirectory(stateOf.seeder);
  joined.start();
  await story.until("healed", (status) => status.chunksAtRisk === 0);
  await story.until("nothing is stuck", (status) => status.healing.stuck.length === 0);
  story.cluster.seeders.splice(0, 1);
  await story.end();
});

Deno.test("story: a seeder returns with all it had, the surplus goes", async () => {
  const story = await HealingStory.begin(5, 4);
  await story.put(...sizes);
  const [lost] = story.cluster.seeders;
  assert(lost !== undefined);
  lost.cutPower();
  await story.until("healed", (status) => {
    const gone = status.seeders.find(({ name }) => name === lost.name);
    return gone?.state === "red" && status.chunksAtRisk === 0;
  });
  lost.start();
  assert(await story.cluster.allGreen(60_000));
  const copies = (all: Awaited<ReturnType<HealingStory["status"]>>) =>
    all.seeders.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
  const back = await story.status();
  assert(copies(back) > 2 * back.chunks, "its copies count again");
  await story.until("surplus is given up", (all) => copies(all) === 2 * all.chunks, 900_000);
  await story.end();
});

Deno.test("story: a seeder returns empty, it has lost copies and deleted nothing", async () => {
  const story = await HealingStory.begin(6, 3);
  await story.put(...sizes);
  const [emptied] = story.cluster.seeders;
  assert(emptied !== undefined);
  emptied.cutPower();
  for (const { path } of emptied.disk.files(stateOf.seeder)) {
    if (!path.endsWith(".json")) emptied.disk.uproot(path);
  }
  emptied.start();
  assert(await story.cluster.allGreen(60_000));
  await story.until(
    "healed",
    ({ chunksAtRisk, healing }) => chunksAtRisk === 0 && healing.copying === 0,
  );
  await story.end();
});

Deno.test("story: one of three dies with more than a third of all copies, and nothing stops", async () => {
  const story = await HealingStory.begin(15, 3);
  await story.put(...sizes);
  const { seeders } = await story.status();
  const fullest = seeders.toSorted((a, b) => b.chunkCount - a.chunkCount)[0];
  const dead = story.cluster.seeders.find(({ name }) => name === fullest?.name);
  assert(dead !== undefined && fullest !== undefined);
  const copies = seeders.reduce((sum, { chunkCount }) => sum + chunkCount, 0);
  assert(fullest.chunkCount * 3 > copies, "it holds more than a third of all copies");
  dead.cutPower();
  await story.until("red", ({ seeders }) => seeders.some(({ state }) => state === "red"));
  await story.world.timeline.pass(10_000);
  await story.until("healed", (status) => status.chunksAtRisk === 0);
  assert.equal((await story.status()).authority.state, "ruling");
  const { tracker } = story.session;
  await story.world.timeline.run(
    tracker.forget({ seederId: fullest.seederId, acceptLoss: false }),
  );
  story.cluster.seeders.splice(story.cluster.seeders.indexOf(dead), 1);
  await story.end();
});

Deno.test("story: half of all copies go at once, no drop until the loss is confirmed", async () => {
  const story = await HealingStory.begin(7, 4);
  await story.put(...sizes);
  await story.world.timeline.pass(10_000);
  const [one, two] = story.cluster.seeders;
  assert(one !== undefined && two !== undefined);
  one.cutPower();
  two.cutPower();
  await story.until("stopped", ({ authority }) => authority.state === "stopped");
  const { tracker } = story.session;
  const { seeders } = await story.status();
  const gone = seeders.find(({ name }) => name === one.name)?.seederId;
  assert(gone !== undefined);
  const forget = tracker.forget({ seederId: gone, acceptLoss: true }).catch(({ code }) => code);
  assert.equal(await story.world.timeline.run(forget), "drops-stopped");
  const confirmed = await story.world.timeline.run(tracker.confirmLoss({}));
  assert.equal(confirmed.confirmed, true);
  assert.equal((await story.status()).authority.state, "ruling");
  one.start();
  two.start();
  assert(await story.cluster.allGreen(60_000));
  await story.end();
});
