/**
 * The keepers of the log as this tracker hears of them: who they are by the log's own word
 * (`set-keepers`), how far each has it, and what the next change is (`plan/log_keepers.ts`). It
 * decides nothing about when something is acknowledged.
 */
import * as z from "zod";
import {
  limits,
  type LogPosition,
  type PullLogRequest,
  SeederId,
  type SnapshotMark,
} from "../../../protocol/mod.ts";
import type { LogRow } from "../catalog/catalog.ts";
import type { Word } from "../plan/authority.ts";
import {
  confirmationsNeeded,
  confirmedBy,
  isSameSet,
  type NamedKeepers,
  planKeepers,
  setsOf,
  type Sureness,
} from "../plan/log_keepers.ts";
import type { Members } from "../seeders/members.ts";
import { isSetKeepers } from "./operations.ts";
import { SetKeepers } from "./operation.ts";

/** One seeder's copy of the log. */
interface Copy {
  readonly sequence: number;
  /** The last record sent, so that its acknowledgement need not be looked up. */
  sent: LogPosition | undefined;
  readonly heardMs: number;
  readonly snapshots: readonly SnapshotMark[];
}

/** As the catalog has them, with the operation that named them. */
const Named = z.strictObject({
  sequence: z.int().min(1),
  seederIds: z.array(SeederId),
  before: z.array(SeederId).optional(),
});

export interface LogKeepersParts {
  /** What the setting says; without it nobody was named yet. */
  readonly kept: string | undefined;
  readonly members: Members;
  readonly now: () => number;
}

export class LogKeepers {
  readonly #copies = new Map<SeederId, Copy>();
  #named: NamedKeepers & { readonly sequence: number };

  constructor(private readonly parts: LogKeepersParts) {
    const { kept } = parts;
    this.#named = kept === undefined
      ? { sequence: 0, seederIds: [] }
      : Named.parse(JSON.parse(kept));
  }

  /** Who they are, and by which operation. */
  get named(): NamedKeepers & { readonly sequence: number } {
    return this.#named;
  }

  /** Others are to be named soon: there are too few, or a change is under way. */
  get isChanging(): boolean {
    const { seederIds, before } = this.#named;
    return seederIds.length < 3 || before !== undefined;
  }

  isKeeper(seederId: SeederId): boolean {
    return setsOf(this.#named).some((ids) => ids.includes(seederId));
  }

  /** An operation that was committed may name others. True when it does. */
  committed({ sequence, text }: LogRow): boolean {
    if (!isSetKeepers(text)) return false;
    const { seederIds, before } = SetKeepers.parse(JSON.parse(text));
    this.#named = { sequence, seederIds, before };
    return true;
  }

  get(seederId: SeederId): Copy | undefined {
    return this.#copies.get(seederId);
  }

  /** What a seeder's question tells of its copy, which is a beginning of this log. */
  hear({ seederId, position, snapshots }: PullLogRequest): void {
    const { sent } = this.#copies.get(seederId) ?? { sent: undefined };
    const heardMs = this.parts.now();
    this.#copies.set(seederId, { sequence: position.sequence, sent, heardMs, snapshots });
    for (const known of this.#copies.keys()) {
      if (!this.#isMember(known)) this.#copies.delete(known);
    }
  }

  /** Up to which operation the log is on enough of them. */
  confirmed(sureness: Sureness): number {
    return this.#reaching(({ sequence }) => sequence, sureness);
  }

  /** Whether enough of them lag by no more than what is on its way to them. */
  isNear(sequence: number, sureness: Sureness): boolean {
    const { now } = this.parts;
    return this.#reaching((copy) =>
      copy.sequence + limits.logPageRecordsMax >= sequence &&
        now() - copy.heardMs < limits.yellowAfterMs
        ? 1
        : 0, sureness) >= 1;
  }

  /** Whether enough of them have shown, since the start, a copy that is a beginning of this log. */
  haveShown(sureness: Sureness): boolean {
    return this.#reaching(() => 1, sureness) >= 1;
  }

  /**
   * Who of them has shown that, of the set that lacks more where there are two. A majority of both
   * is needed, whatever an acknowledgement asks for.
   */
  word(): Word {
    const isMember = (id: SeederId) => this.#isMember(id);
    const words = setsOf(this.#named).map((ids) => {
      const named = ids.filter(isMember);
      const missing = named.filter((id) => !this.#copies.has(id));
      return { named, missing, needed: confirmationsNeeded(ids, isMember, "majority") };
    });
    const spare = ({ named, missing, needed }: Word) => named.length - missing.length - needed;
    return words.reduce((worst, one) => spare(one) < spare(worst) ? one : worst);
  }

  /** What each of them that is heard has of snapshots. */
  snapshots(): (readonly SnapshotMark[])[] {
    return [...this.#copies].flatMap(([seederId, { heardMs, snapshots }]) =>
      this.isKeeper(seederId) && this.parts.now() - heardMs < limits.redAfterMs ? [snapshots] : []
    );
  }

  /**
   * What shall be named next: a later set beside this one, or the later one alone. While a change
   * is under way another may take its place, as long as the set before stays: all that was
   * acknowledged meanwhile is on a majority of that.
   */
  next(sureness: Sureness): NamedKeepers | undefined {
    const { sequence, seederIds, before } = this.#named;
    const isDone = this.confirmed(sureness) >= sequence;
    if (before !== undefined && isDone) return { seederIds };
    if (before === undefined && !isDone) return undefined;
    const planned = [...planKeepers(seederIds, this.#facts())];
    if (isSameSet(planned, seederIds)) return undefined;
    return { seederIds: planned, before: before ?? seederIds };
  }

  #facts() {
    const { members, now } = this.parts;
    const { seeders, nowMs } = members.view(now());
    return seeders.map(({ seederId, zone, leaving, excused, heardMs, state }) => {
      const silentMs = nowMs - (heardMs ?? nowMs);
      const heard = this.#copies.get(seederId)?.heardMs;
      return {
        ...{ seederId, zone, leaving: leaving === true },
        asks: state === "green" && heard !== undefined &&
          nowMs - heard < limits.logPullMs + limits.yellowAfterMs,
        absent: excused !== true && silentMs >= limits.keeperAbsentMs,
      };
    });
  }

  #reaching(of: (copy: Copy) => number, sureness: Sureness): number {
    const reached = new Map([...this.#copies].map(([seederId, copy]) => [seederId, of(copy)]));
    return confirmedBy(this.#named, reached, (id) => this.#isMember(id), sureness);
  }

  #isMember(seederId: SeederId): boolean {
    return this.parts.members.get(seederId) !== undefined;
  }
}
