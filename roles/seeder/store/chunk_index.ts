/**
 * What a seeder holds, in memory: chunk id to where it lies. Engines put an entry in only when the
 * chunk is durable, so whoever finds it here may give a receipt for it. Beside these stand the
 * chunks of adopted files, each with all its places: a chunk that is both is one entry, that of
 * the seeder's own copy. One that cannot be read stands here and is not listed.
 *
 * Its one idea: pages are cut from a sorted array that is kept between pages; chunks that came
 * since are merged in when the next page is asked for, chunks that went are passed over.
 */
import { type ChunkId, type HeldChunk, InventorySum } from "../../../protocol/mod.ts";
import type { InPlace, Location } from "./location.ts";

export interface Located {
  readonly sizeBytes: number;
}

export class ChunkIndex<Location extends Located> {
  readonly #locations = new Map<ChunkId, Location>();
  /** One place as itself: there are millions of these. */
  readonly #places = new Map<ChunkId, InPlace | readonly InPlace[]>();
  /** Those that are here and cannot be read. */
  readonly #aside = new Set<ChunkId>();
  readonly #sum = new InventorySum();
  #usedBytes = 0;
  #count = 0;
  /** Ascending; may name chunks that are gone. */
  #sorted: ChunkId[] = [];
  /** Those not in `#sorted` yet, in the order they came. */
  #added: ChunkId[] = [];

  get(chunkId: ChunkId): Location | undefined {
    return this.#locations.get(chunkId);
  }

  /** Adds a chunk, or moves one that is there: what lies there can be read. */
  set(chunkId: ChunkId, location: Location): void {
    this.#change(chunkId, () => {
      this.#locations.set(chunkId, location);
      this.#aside.delete(chunkId);
    });
  }

  delete(chunkId: ChunkId): boolean {
    return this.#change(chunkId, () => this.#locations.delete(chunkId));
  }

  /** Its copy cannot be read: it is not held any more, and still found where it lies. */
  setAside(chunkId: ChunkId): void {
    this.#change(chunkId, () => this.#aside.add(chunkId));
  }

  /** It can be read after all. */
  takeBack(chunkId: ChunkId): void {
    if (this.#aside.has(chunkId)) this.#change(chunkId, () => this.#aside.delete(chunkId));
  }

  /** Whether it is listed and counted. */
  holds(chunkId: ChunkId): boolean {
    return this.#entry(chunkId) !== undefined;
  }

  /** As it is listed; undefined when it is not. */
  #entry(chunkId: ChunkId): HeldChunk | undefined {
    if (this.#aside.has(chunkId)) return undefined;
    const own = this.#locations.get(chunkId);
    if (own !== undefined) return { chunkId, sizeBytes: own.sizeBytes };
    const [place] = this.placesOf(chunkId);
    return place && { chunkId, sizeBytes: place.sizeBytes, adopted: true };
  }

  /** Whatever `work` does to where a chunk lies, the sums follow. */
  #change<T>(chunkId: ChunkId, work: () => T): T {
    const before = this.#entry(chunkId);
    const wasHere = this.sizeOf(chunkId) !== undefined;
    const result = work();
    if (this.sizeOf(chunkId) === undefined) this.#aside.delete(chunkId);
    else if (!wasHere) this.#added.push(chunkId);
    const after = this.#entry(chunkId);
    for (const [entry, sign] of [[before, -1], [after, 1]] as const) {
      if (entry === undefined) continue;
      this.#count += sign;
      this.#usedBytes += sign * entry.sizeBytes;
      this.#sum.toggle(chunkId, entry.adopted);
    }
    return result;
  }

  /** Where the chunk lies in adopted files. */
  placesOf(chunkId: ChunkId): readonly InPlace[] {
    const found = this.#places.get(chunkId);
    return found === undefined ? [] : "file" in found ? [found] : found;
  }

  /** Notes a place in an adopted file; nothing happens when it is known. */
  adopt(chunkId: ChunkId, place: InPlace): void {
    const before = this.placesOf(chunkId);
    if (before.some((each) => isSame(each, place))) return;
    this.#change(chunkId, () => {
      this.#places.set(chunkId, before.length === 0 ? place : [...before, place]);
    });
  }

  /** Forgets a place, if it is known. */
  disown(chunkId: ChunkId, place: Pick<InPlace, "file" | "offset">): void {
    const left = this.placesOf(chunkId).filter((each) => !isSame(each, place));
    const [first] = left;
    this.#change(chunkId, () => {
      if (first === undefined) this.#places.delete(chunkId);
      else this.#places.set(chunkId, left.length === 1 ? first : left);
    });
  }

  /** The size of a chunk that is here, wherever it lies and whether it can be read or not. */
  sizeOf(chunkId: ChunkId): number | undefined {
    return this.#locations.get(chunkId)?.sizeBytes ?? this.placesOf(chunkId)[0]?.sizeBytes;
  }

  page(after: ChunkId | undefined, limit: number): HeldChunk[] {
    this.#merge();
    const entries: HeldChunk[] = [];
    for (let i = this.#firstAbove(after); i < this.#sorted.length; i++) {
      if (entries.length === limit) break;
      const chunkId = this.#sorted[i];
      const entry = chunkId === undefined ? undefined : this.#entry(chunkId);
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  }

  /** Those with a copy of their own. */
  entries(): IterableIterator<[ChunkId, Location]> {
    return this.#locations.entries();
  }

  summary(): { chunkCount: number; usedBytes: number; digest: string } {
    return {
      chunkCount: this.#count,
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
    const goneMost = this.#count + 1024;
    if (this.#added.length === 0 && this.#sorted.length <= 2 * goneMost) return;
    const added = this.#added.sort();
    const merged: ChunkId[] = [];
    const take = (chunkId: ChunkId | undefined) => {
      if (
        chunkId !== undefined && merged.at(-1) !== chunkId && this.sizeOf(chunkId) !== undefined
      ) {
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

function isSame(left: Pick<InPlace, "file" | "offset">, right: typeof left): boolean {
  return left.file === right.file && left.offset === right.offset;
}

/** Of a store on a disk. */
export type DiskIndex = ChunkIndex<Location>;
