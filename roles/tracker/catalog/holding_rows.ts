/**
 * What is known of one copy, and what becomes of that when something is told anew: the same for
 * every engine.
 */
import type { HeldChunk, SeederId } from "../../../protocol/mod.ts";

/** A chunk that a seeder holds, and what speaks for it beside the seeder's own list. */
export interface HoldingRow extends HeldChunk {
  /**
   * When it last answered as a proved copy of the chunk did; 0 while only a receipt of a put or a
   * copy proves it; absent when nothing does.
   */
  readonly provedMs?: number;
  /**
   * When the receipt for it was taken, by the tracker's clock: its bytes were checked on their way
   * in. Absent where there was none.
   */
  readonly cameMs?: number;
}

/** The same, of one chunk. */
export type CopyRow = Omit<HoldingRow, "chunkId"> & { readonly seederId: SeederId };

/**
 * What a holding becomes of which something is told anew. Proof stays, with the size it was given
 * for, until the copy turns from a seeder's own into a person's or back.
 */
export function holdingAfter(before: HoldingRow, told: HoldingRow): HoldingRow {
  const { chunkId } = told;
  const same = (before.adopted === true) === (told.adopted === true);
  const adopted = told.adopted === true ? { adopted: true as const } : {};
  const provedMs = told.provedMs === undefined
    ? same ? before.provedMs : undefined
    : Math.max(told.provedMs, same ? before.provedMs ?? 0 : 0);
  const sizeBytes = told.provedMs === undefined ? before.sizeBytes : told.sizeBytes;
  const cameMs = Math.max(told.cameMs ?? 0, same ? before.cameMs ?? 0 : 0);
  const proved = provedMs === undefined ? {} : { provedMs };
  return { chunkId, sizeBytes, ...adopted, ...proved, ...(cameMs === 0 ? {} : { cameMs }) };
}
