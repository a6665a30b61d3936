/**
 * Logs are cut to what comes after two snapshots. Stories in which everything loses its power right
 * after that and the tracker's disk is gone: with the roles as they are nothing is missing, and a
 * build that cuts too early, or keeps what is not good, is told.
 */
import assert from "node:assert/strict";
import { childOf, type RemotePath } from "../../../protocol/mod.ts";
import type { Disk } from "../../../roles/kit/disk.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { Actor } from "../people/actor.ts";
import { Belief } from "../people/belief.ts";
import { nothingHalfSeen } from "../checkers/checkers.ts";
import { Cluster, stateOf, type Wrappers } from "../machine/cluster.ts";
import type { Content } from "../people/contents.ts";
import type { Machine } from "../machine/world.ts";

const often = { everyOperations: 3, everyMs: 1e9, share: 0, keepOperations: 0 };

class Cutting {
  readonly belief = new Belief();
  readonly cluster: Cluster;
  readonly actor: Actor;
  #numbers = 0;

  constructor(seed: number, wrappers: Wrappers = {}) {
    const parts = { seed, seeders: 3, clients: 1, copies: 2, engine: "memory" } as const;
    this.cluster = new Cluster({ ...parts, logSync: "seeders", snapshots: often, wrappers });
    this.actor = new Actor(this.cluster, this.client, this.belief, seededRandom(9), 2 ** 10);
  }

  get client() {
    const [client] = this.cluster.clients;
    assert(client !== undefined);
    return client;
  }

  /** Uploads until every one of these seeders has cut its log so many times. */
  async untilCut(times: number, seeders: readonly Machine[] = this.cluster.seeders): Promise<void> {
    const { world } = this.cluster;
    for (let round = 0; round < 60; round++) {
      const cut = (name: string) =>
        world.trace.filter((line) => line.includes(` ${name}#`) && line.includes("log shortened"));
      if (seeders.every(({ name }) => cut(name).length >= times)) return;
      const wanted = new Map<RemotePath, Content>();
      for (let i = 0; i < 4; i++) {
        const content = { number: ++this.#numbers, sizeBytes: 100 + i };
        wanted.set(childOf(this.actor.home, `file-${content.number % 9}`), content);
      }
      await world.timeline.run(this.actor.upload(wanted), 10 * 60_000);
      await world.timeline.pass(3_000);
    }
    assert.fail("the logs were never cut");
  }

  /** What is wrong after a rebuild, in words. */
  async rebuilt(): Promise<string[]> {
    const { cluster, belief, client } = this;
    const { world } = cluster;
    assert(cluster.loseTrackerDisk());
    for (const machine of world.machines) machine.start();
    if (!await world.until(() => cluster.tracker.ready, 120_000)) return ["no tracker"];
    if (!await cluster.allGreen(120_000)) return ["the seeders are not green"];
    await world.timeline.pass(5_000);
    return await world.timeline.run(nothingHalfSeen(client, belief), 10 * 60_000);
  }

  end(): void {
    for (const machine of this.cluster.world.machines) machine.kill();
  }
}

/** The story, in which all seeders lose their power at once. */
async function afterPowerCut(seed: number, wrappers: Wrappers = {}): Promise<string[]> {
  const story = new Cutting(seed, wrappers);
  await story.cluster.begin();
  await story.untilCut(2);
  for (const seeder of story.cluster.seeders) seeder.cutPower();
  await story.cluster.world.timeline.pass(1_000);
  const problems = await story.rebuilt();
  story.end();
  return problems;
}

Deno.test("story: all power goes after the logs were cut, and the tracker's disk with it", async () => {
  for (let seed = 1; seed <= 5; seed++) assert.deepEqual(await afterPowerCut(seed), []);
});

Deno.test("the rebuild barks at seeders that cut the log after snapshots they never synced", async () => {
  const seederDisk = (disk: Disk): Disk => ({
    ...disk,
    open: async (path, how) => {
      const file = await disk.open(path, how);
      if (!path.endsWith(".snapshot.part")) return file;
      return Object.assign(Object.create(file), {
        read: file.read.bind(file),
        write: file.write.bind(file),
        sizeBytes: file.sizeBytes.bind(file),
        truncate: file.truncate.bind(file),
        close: file.close.bind(file),
        sync: () => Promise.resolve(),
      });
    },
    syncDirectory: (path) => path.endsWith("/log") ? Promise.resolve() : disk.syncDirectory(path),
  });
  const problems = [];
  for (let seed = 1; seed <= 5; seed++) problems.push(...await afterPowerCut(seed, { seederDisk }));
  assert.match(problems.join("\n"), /no tracker/);
});

Deno.test("story: a damaged snapshot is passed over for the one before, or for another seeder's", async () => {
  for (const damaged of [1, 2, 3]) {
    const story = new Cutting(70 + damaged);
    const { cluster } = story;
    await cluster.begin();
    await story.untilCut(2);
    for (const seeder of cluster.seeders) seeder.kill();
    for (const seeder of cluster.seeders.slice(0, damaged)) {
      const directory = `${stateOf.seeder}/log`;
      const names = (await seeder.disk.list(directory)).map(({ name }) => name)
        .filter((name) => name.endsWith(".snapshot")).sort();
      assert.ok(names.length >= 2, "the two newest are kept");
      const file = await seeder.disk.open(`${directory}/${names.at(-1)}`, "update");
      await file.write(new Uint8Array([0]), 300);
      await file.sync();
      file.close();
    }
    assert.deepEqual(await story.rebuilt(), []);
    assert.match(cluster.world.trace.join("\n"), /tables filled from a snapshot/);
    story.end();
  }
});

Deno.test("story: the rebuild from a snapshot is killed again and again", async () => {
  for (let calls = 1; calls < 60; calls += 7) {
    const story = new Cutting(100 + calls);
    const { cluster } = story;
    const { world, tracker } = cluster;
    await cluster.begin();
    await story.untilCut(1);
    assert(cluster.loseTrackerDisk());
    for (let life = 0; life < 3; life++) {
      tracker.start();
      tracker.process?.crashAtCall(calls + life, () => tracker.cutPower());
      await world.timeline.pass(6_000);
    }
    tracker.process?.crashAtCall(Infinity, () => {});
    for (const machine of world.machines) machine.start();
    assert(await world.until(() => tracker.ready, 120_000), "the tracker is rebuilt");
    assert(await cluster.allGreen(120_000));
    await world.timeline.pass(5_000);
    const problems = nothingHalfSeen(story.client, story.belief);
    assert.deepEqual(await world.timeline.run(problems, 10 * 60_000), []);
    story.end();
  }
});

Deno.test("story: a seeder that was away longer than the log is kept goes on after a snapshot", async () => {
  const story = new Cutting(90);
  const { cluster } = story;
  const { world } = cluster;
  await cluster.begin();
  await story.untilCut(1);
  const [away, ...others] = cluster.seeders;
  away?.kill();
  await story.untilCut(5, others);
  away?.start();
  const seen = () => world.trace.some((line) => line.includes("goes on after a snapshot"));
  assert(await world.until(seen, 60_000), "it fetches what it lacks");
  await world.timeline.pass(10_000);
  // Now the others may go: with it and one of them everything is there.
  others[0]?.cutPower();
  assert(cluster.loseTrackerDisk());
  cluster.tracker.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000), "two are enough");
  assert.deepEqual(await story.rebuilt(), []);
  story.end();
});

Deno.test("story: a part of a snapshot that nobody keeps any more goes, without the next one", async () => {
  const story = new Cutting(95);
  const { world, seeders } = story.cluster;
  await story.cluster.begin();
  await story.untilCut(2);
  const [first] = seeders;
  assert(first !== undefined);
  const part = `${stateOf.seeder}/log/000000000001-00000000.snapshot.part`;
  first.kill();
  first.disk.plant(part, new Uint8Array(100));
  first.start();
  assert(await world.until(() => first.disk.peek(part) === undefined, 20_000));
  story.end();
});
