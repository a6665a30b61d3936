/**
 * Which copies may go because nothing needs their chunk: no version names it, in the trash or kept
 * besides the current one neither; no upload under way has recorded it; and both have been so for a
 * whole grace, in which no upload was told that the chunk is there already. Copies on seeders that
 * do not answer wait until these are back: an order could not reach them. So do those on seeders
 * that would refuse it: one that began lately does not know of which chunks it gave receipts.
 */
import type { ChunkEntry, SeederId } from "../../../protocol/mod.ts";
import { type ClusterView, isLive } from "./view.ts";

/** A chunk as the catalog and the tracker's memory know it at one moment. */
export interface UnusedChunk {
  readonly chunk: ChunkEntry;
  /** Manifest rows that name it, in all versions. */
  readonly named: number;
  /** Rows of uploads under way. */
  readonly recorded: number;
  readonly holders: readonly SeederId[];
  /** Since when it is known to be unused and untouched; absent when it is not. */
  readonly unusedSinceMs: number | undefined;
}

/** One copy that may go, and why in words. */
export interface GarbageDrop {
  readonly seederId: SeederId;
  readonly chunk: ChunkEntry;
  readonly why: string;
}

/** In the order of the chunks, for each its holders in ascending order. */
export function garbageDrops(
  cluster: ClusterView,
  chunks: readonly UnusedChunk[],
  graceMs: number,
  refusing: ReadonlySet<SeederId> = new Set(),
): GarbageDrop[] {
  const here = new Set(
    cluster.seeders.filter(({ state, seederId }) => isLive(state) && !refusing.has(seederId))
      .map(({ seederId }) => seederId),
  );
  return chunks.flatMap(({ chunk, named, recorded, holders, unusedSinceMs }) => {
    if (named > 0 || recorded > 0 || unusedSinceMs === undefined) return [];
    const unusedMs = cluster.nowMs - unusedSinceMs;
    if (unusedMs < graceMs) return [];
    const why = `no version and no upload names it, for ${Math.floor(unusedMs / 1000)} s`;
    return holders.filter((seederId) => here.has(seederId)).toSorted()
      .map((seederId) => ({ seederId, chunk, why }));
  });
}
