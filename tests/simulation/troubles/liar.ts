/**
 * Seeders that lie, one alone or several together: real ones, with another store and another way to
 * answer. They claim every chunk that they have heard of and have none, tell of far more room than
 * any other, take nothing that is sent to them, and say `held` to every question, with an answer
 * that is made up; those that lie together make up the same.
 *
 * They keep the log like others, and never lie about it.
 */
import {
  type ChunkId,
  Fault,
  type HeldChunk,
  InventorySum,
  limits,
  type SeederId,
  startDigest,
} from "../../../protocol/mod.ts";
import { openMemoryStore, openSeeder } from "../../../roles/seeder/mod.ts";
import type { ChunkStore } from "../../../roles/seeder/store/chunk_store.ts";
import { type Cluster, stateOf } from "../machine/cluster.ts";
import { type Life, type Machine, rolePort } from "../machine/world.ts";

/** Until all that a liar claims was asked for, and what was given up for it would be gone. */
const lyingMs = 150_000;
const patienceMs = 10 * 60_000;

export class Liars {
  readonly machines: Machine[] = [];

  constructor(private readonly cluster: Cluster) {}

  /** One more joins, and begins to lie. */
  join(): Machine {
    const number = this.machines.length + 1;
    const name = `liar-${number}`;
    const program = (life: Life, ready: () => void) => this.#lie(name, life, ready);
    const machine = this.cluster.world.add(name, `10.0.4.${number}`, program);
    machine.disk.plantDirectory(stateOf.seeder);
    this.machines.push(machine);
    machine.start();
    return machine;
  }

  async #lie(name: string, life: Life, ready: () => void): Promise<void> {
    const { clock, random, log, transport, disk } = life;
    const seeder = await openSeeder({
      store: storeOfClaims(this.cluster),
      ...{ disk, stateDirectory: stateOf.seeder, name, clock, random, transport, log },
      joinCode: () => Promise.resolve(this.cluster.joinCode()),
      answer: this.cluster.answer ??
        ((_, chunkId, nonce) => Promise.resolve(madeUp(chunkId, nonce))),
    });
    this.cluster.world.network.listen(
      life.process,
      this.cluster.world.machines.find((one) => one.name === name)?.host ?? "",
      rolePort,
      seeder.app,
    );
    ready();
    await seeder.run({ port: rolePort }, life.stop);
    await seeder.close();
  }

  /**
   * They come back once more with all that they claim, have their time, and are put out. Who else
   * was found to lie until then: nobody may be.
   */
  async putOut(): Promise<string[]> {
    const { world, clients } = this.cluster;
    const { timeline } = world;
    const session = clients.find(({ machine }) => machine.ready)?.session;
    if (session === undefined) return [];
    if (this.machines.length > 0) {
      for (const machine of this.machines) machine.kill();
      await timeline.pass(limits.redAfterMs + 2_000);
      for (const machine of this.machines) machine.start();
      await timeline.pass(lyingMs);
    }
    const { seeders } = await timeline.run(session.tracker.status({}), patienceMs);
    await this.end((seederId) =>
      timeline.run(session.tracker.forget({ seederId, acceptLoss: true, ban: true }), patienceMs)
    );
    return seeders.filter(({ name, falseAnswers }) =>
      falseAnswers !== undefined && !this.machines.some((machine) => machine.name === name)
    ).map(({ name }) => name);
  }

  /** They are stopped, and forgotten by whoever is asked to. */
  async end(forget: (seederId: SeederId) => Promise<unknown>): Promise<void> {
    const { world } = this.cluster;
    for (const machine of this.machines) machine.cutPower();
    world.machines.splice(
      0,
      world.machines.length,
      ...world.machines.filter((machine) => !this.machines.includes(machine)),
    );
    const rows = await this.cluster.recorded().read((view) => view.seeders());
    for (const { name, seederId } of rows) if (name.startsWith("liar")) await forget(seederId);
  }
}

function madeUp(chunkId: ChunkId, nonce: string): string {
  const digest = startDigest();
  digest.update(new TextEncoder().encode(`${nonce} ${chunkId}`));
  return digest.hex();
}

/** Holds all that the others hold, as far as it can tell, and nothing. */
function storeOfClaims(cluster: Cluster): ChunkStore {
  const claims = new Map<ChunkId, HeldChunk>();
  const refused = new Set<ChunkId>();
  const full = () => new Fault("disk-full", "a liar takes nothing");
  const inOrder = () => [...claims.values()].sort((a, b) => a.chunkId < b.chunkId ? -1 : 1);
  const listen = async () => {
    for (const store of cluster.stores.values()) {
      for (const { chunkId, sizeBytes } of await store.list(undefined, 4096).catch(() => [])) {
        if (!refused.has(chunkId)) claims.set(chunkId, { chunkId, sizeBytes });
      }
    }
  };
  return {
    ...openMemoryStore(),
    put: () => Promise.reject(full()),
    putMany: (items) => Promise.resolve(items.map(full)),
    sizeOf: (chunkId) => claims.get(chunkId)?.sizeBytes,
    isStored: (chunkId) => claims.has(chunkId),
    read: () => Promise.reject(new Fault("chunk-not-found", "a liar has nothing")),
    verify: () => Promise.resolve("good"),
    drop: (chunkId) => {
      refused.add(chunkId);
      return Promise.resolve(claims.delete(chunkId));
    },
    list: (after, limit) =>
      Promise.resolve(
        inOrder().filter(({ chunkId }) => chunkId > (after ?? "")).slice(0, limit),
      ),
    summary: () => {
      const sum = new InventorySum();
      for (const chunkId of claims.keys()) sum.toggle(chunkId);
      return { chunkCount: claims.size, usedBytes: 0, digest: sum.hex() };
    },
    space: async () => {
      await listen();
      return { totalBytes: 2 ** 42, freeBytes: 2 ** 41, usedBytes: 0 };
    },
  };
}
