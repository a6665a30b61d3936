/**
 * The log on its way to the seeders. The tracker calls nobody: each seeder holds a question open,
 * is answered as soon as there are new records, and acknowledges them by asking for those after
 * them. Records that are committed while the seeders sync travel together in the next answer, so
 * many commits share one journey.
 *
 * A person's change is acknowledged when the log as it stands then is on enough seeders
 * (`plan/log_sync.ts`). Where too few answer in time, `auto` says so in the log and goes on with
 * the tracker's disk alone until they have caught up; `seeders` refuses.
 */
import {
  type ClusterCard,
  Fault,
  isSamePosition,
  limits,
  type LogMark,
  type LogPosition,
  type LogRecord,
  positionOf,
  type PullLogReply,
  type PullLogRequest,
  type SealedKey,
  type SeederId,
  signRecord,
  type SnapshotMark,
  type SnapshotNews,
} from "../../../protocol/mod.ts";
import type { Clock } from "../../kit/clock.ts";
import type { Log } from "../../kit/log.ts";
import type { Catalog, LogRow } from "../catalog/catalog.ts";
import type {
  AcknowledgePermit,
  Authority,
  GiveUpPermit,
  Witnesses,
} from "../authority/authority.ts";
import type { Word } from "../plan/authority.ts";
import { LogKeepers } from "./log_keepers.ts";
import type { ClusterKeys } from "../cluster_keys.ts";
import type { Members } from "../seeders/members.ts";
import { planSnapshots } from "../plan/snapshots.ts";
import { confirmationsNeeded, confirmedSequence, type LogSync } from "../plan/log_sync.ts";

export interface LogShippingParts {
  readonly catalog: Catalog;
  readonly keys: ClusterKeys;
  readonly sealedKey: SealedKey;
  /** The record of this start. */
  readonly begun: LogMark;
  /** Hears of later logs and later trackers, and says whether this one may go on. */
  readonly authority: Authority;
  /** The first operation this log still has. */
  readonly start: number;
  /** Snapshots that are made and proved; without it there are none. */
  /** On how many seeders a snapshot must be before anything goes; on `copies` without it. */
  readonly spreadNeeded?: number | undefined;
  readonly folder?: { readonly marks: readonly SnapshotMark[] } | undefined;
  /** Who the keepers of the log are, as the catalog has it. */
  readonly keepersKept?: string | undefined;
  readonly mode: LogSync;
  readonly copies: number;
  readonly members: Members;
  readonly now: () => number;
  readonly clock: Clock;
  readonly log: Log;
}

interface Waiter {
  readonly sequence: number;
  readonly permit: AcknowledgePermit;
  readonly settle: (fault?: Fault) => void;
}

const tailRecords = 1024;

export class LogShipping implements Witnesses {
  readonly #keepers: LogKeepers;
  /** The latest records, in order, signed. */
  #tail: LogRecord[] = [];
  #headPosition: LogPosition;
  #waiters: Waiter[] = [];
  #wakers = new Set<() => void>();
  #start: number;
  #degraded = false;
  #closed = false;

  constructor(private readonly parts: LogShippingParts) {
    this.#headPosition = parts.begun;
    this.#start = parts.start;
    this.#keepers = new LogKeepers({ ...parts, epoch: parts.begun.epoch, kept: parts.keepersKept });
    parts.authority.onFence((fault) => {
      this.#wakeAll();
      for (const waiter of this.#waiters.splice(0)) waiter.settle(fault);
    });
  }

  /** The first operation this log still has. */
  get start(): number {
    return this.#start;
  }

  /** Tells that the log begins with this operation now. */
  trimmed(_permit: GiveUpPermit, start: number): void {
    this.#start = start;
  }

  /** Which snapshots are kept, and from which on the log is. */
  news(): SnapshotNews {
    const { folder, copies, members, now, spreadNeeded } = this.parts;
    const reports = members.live(now()).map((seederId) =>
      this.#keepers.get(seederId)?.snapshots ?? []
    );
    return planSnapshots(folder?.marks ?? [], reports, spreadNeeded ?? copies);
  }

  /** The end of the log. */
  get head(): LogPosition {
    return this.#headPosition;
  }

  get #head(): number {
    return this.#headPosition.sequence;
  }

  get degraded(): boolean {
    return this.#degraded;
  }

  word(): Word {
    return this.#keepers.word();
  }

  hasGoneOn(): boolean {
    return this.#head > this.parts.begun.sequence;
  }

  /** Tells of rows that were committed just now, in order. */
  committed(rows: readonly LogRow[]): void {
    for (const row of rows) {
      if (row.sequence <= this.#head) continue;
      if ((this.#tail.at(-1)?.sequence ?? row.sequence - 1) !== row.sequence - 1) this.#tail = [];
      const record = this.#signed(row);
      this.#tail.push(record);
      this.#headPosition = positionOf(record);
    }
    if (this.#tail.length > 2 * tailRecords) this.#tail = this.#tail.slice(-tailRecords);
    this.#wakeAll();
  }

  /**
   * Resolves when the log as it stands is on enough seeders: on so many as prove this tracker while
   * it may not acknowledge alone. @throws `stale-epoch`, `unavailable`
   */
  async settled(permit: AcknowledgePermit): Promise<void> {
    const sequence = this.#head;
    if (this.#isSettled({ sequence, permit })) return;
    const { clock } = this.parts;
    await new Promise<void>((resolve, reject) => {
      const done = new AbortController();
      const settle = (fault?: Fault) => {
        done.abort();
        if (fault === undefined) resolve();
        else reject(fault);
      };
      this.#waiters.push({ sequence, permit, settle });
      clock.sleep(limits.logSyncWaitMs, done.signal).then(() => this.#late(), () => {});
    });
  }

  /**
   * Answers a seeder's question once there is something after its position, or nothing for
   * `limits.logPullMs`. @throws Fault `stale-epoch` when the seeder knows a later tracker
   */
  async pull(request: PullLogRequest): Promise<PullLogReply> {
    await this.parts.authority.hear(request.heard);
    const { seederId, position } = request;
    const beginAfter = this.#beginAfter(position);
    if (beginAfter !== undefined) return { ...this.#reply([], false), beginAfter };
    if (!await this.#isOurs(seederId, position)) return await this.#foreign(seederId, position);
    const { keeper, isNew, moreCounted } = this.#keepers.hear(request, this.parts.now());
    if (moreCounted) this.#wakeAll();
    if (isNew) await this.#admit(seederId);
    this.#acknowledged();
    const isCurrent = this.#keepers.isCurrent(request.keepers);
    if (isCurrent && position.sequence >= this.#head) await this.#untilNews();
    const records = await this.recordsAfter(position.sequence);
    // It may have been forgotten, or banned, while it waited.
    this.parts.members.here(seederId);
    const last = records.at(-1);
    if (last !== undefined) keeper.sent = last;
    const reply = this.#reply(records, false);
    if (!this.#keepers.isCurrent(request.keepers)) return reply;
    // Who has it already is not told again: of many seeders it is long.
    return { ...reply, card: { ...reply.card, keepers: undefined } };
  }

  /** A page of the log, signed. */
  async recordsAfter(sequence: number): Promise<LogRecord[]> {
    const first = this.#tail[0]?.sequence ?? Infinity;
    if (sequence + 1 >= first) {
      return page(this.#tail.slice(sequence + 1 - first, sequence + 1 - first + pageRows));
    }
    const rows = await this.parts.catalog.read((view) => view.logAfter(sequence, pageRows));
    return page(rows.map((row) => this.#signed(row)));
  }

  card(): ClusterCard {
    const { sealedKey, members } = this.parts;
    const { copies } = this.#keepers;
    return { sealedKey, copies, seeders: members.all().length, keepers: this.#keepers.told() };
  }

  /** Lets go of every question and every wait. */
  close(): void {
    this.#closed = true;
    this.#wakeAll();
    const fault = new Fault("unavailable", "the tracker is stopping");
    for (const waiter of this.#waiters.splice(0)) waiter.settle(fault);
  }

  /** Everybody is told: who knows of it makes that the seeder can be counted. */
  async #admit(seederId: SeederId): Promise<void> {
    try {
      await this.#keepers.admit(seederId);
      this.#wakeAll();
    } catch (fault) {
      // Without room in the catalog it has the log all the same; it asks again.
      this.parts.log.warn("a seeder is no keeper of the log yet", { seederId, fault });
    }
  }

  /** Those that were forgotten are none any more. */
  async #retire(): Promise<void> {
    try {
      if (await this.#keepers.retire()) this.#wakeAll();
    } catch (fault) {
      this.parts.log.warn("the keepers of the log are not written down", { fault });
    }
  }

  #signed(row: LogRow): LogRecord {
    return signRecord(this.parts.keys.clusterKey, row);
  }

  #reply(records: LogRecord[], restart: boolean): PullLogReply {
    const { keys: { clusterId }, begun: start } = this.parts;
    return { clusterId, start, records, restart, card: this.card(), snapshots: this.news() };
  }

  /**
   * The snapshot that stands for what a seeder lacks: operations that are gone here, or are about
   * to be.
   */
  #beginAfter({ sequence }: LogPosition): SnapshotMark | undefined {
    const { keep, since } = this.news();
    // Whether a seeder's last record is ours is told by the row of the same number.
    const isHere = this.#start === 1 || sequence >= this.#start;
    if (isHere && sequence >= (since?.sequence ?? 0)) return undefined;
    const mark = since ?? keep.findLast((each) => each.sequence >= this.#start);
    if (mark !== undefined) return mark;
    if (isHere) return undefined;
    const detail = `the log begins with operation ${this.#start}, and no snapshot is here`;
    throw new Fault("unavailable", detail, { next: "wait until the tracker has made one" });
  }

  async #isOurs(seederId: SeederId, position: LogPosition): Promise<boolean> {
    if (position.sequence === 0) return true;
    const sent = this.#keepers.get(seederId)?.sent;
    if (sent?.sequence === position.sequence) return isSamePosition(sent, position);
    const [row] = await this.parts.catalog.read((view) => view.logAfter(position.sequence - 1, 1));
    return row !== undefined && isSamePosition(row, position);
  }

  /** A seeder has records that are not in this log. */
  async #foreign(seederId: SeederId, position: LogPosition): Promise<PullLogReply> {
    await this.parts.authority.hearForeign(position);
    this.parts.log.warn("a seeder sets its log aside", { seederId, ...position });
    return this.#reply([], true);
  }

  #untilNews(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    const done = new AbortController();
    return new Promise((resolve) => {
      const wake = () => {
        this.#wakers.delete(wake);
        done.abort();
        resolve();
      };
      this.#wakers.add(wake);
      this.parts.clock.sleep(limits.logPullMs, done.signal).then(wake, () => {});
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  #confirmed(): number {
    const { mode, copies, members, now } = this.parts;
    const live = members.live(now());
    const needed = confirmationsNeeded(mode, copies, live.length);
    return confirmedSequence(this.#keepers.positions(needed, live), needed);
  }

  #acknowledged(): void {
    const confirmed = this.#confirmed();
    const { copies } = this.#keepers;
    if (this.#keepers.mayRetire(confirmed >= this.#head, copies)) void this.#retire();
    if (this.#degraded && this.#caughtUp()) {
      this.#degraded = false;
      this.parts.log.info("the log is on enough seeders again", { sequence: confirmed });
    }
    const waiting = this.#waiters;
    const settled = waiting.filter((waiter) => this.#isSettled(waiter));
    if (settled.length === 0) return;
    this.#waiters = waiting.filter((waiter) => !settled.includes(waiter));
    for (const waiter of settled) waiter.settle();
  }

  #isSettled({ sequence, permit }: Pick<Waiter, "sequence" | "permit">): boolean {
    if (permit.alone || this.parts.mode === "local") {
      return this.#degraded || sequence <= this.#confirmed();
    }
    const { needed, named } = this.word();
    return sequence <= confirmedSequence(this.#keepers.positions(needed, named), needed);
  }

  /** As many seeders as are needed lag by no more than what is on its way to them. */
  #caughtUp(): boolean {
    const { mode, copies, members, now } = this.parts;
    const needed = confirmationsNeeded(mode, copies, members.live(now()).length);
    const near = this.#keepers.all().filter((keeper) =>
      keeper.sequence + pageRows >= this.#head && now() - keeper.heardMs < limits.yellowAfterMs
    );
    return near.length >= Math.max(1, needed);
  }

  /** The oldest wait has taken too long. */
  #late(): void {
    const { mode, copies, members, now, log } = this.parts;
    const live = members.live(now()).length;
    const needed = confirmationsNeeded(mode, copies, live);
    const confirmed = this.#confirmed();
    const fields = { head: this.#head, confirmed, needed, live, keepers: this.#keepers.size };
    const [alone, together] = [true, false].map((each) =>
      this.#waiters.filter(({ permit }) => permit.alone === each)
    );
    this.#waiters = [];
    const starting = "the tracker has started, and too few keepers of its log have spoken yet";
    for (const { settle } of together ?? []) settle(new Fault("unavailable", starting));
    const waiters = alone ?? [];
    if (waiters.length === 0) return;
    if (mode === "auto") {
      this.#degraded = true;
      log.warn("the log is on too few seeders: acknowledged from this tracker's disk alone", {
        ...fields,
        next: "see status; a lost disk of the tracker would lose what follows",
      });
      for (const waiter of waiters) waiter.settle();
      return;
    }
    log.warn("the log is on too few seeders: nothing is acknowledged", fields);
    const detail = `operation ${this.#head} is on fewer than ${needed} seeders`;
    const next = "start seeders, or forget those that will not come back; see: seeders";
    for (const waiter of waiters) waiter.settle(new Fault("unavailable", detail, { next }));
  }
}

const pageRows = limits.logPageRecordsMax;

/** As many of the records as fit into one message, one at least. */
function page(records: readonly LogRecord[]): LogRecord[] {
  let bytes = 0;
  const end = records.findIndex(({ text }) => (bytes += text.length) >= limits.logPageBytesMax);
  return records.slice(0, end === -1 ? records.length : end + 1);
}
