/**
 * From whom a tracker that has lost its disk takes its log. What was acknowledged is on at least
 * `copies` seeders, so among all but `copies - 1` of them there is one that has it. Of those that
 * present themselves the one whose last record is of the highest epoch, and then the furthest, has
 * it: a record of a later epoch was written by a tracker that knew all that was acknowledged
 * before.
 */
import type { LogPosition, SeederId } from "../../../protocol/mod.ts";

export interface LogOffer {
  readonly seederId: SeederId;
  readonly position: LogPosition;
  /** As the tracker told this seeder last: copies of an operation, seeders there were. */
  readonly copies: number;
  readonly seeders: number;
}

export type RebuildPlan =
  | { readonly kind: "wait"; readonly needed: number; readonly why: string }
  | { readonly kind: "take"; readonly from: SeederId; readonly why: string };

/** @param override how many seeders a person says must be enough */
export function planRebuild(offers: readonly LogOffer[], override?: number): RebuildPlan {
  const known = Math.max(0, offers.length, ...offers.map(({ seeders }) => seeders));
  const copies = Math.min(known, ...offers.map(({ copies }) => copies));
  const needed = override ?? Math.max(1, known - Math.max(0, copies - 1));
  if (offers.length < needed || offers.length === 0) {
    return {
      kind: "wait",
      needed,
      why:
        `${offers.length} of ${known} seeders are here; what was acknowledged is on ${copies}, ` +
        `so ${needed} are needed`,
    };
  }
  const [best] = offers.toSorted(newestFirst);
  if (best === undefined) return { kind: "wait", needed, why: "no seeder is here" };
  const { sequence, epoch } = best.position;
  return {
    kind: "take",
    from: best.seederId,
    why: `the newest log among ${offers.length} of ${known} seeders: ${sequence} operations, the ` +
      `last of epoch ${epoch}`,
  };
}

function newestFirst(a: LogOffer, b: LogOffer): number {
  return b.position.epoch - a.position.epoch || b.position.sequence - a.position.sequence ||
    (a.seederId < b.seederId ? -1 : 1);
}
