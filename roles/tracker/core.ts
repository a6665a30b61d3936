/**
 * All parts of a tracker together, as `tracker.ts` wires them and `api.ts` and `status.ts` reach
 * them. No part imports this: each declares what it uses.
 */
import type { Adoptions } from "./seeders/adoptions.ts";
import type { Archive } from "./snapshots/archive.ts";
import type { Garbage } from "./copies/garbage.ts";
import type { Ground } from "./ground.ts";
import type { Healing } from "./copies/healing.ts";
import type { Holdings } from "./copies/holdings.ts";
import type { LostCopies } from "./copies/lost.ts";
import type { LossGuard } from "./copies/loss_guard.ts";
import type { LogShipping } from "./log/log_shipping.ts";
import type { Members } from "./seeders/members.ts";
import type { Mending } from "./checks/mending.ts";
import type { OrderBook } from "./seeders/orders.ts";
import type { Room } from "./room.ts";
import type { Scrubs } from "./copies/scrubs.ts";

export interface Core extends Ground {
  readonly shipping: LogShipping;
  readonly members: Members;
  readonly holdings: Holdings;
  readonly orders: OrderBook;
  readonly scrubs: Scrubs;
  readonly lost: LostCopies;
  readonly adoptions: Adoptions;
  /** Says whether the catalog may grow; without it, it may. */
  readonly room: Room | undefined;
  readonly garbage: Garbage;
  readonly healing: Healing;
  readonly losses: LossGuard;
  readonly mending: Mending;
  /** Snapshots; without a place for scratch catalogs there are none. */
  readonly archive: Archive | undefined;
}
