/**
 * Chunks that lack copies and for which nothing can be done now: no seeder that answers holds them,
 * or none can take another copy. This is what explains a drain that comes to no end. They are met
 * again each time all that lack copies are walked through, so one that was not met for a while is
 * stuck no longer.
 */
import type { ChunkId } from "../../../protocol/mod.ts";

const rememberedMs = 30_000;
const rememberedMost = 10_000;

export class Stuck {
  readonly #met = new Map<ChunkId, { readonly atMs: number; readonly why: string }>();

  meet(chunkId: ChunkId, why: string, nowMs: number): void {
    if (this.#met.size >= rememberedMost && !this.#met.has(chunkId)) return;
    // The latest met is the last.
    this.#met.delete(chunkId);
    this.#met.set(chunkId, { atMs: nowMs, why });
  }

  clear(chunkId: ChunkId): void {
    this.#met.delete(chunkId);
  }

  /** Undefined when there is none. `chunks` counts to ten thousand. */
  told(nowMs: number): { chunks: number; why: string } | undefined {
    for (const [chunkId, { atMs }] of this.#met) {
      if (nowMs - atMs <= rememberedMs) break;
      this.#met.delete(chunkId);
    }
    const [first] = this.#met.values();
    return first && { chunks: this.#met.size, why: first.why };
  }
}
