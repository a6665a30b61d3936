/**
 * Chunks this command has sent a moment ago or is sending now: equal chunks, in one file or in
 * many, share one copy on its way. What is remembered is bounded in number and in time, because
 * receipts are accepted for a while only.
 */
import type { ChunkId } from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import type { ChunkToPush, PushRun, SettledChunk } from "./upload_run.ts";

const rememberedMost = 1_000;
/** Well within `limits.receiptShareMs`. */
const rememberedMs = 10_000;

interface Remembered {
  readonly settled: Promise<SettledChunk>;
  readonly sinceMs: number;
}

export class KnownChunks {
  readonly #known = new Map<ChunkId, Remembered>();

  constructor(private readonly clock: Clock) {}

  /** As `run.push`, but equal chunks go over the wire once. */
  async push(run: PushRun, chunk: ChunkToPush): Promise<SettledChunk> {
    const { chunkId } = chunk.entry;
    const before = this.#known.get(chunkId);
    if (before !== undefined && this.clock.now() < before.sinceMs + rememberedMs) {
      // Where the other failed, this one makes its own attempt.
      const shared = await before.settled.catch(() => undefined);
      if (shared !== undefined) return { receipts: shared.receipts, through: undefined };
    }
    const settled = run.push(chunk);
    const entry = { settled, sinceMs: this.clock.now() };
    this.#known.delete(chunkId);
    this.#known.set(chunkId, entry);
    if (this.#known.size > rememberedMost) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    return await settled;
  }
}
