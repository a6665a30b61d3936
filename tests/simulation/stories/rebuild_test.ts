/**
 * The tracker's disk is lost: stories in which it is rebuilt from three seeders that keep two
 * copies. Every file that a client was told is safe comes back, whatever else was going on.
 */
import assert from "node:assert/strict";
import { nothingHalfSeen } from "../checkers/checkers.ts";
import { Loss } from "./loss_story.ts";

Deno.test("story: the tracker's disk is lost between two uploads", async () => {
  const loss = await Loss.begin(31);
  await loss.world.timeline.run(loss.put(5));
  loss.lose();
  await loss.world.timeline.pass(2_000);
  await loss.end();
  assert.ok(loss.belief.acknowledgements >= 5);
});

Deno.test("story: the disk is lost at any moment of an upload", async () => {
  for (let ms = 0; ms < 60; ms += 4) {
    const loss = await Loss.begin(100 + ms);
    await loss.world.timeline.run(loss.put(1));
    const putting = loss.put(4);
    loss.world.timeline.after(ms, () => {
      loss.lose();
      loss.world.timeline.after(1_000, () => loss.cluster.tracker.start());
    });
    await loss.world.timeline.run(putting, 10 * 60_000);
    await loss.end();
  }
});

Deno.test("story: one seeder is away when the disk is lost, and comes back later", async () => {
  for (const away of [0, 1, 2]) {
    const loss = await Loss.begin(40 + away);
    await loss.world.timeline.run(loss.put(3));
    const seeder = loss.cluster.seeders[away];
    seeder?.kill();
    await loss.world.timeline.run(loss.put(3), 10 * 60_000);
    loss.lose();
    loss.cluster.tracker.start();
    assert(await loss.world.until(() => loss.cluster.tracker.ready, 60_000), "two are enough");
    await loss.end();
  }
});

Deno.test("story: two seeders are away, and the rebuild waits for one of them", async () => {
  const loss = await Loss.begin(50);
  await loss.world.timeline.run(loss.put(3));
  const [first, second] = loss.cluster.seeders;
  first?.cutPower();
  second?.cutPower();
  loss.lose();
  loss.cluster.tracker.start();
  assert(!await loss.world.until(() => loss.cluster.tracker.ready, 30_000), "one is not enough");
  first?.start();
  assert(await loss.world.until(() => loss.cluster.tracker.ready, 30_000), "two are");
  await loss.end();
});

Deno.test("story: the rebuild itself is killed again and again", async () => {
  for (let calls = 1; calls < 30; calls += 3) {
    const loss = await Loss.begin(60 + calls);
    await loss.world.timeline.run(loss.put(6));
    loss.lose();
    const { tracker } = loss.cluster;
    for (let life = 0; life < 3; life++) {
      tracker.start();
      tracker.process?.crashAtCall(calls + life, () => tracker.cutPower());
      await loss.world.timeline.pass(6_000);
    }
    tracker.process?.crashAtCall(Infinity, () => {});
    await loss.end();
  }
});

Deno.test("story: the log reaches no seeder, and the disk is lost", async () => {
  for (const logSync of ["local", "seeders"] as const) {
    const loss = await Loss.begin(80, logSync);
    const { world, cluster } = loss;
    world.network.onReply = (request) => /log\/pull$/.test(request.url);
    await world.timeline.pass(6_000);
    await world.timeline.run(loss.put(1), 10 * 60_000);
    const acknowledged = loss.belief.acknowledgements;
    loss.lose();
    world.network.onReply = undefined;
    cluster.tracker.start();
    assert(await world.until(() => cluster.tracker.ready, 60_000), "the tracker is rebuilt");
    assert(await cluster.allGreen(120_000));
    await world.timeline.pass(5_000);
    const problems = await world.timeline.run(nothingHalfSeen(loss.client, loss.belief));
    // What is acknowledged from the tracker's disk alone is gone with it, and the checker barks.
    assert.deepEqual([acknowledged, problems.length], logSync === "local" ? [1, 1] : [0, 0]);
    for (const machine of world.machines) machine.kill();
  }
});
