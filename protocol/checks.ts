/**
 * Messages about how well the copies are: why a file's copies are where they are, and what the loss
 * of seeders would mean. Both go in pages, so that no question grows with the cluster.
 */
import * as z from "zod";
import { Target } from "./files.ts";
import { ChunkId, SeederId, SeederName, VersionId } from "./ids.ts";
import { limits } from "./limits.ts";
import { ChunkEntry } from "./manifest.ts";
import { SeederState } from "./membership.ts";
import { RemotePath } from "./paths.ts";

const Count = z.int().min(0);

export const ExplainRequest = z.strictObject({
  target: Target,
  /** First chunk wanted. */
  fromChunk: Count,
  chunksMax: z.int().min(1).max(limits.manifestPageChunksMax),
});

export const ExplainedCopy = z.strictObject({
  seederId: SeederId,
  /** Its place in the order that the two ids alone give all seeders for this chunk; 1 is first. */
  rank: z.int().min(1),
  /** Whether the chunk would go here if it were placed anew now. */
  best: z.boolean(),
  /** By the tracker's clock: verified then or later; null where that is not known. */
  verifiedMs: z.int().nullable(),
  /** It is in a person's file on that seeder's disk, and stays there. */
  adopted: z.literal(true).optional(),
  /** Only the seeder's own list tells of it: nothing is given up on it before it is proved. */
  claimed: z.literal(true).optional(),
});
export const ExplainedChunk = ChunkEntry.extend({
  index: Count,
  copies: z.array(ExplainedCopy),
});
export type ExplainedChunk = z.output<typeof ExplainedChunk>;

export const ExplainReply = z.strictObject({
  path: RemotePath,
  versionId: VersionId,
  sizeBytes: Count,
  chunkCount: Count,
  copiesWanted: z.int().min(1).max(limits.copiesMax),
  /** The tracker's clock. */
  nowMs: z.int(),
  /** From `fromChunk` on; ask again from the next. */
  chunks: z.array(ExplainedChunk),
  /** Those named above. */
  seeders: z.array(z.strictObject({
    seederId: SeederId,
    name: SeederName,
    zone: z.string(),
    state: SeederState,
  })),
});
export type ExplainReply = z.output<typeof ExplainReply>;

/** Where the question goes on: among the chunks of a seeder to lose, then among the versions. */
export const WhatIfCursor = z.union([
  z.strictObject({ seeder: Count, after: ChunkId.optional() }),
  z.strictObject({ afterVersion: VersionId.optional() }),
]);
export type WhatIfCursor = z.output<typeof WhatIfCursor>;

export const WhatIfRequest = z.strictObject({
  lose: z.array(SeederId).min(1).max(1000),
  cursor: WhatIfCursor.optional(),
});

/** What was found in one page; pages add up. Counted are chunks that some version names. */
export const LossTally = z.strictObject({
  /** Chunks that can be read now and could not any more. */
  chunksUnreadable: Count,
  bytesUnreadable: Count,
  /** Chunks left with one copy of the several they have now. */
  chunksOneCopy: Count,
  /** All other chunks left with fewer copies than wanted. */
  chunksFewer: Count,
  /** To be copied until every chunk that is left has its copies again. */
  bytesToCopy: Count,
  /** Versions of files, each by its worst chunk. */
  filesUntouched: Count,
  filesFewer: Count,
  filesOneCopy: Count,
  filesUnreadable: Count,
});
export type LossTally = z.output<typeof LossTally>;

export const WhatIfReply = z.strictObject({
  tally: LossTally,
  /** Some of the files that would be hit, worst first. */
  examples: z.array(z.strictObject({
    path: RemotePath,
    effect: z.enum(["unreadable", "one-copy"]),
  })).max(20),
  /** Pass it on for the next page; absent on the last. */
  next: WhatIfCursor.optional(),
  /** What would be left to copy to, and how fast. */
  left: z.strictObject({
    seeders: Count,
    freeBytes: Count,
    bytesPerSecond: Count,
    /** False when the speed is assumed. */
    measured: z.boolean(),
  }),
});
export type WhatIfReply = z.output<typeof WhatIfReply>;
