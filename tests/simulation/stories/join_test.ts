/**
 * Stories of seeders that die while they join: at every await of their first start, with the power
 * or without. However it ends they come back as one seeder, not as two.
 */
import assert from "node:assert/strict";
import { Cluster } from "../machine/cluster.ts";
import { stateOf } from "../machine/cluster.ts";
import { seederIdOf } from "../../../protocol/mod.ts";

async function world(seed: number) {
  const cluster = new Cluster({
    ...{ seed, seeders: 1, clients: 1, copies: 1, engine: "memory", logSync: "auto" },
  });
  const { world, tracker, seeders: [seeder] } = cluster;
  assert(seeder !== undefined);
  tracker.disk.plantDirectory(stateOf.tracker);
  seeder.disk.plantDirectory(stateOf.seeder);
  for (const { machine } of cluster.clients) machine.disk.plantDirectory("/home");
  tracker.start();
  for (const { machine } of cluster.clients) machine.start();
  assert(await world.until(() => cluster.clients.every(({ machine }) => machine.ready), 10_000));
  return { cluster, world, tracker, seeder };
}

const rowsOf = (cluster: Cluster) => cluster.recorded().read((view) => view.seeders());

for (const how of ["killed", "without power"] as const) {
  Deno.test(`story: a seeder is ${how} at every await of its join, and is one seeder`, async () => {
    let joinedMeanwhile = 0;
    for (let call = 1;; call++) {
      const { cluster, world: around, seeder } = await world(call);
      let died = false;
      seeder.start();
      seeder.process?.crashAtCall(call, () => {
        died = true;
        if (how === "killed") seeder.kill();
        else seeder.cutPower();
      });
      await around.until(() => died || seeder.ready, 20_000);
      if (!died) {
        assert(call > 20, `it has joined after ${call} calls`);
        break;
      }
      const before = await rowsOf(cluster);
      if (before.length > 0) joinedMeanwhile++;
      seeder.start();
      assert(await cluster.allGreen(60_000), `green again after call ${call}`);
      const after = await rowsOf(cluster);
      assert.equal(after.length, 1, `${after.length} seeders after call ${call}`);
      const names = seeder.disk.files(stateOf.seeder).map(({ path }) => path);
      assert(!names.some((name) => name.endsWith("joining.json")), "nothing is left of the join");
      for (const machine of around.machines) machine.kill();
      assert.deepEqual(around.failures, []);
    }
    assert(joinedMeanwhile > 2, `${joinedMeanwhile} times it had joined and did not know`);
  });
}

Deno.test("story: the reply to a join is lost and the seeder dies, it is one seeder", async () => {
  const { cluster, world: around, tracker, seeder } = await world(1);
  seeder.start();
  // The first reply tells the session that the join is proved in; the next is the one that counts.
  const hasSession = () => around.trace.some((line) => /\/seeders\/join [45]/.test(line));
  assert(await around.until(hasSession, 20_000));
  around.network.faults.repliesLost = 1;
  const joined = async () => (await rowsOf(cluster)).length > 0;
  let rows = false;
  assert(await around.until(() => (void joined().then((is) => rows = is), rows), 20_000));
  seeder.cutPower();
  around.network.faults.repliesLost = 0;
  // A tracker that was started again knows it from its log alone.
  tracker.kill();
  tracker.start();
  seeder.start();
  assert(await cluster.allGreen(60_000));
  assert.equal((await rowsOf(cluster)).length, 1);
});

Deno.test("story: a disk is copied while its seeder joins, the copies become two seeders", async () => {
  const { cluster, world: around, seeder } = await world(2);
  let died = false;
  const attempted = () =>
    seeder.disk.files(stateOf.seeder).some(({ path }) => path.endsWith("joining.json"));
  around.network.faults.requestsLost = 1;
  seeder.start();
  assert(await around.until(attempted, 20_000));
  await around.timeline.pass(1_000);
  seeder.cutPower();
  died = true;
  around.network.faults.requestsLost = 0;
  const copy = cluster.newSeeder();
  copy.disk.wipe(seeder.disk.image());
  seeder.start();
  assert(await around.until(() => seeder.ready, 20_000));
  await around.timeline.pass(5_000);
  copy.start();
  assert(died && await cluster.allGreen(60_000));
  const rows = await rowsOf(cluster);
  assert.equal(new Set(rows.map(({ seederId }) => seederId)).size, 2);
});

Deno.test("seederIdOf gives every secret an id of its own", () => {
  const secret = (digit: string) => digit.repeat(64) as Parameters<typeof seederIdOf>[0];
  assert.equal(new Set(["0", "1", "a"].map((digit) => seederIdOf(secret(digit)))).size, 3);
});
