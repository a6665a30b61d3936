/**
 * Who said lately, after reading it, that a copy is good: a seeder that has just fetched the
 * chunk, or was asked to verify it. Only such words allow to give another copy up; they age within
 * a minute.
 */
import { type ChunkId, limits, type SeederId } from "../../../protocol/mod.ts";

export class FreshWord {
  readonly #saidMs = new Map<string, number>();

  hear(seederId: SeederId, chunkId: ChunkId, nowMs: number): void {
    const key = `${seederId} ${chunkId}`;
    this.#saidMs.delete(key);
    this.#saidMs.set(key, nowMs);
  }

  isFresh(seederId: SeederId, chunkId: ChunkId, nowMs: number): boolean {
    const saidMs = this.#saidMs.get(`${seederId} ${chunkId}`);
    return saidMs !== undefined && nowMs - saidMs <= limits.orderLifeMs;
  }

  sweep(nowMs: number): void {
    for (const [key, saidMs] of this.#saidMs) {
      if (nowMs - saidMs <= limits.orderLifeMs) return;
      this.#saidMs.delete(key);
    }
  }
}
