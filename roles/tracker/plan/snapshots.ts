/**
 * When a snapshot is due, which snapshots are kept, and from which on the log is needed. Two
 * snapshots that are on enough seeders' disks make everything before the older of them dispensable:
 * should the newer turn out damaged, the older and the log after it still say all.
 */
import { isSameSnapshot, type SnapshotMark, type SnapshotNews } from "../../../protocol/mod.ts";

export interface SnapshotPace {
  readonly everyOperations: number;
  readonly everyMs: number;
  /** So many of the lines of the last one must be new. */
  readonly share: number;
}

/** @param last the newest there is; before the first, operation 0 at the time of operation 1 */
export function isSnapshotDue(
  head: { readonly sequence: number; readonly nowMs: number },
  last: { readonly sequence: number; readonly timeMs: number; readonly lines: number },
  pace: SnapshotPace,
): boolean {
  const fresh = head.sequence - last.sequence;
  if (fresh <= 0) return false;
  return fresh >= Math.max(pace.everyOperations, last.lines * pace.share) ||
    head.nowMs - last.timeMs >= pace.everyMs;
}

/**
 * @param made those the tracker has made and proved
 * @param reports what each seeder has on its disk, checked
 * @param needed on how many seeders a snapshot must be
 */
export function planSnapshots(
  made: readonly SnapshotMark[],
  reports: readonly (readonly SnapshotMark[])[],
  needed: number,
): SnapshotNews {
  const newest = made.toSorted((a, b) => b.sequence - a.sequence);
  const spread = newest.filter((mark) =>
    reports.filter((report) => report.some((each) => isSameSnapshot(each, mark))).length >= needed
  );
  const [, since] = spread;
  const kept = [...newest.slice(0, 2), ...spread.slice(0, 2)];
  const keep = newest.filter((mark) => kept.includes(mark));
  return since === undefined ? { keep } : { keep, since };
}
