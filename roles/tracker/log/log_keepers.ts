/**
 * The seeders that keep the log, as this tracker hears of them: how far each has it, which card it
 * has, and who of them is counted (`plan/log_keepers.ts`). Who is a keeper outlives the tracker: it
 * is in the catalog before any card says so.
 */
import {
  type KeepersMark,
  LogKeepers as LogKeepersSchema,
  type LogPosition,
  type PullLogRequest,
  type SeederId,
  type SnapshotMark,
} from "../../../protocol/mod.ts";
import type { Log } from "../../kit/log.ts";
import type { Catalog } from "../catalog/catalog.ts";
import {
  copiesPromised,
  countedNow,
  type Electorate,
  electorateOf,
  toldIn,
  withKeeper,
  withoutKeepers,
} from "../plan/log_keepers.ts";
import type { Word } from "../plan/authority.ts";
import type { LogSync } from "../plan/log_sync.ts";
import type { Members } from "../seeders/members.ts";

/** One seeder's copy of the log. */
export interface Keeper {
  sequence: number;
  /** The last record sent, so that its acknowledgement need not be looked up. */
  sent: LogPosition | undefined;
  heardMs: number;
  snapshots: readonly SnapshotMark[];
  /** Of the card on its disk. */
  card: KeepersMark | undefined;
}

export interface LogKeepersParts {
  readonly catalog: Catalog;
  readonly epoch: number;
  readonly mode: LogSync;
  readonly copies: number;
  readonly members: Members;
  readonly log: Log;
  /** What the setting says; without it every member is a keeper, as before there were any. */
  readonly kept: string | undefined;
}

export interface Heard {
  readonly keeper: Keeper;
  /** It is time to make it a keeper. */
  readonly isNew: boolean;
  /** More keepers are counted now: the cards shall say so. */
  readonly moreCounted: boolean;
}

export const keepersSetting = "log-keepers";

export class LogKeepers {
  readonly #keepers = new Map<SeederId, Keeper>();
  #electorate: Electorate;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(private readonly parts: LogKeepersParts) {
    const { kept, members } = parts;
    const all = members.all().map(({ row }) => row.seederId);
    const known = { epoch: 0, version: 0, seederIds: all, counted: all.length };
    const told = kept === undefined ? known : LogKeepersSchema.parse(JSON.parse(kept));
    this.#electorate = electorateOf(told);
  }

  get copies(): number {
    return copiesPromised(this.parts.mode, this.parts.copies);
  }

  get size(): number {
    return this.#keepers.size;
  }

  /** For the card. */
  told() {
    return toldIn(this.#electorate);
  }

  get(seederId: SeederId): Keeper | undefined {
    return this.#keepers.get(seederId);
  }

  all(): Keeper[] {
    return [...this.#keepers.values()];
  }

  /** What a seeder's question tells. */
  hear(request: PullLogRequest, nowMs: number): Heard {
    const { seederId, position, snapshots, keepers: card } = request;
    const { sent } = this.#keepers.get(seederId) ?? { sent: undefined };
    const keeper = { sequence: position.sequence, sent, heardMs: nowMs, snapshots, card };
    this.#keepers.set(seederId, keeper);
    const moreCounted = this.#count();
    // One that has no card yet could not present itself to a rebuild.
    const isNew = card !== undefined && this.parts.members.get(seederId) !== undefined &&
      !this.#isKeeper(seederId);
    return { keeper, isNew, moreCounted };
  }

  /** Whether a card that a seeder has tells of the keepers as they are now. */
  isCurrent(card: PullLogRequest["keepers"]): boolean {
    const { mark: { epoch, version }, counted } = this.#electorate;
    return card?.epoch === epoch && card.version === version && card.counted === counted;
  }

  /** Makes it a keeper, on disk first. @throws what the catalog throws */
  async admit(seederId: SeederId): Promise<void> {
    await this.#change(() =>
      this.#isKeeper(seederId)
        ? undefined
        : withKeeper(this.#electorate, seederId, this.parts.epoch)
    );
    this.#count();
  }

  /** Leaves those out that were forgotten. */
  async retire(): Promise<boolean> {
    const { members, epoch } = this.parts;
    const before = this.#electorate.mark;
    await this.#change(() => {
      const gone = this.#forgotten();
      return gone.size === 0 ? undefined : withoutKeepers(this.#electorate, gone, epoch);
    });
    for (const seederId of this.#keepers.keys()) {
      if (members.get(seederId) === undefined) this.#keepers.delete(seederId);
    }
    return before !== this.#electorate.mark;
  }

  /**
   * Whether some were forgotten and shall be left out: when the log that says so is acknowledged;
   * or when without that nothing can be acknowledged, for then only the word of a person leads on.
   */
  mayRetire(isAcknowledged: boolean, needed: number): boolean {
    const gone = this.#forgotten();
    if (gone.size === 0) return false;
    const { keepers, counted } = this.#electorate;
    const left = keepers.slice(0, counted).filter(({ seederId }) => !gone.has(seederId)).length;
    return isAcknowledged || left < needed;
  }

  #forgotten(): Set<SeederId> {
    const ids = this.#electorate.keepers.map(({ seederId }) => seederId);
    return new Set(ids.filter((seederId) => this.parts.members.get(seederId) === undefined));
  }

  /**
   * How far each has the log that may be counted. `auto` counts all that ask where too few of the
   * counted ones live: that is better than none, though a rebuild may not know of them.
   */
  positions(needed: number, live: readonly SeederId[]): number[] {
    const { keepers, counted } = this.#electorate;
    const ids = keepers.slice(0, counted).map(({ seederId }) => seederId);
    const isWeak = ids.filter((seederId) => live.includes(seederId)).length < needed;
    if (!isWeak || this.parts.mode === "seeders") {
      return ids.flatMap((seederId) => this.#keepers.get(seederId)?.sequence ?? []);
    }
    return this.all().map(({ sequence }) => sequence);
  }

  /**
   * Who has shown since the start that there is no later log. What was acknowledged is on `copies`
   * keepers: all but so many and one more have it among them, and a majority whatever `copies` is.
   */
  word(): Word {
    const named = this.#electorate.keepers.map(({ seederId }) => seederId)
      .filter((seederId) => this.parts.members.get(seederId) !== undefined);
    const missing = named.filter((seederId) => !this.#keepers.has(seederId));
    const majority = Math.floor(named.length / 2) + 1;
    return { named, missing, needed: Math.max(majority, named.length - this.copies + 1) };
  }

  #isKeeper(seederId: SeederId): boolean {
    return this.#electorate.keepers.some((one) => one.seederId === seederId);
  }

  /** Whether more are counted than before. */
  #count(): boolean {
    const told = new Map(
      [...this.#keepers].flatMap(([seederId, { card }]) =>
        card === undefined ? [] : [[seederId, card]] as const
      ),
    );
    const counted = countedNow(this.#electorate, told, this.copies);
    if (counted === this.#electorate.counted) return false;
    this.#electorate = { ...this.#electorate, counted };
    // A start that finds fewer has to hear of all of them again.
    this.#change(() => this.#electorate).catch((fault) =>
      this.parts.log.warn("the keepers of the log are not written down", { fault })
    );
    return true;
  }

  /** One change after another: the catalog has each before any card tells of it. */
  async #change(next: () => Electorate | undefined): Promise<void> {
    const work = this.#writing.catch(() => {}).then(async () => {
      const changed = next();
      if (changed === undefined) return;
      const value = JSON.stringify(toldIn(changed));
      await this.parts.catalog.transaction((tx) => tx.putSetting(keepersSetting, value));
      const { counted } = this.#electorate;
      // Who came to be counted meanwhile stays so, unless keepers went.
      const isLess = changed.keepers.length < this.#electorate.keepers.length;
      this.#electorate = isLess ? changed : { ...changed, counted };
      const { mark, keepers } = this.#electorate;
      const now = { ...mark, keepers: keepers.length, counted: this.#electorate.counted };
      this.parts.log.info("keepers of the log", now);
    });
    this.#writing = work;
    await work;
  }
}
