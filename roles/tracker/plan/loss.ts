/**
 * What the loss of seeders would mean for one chunk or one file, and for many together. Nothing is
 * asked and nothing is ordered: numbers in, numbers out.
 */
import type { LossTally } from "../../../protocol/mod.ts";

/** A chunk some version names: its copies on live seeders now, and without those to lose. */
export interface ChunkLoss {
  readonly sizeBytes: number;
  readonly wanted: number;
  readonly before: number;
  readonly after: number;
}

export const noLoss: LossTally = {
  chunksUnreadable: 0,
  bytesUnreadable: 0,
  chunksOneCopy: 0,
  chunksFewer: 0,
  bytesToCopy: 0,
  filesUntouched: 0,
  filesFewer: 0,
  filesOneCopy: 0,
  filesUnreadable: 0,
};

/** The tally with one more chunk that is held by a seeder to lose. */
export function withChunk(tally: LossTally, chunk: ChunkLoss): LossTally {
  const { sizeBytes, wanted, before, after } = chunk;
  if (after === 0) {
    if (before === 0) return tally;
    return {
      ...tally,
      chunksUnreadable: tally.chunksUnreadable + 1,
      bytesUnreadable: tally.bytesUnreadable + sizeBytes,
    };
  }
  const bytesToCopy = tally.bytesToCopy + sizeBytes * Math.max(0, wanted - after);
  if (after === 1 && before > 1) {
    return { ...tally, bytesToCopy, chunksOneCopy: tally.chunksOneCopy + 1 };
  }
  if (after >= wanted) return tally;
  return { ...tally, bytesToCopy, chunksFewer: tally.chunksFewer + 1 };
}

export type FileEffect = "untouched" | "fewer" | "one-copy" | "unreadable";

/** What becomes of a file whose worst chunk has `before` copies now and would have `after`. */
export function effectOn(before: number, after: number): FileEffect {
  if (after === before) return "untouched";
  if (after === 0) return "unreadable";
  return after === 1 ? "one-copy" : "fewer";
}

/** The tally with one more file. */
export function withFile(tally: LossTally, effect: FileEffect): LossTally {
  switch (effect) {
    case "untouched":
      return { ...tally, filesUntouched: tally.filesUntouched + 1 };
    case "fewer":
      return { ...tally, filesFewer: tally.filesFewer + 1 };
    case "one-copy":
      return { ...tally, filesOneCopy: tally.filesOneCopy + 1 };
    case "unreadable":
      return { ...tally, filesUnreadable: tally.filesUnreadable + 1 };
  }
}

/** What one seeder that takes copies is assumed to manage where no repair was measured. */
export const assumedBytesPerSecondEach = 32 * 1024 * 1024;

/** Half of the seeders send while the other half receives. */
export function assumedSpeed(seedersLeft: number): number {
  return Math.floor(seedersLeft / 2) * assumedBytesPerSecondEach;
}
