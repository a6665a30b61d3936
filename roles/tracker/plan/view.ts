/**
 * The frozen picture of the cluster that every plan decides from: who is there, where, how large
 * and how free, at one moment of the tracker's clock. Plans get nothing else, so the same view
 * always gives the same plan.
 */
import type { SeederId, SeederState } from "../../../protocol/mod.ts";

/** One seeder as a plan sees it. */
export interface SeederFacts {
  readonly seederId: SeederId;
  readonly zone: string;
  readonly state: SeederState;
  readonly writable: boolean;
  readonly totalBytes: number;
  /** What may still be stored, its reserve already taken off. */
  readonly freeBytes: number;
  /** It is being drained: its copies may be read, do not count, and it takes no new ones. */
  readonly leaving?: boolean;
  /** Its absence was announced: its copies count although it is silent. */
  readonly excused?: boolean;
  /** Since when it is silent, by the tracker's clock. */
  readonly heardMs?: number;
}

export interface ClusterView {
  readonly nowMs: number;
  /** All registered seeders, in any order: no plan may depend on it. */
  readonly seeders: readonly SeederFacts[];
}

/**
 * Holdings on these count as copies: heard lately, or silent for no longer than a restart takes.
 */
export function isLive(state: SeederState): boolean {
  return state === "green" || state === "yellow";
}

/**
 * How many copies a commit must have. All that were asked for; where fewer seeders than that can be
 * written to, one on each of these; but never fewer than two unless the cluster has one seeder only
 * or the policy asks for one.
 */
export function neededCopies(view: ClusterView, wanted: number): number {
  const able =
    view.seeders.filter((seeder) =>
      isLive(seeder.state) && seeder.writable && seeder.leaving !== true
    ).length;
  const least = Math.min(wanted, view.seeders.length <= 1 ? 1 : 2);
  return Math.max(least, Math.min(wanted, able));
}
