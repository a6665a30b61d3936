/**
 * The seeders of the cluster as this tracker knows them: the row the catalog keeps, and what was
 * heard since the tracker started. One object, changed synchronously by `membership.ts`, read by
 * everything that asks who is live or where a chunk can go.
 */
import type { SeederId, SeederState, Space } from "../../../protocol/mod.ts";
import type { SeederRow } from "../catalog/catalog.ts";
import type { ClusterView } from "../plan/view.ts";
import { isLive } from "../plan/view.ts";
import { judgedMs, stateAt } from "./roster.ts";

/** One seeder. Before its first heartbeat to this tracker, what the last tracker kept of it. */
export class Member {
  heardMs: number | undefined;
  bootId: string | undefined;
  writable = true;
  trouble: string | undefined;
  space: Space;
  chunkCount = 0;
  inventoryDigest = "";
  /** Since when it reports this count and digest. */
  inventorySinceMs = 0;
  /** Drops that receipts given before this could stand in the way of are refused. */
  receiptsFloorMs = -Infinity;
  /** Starts that a later start has replaced: whoever speaks under one is a second seeder. */
  readonly bootIdsReplaced = new Set<string>();
  /** True while `row` differs from what the catalog keeps. */
  unsaved = false;

  constructor(public row: SeederRow) {
    const { totalBytes, freeBytes, usedBytes } = row;
    this.space = { totalBytes, freeBytes, usedBytes };
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
  #attendedMs: number | undefined;

  constructor(rows: readonly SeederRow[], public upSinceMs: number) {
    for (const row of rows) this.put(row);
  }

  get(seederId: SeederId): Member | undefined {
    return this.#members.get(seederId);
  }

  all(): Member[] {
    return [...this.#members.values()];
  }

  put(row: SeederRow): void {
    this.#members.set(row.seederId, new Member(row));
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

  remove(seederId: SeederId): void {
    this.#members.delete(seederId);
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

  /** The size of each seeder's disk; 0 where no word of it has come yet. */
  diskBytes(): number[] {
    return this.all().map(({ space }) => space.totalBytes);
  }

  view(nowMs: number): ClusterView {
    const seeders = this.all().map((member) => ({
      seederId: member.row.seederId,
      zone: member.row.zone,
      state: this.stateOf(member, nowMs),
      writable: member.writable,
      totalBytes: member.space.totalBytes,
      freeBytes: member.space.freeBytes,
      leaving: member.row.draining === true,
      excused: (member.row.maintenanceUntilMs ?? 0) > nowMs,
      heardMs: member.heardMs ?? this.upSinceMs,
    }));
    return Object.freeze({ nowMs, seeders: Object.freeze(seeders) });
  }
}
