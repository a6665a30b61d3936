/**
 * What the stories of a lost tracker share: three seeders, two copies, a person who uploads, a
 * tracker whose disk goes, and the end: it is rebuilt, and what the person was told is there.
 */
import assert from "node:assert/strict";
import { childOf, type RemotePath } from "../../../protocol/mod.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import type { LogSync } from "../../../roles/tracker/plan/log_sync.ts";
import { Actor } from "../people/actor.ts";
import { Belief } from "../people/belief.ts";
import { nothingHalfSeen, nothingLost } from "../checkers/checkers.ts";
import { type ClientMachine, Cluster } from "../machine/cluster.ts";
import type { Content } from "../people/contents.ts";

export class Loss {
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

  static async begin(seed: number, logSync: LogSync = "auto", seeders = 3): Promise<Loss> {
    const parts = { seed, seeders, clients: 1, copies: 2, engine: "memory", logSync } as const;
    const cluster = new Cluster(parts);
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
