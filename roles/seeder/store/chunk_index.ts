/**
 * What a seeder holds, in memory: chunk id to where it lies. Engines put an entry in only when the
 * chunk is durable, so whoever finds it here may give a receipt for it.
 *
 * Its one idea: pages are cut from a sorted array that is kept between pages; chunks that came
 * since are merged in when the next page is asked for, chunks that went are passed over.
 */
import { type ChunkEntry, type ChunkId, InventorySum } from "../../../protocol/mod.ts";

export interface Located {
  readonly sizeBytes: number;
}

export class ChunkIndex<Location extends Located> {
  readonly #locations = new Map<ChunkId, Location>();
  readonly #sum = new InventorySum();
  #usedBytes = 0;
  /** Ascending; may name chunks that are gone. */
  #sorted: ChunkId[] = [];
  /** Those not in `#sorted` yet, in the order they came. */
  #added: ChunkId[] = [];

  get(chunkId: ChunkId): Location | undefined {
    return this.#locations.get(chunkId);
  }

  /** Adds a chunk, or moves one that is there. */
  set(chunkId: ChunkId, location: Location): void {
    const before = this.#locations.get(chunkId);
    this.#locations.set(chunkId, location);
    this.#usedBytes += location.sizeBytes - (before?.sizeBytes ?? 0);
    if (before !== undefined) return;
    this.#sum.toggle(chunkId);
    this.#added.push(chunkId);
  }

  delete(chunkId: ChunkId): boolean {
    const before = this.#locations.get(chunkId);
    if (before === undefined) return false;
    this.#locations.delete(chunkId);
    this.#usedBytes -= before.sizeBytes;
    this.#sum.toggle(chunkId);
    return true;
  }

  page(after: ChunkId | undefined, limit: number): ChunkEntry[] {
    this.#merge();
    const entries: ChunkEntry[] = [];
    for (let i = this.#firstAbove(after); i < this.#sorted.length; i++) {
      if (entries.length === limit) break;
      const chunkId = this.#sorted[i];
      const location = chunkId === undefined ? undefined : this.#locations.get(chunkId);
      if (chunkId === undefined || location === undefined) continue;
      entries.push({ chunkId, sizeBytes: location.sizeBytes });
    }
    return entries;
  }

  entries(): IterableIterator<[ChunkId, Location]> {
    return this.#locations.entries();
  }

  summary(): { chunkCount: number; usedBytes: number; digest: string } {
    return {
      chunkCount: this.#locations.size,
      usedBytes: this.#usedBytes,
      digest: this.#sum.hex(),
    };
  }

  #firstAbove(after: ChunkId | undefined): number {
    if (after === undefined) return 0;
    let low = 0, high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] ?? "") > after) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #merge(): void {
    const goneMost = this.#locations.size + 1024;
    if (this.#added.length === 0 && this.#sorted.length <= 2 * goneMost) return;
    const added = this.#added.sort();
    const merged: ChunkId[] = [];
    const take = (chunkId: ChunkId | undefined) => {
      if (chunkId !== undefined && merged.at(-1) !== chunkId && this.#locations.has(chunkId)) {
        merged.push(chunkId);
      }
    };
    let i = 0;
    for (const chunkId of added) {
      while (i < this.#sorted.length && (this.#sorted[i] ?? "") < chunkId) take(this.#sorted[i++]);
      take(chunkId);
    }
    while (i < this.#sorted.length) take(this.#sorted[i++]);
    this.#sorted = merged;
    this.#added = [];
  }
}
