/**
 * Copies that seeders tell they lost, whoever met the loss there. The holding goes at once; that
 * there is a copy fewer is then seen and mended by whoever looks after the number of copies. One
 * that only cannot be read is still there: where nobody else has the chunk, readers are sent to it
 * as a last resort. That is kept in memory; a seeder tells it again to a tracker that is new.
 */
import { type ChunkId, limits, type LostChunk, type SeederId } from "../../../protocol/mod.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import type { Holdings } from "./holdings.ts";

interface LostNeeds extends Pick<Ground, "catalog" | "log"> {
  readonly members: Members;
  readonly holdings: Pick<Holdings, "removeMissing" | "doubt">;
}

export class LostCopies {
  readonly #unreadable = new Map<SeederId, Set<ChunkId>>();

  constructor(private readonly needs: LostNeeds) {}

  /** Never throws: what could not be written is found when the inventory is compared. */
  async take(seederId: SeederId, lost: readonly LostChunk[]): Promise<void> {
    if (lost.length === 0) return;
    const { log, holdings, members, catalog } = this.needs;
    const name = members.get(seederId)?.row.name;
    const missing = lost.map(({ chunkId, foundMs }) => ({ chunkId, sinceMs: foundMs }));
    try {
      await catalog.transaction((tx) => holdings.removeMissing(tx, seederId, missing));
    } catch (fault) {
      holdings.doubt(seederId);
      log.warn("lost copies not written down", { name, fault });
    }
    const unreadable = this.#unreadable.get(seederId) ?? new Set();
    for (const { chunkId, why } of lost) {
      log.warn("a copy is lost, its holding is taken away", { name, chunkId, why });
      if (why !== "unreadable") unreadable.delete(chunkId);
      else if (unreadable.size < limits.unreadableChunksMax) unreadable.add(chunkId);
    }
    if (unreadable.size > 0) this.#unreadable.set(seederId, unreadable);
    else this.#unreadable.delete(seederId);
  }

  /** Seeders that have the chunk and could not read it. */
  lastResorts(chunkId: ChunkId): SeederId[] {
    return [...this.#unreadable].filter(([, chunks]) => chunks.has(chunkId)).map(([id]) => id);
  }
}
