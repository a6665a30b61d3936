/**
 * Named stories: one thing goes wrong at one exact moment, in a cluster of three seeders that keeps
 * two copies. Each ends with every file read back, and every disk looked into.
 */
import assert from "node:assert/strict";
import { childOf, type RemotePath } from "../../../protocol/mod.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { Actor } from "../people/actor.ts";
import { Belief } from "../people/belief.ts";
import { nothingHalfSeen, nothingLost } from "../checkers/checkers.ts";
import { type ClientMachine, Cluster, stateOf } from "../machine/cluster.ts";
import type { Content } from "../people/contents.ts";
import type { Machine } from "../machine/world.ts";

class Story {
  readonly belief = new Belief();
  readonly client: ClientMachine;
  readonly actor: Actor;
  #numbers = 1000;

  private constructor(readonly cluster: Cluster) {
    const client = cluster.clients[0];
    assert(client !== undefined);
    this.client = client;
    this.actor = new Actor(cluster, client, this.belief, seededRandom(9), 2 ** 22);
  }

  static async begin(seed: number): Promise<Story> {
    const cluster = new Cluster({ seed, seeders: 3, clients: 1, copies: 2, engine: "memory" });
    await cluster.begin();
    return new Story(cluster);
  }

  get world() {
    return this.cluster.world;
  }

  /** Uploads files of these sizes and answers what the client was told of each. */
  async put(...sizes: number[]) {
    const wanted = new Map<RemotePath, Content>();
    for (const sizeBytes of sizes) {
      const content = { number: ++this.#numbers, sizeBytes };
      wanted.set(childOf(this.actor.home, `file-${content.number}`), content);
    }
    const results = await this.world.timeline.run(this.actor.upload(wanted));
    return [...wanted.keys()].map((path) => {
      const result = results.get(path);
      assert(result !== undefined, `${path} was not reported`);
      return result;
    });
  }

  /** Does `what` once, when the first request that `isMeant` is handed over; it goes to `to`. */
  atFirst(isMeant: (request: Request) => boolean, what: (to: Machine) => void): void {
    const { network, machines } = this.world;
    network.onRequest = (request, _from, host) => {
      if (!isMeant(request)) return;
      network.onRequest = undefined;
      const to = machines.find((machine) => machine.host === host);
      assert(to !== undefined);
      what(to);
    };
  }

  startLater(machine: Machine, ms: number): void {
    this.world.timeline.after(ms, () => machine.start());
  }

  /** Everything reads back, before and after a blackout, and lies on disks in `copies` copies. */
  async end(copies = 2): Promise<void> {
    const { world, cluster } = this;
    for (const machine of world.machines) machine.start();
    assert(await cluster.allGreen(120_000), "the seeders are green in the end");
    assert.deepEqual(await world.timeline.run(nothingHalfSeen(this.client, this.belief)), []);
    for (const machine of world.machines) machine.cutPower();
    for (const machine of world.machines) machine.start();
    assert(await world.until(() => world.machines.every((one) => one.ready), 60_000));
    assert(await cluster.allGreen(120_000), "the seeders are green after the blackout");
    assert.deepEqual(await world.timeline.run(nothingHalfSeen(this.client, this.belief)), []);
    for (const seeder of cluster.seeders) seeder.kill();
    assert.deepEqual(await world.timeline.run(nothingLost(cluster, this.belief, copies)), []);
    assert.deepEqual(world.failures, []);
    for (const machine of world.machines) machine.kill();
  }
}

const mib = 1024 * 1024;
const isStore = (request: Request) => request.method === "PUT";
const isBatch = (request: Request) => request.method === "POST" && /chunks$/.test(request.url);
const isCommit = (request: Request) => /uploads\/commit$/.test(request.url);

Deno.test("story: the first seeder of a chain dies in the middle of an upload", async () => {
  for (let calls = 1; calls < 40; calls += 6) {
    const story = await Story.begin(calls);
    story.atFirst(isStore, (seeder) => {
      seeder.process?.crashAtCall(calls, () => seeder.cutPower());
      story.startLater(seeder, 60_000);
    });
    const [result] = await story.put(3 * mib + 1);
    assert.equal(result?.fault, undefined, `died at call ${calls}`);
    assert.equal(result?.copies, 2);
    await story.end();
  }
});

Deno.test("story: the reply to a commit is lost and asked for again", async () => {
  const story = await Story.begin(2);
  let lost = 0, asked = 0;
  story.world.network.onReply = (request) => {
    if (!isCommit(request)) return false;
    asked++;
    return lost++ === 0;
  };
  const results = await story.put(0, 1, 5000, 300_000);
  for (const result of results) assert.equal(result.fault, undefined);
  assert(asked > 1, "the commit was asked for again");
  const status = await story.world.timeline.run(story.client.session!.tracker.status({}));
  assert.equal(status.files, 4);
  await story.end();
});

Deno.test("story: the tracker is killed in the middle of an upload and comes back", async () => {
  for (const awayMs of [100, 5_000, 30_000]) {
    const story = await Story.begin(awayMs);
    const { tracker } = story.cluster;
    story.atFirst(isStore, () => {
      tracker.kill();
      story.startLater(tracker, awayMs);
    });
    const results = await story.put(2 * mib, 10, 1 * mib);
    for (const result of results) assert.equal(result.fault, undefined, `away ${awayMs} ms`);
    await story.end();
  }
});

Deno.test("story: the tracker loses power between commit and reply", async () => {
  const story = await Story.begin(4);
  const { tracker } = story.cluster;
  let cut = false;
  story.world.network.onReply = (request) => {
    if (!isCommit(request) || cut) return false;
    cut = true;
    tracker.cutPower();
    story.startLater(tracker, 2_000);
    return false;
  };
  const [result] = await story.put(5000);
  assert.equal(result?.fault, undefined);
  await story.end();
});

Deno.test("story: a seeder returns without its chunks, files are read elsewhere", async () => {
  const story = await Story.begin(5);
  const { world, cluster } = story;
  await story.put(10, 5000, 300_000, mib, 2 * mib + 7);
  const seeder = cluster.seeders[0]!;
  await world.timeline.pass(3_000);
  const before = await world.timeline.run(story.client.session!.tracker.status({}));
  const held = before.seeders.find((one) => one.name === seeder.name)?.chunkCount ?? 0;
  assert(held > 0, "it held something to lose");
  seeder.cutPower();
  for (const { path } of seeder.disk.files(stateOf.seeder)) {
    if (!path.endsWith(".json")) seeder.disk.uproot(path);
  }
  seeder.start();
  await world.timeline.pass(10_000);
  const status = await world.timeline.run(story.client.session!.tracker.status({}));
  const after = status.seeders.find((one) => one.name === seeder.name);
  assert.equal(after?.state, "green");
  assert.equal(status.files, 5, "copies were lost, files were not");
  assert.equal(status.chunksUnavailable, 0);
  await world.timeline.pass(20_000);
  const healed = await world.timeline.run(story.client.session!.tracker.status({}));
  assert.equal(healed.chunksAtRisk, 0, "what it lost was copied again");
  await story.end(2);
});

Deno.test("story: a pack is torn when the power goes in the middle of a batch", async () => {
  let torn = 0;
  for (let calls = 1; calls < 40; calls += 3) {
    const story = await Story.begin(100 + calls);
    await story.put(100, 200, 3000);
    story.atFirst(isBatch, (seeder) => {
      seeder.process?.crashAtCall(calls, () => {
        torn++;
        seeder.cutPower();
      });
      story.startLater(seeder, 5_000);
    });
    const results = await story.put(...Array.from({ length: 20 }, (_, i) => 3000 + i * 1000));
    for (const result of results) assert.equal(result.fault, undefined, `at call ${calls}`);
    await story.end();
  }
  assert(torn >= 3, `the power went ${torn} times`);
});
