/**
 * Which entries of the trash are purged by themselves: those past their age, and then the oldest,
 * one by one, until what is left fits its share of the disks or is young.
 */

/** One entry, by what it costs. */
export interface TrashFacts {
  readonly trashId: number;
  readonly trashedMs: number;
  readonly fileBytes: number;
}

export interface TrashLimits {
  readonly keepMs: number;
  /** What is younger is never purged for the share. */
  readonly youngMs: number;
  /** Of one copy each. */
  readonly bytesMax: number;
}

/**
 * Ids to purge, oldest first.
 * @param oldest the first entries of the trash in ascending order of their ids
 * @param totalBytes of all entries, also those not among the first
 */
export function entriesToPurge(
  oldest: readonly TrashFacts[],
  totalBytes: number,
  { keepMs, youngMs, bytesMax }: TrashLimits,
  nowMs: number,
): number[] {
  let left = totalBytes;
  const doomed: number[] = [];
  for (const { trashId, trashedMs, fileBytes } of oldest) {
    const ageMs = nowMs - trashedMs;
    if (ageMs < keepMs && (ageMs < youngMs || left <= bytesMax)) break;
    doomed.push(trashId);
    left -= fileBytes;
  }
  return doomed;
}
