/**
 * When so much goes at once that something larger than a disk is broken (a switch, a wrong mount, a
 * tracker of another time, a mistake), and nothing more shall be given up before a person has
 * looked. Numbers in, numbers out.
 */
import type { SeederId } from "../../../protocol/mod.ts";

/** A seeder with less of what it had than this is one that was lost, or its disk was. */
const keptShare = 0.9;
const lossShareMin = 1 / 3;

export interface Loss {
  /** Copies each seeder had that lost some. */
  readonly lost: readonly { readonly seederId: SeederId; readonly had: number }[];
  readonly gone: number;
  readonly before: number;
}

/** Copies on each seeder that is there: earlier, and now. */
export function lossBetween(
  before: ReadonlyMap<SeederId, number>,
  now: ReadonlyMap<SeederId, number>,
): Loss {
  const lost = [...before].filter(([seederId, had]) => (now.get(seederId) ?? 0) < had * keptShare)
    .map(([seederId, had]) => ({ seederId, had }));
  const gone = lost.reduce((sum, { seederId, had }) => sum + had - (now.get(seederId) ?? 0), 0);
  return { lost, gone, before: totalOf(before) };
}

/** One disk that dies is what copies are for, however much of a small cluster it held. */
export function mayStop({ lost }: Loss): boolean {
  return lost.length >= 2;
}

/** @param wholeChunks chunks all of whose copies went with these seeders */
export function isLargeLoss(loss: Loss, wholeChunks: number): boolean {
  if (!mayStop(loss)) return false;
  return loss.gone >= loss.before * lossShareMin || wholeChunks > 0;
}

/** What was lost is there again. */
export function isBack(lost: Loss["lost"], now: ReadonlyMap<SeederId, number>): boolean {
  return lost.every(({ seederId, had }) => (now.get(seederId) ?? 0) >= had * keptShare);
}

export function totalOf(held: ReadonlyMap<SeederId, number>): number {
  return held.values().reduce((sum, count) => sum + count, 0);
}
