/**
 * Which copy a chunk needs next, if any. Copies are counted on live seeders that are not being
 * drained; those of a seeder that is silent for a short time, or whose absence was announced, count
 * as well unless the chunk is down to one copy. A copy in a person's file counts for what was
 * adopted, and never for what somebody sent: that has its copies apart from it. Pure: the same
 * picture gives the same plan, in whatever order seeders and holders are named.
 */
import { type ChunkId, limits, type SeederId } from "../../../protocol/mod.ts";
import { choosePlaces } from "./placement.ts";
import { type ClusterView, isLive, type SeederFacts } from "./view.ts";

/** One chunk as a plan sees it. */
export interface ChunkFacts {
  readonly chunkId: ChunkId;
  readonly sizeBytes: number;
  /** Copies its files ask for. */
  readonly wanted: number;
  /** Of these, copies that must be the seeders' own; 0 without it. */
  readonly wantedOwn?: number;
  /** All holdings, on whatever seeder. */
  readonly holders: readonly SeederId[];
  /** Holders that have the chunk in a person's file only. */
  readonly inPlace?: readonly SeederId[];
  /** Holders with more than their own list to speak for them, and when they last answered. */
  readonly proved?: ReadonlyMap<SeederId, number>;
  /** Seeders that are fetching it now. */
  readonly arriving: readonly SeederId[];
  /** Where a copy failed last: tried after all others. */
  readonly avoid?: readonly SeederId[];
}

export type RepairPlan =
  | { readonly kind: "enough" }
  /** Copies are missing, on seeders that may be back soon. */
  | { readonly kind: "wait" }
  | {
    readonly kind: "copy";
    /** Live copies that count now. */
    readonly copies: number;
    readonly target: SeederId;
    /** Least busy first. */
    readonly sources: readonly SeederId[];
    readonly why: string;
  }
  | { readonly kind: "stuck"; readonly copies: number; readonly why: string };

const sourcesMost = 3;

/** @param busy orders under way at each seeder */
export function planRepair(
  view: ClusterView,
  chunk: ChunkFacts,
  busy: ReadonlyMap<SeederId, number>,
): RepairPlan {
  const holders = view.seeders.filter(({ seederId }) => chunk.holders.includes(seederId));
  const live = holders.filter(({ state }) => isLive(state));
  const counted = live.filter(({ leaving }) => leaving !== true);
  const lacks = (more: readonly SeederFacts[]) => lackOf(chunk, [...counted, ...more]);
  if (lacks([]) === 0) return { kind: "enough" };
  const absent = holders.filter((seeder) => !isLive(seeder.state) && seeder.leaving !== true);
  if (lacks(absent.filter((seeder) => isExpected(view, seeder, live.length))) === 0) {
    return { kind: "wait" };
  }
  const of = `${counted.length} of ${chunk.wanted} copies`;
  if (live.length === 0) {
    return { kind: "stuck", copies: 0, why: `${of}: no seeder that answers holds it` };
  }
  const target = placeFor(view, chunk, counted);
  if (target === undefined) {
    const why = `${of}: no other seeder can take a copy now`;
    return { kind: "stuck", copies: counted.length, why };
  }
  return {
    kind: "copy",
    copies: counted.length,
    target,
    sources: sourcesOf(live, busy),
    why: `${of}${reasonOf(view, holders)}`,
  };
}

/** How many copies are missing beside these and those arriving. */
function lackOf(chunk: ChunkFacts, counted: readonly SeederFacts[]): number {
  const { wanted, wantedOwn = 0, inPlace = [], arriving } = chunk;
  const ids = counted.map(({ seederId }) => seederId);
  const all = new Set([...ids, ...arriving]);
  const own = new Set([...ids.filter((id) => !inPlace.includes(id)), ...arriving]);
  return Math.max(0, wanted - all.size, wantedOwn - own.size);
}

/** A seeder without the chunk; where there is none, one that has it in a person's file only. */
function placeFor(
  view: ClusterView,
  chunk: ChunkFacts,
  counted: readonly SeederFacts[],
): SeederId | undefined {
  const { chunkId, sizeBytes, arriving, avoid = [], inPlace = [], wantedOwn = 0 } = chunk;
  const question = { chunkId, sizeBytes, places: 1, spares: 0, avoid };
  const ids = counted.map(({ seederId }) => seederId);
  const [target] = choosePlaces(view, { ...question, holders: [...ids, ...arriving] });
  const own = [...ids.filter((id) => !inPlace.includes(id)), ...arriving];
  if (target !== undefined || own.length >= wantedOwn) return target;
  return choosePlaces(view, { ...question, holders: own })[0];
}

/** Whether an absent holder is waited for: announced, or silent for a short time only. */
function isExpected(view: ClusterView, seeder: SeederFacts, liveCopies: number): boolean {
  if (seeder.excused === true) return liveCopies > 0;
  const silentMs = view.nowMs - (seeder.heardMs ?? 0);
  const graceMs = limits.redAfterMs + limits.repairGraceMs;
  // One that signed out stopped on purpose, and most likely for a short time.
  if (seeder.state === "red" && liveCopies <= 1) return false;
  return silentMs < graceMs;
}

/** Green ones first, then the least busy. */
export function sourcesOf(
  live: readonly SeederFacts[],
  busy: ReadonlyMap<SeederId, number>,
): SeederId[] {
  const load = (seeder: SeederFacts) => busy.get(seeder.seederId) ?? 0;
  return live.toSorted((a, b) =>
    Number(b.state === "green") - Number(a.state === "green") || load(a) - load(b) ||
    (a.seederId < b.seederId ? -1 : 1)
  ).slice(0, sourcesMost).map(({ seederId }) => seederId);
}

function reasonOf(view: ClusterView, holders: readonly SeederFacts[]): string {
  const reasons = holders.filter(({ state, leaving }) => !isLive(state) || leaving === true)
    .map((seeder) => {
      const { seederId, state, leaving, heardMs } = seeder;
      if (leaving === true) return `seeder ${seederId} is being drained`;
      const seconds = Math.round((view.nowMs - (heardMs ?? view.nowMs)) / 1000);
      return `seeder ${seederId} is ${state}, silent for ${seconds} s`;
    }).sort();
  return reasons.length === 0 ? "" : `: ${reasons.join(", ")}`;
}
