/**
 * What one heartbeat tells of many orders is written at once, for each writing waits for the disk;
 * and what cannot be written at once is written one by one.
 */
import assert from "node:assert/strict";
import type { CatalogTransaction } from "../../../../roles/tracker/catalog/catalog.ts";
import { chunkOf, TrackerWorld } from "../tracker_world.ts";

const count = 20;

/** A seeder holds `count` chunks, was asked to verify all, and reports that all are absent. */
async function manyOutcomes() {
  const world = await TrackerWorld.open({ seeders: 2 });
  const [one] = world.seeders;
  assert(one);
  const chunks = Array.from({ length: count }, (_, i) => chunkOf(i));
  for (const [i, chunk] of chunks.entries()) await world.upload(`/file-${i}`, [chunk]);
  const reports = chunks.map(({ chunkId }) => ({ seederId: one.seederId, chunkId }));
  assert.equal((await world.admin.reportChunks({ reports })).accepted, count);
  world.clock.advance(1000);
  const { orders } = await one.beat();
  assert.equal(orders.length, count);
  const outcomes = orders.map(({ orderId, kind, chunkId, sizeBytes }) => ({
    ...{ orderId, kind, chunkId, sizeBytes },
    result: "absent" as const,
  }));
  const holdings = () => world.catalog.read((view) => view.holdingsSummary(one.seederId));
  assert.equal((await holdings()).chunkCount, count);
  return { world, one, outcomes, holdings };
}

/** Looks at every transaction from now on. */
function watch(world: TrackerWorld, look: (tx: CatalogTransaction) => CatalogTransaction): void {
  const { catalog } = world;
  const transaction = catalog.transaction.bind(catalog);
  Object.assign(catalog, {
    transaction: <T>(work: (tx: CatalogTransaction) => Promise<T>) =>
      transaction((tx) => work(look(tx))),
  });
}

Deno.test("all outcomes of a heartbeat are written in one transaction", async () => {
  const { world, one, outcomes, holdings } = await manyOutcomes();
  let transactions = 0;
  watch(world, (tx) => {
    transactions++;
    return tx;
  });
  await one.beat({ outcomes });
  assert.equal((await holdings()).chunkCount, 0);
  assert.equal(transactions, 1);
});

Deno.test("an outcome that cannot be written keeps no other from being written", async () => {
  const { world, one, outcomes, holdings } = await manyOutcomes();
  const bad = outcomes[7]?.chunkId;
  watch(world, (tx) =>
    new Proxy(tx, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        if (name !== "removeHoldings") return value.bind(target);
        return (seederId: never, ids: readonly string[]) => {
          if (ids.some((id) => id === bad)) throw new Error("not this one");
          return value.call(target, seederId, ids);
        };
      },
    }));
  await one.beat({ outcomes });
  assert.equal((await holdings()).chunkCount, 1);
  const left = await world.catalog.read((view) => view.holdingsOf(one.seederId, undefined, 2));
  assert.equal(left[0]?.chunkId, bad);
});
