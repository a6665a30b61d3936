/** How one speaks of a snapshot without having it: what it is, and which of them are kept. */
import * as z from "zod";
import { limits } from "./limits.ts";

/** Tells one snapshot from every other. */
export const SnapshotMark = z.strictObject({
  /** Of the last operation whose outcome is in it, with its checksum in the log. */
  sequence: z.int().min(1),
  checksum: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of all its bytes but the last line, so that equal tables have equal marks. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  /** Of the whole file. */
  sizeBytes: z.int().min(1),
});
export type SnapshotMark = z.output<typeof SnapshotMark>;

export function isSameSnapshot(left: SnapshotMark, right: SnapshotMark): boolean {
  return left.sequence === right.sequence && left.digest === right.digest;
}

/** What a seeder that keeps the log is told about snapshots. */
export const SnapshotNews = z.strictObject({
  /** Newest first: a seeder fetches the first it lacks, and keeps those named here. */
  keep: z.array(SnapshotMark).max(limits.snapshotsKeptMax),
  /**
   * This one and a newer one are on enough seeders: log and snapshots before it may go. Absent
   * while nothing may.
   */
  since: SnapshotMark.optional(),
});
export type SnapshotNews = z.output<typeof SnapshotNews>;

/** Snapshots on one disk. */
export const SnapshotMarks = z.array(SnapshotMark).max(limits.snapshotsKeptMax);
