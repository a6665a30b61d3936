/**
 * How far the scrub got: `scrub.json` in the seeder's state folder, so that a restart goes on where
 * it was. Times are by the tracker's clock. A damaged or missing file costs one round, never the
 * start.
 */
import * as z from "zod";
import { ChunkId, limits, ShelfTimes } from "../../protocol/mod.ts";
import { type Disk, readWhole, writeDurably } from "../kit/disk.ts";
import type { Log } from "../kit/log.ts";

const Count = z.int().min(0);

export const ScrubMemory = z.strictObject({
  passedMs: ShelfTimes,
  /** As `passedMs`, less readings that left a copy in doubt. */
  verifiedMs: ShelfTimes,
  current: z.strictObject({
    shelf: z.int().min(0).max(limits.scrubShelfCount - 1),
    begunMs: Count,
    after: ChunkId.optional(),
  }).optional(),
  askedMs: Count,
  checkedChunks: Count,
  checkedBytes: Count,
  corruptChunks: Count,
  corruptMs: Count,
  /** Copies in doubt when this was written: a restart reads them first. */
  unreadable: z.array(ChunkId),
});
export type ScrubMemory = z.output<typeof ScrubMemory>;

/** @param atMs when every chunk here is known to be good: now on an empty disk, else 0 */
export function freshMemory(atMs: number): ScrubMemory {
  const all = (value: number) => new Array<number>(limits.scrubShelfCount).fill(value);
  const counts = { checkedChunks: 0, checkedBytes: 0, corruptChunks: 0, corruptMs: 0, askedMs: 0 };
  return { passedMs: all(atMs), verifiedMs: all(atMs), unreadable: [], ...counts };
}

export class ScrubFile {
  readonly #path: string;

  constructor(private readonly disk: Disk, directory: string, private readonly log: Log) {
    this.#path = `${directory}/scrub.json`;
  }

  async read(): Promise<ScrubMemory | undefined> {
    try {
      const bytes = await readWhole(this.disk, this.#path);
      if (bytes === undefined) return undefined;
      return ScrubMemory.parse(JSON.parse(new TextDecoder().decode(bytes)));
    } catch (fault) {
      this.log.warn("scrub file not read, a round begins anew", { path: this.#path, fault });
      return freshMemory(0);
    }
  }

  /** Never throws: what is not kept is read once more after a restart. */
  async write(memory: ScrubMemory): Promise<void> {
    try {
      await writeDurably(
        this.disk,
        this.#path,
        new TextEncoder().encode(`${JSON.stringify(memory)}\n`),
      );
    } catch (fault) {
      this.log.warn("scrub file not written", { path: this.#path, fault });
    }
  }
}
