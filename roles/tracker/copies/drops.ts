/**
 * The one way a copy is given up on purpose. In one transaction it is decided that the copy is not
 * needed and its holding is taken out; only then the order goes out. So nothing ever counts on a
 * copy that may be gone: not a commit, not a placement, not another drop.
 *
 * An upload may count on a copy all the same, by a receipt the seeder gave before it heard of the
 * drop. The order therefore names the oldest leave such a receipt can stand on, and the seeder
 * keeps the chunk when it gave one. All these times are of the lease clock, which never goes back,
 * and the catalog remembers when uploads were opened, so this holds across restarts of the tracker.
 * Outcomes change little: `absent` was expected, `held` puts the holding back, and after anything
 * else the inventories are compared.
 */
import { type ChunkEntry, limits, type SeederId } from "../../../protocol/mod.ts";
import type { Permits } from "../authority/authority.ts";
import type { CatalogTransaction } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { OrderBook } from "../seeders/orders.ts";

/** What giving up copies needs. */
export interface DropNeeds extends Pick<Ground, "catalog" | "now" | "leases"> {
  readonly orders: Pick<OrderBook, "prepareDrop" | "release">;
  readonly authority: Pick<Permits, "giveUp">;
  readonly losses: { dropped(drops: readonly Drop[]): void };
}

/** One copy that is not needed. */
export interface Drop {
  readonly seederId: SeederId;
  readonly chunk: ChunkEntry;
  /** In words: nobody names the chunk, or who holds the other copies. */
  readonly why: string;
}

/**
 * Orders the drops that `decide` finds, inside the transaction that takes their holdings out. Those
 * whose seeder copies the chunk just now, or has too many orders waiting, are passed over, and
 * all are while the authority permits none. How many.
 * @param decide looks at the rows once more: what was true before this transaction may not be now
 */
export async function orderDrops(
  core: DropNeeds,
  decide: (tx: CatalogTransaction, receiptsSinceMs: number) => Promise<readonly Drop[]>,
): Promise<number> {
  const prepared: Drop[] = [];
  const release = (decided: boolean) => {
    for (const { seederId, chunk } of prepared) {
      core.orders.release(seederId, chunk.chunkId, decided);
    }
  };
  const forget = () => {
    release(false);
    prepared.length = 0;
  };
  try {
    const leaseNowMs = await core.leases.handOut(core.catalog);
    await core.catalog.transaction(async (tx) => {
      // A run before this one may have been aborted: what it decided is decided anew.
      forget();
      const nowMs = core.now();
      const receiptsSinceMs = await receiptsSince(tx, leaseNowMs);
      const wanted = await decide(tx, receiptsSinceMs);
      const permit = core.authority.giveUp();
      if (permit === undefined) return;
      for (const drop of wanted) {
        const { seederId, chunk, why } = drop;
        if (core.orders.prepareDrop(permit, seederId, chunk, receiptsSinceMs, why, nowMs)) {
          prepared.push(drop);
        }
      }
      for (const [seederId, drops] of Map.groupBy(prepared, (drop) => drop.seederId)) {
        await tx.removeHoldings(seederId, drops.map((drop) => drop.chunk.chunkId));
      }
    });
  } catch (error) {
    forget();
    throw error;
  }
  release(true);
  core.losses.dropped(prepared);
  return prepared.length;
}

/**
 * No upload counts on a receipt whose leave is older than this: receipts serve uploads that were
 * open, or opened soon after, and run out by themselves.
 */
async function receiptsSince(tx: CatalogTransaction, nowMs: number): Promise<number> {
  const oldestMs = (await tx.uploadTimes())?.oldestMs ?? nowMs;
  const runOutMs = nowMs - limits.leaveLifeMs - limits.receiptGraceMs;
  return Math.max(Math.min(oldestMs, nowMs) - limits.receiptShareMs, runOutMs);
}
