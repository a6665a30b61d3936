/**
 * How much of the disks may be taken by what can be given up: the trash, and old versions. Both are
 * counted as one copy each, so the share of all disks is divided by the copies.
 */

export interface Share {
  /** Of one copy each, by the disks that are known. */
  readonly bytesMax: number;
  /**
   * With more than this the oldest are given up. Infinite until every seeder has told of its disk:
   * a tracker that was rebuilt knows of none at first, and must not take them for no disk at all.
   */
  readonly bytesTolerated: number;
}

/** @param diskBytes of each seeder; 0 where no word of its disk has come yet */
export function shareOf(diskBytes: readonly number[], share: number, copies: number): Share {
  const sum = diskBytes.reduce((total, bytes) => total + bytes, 0);
  const bytesMax = Math.floor(sum * share / Math.max(1, copies));
  const known = diskBytes.length > 0 && !diskBytes.includes(0);
  return { bytesMax, bytesTolerated: known ? bytesMax : Infinity };
}
