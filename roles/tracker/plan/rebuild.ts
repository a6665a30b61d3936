/**
 * From whom a tracker that has lost its disk takes its log, and after which snapshot. What was
 * acknowledged is on a majority of the keepers of the log (`log_keepers.ts`), so in every other
 * majority of them there is one that has it. Who they are the latest card says. Of those that
 * present themselves the one whose last record is of the highest epoch, and then the furthest, has
 * it: a record of a later epoch was written by a tracker that knew all that was acknowledged
 * before.
 *
 * Its log may begin after a snapshot. Any seeder's will do that lies on that log: the newest saves
 * the most work, and one that turns out damaged is passed over for the next.
 */
import {
  isLaterMark,
  type LogKeepers,
  type LogPosition,
  type SeederId,
  type SnapshotMark,
} from "../../../protocol/mod.ts";
import { isMajority, type NamedKeepers, setsOf } from "./log_keepers.ts";

type Place = Pick<LogPosition, "sequence" | "epoch" | "checksum">;

export interface LogOffer {
  readonly seederId: SeederId;
  readonly position: Place;
  /** The record before its first. */
  readonly after: Place;
  /** Those that have not turned out damaged. */
  readonly snapshots: readonly SnapshotMark[];
  /** Who the keepers are, as the tracker told this seeder last. */
  readonly keepers: LogKeepers;
}

export interface SnapshotOffer {
  readonly seederId: SeederId;
  readonly mark: SnapshotMark;
}

export type RebuildPlan =
  | { readonly kind: "wait"; readonly why: string }
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
  const keepers = latestOf(offers) ?? { seederIds: [] };
  // Others may have the log as well, and may not be told of the last operation.
  const isEnough = (some: readonly LogOffer[]) =>
    some.length > 0 &&
    (override === undefined
      ? isMajority(keepers, new Set(some.map(({ seederId }) => seederId)))
      : some.length >= override);
  const newest = offers.toSorted(newestFirst);
  const here = `${offers.length} seeders are here, ${tellsOf(keepers, offers)}`;
  // One whose log is of no use does not count among those that must be here.
  for (const [unusable, best] of newest.entries()) {
    if (!isEnough(newest.slice(unusable))) break;
    const resume = taken !== undefined && isPartOf(taken, best);
    const base = resume ? undefined : baseFor(best, newest);
    if (!resume && base === undefined && best.after.sequence > 0) continue;
    const { sequence, epoch } = best.position;
    const begun = base === undefined ? "" : `, after the snapshot at ${base.mark.sequence}`;
    const why =
      `the newest log: ${sequence} operations, the last of epoch ${epoch}${begun}; ${here}`;
    return { kind: "take", from: best.seederId, resume, base, why };
  }
  const unusable =
    newest.filter((one) => one.after.sequence > 0 && baseFor(one, newest) === undefined).length;
  const lacking = unusable === 0 ? "" : `; ${unusable} of them lack a good snapshot`;
  const why = `${here}${lacking}; what was acknowledged is on a majority, so one is needed`;
  return { kind: "wait", why };
}

function latestOf(offers: readonly LogOffer[]): LogKeepers | undefined {
  return offers.map(({ keepers }) => keepers).reduce<LogKeepers | undefined>(
    (latest, one) => latest === undefined || isLaterMark(one, latest) ? one : latest,
    undefined,
  );
}

function tellsOf(keepers: NamedKeepers, offers: readonly LogOffer[]): string {
  const isHere = (id: SeederId) => offers.some(({ seederId }) => seederId === id);
  return setsOf(keepers)
    .map((ids) => `${ids.filter(isHere).length} of the ${ids.length} keepers of the log`)
    .join(", and of those before ");
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
