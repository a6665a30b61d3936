/**
 * Messages of the check of the whole catalog: page after page, first the log, then every table
 * against what the log says when it is done again, then the versions of files, then the holdings
 * against their sums, and at last what the seeders say they hold against what the tracker believes.
 */
import * as z from "zod";
import { limits } from "./limits.ts";
import { ChunkId, SeederId, VersionId } from "./ids.ts";

const Count = z.int().min(0);

export const FsckCursor = z.union([
  /** The log was checked up to this operation, which has this checksum. */
  z.strictObject({ sequence: Count, checksum: z.string().regex(/^[0-9a-f]{64}$/).optional() }),
  /** The log is done again beside the tables. */
  z.strictObject({ following: z.literal(true) }),
  /** A table was compared up to the row with this key. */
  z.strictObject({
    table: z.string().max(32),
    after: z.array(z.union([z.string().max(limits.pathBytesMax), z.int()])).max(2).optional(),
  }),
  z.strictObject({ afterVersion: VersionId.optional() }),
  /** The holdings of a seeder were added up to this chunk. */
  z.strictObject({
    holdings: z.literal(true),
    /** The seeder that is added up, or with no sum the last that was. */
    seederId: SeederId.optional(),
    sum: z.strictObject({
      after: ChunkId,
      chunkCount: Count,
      usedBytes: Count,
      digest: z.string().regex(/^[0-9a-f]{32}$/),
      /** What the tracker had for all when it began: while it changes, nothing can be said. */
      before: z.string(),
    }).optional(),
  }),
  z.strictObject({ seeders: z.literal(true) }),
]);
export type FsckCursor = z.output<typeof FsckCursor>;

export const FsckRequest = z.strictObject({
  cursor: FsckCursor.optional(),
  /**
   * Mend what follows from other things: build the tables anew from the log, ask seeders again what
   * they hold.
   */
  repair: z.boolean(),
});

export const FsckFinding = z.strictObject({
  where: z.enum(["log", "tables", "holdings", "disks"]),
  what: z.string(),
  next: z.string(),
  /** True when what is needed to mend it was begun. */
  repaired: z.boolean(),
});
export type FsckFinding = z.output<typeof FsckFinding>;

export const FsckReply = z.strictObject({
  /** Looked at in this page. */
  checked: z.strictObject({
    operations: Count,
    rows: Count,
    versions: Count,
    chunks: Count,
    holdings: Count,
    seeders: Count,
  }),
  /** What is being done and how far it is, in words. */
  doing: z.string().optional(),
  findings: z.array(FsckFinding),
  /** Names of seeders that were passed over: what they hold changed lately and is being settled. */
  unsettled: z.array(z.string()).optional(),
  /** Pass it on for the next page; absent on the last. */
  next: FsckCursor.optional(),
});
export type FsckReply = z.output<typeof FsckReply>;
