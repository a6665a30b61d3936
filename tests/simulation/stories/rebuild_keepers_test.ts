/**
 * Whom a rebuild waits for: stories of seeders that joined before the tracker's disk was lost.
 * A majority of the keepers is enough, and nothing less; who the keepers are the latest card says.
 */
import assert from "node:assert/strict";
import { limits } from "../../../protocol/mod.ts";
import { stateOf } from "../machine/cluster.ts";
import { Loss } from "./loss_story.ts";

/** One more seeder joins. `deaf`: its questions for the log never arrive. */
function join(loss: Loss, deaf: string[] = []) {
  const { world, cluster } = loss;
  const machine = cluster.newSeeder();
  machine.disk.plantDirectory(stateOf.seeder);
  world.network.onRequest = (request, from) => {
    if (deaf.includes(from) && /log\/pull$/.test(request.url)) throw new TypeError("reset");
  };
  machine.start();
  return machine;
}

Deno.test("story: seeders that joined and never had the log are not waited for", async () => {
  const loss = await Loss.begin(200, "seeders");
  const { world, cluster } = loss;
  await world.timeline.run(loss.put(3));
  const deaf: string[] = [];
  for (let i = 0; i < 2; i++) {
    const machine = join(loss, deaf);
    deaf.push(machine.host);
  }
  await world.timeline.pass(5_000);
  await world.timeline.run(loss.put(3), 10 * 60_000);
  assert.equal(loss.belief.acknowledgements, 6);
  for (const seeder of [cluster.seeders[0], ...cluster.seeders.slice(3)]) seeder?.cutPower();
  loss.lose();
  cluster.tracker.start();
  const rebuilt = await world.until(() => cluster.tracker.ready, 60_000);
  assert(rebuilt, "two of the three that have the log are enough");
  world.network.onRequest = undefined;
  await loss.end();
});

Deno.test("story: one that joins while two of three are away makes no majority", async () => {
  const loss = await Loss.begin(201, "seeders");
  const { world, cluster } = loss;
  const [first, second, third] = cluster.seeders;
  await world.timeline.run(loss.put(2));
  for (const away of [first, third]) away?.cutPower();
  const fourth = join(loss);
  await world.timeline.pass(15_000);
  await world.timeline.run(loss.put(2), 10 * 60_000);
  // The first and the third could be rebuilt from without knowing of it.
  assert.equal(loss.belief.acknowledgements, 2, "nothing is acknowledged by two of the four");
  first?.start();
  await world.timeline.pass(10_000);
  await world.timeline.run(loss.put(2), 10 * 60_000);
  assert.equal(loss.belief.acknowledgements, 4);
  for (const away of [first, fourth]) away?.cutPower();
  loss.lose();
  cluster.tracker.start();
  const tooEarly = await world.until(() => cluster.tracker.ready, 30_000);
  assert(!tooEarly, "one of three keepers may have missed it");
  third?.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000), "two of them are enough");
  assert(second?.running);
  await loss.end();
});

Deno.test("story: five keep the log, two of them are off, and what is acknowledged comes back", async () => {
  const loss = await Loss.begin(204, "auto");
  const { world, cluster } = loss;
  for (let i = 0; i < 2; i++) join(loss);
  await world.timeline.pass(8_000);
  await world.timeline.run(loss.put(2), 10 * 60_000);
  // One misses the last of it, and is among those that are there.
  cluster.seeders[4]?.cutPower();
  await world.timeline.run(loss.put(2), 10 * 60_000);
  assert.equal(loss.belief.acknowledgements, 4);
  for (const off of cluster.seeders.slice(0, 2)) off.cutPower();
  loss.lose();
  cluster.tracker.start();
  assert(!await world.until(() => cluster.tracker.ready, 20_000), "two of five are not enough");
  cluster.seeders[4]?.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000), "three of five are");
  await loss.end();
});

Deno.test("story: a keeper is away while others come to keep the log, and is believed no more", async () => {
  const loss = await Loss.begin(205, "auto");
  const { world, cluster } = loss;
  const [first] = cluster.seeders;
  await world.timeline.run(loss.put(2), 10 * 60_000);
  first?.cutPower();
  const fourth = join(loss);
  await world.timeline.pass(limits.keeperAbsentMs + 20_000);
  await world.timeline.run(loss.put(2), 10 * 60_000);
  assert.equal(loss.belief.acknowledgements, 4);
  // The first knows an old card, in which it and the second are a majority.
  cluster.seeders[2]?.cutPower();
  fourth.cutPower();
  loss.lose();
  for (const machine of [cluster.tracker, first]) machine?.start();
  const tooEarly = await world.until(() => cluster.tracker.ready, 30_000);
  assert(!tooEarly, "the second has a later card, by which the first is no keeper");
  fourth.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000), "two of the later three");
  await loss.end();
});

Deno.test("story: one that keeps the log no more lets go of its copy, when the others have it", async () => {
  const loss = await Loss.begin(207, "auto");
  const { world, cluster } = loss;
  const [first] = cluster.seeders;
  assert(first !== undefined);
  await world.timeline.run(loss.put(2), 10 * 60_000);
  first.cutPower();
  join(loss);
  await world.timeline.pass(limits.keeperAbsentMs + 20_000);
  const names = async () =>
    (await first.disk.list(`${stateOf.seeder}/log`)).map(({ name }) => name).sort();
  assert.deepEqual(await names(), ["000000000001.log", "card.json"]);
  first.start();
  const isGone = () => world.trace.some((line) => line.includes("others keep the log now"));
  assert(await world.until(isGone, 30_000));
  await world.timeline.pass(2_000);
  assert.deepEqual(await names(), ["card.json"], "it knows who keeps it");
  await loss.end();
});

Deno.test("story: a tracker set back in time leaves no record behind that a rebuild takes for newer", async () => {
  const loss = await Loss.begin(208, "auto");
  const { world, cluster } = loss;
  const [first, second, third] = cluster.seeders;
  await world.timeline.run(loss.put(2), 10 * 60_000);
  await world.timeline.pass(2_000);
  third?.cutPower();
  const image = cluster.trackerImage();
  assert(image !== undefined);
  await world.timeline.run(loss.put(2), 10 * 60_000);
  assert.equal(loss.belief.acknowledgements, 4);
  // The third alone knows nothing of what came after: it is no majority, and is given nothing.
  for (const off of [first, second]) off?.cutPower();
  cluster.setTrackerBack(image);
  for (const machine of [cluster.tracker, third]) machine?.start();
  await world.timeline.pass(30_000);
  for (const off of [first, third]) off?.cutPower();
  loss.lose();
  for (const machine of [cluster.tracker, second, third]) machine?.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000), "two of three are enough");
  await loss.end();
});

Deno.test("story: with two keepers one may be off, and with none heard nothing is acknowledged", async () => {
  const loss = await Loss.begin(206, "auto", 2);
  const { world, cluster } = loss;
  const [first, second] = cluster.seeders;
  const log = async () => {
    const { session } = loss.client;
    assert(session !== undefined);
    return (await world.timeline.run(session.tracker.status({}))).log;
  };
  await world.timeline.run(loss.put(1), 10 * 60_000);
  assert.deepEqual([(await log()).keepers.length, (await log()).isWeak], [2, false]);
  first?.cutPower();
  await world.timeline.pass(15_000);
  const makes = (path: string) => {
    const { session } = loss.client;
    assert(session !== undefined);
    const asked = session.tracker.makeDirectories({ paths: [path], parents: false });
    return world.timeline.run(asked.then(() => "done", (fault) => fault.code), 10 * 60_000);
  };
  assert.equal(await makes("/one-left"), "done");
  assert.equal((await log()).isWeak, true, "and status says so");
  second?.cutPower();
  await world.timeline.pass(15_000);
  assert.equal(await makes("/none-left"), "unavailable");
  for (const machine of [first, second]) machine?.start();
  await world.timeline.pass(20_000);
  assert.equal(await makes("/again"), "done");
  assert.equal((await log()).isWeak, false);
  await loss.end();
});

Deno.test("story: a seeder that was forgotten is not waited for", async () => {
  const loss = await Loss.begin(202, "seeders");
  const { world, cluster } = loss;
  const [, , third] = cluster.seeders;
  join(loss);
  await world.timeline.pass(5_000);
  await world.timeline.run(loss.put(2));
  third?.cutPower();
  await world.timeline.pass(60_000);
  const session = loss.client.session;
  assert(session !== undefined);
  const { seeders } = await world.timeline.run(session.tracker.status({}));
  const gone = seeders.find(({ name }) => name === third?.name);
  assert(gone !== undefined);
  await world.timeline.run(session.tracker.forget({ seederId: gone.seederId, acceptLoss: true }));
  await world.timeline.pass(3_000);
  cluster.seeders[0]?.cutPower();
  loss.lose();
  cluster.tracker.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000), "two of three are enough");
  await loss.end();
});

Deno.test("story: too few that are counted are left, and a person forgets those that are gone", async () => {
  const loss = await Loss.begin(203, "seeders");
  const { world, cluster } = loss;
  const [first, , third] = cluster.seeders;
  for (const gone of [first, third]) {
    gone?.cutPower();
    gone?.disk.wipe();
  }
  for (let i = 0; i < 2; i++) join(loss);
  await world.timeline.pass(15_000);
  await world.timeline.run(loss.put(1), 10 * 60_000);
  assert.equal(loss.belief.acknowledgements, 0, "a rebuild from those two would miss it");
  const { session } = loss.client;
  assert(session !== undefined);
  const { seeders } = await world.timeline.run(session.tracker.status({}));
  for (const { seederId, name } of seeders) {
    if (name !== first?.name && name !== third?.name) continue;
    // Its answer waits for the log, and at first that is on too few seeders.
    session.tracker.forget({ seederId, acceptLoss: true }).catch(() => {});
  }
  await world.timeline.pass(20_000);
  await world.timeline.run(loss.put(2), 10 * 60_000);
  assert.equal(loss.belief.acknowledgements, 2);
  for (const machine of [first, third]) {
    if (machine !== undefined) cluster.seeders.splice(cluster.seeders.indexOf(machine), 1);
    if (machine !== undefined) world.remove(machine);
  }
  loss.lose();
  await loss.end();
});

Deno.test("story: most keepers are gone for good when the tracker starts, and a person puts them out", async () => {
  const loss = await Loss.begin(206, "auto");
  const { world, cluster } = loss;
  await world.timeline.run(loss.put(2));
  const gone = cluster.seeders.slice(0, 2);
  for (const machine of gone) machine.cutPower();
  join(loss);
  cluster.tracker.kill();
  cluster.tracker.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000));
  await world.timeline.pass(60_000);
  const { session } = loss.client;
  assert(session !== undefined);
  const status = () => world.timeline.run(session.tracker.status({}), 10 * 60_000);
  const { seeders, authority } = await status();
  assert.equal(authority.state, "proving", "one of three keepers says nothing");
  const ids = gone.map(({ name }) => seeders.find((one) => one.name === name)?.seederId);
  for (const seederId of ids) {
    assert(seederId !== undefined);
    const asked = { seederId, acceptLoss: true };
    const refused = session.tracker.forget(asked).catch(({ code, next }) => ({ code, next }));
    const answer = await world.timeline.run(refused, 5 * 60_000);
    assert("code" in answer && answer.code === "unavailable", JSON.stringify(answer));
    assert.match(answer.next, /forget SEEDER --now/);
  }
  for (const seederId of ids) {
    assert(seederId !== undefined);
    session.tracker.forget({ seederId, acceptLoss: true, ban: true }).catch(() => {});
  }
  await world.timeline.pass(60_000);
  assert.equal((await status()).authority.state, "ruling");
  await world.timeline.run(loss.put(2), 10 * 60_000);
  assert.equal(loss.belief.acknowledgements, 4);
  for (const machine of world.machines) machine.kill();
});
