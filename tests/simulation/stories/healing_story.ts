/**
 * What a story of healing is told with: a cluster of seeders that keep two copies and one client,
 * at whose end every copy is where the catalog says it is, every file has its copies on disks, and
 * nothing is left to do.
 */
import assert from "node:assert/strict";
import { childOf, type RemotePath } from "../../../protocol/mod.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import type { LogSync } from "../../../roles/tracker/plan/log_sync.ts";
import { Actor } from "../people/actor.ts";
import { Belief } from "../people/belief.ts";
import { nothingHalfSeen, nothingLost } from "../checkers/checkers.ts";
import { Cluster, type Wrappers } from "../machine/cluster.ts";
import type { Content } from "../people/contents.ts";
import { catalogTellsTheTruth } from "../checkers/truth.ts";
import type { Machine } from "../machine/world.ts";

export class HealingStory {
  readonly belief = new Belief();
  readonly actor: Actor;
  #numbers = 5000;

  private constructor(readonly cluster: Cluster) {
    const client = cluster.clients[0];
    assert(client !== undefined);
    this.actor = new Actor(cluster, client, this.belief, seededRandom(9), 2 ** 22);
  }

  static async begin(
    seed: number,
    seeders: number,
    logSync: LogSync = "auto",
    wrappers: Wrappers = {},
  ): Promise<HealingStory> {
    const parts = { seed, seeders, clients: 1, copies: 2, engine: "memory", logSync } as const;
    const cluster = new Cluster({ ...parts, wrappers });
    await cluster.begin();
    return new HealingStory(cluster);
  }

  get world() {
    return this.cluster.world;
  }

  get session() {
    const { session } = this.actor.client;
    assert(session !== undefined);
    return session;
  }

  /** The paths. */
  async put(...sizes: number[]): Promise<RemotePath[]> {
    const wanted = new Map<RemotePath, Content>();
    for (const sizeBytes of sizes) {
      const content = { number: ++this.#numbers, sizeBytes };
      wanted.set(childOf(this.actor.home, `file-${content.number}`), content);
    }
    const results = await this.world.timeline.run(this.actor.upload(wanted));
    for (const [path, result] of results) assert.equal(result.fault, undefined, path);
    // So that the seeders have reported it.
    await this.world.timeline.pass(3_000);
    return [...wanted.keys()];
  }

  status() {
    return this.world.timeline.run(this.session.tracker.status({}));
  }

  async seeder(machine: Machine) {
    const found = (await this.status()).seeders.find(({ name }) => name === machine.name);
    assert(found !== undefined, `${machine.name} is listed`);
    return found;
  }

  /** Lets time pass until `fits`; how long that took, in milliseconds. */
  async until(
    what: string,
    fits: (status: Awaited<ReturnType<HealingStory["status"]>>) => boolean,
    withinMs = 300_000,
  ): Promise<number> {
    const startMs = this.world.timeline.elapsedMs;
    for (;;) {
      const status = await this.status();
      const tookMs = this.world.timeline.elapsedMs - startMs;
      if (fits(status)) return tookMs;
      assert(tookMs < withinMs, `${what}: ${JSON.stringify(status.healing)}`);
      await this.world.timeline.pass(1_000);
    }
  }

  /** Everything reads back, lies on disks in two copies, and the catalog knows where. */
  async end(): Promise<void> {
    const { world, cluster, belief, actor } = this;
    assert.deepEqual(await world.timeline.run(nothingHalfSeen(actor.client, belief)), []);
    await world.timeline.pass(70_000);
    for (const seeder of cluster.seeders) seeder.kill();
    assert.deepEqual(await world.timeline.run(nothingLost(cluster, belief, 2)), []);
    assert.deepEqual(await world.timeline.run(catalogTellsTheTruth(cluster)), []);
    assert.deepEqual(world.failures, []);
    for (const machine of world.machines) machine.kill();
  }
}
