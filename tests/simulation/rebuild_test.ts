/**
 * The tracker's disk is lost: stories in which it is rebuilt from three seeders that keep two
 * copies. Every file that a client was told is safe comes back, whatever else was going on.
 */
import assert from "node:assert/strict";
import { childOf, type RemotePath } from "../../protocol/mod.ts";
import { seededRandom } from "../../roles/kit/random.ts";
import { Actor } from "./actor.ts";
import { Belief } from "./belief.ts";
import { nothingHalfSeen, nothingLost } from "./checkers.ts";
import { type ClientMachine, Cluster } from "./cluster.ts";
import type { Content } from "./contents.ts";

class Loss {
  readonly belief = new Belief();
  readonly client: ClientMachine;
  readonly actor: Actor;
  #numbers = 1000;

  private constructor(readonly cluster: Cluster) {
    const client = cluster.clients[0];
    assert(client !== undefined);
    this.client = client;
    this.actor = new Actor(cluster, client, this.belief, seededRandom(9), 2 ** 16);
  }

  static async begin(seed: number): Promise<Loss> {
    const cluster = new Cluster({ seed, seeders: 3, clients: 1, copies: 2, engine: "memory" });
    await cluster.begin();
    return new Loss(cluster);
  }

  get world() {
    return this.cluster.world;
  }

  put(count: number) {
    const wanted = new Map<RemotePath, Content>();
    for (let i = 0; i < count; i++) {
      const content = { number: ++this.#numbers, sizeBytes: 3000 + i };
      wanted.set(childOf(this.actor.home, `file-${content.number}`), content);
    }
    return this.actor.upload(wanted);
  }

  lose(): void {
    assert(this.cluster.loseTrackerDisk(), "the recovery code is known");
  }

  async end(): Promise<void> {
    const { world, cluster } = this;
    for (const machine of world.machines) machine.start();
    const ready = await world.until(() => cluster.tracker.ready, 60_000);
    assert(
      ready,
      `the tracker is rebuilt: ${
        world.trace.filter((line) => /tracker#/.test(line)).slice(-9).join("\n")
      }`,
    );
    assert(await cluster.allGreen(120_000), "the seeders are green in the end");
    // The inventories tell where the chunks are.
    await world.timeline.pass(5_000);
    assert.deepEqual(await world.timeline.run(nothingHalfSeen(this.client, this.belief)), []);
    const results = await world.timeline.run(this.put(2), 10 * 60_000);
    for (const result of results.values()) assert.equal(result.fault, undefined);
    for (const seeder of cluster.seeders) seeder.kill();
    assert.deepEqual(await world.timeline.run(nothingLost(cluster, this.belief, 2)), []);
    assert.deepEqual(world.failures, []);
    for (const machine of world.machines) machine.kill();
  }
}

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
