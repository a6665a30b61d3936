/**
 * Many seeds in which the tracker's disk is lost again and again while clients write and seeders
 * are killed, lose power or cannot be reached. Snapshots are made every few operations and logs are
 * cut to what comes after them all the time. The log is on two seeders before anything is
 * acknowledged, so nothing a client was told is safe may be missing in the end.
 */
import assert from "node:assert/strict";
import { randomInt, seededRandom } from "../../../roles/kit/random.ts";
import { Actor } from "../people/actor.ts";
import { Belief } from "../people/belief.ts";
import { nothingHalfSeen, nothingLost, versionsKept } from "../checkers/checkers.ts";
import { Cluster } from "../machine/cluster.ts";

/** One seed; what happened how often. */
async function runSeed(seed: number) {
  const random = seededRandom(seed ^ 0x4eb1);
  const seeders = randomInt(random, 3, 4);
  const parts = {
    seed,
    seeders,
    clients: 2,
    copies: 2,
    engine: "memory",
    logSync: "seeders",
    snapshots: { everyOperations: 3, everyMs: 5_000, share: 0, keepOperations: 0 },
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
  const lives = actors.map((actor) => actor.live(16).finally(() => living--));
  const trouble = async () => {
    for (let round = 0; round < 10 && living > 0; round++) {
      await timeline.pass(randomInt(random, 20, 9000));
      const seeder = cluster.seeders[randomInt(random, 0, seeders - 1)];
      if (random.unit() < 0.5 && seeder !== undefined) {
        if (random.unit() < 0.5) seeder.cutPower();
        else seeder.kill();
        const awayMs = random.unit() < 0.3 ? randomInt(random, 15_000, 40_000) : 9000;
        timeline.after(randomInt(random, 500, awayMs), () => seeder.start());
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
  const told = (text: string) => world.trace.filter((line) => line.includes(text)).length;
  return {
    lost,
    acknowledged: belief.acknowledgements,
    made: told("snapshot made"),
    restored: told("tables filled from a snapshot"),
    trimmed: told("log begins with operation"),
    shortened: told("log shortened"),
    begun: told("log goes on after a snapshot"),
  };
}

/** Less than this, and the storm no longer reaches what it is for. */
const leastSeen = {
  ...{ lost: 50, acknowledged: 200 },
  ...{ made: 50, restored: 20, trimmed: 10, shortened: 10, begun: 3 },
};

Deno.test("nothing acknowledged is missing after rebuilds, for seeds 1 to 15", async () => {
  const sums: Record<string, number> = {};
  for (let seed = 1; seed <= 15; seed++) {
    const told = await runSeed(seed);
    for (const [name, count] of Object.entries(told)) sums[name] = (sums[name] ?? 0) + count;
  }
  const said = JSON.stringify(sums);
  for (const [name, least] of Object.entries(leastSeen)) {
    assert.ok((sums[name] ?? 0) >= least, `${name} was to be seen ${least} times: ${said}`);
  }
});
