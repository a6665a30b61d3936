/**
 * Who keeps the log, and what counts as acknowledged. Keepers are few, in different zones, and
 * named by an operation of the log. They change jointly: while a change is under way there are two
 * sets, and everything (acknowledging, proving, rebuilding) asks for a majority of both, which is
 * the lesser of what the two have. The later set stands alone once the operation that names it is
 * on a majority of both.
 *
 * So any two sets of seeders of which each was enough for something share a keeper, and the one
 * that knows the later change tells it: the card with the names is on a keeper's disk before the
 * records that follow it (`docs/decisions/0015-keepers-of-the-log.md` has the argument,
 * `log_keepers_test.ts` plays it). What a person does is beside this: who was forgotten can confirm
 * nothing any more, so where fewer than a majority are left, those who are left are enough.
 */
import type { SeederId } from "../../../protocol/mod.ts";
import type { LogSync } from "./log_sync.ts";

/** Who keeps the log. */
export interface NamedKeepers {
  readonly seederIds: readonly SeederId[];
  /** Those before, while the change is under way. */
  readonly before?: readonly SeederId[] | undefined;
}

/** Of this many. */
export function majorityOf(count: number): number {
  return count === 0 ? 0 : Math.floor(count / 2) + 1;
}

/** The one set, or both. */
export function setsOf({ seederIds, before }: NamedKeepers): (readonly SeederId[])[] {
  return before === undefined ? [seederIds] : [seederIds, before];
}

/** Whether these are a majority of the keepers, of both sets where there are two. */
export function isMajority(keepers: NamedKeepers, who: ReadonlySet<SeederId>): boolean {
  return setsOf(keepers).every((ids) =>
    ids.filter((id) => who.has(id)).length >= majorityOf(ids.length)
  );
}

/** How sure an acknowledgement is: of a majority always, or of less where there are only two. */
export type Sureness = "majority" | "least";

/**
 * On how many of a set an operation must be. `auto` goes below a majority only where there are
 * fewer than three: to one of two, and to none of one.
 */
export function confirmationsNeeded(
  ids: readonly SeederId[],
  members: (seederId: SeederId) => boolean,
  sureness: Sureness,
): number {
  const count = ids.length;
  const asked = sureness === "majority" || count >= 3 ? majorityOf(count) : Math.max(0, count - 1);
  return Math.min(asked, ids.filter(members).length);
}

/**
 * The highest number that enough of the keepers have reached: the lesser of the two sets'.
 * @param reached how far each has it that has said so; Infinity where nothing is asked for
 */
export function confirmedBy(
  keepers: NamedKeepers,
  reached: ReadonlyMap<SeederId, number>,
  members: (seederId: SeederId) => boolean,
  sureness: Sureness,
): number {
  return Math.min(
    ...setsOf(keepers).map((ids) => {
      const needed = confirmationsNeeded(ids, members, sureness);
      if (needed === 0) return Infinity;
      const positions = ids.flatMap((id) => reached.get(id) ?? []).toSorted((a, b) => b - a);
      return positions[needed - 1] ?? 0;
    }),
  );
}

/** Below which sureness an acknowledgement never goes. */
export function leastSureness(mode: LogSync): Sureness {
  return mode === "seeders" ? "majority" : "least";
}

export interface KeeperFacts {
  readonly seederId: SeederId;
  readonly zone: string;
  /** It is being drained. */
  readonly leaving: boolean;
  /** It asks for the log now. */
  readonly asks: boolean;
  /** Silent for longer than any restart or repair of a machine takes. */
  readonly absent: boolean;
}

const mostKeepers = 5;

/** Odd where it can be: a fourth, or a second beside one, makes no absence harmless. */
function howMany(usable: number): number {
  return Math.min(mostKeepers, usable < 3 ? usable : usable - 1 + usable % 2);
}

/**
 * Who shall keep the log, given the members. Those who keep it go on; whoever was forgotten is no
 * member, and leaves the set, as does one that is drained. One that is absent for long is replaced
 * when there is another, and stays when there is none. Zones that no keeper is in come first.
 */
export function planKeepers(
  now: readonly SeederId[],
  members: readonly KeeperFacts[],
): readonly SeederId[] {
  const byId = members.toSorted((a, b) => a.seederId < b.seederId ? -1 : 1);
  const usable = byId.filter(({ leaving }) => !leaving);
  const isKeeper = ({ seederId }: KeeperFacts) => now.includes(seederId);
  const kept = usable.filter((one) => isKeeper(one) && !one.absent);
  const others = usable.filter((one) => !isKeeper(one) && one.asks);
  const absent = usable.filter((one) => isKeeper(one) && one.absent);
  const wanted = howMany(kept.length + others.length + absent.length);
  const zones = new Set<string>();
  const firstOfZone = ({ zone }: KeeperFacts) => !zones.has(zone) && zones.add(zone) !== undefined;
  const spread = [...kept.filter(firstOfZone), ...others.filter(firstOfZone)];
  const rest = [...kept, ...others].filter((one) => !spread.includes(one));
  const chosen = [...spread, ...rest, ...absent].slice(0, wanted);
  // With nobody to take it the log stays where it is.
  return chosen.length === 0 ? now : chosen.map(({ seederId }) => seederId).toSorted();
}

export function isSameSet(one: readonly SeederId[], other: readonly SeederId[]): boolean {
  return one.length === other.length && one.every((id) => other.includes(id));
}
