/**
 * Chunks that lack copies and for which nothing can be done now: no seeder that answers holds them,
 * or none can take another copy. This is what explains a drain that comes to no end. They are met
 * again each time all that lack copies are walked through, so one that was not met for a while is
 * stuck no longer.
 */
import type { ChunkId, HealingStatus } from "../../../protocol/mod.ts";

type Reason = Omit<HealingStatus["stuck"][number], "chunks">;

const rememberedMs = 30_000;
const rememberedMost = 10_000;
const toldMost = 5;

export class Stuck {
  readonly #met = new Map<ChunkId, Reason & { readonly atMs: number }>();

  meet(chunkId: ChunkId, { copies, why }: Reason, nowMs: number): void {
    if (this.#met.size >= rememberedMost && !this.#met.has(chunkId)) return;
    // The latest met is the last.
    this.#met.delete(chunkId);
    this.#met.set(chunkId, { atMs: nowMs, copies, why });
  }

  clear(chunkId: ChunkId): void {
    this.#met.delete(chunkId);
  }

  /** Counted by reason, most first, the first five. All together count to ten thousand. */
  told(nowMs: number): HealingStatus["stuck"] {
    const counts = new Map<string, HealingStatus["stuck"][number]>();
    for (const [chunkId, { atMs, copies, why }] of this.#met) {
      if (nowMs - atMs > rememberedMs) {
        this.#met.delete(chunkId);
        continue;
      }
      const { chunks } = counts.get(why) ?? { chunks: 0 };
      counts.set(why, { chunks: chunks + 1, copies, why });
    }
    return [...counts.values()].sort((a, b) => b.chunks - a.chunks).slice(0, toldMost);
  }
}
