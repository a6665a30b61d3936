/**
 * The seeders of the cluster as this tracker knows them: the row the catalog keeps, and what was
 * heard since the tracker started. One object, changed synchronously: what the log says of a seeder
 * is here as soon as it is committed, and nowhere else is remembered who is a member. Who is none,
 * because it waits or was banned, is kept apart, so that whoever asks for members never meets one.
 */
import {
  type FalseAnswers,
  Fault,
  type SecretKey,
  type SeederId,
  type SeederState,
  type Space,
} from "../../../protocol/mod.ts";
import type { LogRow, SeederRow } from "../catalog/catalog.ts";
import type { ClusterKeys } from "../cluster_keys.ts";
import { isMember, seederAfter, seederOperationOf } from "../log/seeder_operations.ts";
import type { ClusterView } from "../plan/view.ts";
import { isLive } from "../plan/view.ts";
import { judgedMs, stateAt } from "./roster.ts";

/** One seeder. Before its first heartbeat to this tracker, what the last tracker kept of it. */
export class Member {
  /** When it was heard last with its disk there: without it, it may as well be silent. */
  heardMs: number | undefined;
  bootId: string | undefined;
  writable = true;
  trouble: string | undefined;
  /** It reports, and its disk is not there. */
  diskGone: true | undefined;
  /** By its own word; see `space`. */
  told: Space;
  /** The zone it names; undefined where it leaves that to the cluster. */
  toldZone: string | undefined;
  chunkCount = 0;
  inventoryDigest = "";
  /** Since when it reports this count and digest. */
  inventorySinceMs = 0;
  /** Drops that receipts given before this could stand in the way of are refused. */
  receiptsFloorMs = -Infinity;
  /** It said of chunks that it holds them, and did not: nothing more is stored there. */
  falseAnswers: FalseAnswers | undefined;
  /** Starts that a later start has replaced: whoever speaks under one is a second seeder. */
  readonly bootIdsReplaced = new Set<string>();
  /** True while `row` differs from what the catalog keeps. */
  unsaved = false;

  constructor(public row: SeederRow) {
    const { totalBytes, freeBytes, usedBytes } = row;
    this.told = { totalBytes, freeBytes, usedBytes };
  }

  /** What it says of its disk, but no more than a person accepted. */
  get space(): Space {
    const { told: { totalBytes, freeBytes, usedBytes }, row: { capacityBytes } } = this;
    return {
      totalBytes: Math.min(totalBytes, capacityBytes),
      freeBytes: Math.max(0, Math.min(freeBytes, capacityBytes - usedBytes)),
      usedBytes,
    };
  }

  get isLeaving(): boolean {
    return this.row.standing === "draining";
  }

  /** True when the holdings agree with what the seeder had when it started. */
  get reconciled(): boolean {
    const { reconciledBootId } = this.row;
    return reconciledBootId !== undefined &&
      (this.bootId === undefined || this.bootId === reconciledBootId);
  }
}

export class Members {
  readonly #members = new Map<SeederId, Member>();
  readonly #outsiders = new Map<SeederId, Member>();
  /** Of all that ever were, and their generations. */
  readonly #generations = new Map<SeederId, number>();
  #attendedMs: number | undefined;

  constructor(
    rows: readonly SeederRow[],
    public upSinceMs: number,
    private readonly keys: Pick<ClusterKeys, "seederKey">,
  ) {
    for (const row of rows) this.#put(row);
  }

  get(seederId: SeederId): Member | undefined {
    return this.#members.get(seederId);
  }

  /** As `get`. @throws Fault `seeder-unknown` */
  here(seederId: SeederId): Member {
    const member = this.#members.get(seederId);
    if (member !== undefined) return member;
    throw new Fault("seeder-unknown", `no seeder with the id ${seederId} is in this cluster`);
  }

  all(): Member[] {
    return [...this.#members.values()];
  }

  /** Those that wait to be accepted, or were banned. */
  outsiders(): Member[] {
    return [...this.#outsiders.values()];
  }

  outsider(seederId: SeederId): Member | undefined {
    return this.#outsiders.get(seederId);
  }

  /** Of the key that the cluster gave this seeder last; undefined where it gave none. */
  generationOf(seederId: SeederId): number | undefined {
    return this.#generations.get(seederId);
  }

  /** The key of a member. @throws Fault `seeder-unknown` */
  keyOf(seederId: SeederId): SecretKey {
    return this.keys.seederKey(seederId, this.here(seederId).row.generation);
  }

  /** Rows of the log that were committed just now: what they say of seeders holds from here on. */
  committed(rows: readonly LogRow[]): void {
    for (const row of rows) {
      const operation = seederOperationOf(row);
      if (operation === undefined) continue;
      const { seederId } = operation;
      const before = this.#members.get(seederId) ?? this.#outsiders.get(seederId);
      const after = seederAfter(before?.row, operation);
      if (after !== undefined) this.#put(after);
    }
  }

  #put(row: SeederRow): void {
    const { seederId, standing, generation } = row;
    const known = this.#members.get(seederId) ?? this.#outsiders.get(seederId);
    this.#members.delete(seederId);
    this.#outsiders.delete(seederId);
    this.#generations.set(seederId, generation);
    if (standing === "forgotten") return;
    // One that joined again is another: nothing that was heard before is about it.
    const member = known?.row.generation === generation ? known : new Member(row);
    member.row = row;
    (isMember(row) ? this.#members : this.#outsiders).set(seederId, member);
  }

  /**
   * Called every `attendMs`. A stall of the tracker's own is nobody's silence: every seeder is
   * taken to have been heard that much later. How long the stall was.
   */
  attend(nowMs: number): number {
    const stallMs = nowMs - this.judged(nowMs);
    this.#attendedMs = nowMs;
    if (stallMs === 0) return 0;
    this.upSinceMs += stallMs;
    for (const member of this.#members.values()) {
      if (member.heardMs !== undefined) member.heardMs = Math.min(nowMs, member.heardMs + stallMs);
    }
    return stallMs;
  }

  /** The time by which silence is judged now: see `judgedMs` of the roster. */
  judged(nowMs: number): number {
    return judgedMs(this.#attendedMs, nowMs);
  }

  stateOf(member: Member, nowMs: number): SeederState {
    const { seederId, away } = member.row;
    const presence = { seederId, away, heardMs: member.heardMs };
    return stateAt(presence, this.upSinceMs, this.judged(nowMs));
  }

  /** Seeders whose holdings count as copies. */
  live(nowMs: number): SeederId[] {
    return this.all().filter((member) => isLive(this.stateOf(member, nowMs)))
      .map((member) => member.row.seederId);
  }

  /** The size of each seeder's disk that counts; 0 where no word of it has come yet. */
  diskBytes(): number[] {
    return this.all().map(({ space }) => space.totalBytes);
  }

  view(nowMs: number): ClusterView {
    const seeders = this.all().map((member) => {
      const { totalBytes, freeBytes } = member.space;
      return {
        seederId: member.row.seederId,
        zone: member.row.zone,
        state: this.stateOf(member, nowMs),
        writable: member.writable && member.falseAnswers === undefined,
        ...{ totalBytes, freeBytes },
        leaving: member.isLeaving,
        excused: (member.row.maintenanceUntilMs ?? 0) > nowMs,
        heardMs: member.heardMs ?? this.upSinceMs,
      };
    });
    return Object.freeze({ nowMs, seeders: Object.freeze(seeders) });
  }
}
