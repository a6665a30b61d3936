/**
 * The tracker's disk is put back as it was some time ago, as a restored machine image does, and
 * everything starts again. Nothing that a person was told is safe may go.
 */
import assert from "node:assert/strict";
import { Authority } from "../../../roles/tracker/authority/authority.ts";
import { nothingLost } from "../checkers/checkers.ts";
import { Loss } from "./loss_story.ts";

/** Longer than garbage waits, with all that goes before. */
const afterGraceMs = 25 * 60_000;

async function begin(seed: number) {
  const loss = await Loss.begin(seed);
  const drops: string[] = [];
  loss.cluster.onDrop = (machine, chunkId) => {
    drops.push(`${machine.name} ${chunkId.slice(0, 8)}`);
    return Promise.resolve();
  };
  await loss.world.timeline.run(loss.put(3));
  return { loss, drops };
}

async function image({ cluster, world }: Loss) {
  for (;;) {
    const taken = cluster.trackerImage();
    if (taken !== undefined) return taken;
    await world.timeline.pass(10);
  }
}

type Told = Awaited<ReturnType<typeof begin>>;

/** Everything stops, the tracker's disk is an older one, everything starts. */
async function setBack({ loss }: Told, earlier: Awaited<ReturnType<typeof image>>) {
  const { world, cluster } = loss;
  for (const machine of world.machines) machine.stop();
  await world.timeline.pass(10_000);
  cluster.setTrackerBack(earlier);
  for (const machine of world.machines) machine.start();
  assert(await world.until(() => loss.client.machine.ready, 60_000));
}

async function statusOf({ world, client }: Loss) {
  assert(client.session !== undefined);
  return await world.timeline.run(client.session.tracker.status({}), 10 * 60_000);
}

async function fenced(told: Told) {
  for (let second = 0; second < 120; second++) {
    if ((await statusOf(told.loss)).authority.state === "fenced") return;
    await told.loss.world.timeline.pass(1_000);
  }
  assert.fail("it is not fenced");
}

Deno.test("story: the tracker's disk is set back, everything starts again, and no copy goes", async () => {
  const told = await begin(801);
  const { loss, drops } = told;
  const { world, cluster } = loss;
  const earlier = await image(loss);
  await world.timeline.run(loss.put(3));
  await setBack(told, earlier);
  await world.timeline.pass(afterGraceMs);
  assert.deepEqual(drops, []);
  for (const machine of world.machines) machine.kill();
  assert.deepEqual(await world.timeline.run(nothingLost(cluster, loss.belief, 2)), []);
});

Deno.test("story: set back, it answers reads and nothing else through every restart, and catches up", async () => {
  const told = await begin(802);
  const { loss, drops } = told;
  const { world, cluster } = loss;
  const earlier = await image(loss);
  await world.timeline.run(loss.put(3));
  await setBack(told, earlier);
  for (let start = 0; start < 5; start++) {
    await fenced(told);
    const { tracker } = loss.client.session ?? assert.fail("no session");
    const refused = tracker.emptyTrash({ trashIds: "all" }).catch(({ code }) => code);
    assert.equal(await world.timeline.run(refused), "stale-epoch");
    const listed = tracker.list({ path: loss.actor.home });
    assert.equal((await world.timeline.run(listed)).entries.length, 3, "as it was then");
    cluster.tracker.kill();
    cluster.tracker.start();
    assert(await world.until(() => cluster.tracker.ready, 60_000));
  }
  assert.match((await statusOf(loss)).authority.next ?? "", /--catch-up/);
  cluster.catchesUp = true;
  cluster.tracker.stop();
  await world.timeline.pass(5_000);
  await loss.end();
  assert.deepEqual(drops, []);
});

Deno.test("story: set back to any earlier operation, it catches up", async () => {
  for (let puts = 0; puts < 5; puts++) {
    const told = await begin(830 + puts);
    const { loss, drops } = told;
    const { world, cluster } = loss;
    if (puts > 0) await world.timeline.run(loss.put(puts));
    const putting = loss.put(6);
    await world.timeline.pass(3 * puts);
    const earlier = await image(loss);
    await world.timeline.run(putting, 10 * 60_000);
    await setBack(told, earlier);
    await fenced(told);
    cluster.catchesUp = true;
    cluster.tracker.kill();
    await loss.end();
    assert.deepEqual(drops, []);
  }
});

Deno.test("a tracker that gives permits while it is fenced destroys what is newer: the story barks", async () => {
  const real = Object.getOwnPropertyDescriptors(Authority.prototype);
  const always = <T>(value: T) => ({ configurable: true, get: () => value });
  Object.defineProperty(Authority.prototype, "standing", always({ state: "ruling" }));
  Object.defineProperty(Authority.prototype, "isFenced", always(false));
  try {
    const told = await begin(801);
    const { loss, drops } = told;
    const { world, cluster } = loss;
    const earlier = await image(loss);
    await world.timeline.run(loss.put(3));
    await setBack(told, earlier);
    await world.timeline.pass(afterGraceMs);
    assert.notDeepEqual(drops, []);
    for (const machine of world.machines) machine.kill();
    assert.notDeepEqual(await world.timeline.run(nothingLost(cluster, loss.belief, 2)), []);
  } finally {
    Object.defineProperties(Authority.prototype, real);
  }
});

Deno.test("story: catching up is killed again and again", async () => {
  for (let calls = 1; calls < 30; calls += 4) {
    const told = await begin(810 + calls);
    const { loss } = told;
    const { world, cluster } = loss;
    const { tracker } = cluster;
    const earlier = await image(loss);
    await world.timeline.run(loss.put(6));
    await setBack(told, earlier);
    await fenced(told);
    cluster.catchesUp = true;
    tracker.kill();
    for (let life = 0; life < 3; life++) {
      tracker.start();
      tracker.process?.crashAtCall(calls + life, () => tracker.cutPower());
      await world.timeline.pass(6_000);
    }
    tracker.process?.crashAtCall(Infinity, () => {});
    await loss.end();
    assert.deepEqual(told.drops, []);
  }
});

Deno.test("story: set back and gone on by itself, it is rebuilt, and catching up is refused", async () => {
  const told = await begin(803);
  const { loss, drops } = told;
  const { world, cluster } = loss;
  const earlier = await image(loss);
  await world.timeline.run(loss.put(3));
  for (const machine of world.machines) machine.stop();
  await world.timeline.pass(10_000);
  cluster.setTrackerBack(earlier);
  cluster.tracker.start();
  loss.client.machine.start();
  assert(await world.until(() => loss.client.machine.ready, 60_000));
  const { tracker } = loss.client.session ?? assert.fail("no session");
  // No keeper is there: it is written down, and nobody is told that it is done.
  const made = tracker.makeDirectories({ paths: ["/alone"], parents: false })
    .then(() => "done", ({ code }) => code);
  for (const { start } of cluster.seeders.map((seeder) => ({ start: () => seeder.start() }))) {
    world.timeline.after(20_000, start);
  }
  assert.equal(await world.timeline.run(made, 10 * 60_000), "stale-epoch");
  await fenced(told);
  assert.match((await statusOf(loss)).authority.next ?? "", /--rebuild/);
  cluster.catchesUp = true;
  cluster.tracker.stop();
  await world.timeline.pass(5_000);
  cluster.tracker.start();
  assert(!await world.until(() => cluster.tracker.ready, 30_000), "it is no beginning of theirs");
  cluster.catchesUp = false;
  loss.lose();
  await loss.end();
  assert.deepEqual(drops, []);
});
