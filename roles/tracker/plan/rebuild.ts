/**
 * From whom a tracker that has lost its disk takes its log, and after which snapshot. What was
 * acknowledged is on at least `copies` of the keepers of the log (`log_keepers.ts`), so among all
 * but `copies - 1` of them there is one that has it. Who they are the latest card says. Of those
 * that present themselves the one whose last record is of the highest epoch, and then the furthest,
 * has it: a record of a later epoch was written by a tracker that knew all that was acknowledged
 * before.
 *
 * Its log may begin after a snapshot. Any seeder's will do that lies on that log: the newest saves
 * the most work, and one that turns out damaged is passed over for the next.
 */
import type { LogKeepers, LogPosition, SeederId, SnapshotMark } from "../../../protocol/mod.ts";
import { latestKeepers } from "./log_keepers.ts";

type Place = Pick<LogPosition, "sequence" | "epoch" | "checksum">;

export interface LogOffer {
  readonly seederId: SeederId;
  readonly position: Place;
  /** The record before its first. */
  readonly after: Place;
  /** Those that have not turned out damaged. */
  readonly snapshots: readonly SnapshotMark[];
  /** As the tracker told this seeder last: copies of an operation, seeders there were. */
  readonly copies: number;
  readonly seeders: number;
  /** And who the keepers were; absent where no tracker told it. */
  readonly keepers?: LogKeepers | undefined;
}

export interface SnapshotOffer {
  readonly seederId: SeederId;
  readonly mark: SnapshotMark;
}

export type RebuildPlan =
  | { readonly kind: "wait"; readonly needed: number; readonly why: string }
  | {
    readonly kind: "take";
    readonly from: SeederId;
    /** What was taken before is a part of it. */
    readonly resume: boolean;
    /** The snapshot to begin with; without it the log is taken from operation 1. */
    readonly base: SnapshotOffer | undefined;
    readonly why: string;
  };

/**
 * @param override how many seeders a person says must be enough
 * @param taken up to where a log was taken before this was broken off
 */
export function planRebuild(
  offers: readonly LogOffer[],
  override?: number,
  taken?: Place,
): RebuildPlan {
  const keepers = latestKeepers(offers)?.seederIds;
  const known = keepers?.length ??
    Math.max(0, offers.length, ...offers.map(({ seeders }) => seeders));
  const copies = Math.min(known, ...offers.map(({ copies }) => copies));
  // Others may have the log as well, and may not be told of the last operation.
  const counted = (some: readonly LogOffer[]) =>
    some.filter(({ seederId }) =>
      override !== undefined || keepers === undefined || keepers.includes(seederId)
    ).length;
  const needed = override ?? Math.max(1, known - Math.max(0, copies - 1));
  const newest = offers.toSorted(newestFirst);
  // One whose log is of no use does not count among those that must be here.
  for (const [unusable, best] of newest.entries()) {
    if (counted(newest.slice(unusable)) < needed) break;
    const resume = taken !== undefined && isPartOf(taken, best);
    const base = resume ? undefined : baseFor(best, newest);
    if (!resume && base === undefined && best.after.sequence > 0) continue;
    const { sequence, epoch } = best.position;
    const begun = base === undefined ? "" : `, after the snapshot at ${base.mark.sequence}`;
    const why = `the newest log among ${offers.length} of ${known} seeders: ${sequence} ` +
      `operations, the last of epoch ${epoch}${begun}`;
    return { kind: "take", from: best.seederId, resume, base, why };
  }
  const unusable =
    newest.filter((one) => one.after.sequence > 0 && baseFor(one, newest) === undefined).length;
  const lacking = unusable === 0 ? "" : `; ${unusable} of them lack a good snapshot`;
  const why = `${offers.length} of ${known} seeders are here${lacking}; what was acknowledged is ` +
    `on ${copies}, so ${needed} are needed`;
  return { kind: "wait", needed, why };
}

function newestFirst(a: LogOffer, b: LogOffer): number {
  return b.position.epoch - a.position.epoch || b.position.sequence - a.position.sequence ||
    (a.seederId < b.seederId ? -1 : 1);
}

/** Whether a log that ends there can be gone on with; its records still tell where they differ. */
function isPartOf(taken: Place, { position, after }: LogOffer): boolean {
  if (taken.sequence === 0 || taken.sequence < after.sequence) return false;
  if (taken.sequence === after.sequence) return taken.checksum === after.checksum;
  if (taken.sequence === position.sequence) return taken.checksum === position.checksum;
  return taken.sequence < position.sequence || taken.epoch >= position.epoch;
}

/** The newest snapshot on this log, its own before another's. */
function baseFor(log: LogOffer, offers: readonly LogOffer[]): SnapshotOffer | undefined {
  const fits = offers.flatMap(({ seederId, snapshots }) =>
    snapshots.filter((mark) => liesOn(mark, log)).map((mark) => ({ seederId, mark }))
  );
  const rank = (one: SnapshotOffer) => one.seederId === log.seederId ? 0 : 1;
  return fits.toSorted((a, b) => b.mark.sequence - a.mark.sequence || rank(a) - rank(b))[0];
}

function liesOn({ sequence, checksum }: SnapshotMark, { position, after }: LogOffer): boolean {
  if (sequence < after.sequence || sequence > position.sequence) return false;
  if (sequence === after.sequence && checksum !== after.checksum) return false;
  return sequence !== position.sequence || checksum === position.checksum;
}
