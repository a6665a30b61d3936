/**
 * Chunks whose copy failed: left alone for a while that doubles with every failure, listed for
 * people, and never in the way of the others.
 */
import type { ChunkEntry, ChunkId, SeederId } from "../../../protocol/mod.ts";

const firstPauseMs = 15_000;
const longestPauseMs = 60 * 60_000;
const rememberedMost = 10_000;

interface Aside {
  readonly sizeBytes: number;
  readonly failures: number;
  readonly nextTryMs: number;
  readonly why: string;
  /** Where it was to go: another place is tried first. */
  readonly target: SeederId;
}

export class SetAside {
  readonly #chunks = new Map<ChunkId, Aside>();

  get size(): number {
    return this.#chunks.size;
  }

  add({ chunkId, sizeBytes }: ChunkEntry, target: SeederId, why: string, nowMs: number): void {
    const failures = (this.#chunks.get(chunkId)?.failures ?? 0) + 1;
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (failures - 1));
    this.#chunks.delete(chunkId);
    this.#chunks.set(chunkId, { sizeBytes, failures, nextTryMs: nowMs + pauseMs, why, target });
    if (this.#chunks.size <= rememberedMost) return;
    for (const oldest of this.#chunks.keys()) return void this.#chunks.delete(oldest);
  }

  clear(chunkId: ChunkId): void {
    this.#chunks.delete(chunkId);
  }

  isResting(chunkId: ChunkId, nowMs: number): boolean {
    return nowMs < (this.#chunks.get(chunkId)?.nextTryMs ?? 0);
  }

  /** Where it failed last. */
  failedAt(chunkId: ChunkId): SeederId[] {
    const target = this.#chunks.get(chunkId)?.target;
    return target === undefined ? [] : [target];
  }

  listed(limit: number): ChunkEntry[] {
    return this.#chunks.entries().take(limit)
      .map(([chunkId, { sizeBytes }]) => ({ chunkId, sizeBytes })).toArray();
  }

  first(limit: number): { chunkId: ChunkId; why: string; nextTryMs: number }[] {
    return this.#chunks.entries().take(limit)
      .map(([chunkId, { why, nextTryMs }]) => ({ chunkId, why, nextTryMs })).toArray();
  }
}
