/** Tells the whole inventory, page by page, in ascending order of chunk id. */
import { type ChunkId, type InventoryPage, limits, type SeederId } from "../../protocol/mod.ts";
import type * as z from "zod";
import type { ChunkStore } from "./store/chunk_store.ts";

type Page = z.output<typeof InventoryPage>;

/**
 * Chunks that come or go while it runs may be told or not: the tracker hears of them by receipts
 * and outcomes. How many pages were sent.
 */
export async function sendInventory(
  store: ChunkStore,
  seederId: SeederId,
  bootId: string,
  send: (page: Page) => Promise<unknown>,
): Promise<number> {
  let after: ChunkId | undefined;
  for (let pages = 1;; pages++) {
    const chunks = await store.list(after, limits.inventoryPageChunksMax);
    const last = chunks.length < limits.inventoryPageChunksMax;
    await send({ seederId, bootId, ...(after === undefined ? {} : { after }), chunks, last });
    if (last) return pages;
    after = chunks.at(-1)?.chunkId;
  }
}
