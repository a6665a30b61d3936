/**
 * What every part of the tracker stands on: the catalog, the keys, the epoch, the clocks, the dice,
 * the log and the settings. It names no part. A part says in an interface of its own which other
 * parts it uses, beside this, so that parts never import each other in a circle.
 */
import type { LogMark } from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import type { Random } from "../kit/random.ts";
import type { Authority } from "./authority/authority.ts";
import type { Catalog } from "./catalog/catalog.ts";
import type { ClusterKeys } from "./cluster_keys.ts";
import type { Stamp } from "./log/operations.ts";

/** The clock by which uploads, leaves and receipts age (`copies/lease_clock.ts`). */
export interface Leases {
  now(): number;
  /** The time now, to give away: no later tracker begins before it. */
  handOut(catalog: Catalog): Promise<number>;
  attend(): void;
  /** A keeper of the log heard this time: ours is not before it. */
  heard(ms: number): void;
}

export interface Settings {
  readonly copiesDefault: number;
  /** How long the trash keeps an entry, and which share of all disks it may take. */
  readonly trashKeepMs: number;
  readonly trashShareMax: number;
  /** Which share of all disks old versions may take. */
  readonly versionsShareMax: number;
}

export type StampNeeds = Pick<Ground, "authority" | "start" | "now">;

export interface Ground extends Settings {
  /** Tells the log's shipping of every operation. */
  readonly catalog: Catalog;
  readonly keys: ClusterKeys;
  /** The record of this start: its epoch and term are those of all that this tracker writes. */
  readonly start: LogMark;
  /** Says what this tracker may do now. */
  readonly authority: Authority;
  readonly upSinceMs: number;
  /** The tracker's clock, for dates: never behind the last time in the log. */
  readonly now: () => number;
  readonly leases: Leases;
  /** By the tracker's clock. */
  readonly sleep: Clock["sleep"];
  readonly random: Random;
  readonly log: Log;
}

/** Under which an operation is committed now. @throws Fault `stale-epoch` while fenced */
export function stampOf({ authority, start, now }: StampNeeds): Stamp {
  return { permit: authority.acknowledge(), epoch: start.epoch, term: start.term, nowMs: now() };
}
