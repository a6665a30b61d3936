/** What can be asked of the memory engine about who holds what. */
import type { ChunkId, SeederId } from "../../../protocol/mod.ts";
import type { HoldingsSummary } from "./catalog.ts";
import type { CopyRow, HoldingRow } from "./holding_rows.ts";
import { MemoryAnswers } from "./memory_answers.ts";

export class MemoryHoldings extends MemoryAnswers {
  holders(chunkIds: readonly ChunkId[]): Map<ChunkId, SeederId[]> {
    const found = new Map<ChunkId, SeederId[]>();
    for (const chunkId of chunkIds) {
      const seederIds = [...this.data.holders.of(chunkId).entries()].map(([seederId]) => seederId);
      if (seederIds.length > 0) found.set(chunkId, seederIds);
    }
    return found;
  }

  holdingsOf(seederId: SeederId, after: string | undefined, limit: number): HoldingRow[] {
    const page = this.data.holdings.of(seederId).page(after as ChunkId | undefined, limit);
    return page.map(([, entry]) => entry);
  }

  copies(chunkIds: readonly ChunkId[]): Map<ChunkId, CopyRow[]> {
    const found = new Map<ChunkId, CopyRow[]>();
    for (const [chunkId, holders] of this.holders(chunkIds)) {
      found.set(chunkId, holders.flatMap((seederId) => this.#copyOn(seederId, chunkId)));
    }
    return found;
  }

  #copyOn(seederId: SeederId, chunkId: ChunkId): CopyRow[] {
    const row = this.data.holdings.of(seederId).get(chunkId);
    if (row === undefined) return [];
    const { chunkId: _, ...rest } = row;
    return [{ seederId, ...rest }];
  }

  chunksUnproved(
    seederId: SeederId,
    others: readonly SeederId[],
    sinceMs: number,
    most: number,
  ): number {
    return this.data.holdings.of(seederId).entries().filter(([chunkId]) => {
      const proved = others.filter((other) =>
        other !== seederId && (this.data.holdings.of(other).get(chunkId)?.provedMs ?? -1) >= sinceMs
      );
      return proved.length < Math.min(most, this.wants(chunkId).wanted);
    }).toArray().length;
  }

  holdingsSummary(seederId: SeederId): HoldingsSummary {
    return this.data.summaries.get(seederId) ??
      { chunkCount: 0, usedBytes: 0, digest: "0".repeat(32) };
  }

  protected isAdopted(seederId: SeederId, chunkId: ChunkId): boolean {
    return this.data.holdings.of(seederId).get(chunkId)?.adopted === true;
  }

  /** The most copies any version asks for, and any that was not adopted. */
  protected wants(chunkId: ChunkId): { wanted: number; wantedOwn: number } {
    let wanted = 0, wantedOwn = 0;
    for (const [versionId] of this.data.naming.of(chunkId).entries()) {
      const version = this.data.versions.get(versionId);
      wanted = Math.max(wanted, version?.copies ?? 0);
      if (version?.adopted !== true) wantedOwn = Math.max(wantedOwn, version?.copies ?? 0);
    }
    return { wanted, wantedOwn };
  }
}
