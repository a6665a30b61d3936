/**
 * What a seeder holds, in memory: chunk id to where it lies. Engines put an entry in only when the
 * chunk is durable, so whoever finds it here may give a receipt for it. Beside these stand the
 * chunks of adopted files, each with all its places: a chunk that is both is one entry, that of
 * the seeder's own copy.
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

  /** Adds a chunk, or moves one that is there. */
  set(chunkId: ChunkId, location: Location): void {
    const before = this.#locations.get(chunkId) ?? this.placesOf(chunkId)[0];
    const wasStored = this.#locations.has(chunkId);
    this.#locations.set(chunkId, location);
    this.#usedBytes += location.sizeBytes - (before?.sizeBytes ?? 0);
    if (wasStored) return;
    this.#sum.toggle(chunkId);
    if (before === undefined) this.#come(chunkId);
    else this.#sum.toggle(chunkId, true);
  }

  delete(chunkId: ChunkId): boolean {
    const before = this.#locations.get(chunkId);
    if (before === undefined) return false;
    this.#locations.delete(chunkId);
    this.#sum.toggle(chunkId);
    const [place] = this.placesOf(chunkId);
    this.#usedBytes += (place?.sizeBytes ?? 0) - before.sizeBytes;
    if (place === undefined) this.#count--;
    else this.#sum.toggle(chunkId, true);
    return true;
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
    this.#places.set(chunkId, before.length === 0 ? place : [...before, place]);
    if (before.length > 0 || this.#locations.has(chunkId)) return;
    this.#usedBytes += place.sizeBytes;
    this.#sum.toggle(chunkId, true);
    this.#come(chunkId);
  }

  /** Forgets a place, if it is known. */
  disown(chunkId: ChunkId, place: Pick<InPlace, "file" | "offset">): void {
    const before = this.placesOf(chunkId);
    const left = before.filter((each) => !isSame(each, place));
    const gone = before.find((each) => isSame(each, place));
    if (gone === undefined) return;
    const [first] = left;
    if (first !== undefined) {
      this.#places.set(chunkId, left.length === 1 ? first : left);
      return;
    }
    this.#places.delete(chunkId);
    if (this.#locations.has(chunkId)) return;
    this.#usedBytes -= gone.sizeBytes;
    this.#sum.toggle(chunkId, true);
    this.#count--;
  }

  /** The size of a chunk that is here, wherever it lies. */
  sizeOf(chunkId: ChunkId): number | undefined {
    return this.#locations.get(chunkId)?.sizeBytes ?? this.placesOf(chunkId)[0]?.sizeBytes;
  }

  #come(chunkId: ChunkId): void {
    this.#count++;
    this.#added.push(chunkId);
  }

  page(after: ChunkId | undefined, limit: number): HeldChunk[] {
    this.#merge();
    const entries: HeldChunk[] = [];
    for (let i = this.#firstAbove(after); i < this.#sorted.length; i++) {
      if (entries.length === limit) break;
      const chunkId = this.#sorted[i];
      const sizeBytes = chunkId === undefined ? undefined : this.sizeOf(chunkId);
      if (chunkId === undefined || sizeBytes === undefined) continue;
      const adopted = this.#locations.has(chunkId) ? {} : { adopted: true as const };
      entries.push({ chunkId, sizeBytes, ...adopted });
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
