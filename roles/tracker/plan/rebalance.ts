/**
 * Where the copies of a chunk belong, and the one step that brings them closer: a copy to a place
 * that lacks it, or the copies that are too many. A chunk has the same best places for everybody
 * as long as the seeders are the same (`placement.ts`), every step leads to a best place and none
 * away from one, so the steps come to an end, and no more bytes move than the change of seeders
 * asks for.
 *
 * A copy in a person's file stays where it is: giving it up would free nothing. It stands for one
 * of the copies wanted, but not for those that must be the seeders' own, and the best places of the
 * others are chosen around it.
 */
import type { SeederId } from "../../../protocol/mod.ts";
import { choosePlaces } from "./placement.ts";
import { type ChunkFacts, sourcesOf } from "./repair.ts";
import { type ClusterView, isLive, type SeederFacts } from "./view.ts";

/** Moving begins above the first share of a fair load, and ends below the second. */
export const unevenFrom = 0.10;
export const evenBelow = 0.05;

/** Seeders whose holdings count and that may keep them. */
function stayers(view: ClusterView): SeederFacts[] {
  return view.seeders.filter(({ state, leaving }) => isLive(state) && leaving !== true);
}

/** The seeders that hold the chunk and stay, and how many of them shall have their own copy. */
function holdingOf(staying: readonly SeederFacts[], chunk: ChunkFacts) {
  const { wanted, wantedOwn = 0, inPlace = [], holders } = chunk;
  const holding = staying.filter(({ seederId }) => holders.includes(seederId));
  const own = holding.filter(({ seederId }) => !inPlace.includes(seederId));
  const fixed = holding.filter(({ seederId }) => inPlace.includes(seederId));
  return { holding, own, fixed, ownWanted: Math.max(0, wantedOwn, wanted - fixed.length) };
}

/** The best `places` of these seeders beside `fixed` ones, whatever room they have now. */
function bestOf(
  view: ClusterView,
  seeders: readonly SeederFacts[],
  chunk: ChunkFacts,
  places: number,
  fixed: readonly SeederFacts[],
): SeederId[] {
  const able = seeders.map((seeder) => ({
    ...seeder,
    state: "green" as const,
    writable: true,
    freeBytes: Infinity,
  }));
  const { chunkId, sizeBytes } = chunk;
  const holders = fixed.map(({ seederId }) => seederId);
  const question = { chunkId, sizeBytes, places, spares: 0, holders, avoid: [] };
  return choosePlaces({ ...view, seeders: able }, question);
}

export interface Move {
  readonly target: SeederId;
  readonly sources: readonly SeederId[];
  readonly why: string;
}

/**
 * The copy that brings a chunk closer to its best places; undefined when it is there, has fewer or
 * more copies than wanted, or its best place cannot take it now. The copy it makes superfluous is
 * found by `superfluous` once the new one is there.
 */
export function planMove(
  view: ClusterView,
  chunk: ChunkFacts,
  busy: ReadonlyMap<SeederId, number>,
): Move | undefined {
  if (chunk.arriving.length > 0 || chunk.wanted === 0) return undefined;
  const staying = stayers(view);
  const { holding, own, fixed, ownWanted } = holdingOf(staying, chunk);
  if (own.length !== ownWanted) return undefined;
  const best = bestOf(view, staying, chunk, ownWanted, fixed);
  const lacking = best.filter((seederId) => !chunk.holders.includes(seederId));
  const target = lacking.find((seederId) =>
    staying.some((seeder) =>
      seeder.seederId === seederId && seeder.state === "green" && seeder.writable &&
      seeder.freeBytes >= chunk.sizeBytes
    )
  );
  const from = own.map(({ seederId }) => seederId).filter((id) => !best.includes(id));
  if (target === undefined || from.length === 0) return undefined;
  const why = `a better place than seeder ${from.toSorted().join(" or ")}`;
  return { target, sources: sourcesOf(holding, busy), why };
}

/**
 * The holders whose copies are not needed: all beyond the wanted best, drained and absent seeders
 * not counted. None while a copy is on its way, and never one in a person's file.
 */
export function superfluous(view: ClusterView, chunk: ChunkFacts): SeederId[] {
  if (chunk.arriving.length > 0 || chunk.wanted === 0) return [];
  const { holding, own, fixed, ownWanted } = holdingOf(stayers(view), chunk);
  if (own.length <= ownWanted) return [];
  const kept = bestOf(view, holding, chunk, ownWanted, fixed);
  return own.map(({ seederId }) => seederId).filter((id) => !kept.includes(id)).sort();
}

/**
 * The farthest any seeder is from its fair share, as a part of that share; 0 when nothing is held.
 */
export function unevenness(view: ClusterView, used: ReadonlyMap<SeederId, number>): number {
  const staying = stayers(view);
  const bytes = staying.reduce((sum, { seederId }) => sum + (used.get(seederId) ?? 0), 0);
  const room = staying.reduce((sum, { totalBytes }) => sum + totalBytes, 0);
  if (bytes === 0 || room === 0) return 0;
  return Math.max(...staying.map(({ seederId, totalBytes }) => {
    const share = bytes * totalBytes / room;
    return share === 0 ? 0 : Math.abs((used.get(seederId) ?? 0) - share) / share;
  }));
}
