/**
 * Chunks that nobody needs any more are given up, a page at a time. Which ones is decided in
 * `plan/garbage.ts`, how a copy goes in `drops.ts`.
 *
 * Since when a chunk is unused is remembered in memory only: a tracker that restarts begins every
 * grace anew. The grace is longer than the lease of an upload, and a placement that counts on a
 * copy begins it anew too, so an upload that goes on finds what it was told of. Should it not, its
 * commit says which chunks to send again: the use is looked at once more in the transaction that
 * takes the holdings out.
 */
import type { ChunkEntry, ChunkId } from "../../../protocol/mod.ts";
import type { CatalogView } from "../catalog/catalog.ts";
import type { Members } from "../seeders/members.ts";
import { type DropNeeds, orderDrops } from "./drops.ts";
import { garbageDrops, type UnusedChunk } from "../plan/garbage.ts";
import { isLive } from "../plan/view.ts";

const pageChunks = 1_000;
/** Between two looks over all unused chunks. */
const pauseMs = 10_000;
/** What is remembered stays below some 20 MiB; the rest has its turn when these are gone. */
const rememberedMax = 100_000;

export interface GarbageNeeds extends DropNeeds {
  readonly members: Members;
}

export class Garbage {
  /** Since when each chunk is unused, as seen by the last whole look and by the one under way. */
  #before = new Map<ChunkId, number>();
  #now = new Map<ChunkId, number>();
  #after: ChunkId | undefined;
  #restUntilMs = 0;

  /** @param graceMs how long a chunk must have been unused */
  constructor(
    private readonly needs: GarbageNeeds,
    private readonly graceMs: number,
    private readonly remembered = rememberedMax,
  ) {}

  /**
   * An upload was told that these are there, or a seeder keeps them because one may count on its
   * receipt: their grace begins anew.
   */
  spare(chunkIds: Iterable<ChunkId>): void {
    for (const chunkId of chunkIds) {
      this.#before.delete(chunkId);
      this.#now.delete(chunkId);
    }
  }

  /** Looks at a page of unused chunks, and gives up those whose grace is over. How many copies. */
  async sweep(): Promise<number> {
    const core = this.needs;
    const nowMs = core.now();
    if (nowMs < this.#restUntilMs || core.authority.giveUp() === undefined) return 0;
    const { page, within } = await this.#page();
    for (const { chunkId } of within) {
      this.#now.set(chunkId, Math.min(this.#before.get(chunkId) ?? nowMs, nowMs));
    }
    const due = within.filter(({ chunkId }) =>
      nowMs - (this.#now.get(chunkId) ?? nowMs) >= this.graceMs
    );
    this.#after = page.at(-1)?.chunkId;
    if (page.length < pageChunks || this.#now.size >= this.remembered) {
      this.#before = this.#now;
      this.#now = new Map();
      this.#after = undefined;
      this.#restUntilMs = nowMs + pauseMs;
    }
    if (due.length === 0) return 0;
    return await orderDrops(core, async (tx, receiptsSinceMs) => {
      const facts = await this.#factsOf(tx, due);
      const refusing = core.members.all().filter((each) => each.receiptsFloorMs >= receiptsSinceMs);
      const refusingIds = new Set(refusing.map(({ row }) => row.seederId));
      return garbageDrops(core.members.view(core.now()), facts, this.graceMs, refusingIds);
    });
  }

  /**
   * The next unused chunks, and those of them that somebody who answers holds: what only others
   * hold cannot be dropped now, and would take the room of what can.
   */
  async #page(): Promise<{ page: ChunkEntry[]; within: ChunkEntry[] }> {
    const { catalog, members, now } = this.needs;
    const { page, holders } = await catalog.read(async (view) => {
      const page = await view.unreferenced(this.#after, pageChunks);
      return { page, holders: await view.holders(page.map(({ chunkId }) => chunkId)) };
    });
    const live = new Set(
      members.view(now()).seeders.filter(({ state }) => isLive(state)).map((one) => one.seederId),
    );
    const within = page.filter(({ chunkId }) =>
      holders.get(chunkId)?.some((seederId) => live.has(seederId))
    );
    return { page, within };
  }

  async #factsOf(view: CatalogView, chunks: readonly ChunkEntry[]): Promise<UnusedChunk[]> {
    const chunkIds = chunks.map(({ chunkId }) => chunkId);
    const uses = await view.chunkUses(chunkIds);
    const holders = await view.holders(chunkIds);
    return chunks.map((chunk, i) => ({
      chunk,
      named: uses[i]?.named ?? 1,
      recorded: uses[i]?.recorded ?? 1,
      holders: holders.get(chunk.chunkId) ?? [],
      unusedSinceMs: this.#now.get(chunk.chunkId) ?? this.#before.get(chunk.chunkId),
    }));
  }
}
