/**
 * A drop is decided and its holding taken out in one step; nothing brings it back but the seeder.
 */
import assert from "node:assert/strict";
import { limits } from "../../../../protocol/mod.ts";
import { seededRandom } from "../../../../roles/kit/random.ts";
import { openMemoryCatalog } from "../../../../roles/tracker/catalog/memory_catalog.ts";
import { type Drop, orderDrops } from "../../../../roles/tracker/copies/drops.ts";
import { LeaseClock } from "../../../../roles/tracker/copies/lease_clock.ts";
import { OrderBook } from "../../../../roles/tracker/seeders/orders.ts";
import { orderPermit, rulingAuthority } from "../ruling.ts";
import { chunk, seeder, upload } from "../../../conformance/catalog_rows.ts";

const nowMs = 10_000_000;

const clock = { now: () => nowMs, sleep: () => Promise.resolve() };

async function world() {
  const catalog = openMemoryCatalog();
  return {
    catalog,
    orders: new OrderBook(seededRandom(1)),
    now: () => nowMs,
    leases: await catalog.read((view) => LeaseClock.open(view, clock, nowMs)),
    losses: { dropped: () => {} },
    authority: rulingAuthority(),
  };
}

type World = Awaited<ReturnType<typeof world>>;

/** The orders that the next heartbeat of seeder 1 is answered with. */
function sent({ orders, authority }: Pick<World, "orders" | "authority">) {
  return orders.take(orderPermit(authority), authority.giveUp(), seeder(1), nowMs);
}

const drop = (of: number, at = 1): Drop => ({
  seederId: seeder(at),
  chunk: chunk(of),
  why: "a test",
});

Deno.test("orderDrops takes the holding out before the order goes", async () => {
  const core = await world();
  await core.catalog.transaction((tx) => tx.addHoldings(seeder(1), [chunk(1), chunk(2)]));
  const ordered = await orderDrops(core, (tx) => {
    assert.deepEqual(sent(core), []);
    return tx.chunkUses([chunk(1).chunkId]).then(() => [drop(1)]);
  });
  assert.equal(ordered, 1);
  const [order] = sent(core);
  assert.equal(order?.kind, "drop");
  assert.equal(order?.chunkId, chunk(1).chunkId);
  const held = await core.catalog.read((view) => view.holdingsOf(seeder(1), undefined, 9));
  assert.deepEqual(held, [chunk(2)]);
});

Deno.test("orderDrops leaves nothing behind when the transaction fails", async () => {
  const core = await world();
  await core.catalog.transaction((tx) => tx.addHoldings(seeder(1), [chunk(1)]));
  const failing = {
    ...core,
    catalog: {
      ...core.catalog,
      transaction: <T>(work: Parameters<typeof core.catalog.transaction<T>>[0]) =>
        core.catalog.transaction<T>(async (tx) => {
          await work(tx);
          throw new Error("disk full");
        }),
    },
  };
  await assert.rejects(orderDrops(failing, () => Promise.resolve([drop(1)])), /disk full/);
  assert.equal(core.orders.isWaiting("drop", seeder(1), chunk(1).chunkId), false);
  assert.deepEqual(sent(core), []);
});

Deno.test("orderDrops decides anew when its transaction runs again", async () => {
  const core = await world();
  await core.catalog.transaction((tx) => tx.addHoldings(seeder(1), [chunk(1), chunk(2)]));
  let runs = 0;
  const again = {
    ...core,
    catalog: {
      ...core.catalog,
      transaction: async <T>(work: Parameters<typeof core.catalog.transaction<T>>[0]) => {
        const aborted = core.catalog.transaction<T>(async (tx) => {
          await work(tx);
          throw new Error("aborted");
        });
        await assert.rejects(aborted, /aborted/);
        return await core.catalog.transaction<T>(work);
      },
    },
  };
  const ordered = await orderDrops(again, () => Promise.resolve([drop(++runs)]));
  assert.deepEqual([ordered, runs], [1, 2]);
  assert.equal(core.orders.isWaiting("drop", seeder(1), chunk(1).chunkId), false);
  assert.equal(core.orders.isWaiting("drop", seeder(1), chunk(2).chunkId), true);
  const held = await core.catalog.read((view) => view.holdingsOf(seeder(1), undefined, 9));
  assert.deepEqual(held, [chunk(1)], "what the first run decided did not happen");
});

Deno.test("orderDrops passes over a seeder that copies the chunk, and the reverse", async () => {
  const core = await world();
  await core.catalog.transaction((tx) => tx.addHoldings(seeder(1), [chunk(1), chunk(2)]));
  const from = { sources: [], storeLeave: "1.x" } as unknown as Parameters<
    OrderBook["orderCopy"]
  >[2];
  assert.equal(core.orders.orderCopy(seeder(1), chunk(1), from, "a test", nowMs), true);
  assert.equal(await orderDrops(core, () => Promise.resolve([drop(1), drop(2)])), 1);
  assert.equal(core.orders.orderCopy(seeder(1), chunk(2), from, "a test", nowMs), false);
  assert.equal(core.orders.orderCopy(seeder(2), chunk(2), from, "a test", nowMs), true);
});

Deno.test("the order names the oldest leave that an upload may count on", async () => {
  for (
    const [openedMs, expected] of [
      [undefined, nowMs - limits.receiptShareMs],
      [nowMs - 60_000, nowMs - 60_000 - limits.receiptShareMs],
      [5, nowMs - limits.leaveLifeMs - limits.receiptGraceMs],
    ] as const
  ) {
    const core = await world();
    await core.catalog.transaction(async (tx) => {
      if (openedMs !== undefined) await tx.putUpload({ ...upload(1, nowMs), openedMs });
    });
    await orderDrops(core, () => Promise.resolve([drop(1)]));
    const [order] = sent(core);
    assert(order?.kind === "drop");
    assert.equal(order.receiptsSinceMs, expected);
  }
});

Deno.test("nothing is dropped while the authority permits none, nor what was decided before", async () => {
  const core = await world();
  await core.catalog.transaction((tx) => tx.addHoldings(seeder(1), [chunk(1), chunk(2)]));
  assert.equal(await orderDrops(core, () => Promise.resolve([drop(1)])), 1);
  const brake = { sinceMs: nowMs, why: "a test", next: "confirm-loss" };
  const stopped = { ...core, authority: rulingAuthority({ brake: () => brake }) };
  assert.equal(await orderDrops(stopped, () => Promise.resolve([drop(2)])), 0);
  assert.equal(stopped.orders.isWaiting("drop", seeder(1), chunk(2).chunkId), false);
  assert.deepEqual(sent(stopped), [], "the brake came before the order went out");
  assert.deepEqual(sent(core).map(({ chunkId }) => chunkId), [chunk(1).chunkId]);
});
