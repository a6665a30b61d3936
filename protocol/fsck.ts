/**
 * Messages of the check of the whole catalog: page after page, first the log, then the versions of
 * files, then what the seeders say they hold against what the tracker believes.
 */
import * as z from "zod";
import { VersionId } from "./ids.ts";

const Count = z.int().min(0);

export const FsckCursor = z.union([
  /** The log was checked up to this operation, which has this checksum. */
  z.strictObject({ sequence: Count, checksum: z.string().regex(/^[0-9a-f]{64}$/).optional() }),
  z.strictObject({ afterVersion: VersionId.optional() }),
  z.strictObject({ seeders: z.literal(true) }),
]);
export type FsckCursor = z.output<typeof FsckCursor>;

export const FsckRequest = z.strictObject({
  cursor: FsckCursor.optional(),
  /** Mend what follows from other things: ask seeders again what they hold. */
  repair: z.boolean(),
});

export const FsckFinding = z.strictObject({
  where: z.enum(["log", "tables", "disks"]),
  what: z.string(),
  next: z.string(),
  /** True when what is needed to mend it was begun. */
  repaired: z.boolean(),
});
export type FsckFinding = z.output<typeof FsckFinding>;

export const FsckReply = z.strictObject({
  /** Looked at in this page. */
  checked: z.strictObject({ operations: Count, versions: Count, chunks: Count, seeders: Count }),
  findings: z.array(FsckFinding),
  /** Pass it on for the next page; absent on the last. */
  next: FsckCursor.optional(),
});
export type FsckReply = z.output<typeof FsckReply>;
