/**
 * Many seeds in which the tracker's disk is lost again and again while clients write and seeders
 * are killed, lose power or cannot be reached. The log is on two seeders before anything is
 * acknowledged, so nothing a client was told is safe may be missing in the end.
 */
import assert from "node:assert/strict";
import { randomInt, seededRandom } from "../../roles/kit/random.ts";
import { Actor } from "./actor.ts";
import { Belief } from "./belief.ts";
import { nothingHalfSeen, nothingLost, versionsKept } from "./checkers.ts";
import { Cluster } from "./cluster.ts";

/** One seed; how many times the disk was lost and how many files were acknowledged. */
async function runSeed(seed: number): Promise<{ lost: number; acknowledged: number }> {
  const random = seededRandom(seed ^ 0x4eb1);
  const seeders = randomInt(random, 3, 4);
  const parts = {
    seed,
    seeders,
    clients: 2,
    copies: 2,
    engine: "memory",
    logSync: "seeders",
  } as const;
  const cluster = new Cluster(parts);
  const { world } = cluster;
  const { timeline } = world;
  await cluster.begin();
  const belief = new Belief();
  const actors = cluster.clients.map((client, i) =>
    new Actor(cluster, client, belief, seededRandom(seed * 10 + i), 2 ** 14)
  );
  const onGivenUp = world.onGivenUp;
  world.onGivenUp = (machine) => timeline.after(1000, () => machine.start());
  let living = actors.length;
  let lost = 0;
  const lives = actors.map((actor) => actor.live(4).finally(() => living--));
  const trouble = async () => {
    for (let round = 0; round < 6 && living > 0; round++) {
      await timeline.pass(randomInt(random, 20, 3000));
      const seeder = cluster.seeders[randomInt(random, 0, seeders - 1)];
      if (random.unit() < 0.5 && seeder !== undefined) {
        if (random.unit() < 0.5) seeder.cutPower();
        else seeder.kill();
        timeline.after(randomInt(random, 500, 9000), () => seeder.start());
      }
      if (random.unit() < 0.6 && cluster.loseTrackerDisk()) lost++;
      else cluster.tracker.cutPower();
      timeline.after(randomInt(random, 100, 5000), () => cluster.tracker.start());
    }
  };
  await trouble();
  for (const machine of world.machines) machine.start();
  await timeline.pass(10_000);
  for (const machine of world.machines) machine.start();
  await timeline.run(Promise.all(lives), 10 * 60_000);
  world.onGivenUp = onGivenUp;
  if (cluster.loseTrackerDisk()) lost++;
  cluster.tracker.start();
  const what = `seed ${seed}: ${world.trace.slice(-5).join("\n")}`;
  assert(await world.until(() => world.machines.every((one) => one.ready), 120_000), what);
  assert(await cluster.allGreen(120_000), what);
  await timeline.pass(5_000);
  const [client] = cluster.clients;
  assert(client !== undefined);
  assert.deepEqual(await timeline.run(nothingHalfSeen(client, belief), 10 * 60_000), [], what);
  assert.deepEqual(await timeline.run(versionsKept(client, belief), 10 * 60_000), [], what);
  for (const seeder of cluster.seeders) seeder.kill();
  assert.deepEqual(await timeline.run(nothingLost(cluster, belief, 2)), [], what);
  assert.deepEqual(world.failures, [], what);
  for (const machine of world.machines) machine.kill();
  return { lost, acknowledged: belief.acknowledgements };
}

Deno.test("nothing acknowledged is missing after rebuilds, for seeds 1 to 15", async () => {
  let lost = 0, acknowledged = 0;
  for (let seed = 1; seed <= 15; seed++) {
    const told = await runSeed(seed);
    lost += told.lost;
    acknowledged += told.acknowledged;
  }
  assert.ok(lost > 30 && acknowledged > 30, `${lost} disks lost, ${acknowledged} acknowledged`);
});
