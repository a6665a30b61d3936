/**
 * Messages about scrubbing: a seeder reads all it holds again, in a steady round, and compares.
 *
 * When each copy was last verified is told without a line for each copy. The ids are cut into 256
 * shelves by their first two digits, as in a seeder's folders; a shelf is read from its first chunk
 * to its last, and when that is done it carries the time at which its reading began. Every chunk of
 * the shelf was verified at that time or later: those that were there by the scrub, those that came
 * since on their way in. 256 numbers a seeder say it for all its holdings.
 */
import * as z from "zod";
import { BootId, SeederId, SeederName } from "./ids.ts";
import { limits } from "./limits.ts";
import { SeederState } from "./membership.ts";

const Count = z.int().min(0);
/** By the tracker's clock; 0 where nothing is known. */
const TrackerTimeMs = z.int().min(0);
export const ShelfTimes = z.array(TrackerTimeMs).length(limits.scrubShelfCount);

/**
 * `calm`: spread over the round; `late`: behind, and faster; `overdue`: about to break the promise;
 * `asked`: as fast as the disk allows, because a person wants it.
 */
export const ScrubPace = z.enum(["calm", "late", "overdue", "asked"]);
export type ScrubPace = z.output<typeof ScrubPace>;

/** What the scrub of one seeder has done; kept on its disk over restarts. */
export const ScrubProgress = z.strictObject({
  pace: ScrubPace,
  /** True while it waits for transfers to end. */
  yielding: z.boolean(),
  /** Shelves read since the round, or what a person asked for, began. */
  shelvesDone: z.int().min(0).max(limits.scrubShelfCount),
  /** Since this disk was first scrubbed. */
  checkedChunks: Count,
  checkedBytes: Count,
  corruptChunks: Count,
  /** When the latest corrupt chunk was found; 0 when there was none. */
  corruptMs: TrackerTimeMs,
  /** Copies in doubt now: the disk would not give them when they were read last. */
  unreadableChunks: Count,
});
export type ScrubProgress = z.output<typeof ScrubProgress>;

export const ScrubReport = z.strictObject({
  seederId: SeederId,
  bootId: BootId,
  verifiedMs: ShelfTimes,
  progress: ScrubProgress,
});
export type ScrubReport = z.output<typeof ScrubReport>;

/** The shelf of a chunk, 0 to 255. */
export function shelfOf(chunkId: string): number {
  return Number.parseInt(chunkId.slice(0, 2), 16);
}

export const ScrubStatusReply = z.strictObject({
  /** The tracker's clock. */
  nowMs: z.int(),
  roundMs: z.int(),
  ageMaxMs: z.int(),
  seeders: z.array(z.strictObject({
    seederId: SeederId,
    name: SeederName,
    state: SeederState,
    chunkCount: Count,
    /** Every chunk there was verified at this time or later; null where that is not known. */
    verifiedMs: z.int().nullable(),
    /** Until every shelf was read after this time it reads at full speed. */
    askedMs: z.int().optional(),
    /** Absent before the seeder has told. */
    progress: ScrubProgress.optional(),
  })),
});
export type ScrubStatusReply = z.output<typeof ScrubStatusReply>;

export const ScrubNowRequest = z.strictObject({ seeders: z.array(SeederId).min(1).max(1000) });
export const ScrubNowReply = z.strictObject({ askedMs: z.int() });
