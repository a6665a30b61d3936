/**
 * What every part of the tracker is given: the catalog, the keys, the members, the tracker's clock
 * and its dice. Made once when the tracker opens; holds no rule of its own.
 */
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import type { Random } from "../kit/random.ts";
import type { SnapshotFolder } from "../kit/snapshot_folder.ts";
import type { Catalog } from "./catalog/catalog.ts";
import type { ClusterKeys } from "./cluster_keys.ts";
import type { Adoptions } from "./seeders/adoptions.ts";
import type { Follower } from "./log/follower.ts";
import type { Garbage } from "./copies/garbage.ts";
import type { Healing } from "./copies/healing.ts";
import type { Holdings } from "./copies/holdings.ts";
import type { LeaseClock } from "./copies/lease_clock.ts";
import type { LossGuard } from "./copies/loss_guard.ts";
import type { LogShipping } from "./log/log_shipping.ts";
import type { Members } from "./seeders/members.ts";
import type { Stamp } from "./log/operations.ts";
import type { Mending } from "./checks/mending.ts";
import type { OrderBook } from "./seeders/orders.ts";
import type { Snapshots } from "./snapshots/snapshots.ts";
import type { Room } from "./room.ts";
import type { Scrubs } from "./copies/scrubs.ts";

export interface Archive {
  readonly folder: SnapshotFolder;
  readonly follower: Follower;
  readonly snapshots: Snapshots;
  close(): Promise<void>;
}

export interface Core {
  /** Tells `shipping` of every operation. */
  readonly catalog: Catalog;
  readonly shipping: LogShipping;
  readonly keys: ClusterKeys;
  readonly epoch: number;
  readonly upSinceMs: number;
  readonly copiesDefault: number;
  /** How long the trash keeps an entry, and which share of all disks it may take. */
  readonly trashKeepMs: number;
  readonly trashShareMax: number;
  /** Which share of all disks old versions may take. */
  readonly versionsShareMax: number;
  readonly members: Members;
  readonly holdings: Holdings;
  readonly orders: OrderBook;
  readonly scrubs: Scrubs;
  readonly adoptions: Adoptions;
  /** Says whether the catalog may grow; without it, it may. */
  readonly room: Room | undefined;
  readonly garbage: Garbage;
  readonly healing: Healing;
  readonly losses: LossGuard;
  readonly mending: Mending;
  /** By the tracker's clock. */
  readonly sleep: Clock["sleep"];
  /** Snapshots; without a place for scratch catalogs there are none. */
  readonly archive: Archive | undefined;
  /** The tracker's clock, for dates: never behind the last time in the log. */
  readonly now: () => number;
  /** By which uploads, leaves and receipts age. */
  readonly leases: LeaseClock;
  readonly random: Random;
  readonly log: Log;
}

/** Under which an operation is committed now. */
export function stampOf(core: Core): Stamp {
  return { epoch: core.epoch, nowMs: core.now() };
}
