/**
 * Which seeders are keepers of the log, so that a rebuild knows whom to wait for. What was
 * acknowledged is on `copies` keepers that are counted; all keepers are named in the card that
 * every seeder keeps beside its log.
 *
 * A seeder becomes a keeper when it has shown that it has a card, and is counted only once at least
 * `copies` of the keepers before it (all, where there are fewer) have a card that names it. So
 * whoever knows an older card only, and sees as many keepers as that one asks for (all but
 * `copies` - 1), sees one that has a later card: the two sets are too large to miss each other. It
 * goes on with that card, until it has the latest by which anything was acknowledged, and then it
 * sees one of the keepers that have the last operation, for the same reason. A keeper that was
 * forgotten for good makes both numbers smaller by one at the most, and is left out when the log
 * that says so is acknowledged itself. The proof holds while there are `copies` keepers left, and
 * as long as no one who was forgotten because nothing could be acknowledged without comes back.
 */
import type { KeepersMark, LogKeepers, SeederId } from "../../../protocol/mod.ts";
import type { LogSync } from "./log_sync.ts";

export interface LogKeeper {
  readonly seederId: SeederId;
  /** The change that made it one. */
  readonly since: KeepersMark;
}

export interface Electorate {
  /** The latest change. */
  readonly mark: KeepersMark;
  /** In the order in which they came. */
  readonly keepers: readonly LogKeeper[];
  /** So many of the first are counted. */
  readonly counted: number;
}

/** On how many keepers an acknowledged operation is at the least, outside of what `auto` says. */
export function copiesPromised(mode: LogSync, copies: number): number {
  return mode === "seeders" ? copies : Math.min(copies, 2);
}

/** Whether the first is the later one, or the same. */
export function isAsLate(one: KeepersMark, other: KeepersMark): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.version >= other.version);
}

function nextMark({ mark }: Electorate, epoch: number): KeepersMark {
  return { epoch, version: mark.version + 1 };
}

/** With one keeper more, who is not counted yet. */
export function withKeeper(before: Electorate, seederId: SeederId, epoch: number): Electorate {
  const mark = nextMark(before, epoch);
  return { ...before, mark, keepers: [...before.keepers, { seederId, since: mark }] };
}

/** Without those that were forgotten. */
export function withoutKeepers(
  before: Electorate,
  gone: ReadonlySet<SeederId>,
  epoch: number,
): Electorate {
  const stays = ({ seederId }: LogKeeper) => !gone.has(seederId);
  return {
    mark: nextMark(before, epoch),
    keepers: before.keepers.filter(stays),
    counted: before.keepers.slice(0, before.counted).filter(stays).length,
  };
}

/** How many are counted now that these have told which card they have. */
export function countedNow(
  { keepers, counted }: Electorate,
  told: ReadonlyMap<SeederId, KeepersMark>,
  copies: number,
): number {
  let count = counted;
  for (let next = keepers[count]; next !== undefined; next = keepers[++count]) {
    const { since } = next;
    const before = keepers.slice(0, count);
    const know = before.filter(({ seederId }) => {
      const mark = told.get(seederId);
      return mark !== undefined && isAsLate(mark, since);
    });
    if (know.length < Math.min(copies, before.length)) break;
  }
  return count;
}

/** As a card tells it. */
export function toldIn({ mark, keepers, counted }: Electorate): LogKeepers {
  return { ...mark, seederIds: keepers.map(({ seederId }) => seederId), counted };
}

/** From a card: of those that are not counted it is not known which of them knew what. */
export function electorateOf({ epoch, version, seederIds, counted }: LogKeepers): Electorate {
  const mark = { epoch, version };
  const keepers = seederIds.map((seederId) => ({ seederId, since: mark }));
  return { mark, keepers, counted: Math.min(counted, keepers.length) };
}

/** The latest that any of these cards tells, with the most that are counted. */
export function latestKeepers(
  cards: readonly { readonly keepers?: LogKeepers | undefined }[],
): LogKeepers | undefined {
  return cards.flatMap(({ keepers }) => keepers ?? [])
    .reduce<LogKeepers | undefined>(
      (latest, one) => latest === undefined || isLater(one, latest) ? one : latest,
      undefined,
    );
}

function isLater(one: LogKeepers, other: LogKeepers): boolean {
  return !isAsLate(other, one) || (isAsLate(one, other) && one.counted > other.counted);
}
