/**
 * The log on its way to its keepers. The tracker calls nobody: each seeder holds a question open,
 * is answered as soon as there are new records, and acknowledges them by asking for those after
 * them. Records that are committed while the seeders sync travel together in the next answer, so
 * many commits share one journey.
 *
 * A person's change is acknowledged when the log as it stands then is on a majority of the keepers
 * (`plan/log_keepers.ts`). Where there are one or two and one does not answer in time, `auto` says
 * so and goes on with fewer until they have caught up; otherwise it refuses, as `seeders` always
 * does. No keeper is given a record before enough of them have shown that they know no later log:
 * an older tracker that came back writes on nobody's disk.
 */
import {
  type ClusterCard,
  type ClusterStatus,
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
  signCard,
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
import { Bell } from "./bell.ts";
import { LogKeepers } from "./log_keepers.ts";
import { LogTail } from "./log_tail.ts";
import type { ClusterKeys } from "../cluster_keys.ts";
import type { Members } from "../seeders/members.ts";
import { majorityOf, type Sureness } from "../plan/log_keepers.ts";
import type { LogSync } from "../plan/log_sync.ts";
import { planSnapshots } from "../plan/snapshots.ts";
import { commitOperation } from "./operations.ts";

export interface LogShippingParts {
  readonly catalog: Catalog;
  readonly keys: ClusterKeys;
  readonly sealedKey: SealedKey;
  /** The record of this start. */
  readonly begun: LogMark;
  /** Hears of later logs and later trackers, and says whether this one may go on. */
  readonly authority: Authority;
  readonly leases: { heard(ms: number): void };
  /** The first operation this log still has. */
  readonly start: number;
  /** On so many keepers a snapshot must be before anything goes; on a majority without it. */
  readonly spreadNeeded?: number | undefined;
  /** Snapshots that are made and proved; without it there are none. */
  readonly folder?: { readonly marks: readonly SnapshotMark[] } | undefined;
  /** Who the keepers of the log are, as the catalog has it. */
  readonly keepersKept?: string | undefined;
  readonly mode: LogSync;
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

export class LogShipping implements Witnesses {
  readonly #keepers: LogKeepers;
  readonly #tail: LogTail;
  readonly #bell: Bell;
  #waiters: Waiter[] = [];
  #start: number;
  /** Enough keepers have shown that this is no older tracker: they may be given records. */
  #cleared = false;
  #sureness: Sureness = "majority";
  #isStepping = false;

  constructor(private readonly parts: LogShippingParts) {
    const { catalog, keys: { clusterKey }, begun } = parts;
    this.#tail = new LogTail(catalog, clusterKey, begun);
    this.#bell = new Bell(parts.clock);
    this.#start = parts.start;
    this.#keepers = new LogKeepers({ ...parts, kept: parts.keepersKept });
    this.#clear();
    parts.authority.onFence((fault) => {
      this.#bell.ring();
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
    const { folder, spreadNeeded } = this.parts;
    const { seederIds } = this.#keepers.named;
    // With one keeper nothing goes: its disk would be the only one but the tracker's.
    const needed = spreadNeeded ?? Math.max(2, majorityOf(seederIds.length));
    return planSnapshots(folder?.marks ?? [], this.#keepers.snapshots(), needed);
  }

  /** The end of the log. */
  get head(): LogPosition {
    return this.#tail.head;
  }

  /** What a person is told of where the log is. */
  get status(): ClusterStatus["log"] {
    const { mode } = this.parts;
    const { seederIds } = this.#keepers.named;
    const isWeak = mode === "local" || this.#sureness === "least" || seederIds.length < 2;
    return { keepers: [...seederIds], mode, isWeak };
  }

  word(): Word {
    return this.#keepers.word();
  }

  hasGoneOn(): boolean {
    return this.head.sequence > this.parts.begun.sequence;
  }

  /** Tells of rows that were committed just now, in order. */
  committed(rows: readonly LogRow[]): void {
    let isNamed = false;
    for (const row of rows) {
      if (this.#tail.committed(row)) isNamed = this.#keepers.committed(row) || isNamed;
    }
    if (isNamed) this.#acknowledged();
    this.#bell.ring();
  }

  /**
   * Resolves when the log as it stands is on enough seeders: on a majority of keepers while this
   * tracker may not acknowledge with less. @throws `stale-epoch`, `unavailable`
   */
  async settled(permit: AcknowledgePermit): Promise<void> {
    const { sequence } = this.head;
    if (sequence <= this.#confirmed(permit)) return;
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
    const isKeeper = this.#keepers.isKeeper(seederId);
    const isHere = this.#start === 1 || position.sequence >= this.#start;
    if (isHere && !await this.#isOurs(request)) return await this.#foreign(request);
    this.#keepers.hear(request);
    this.parts.leases.heard(request.leaseHeardMs ?? 0);
    this.#clear();
    // A young cluster has few keepers for as short a time as may be.
    if (this.#keepers.isChanging) await this.step();
    if (!isKeeper) return await this.#notKept(request);
    const beginAfter = this.#beginAfter(position);
    if (beginAfter !== undefined) return { ...this.#reply(request, []), beginAfter };
    this.#acknowledged();
    if (this.#isCurrent(request) && position.sequence >= this.head.sequence) {
      await this.#bell.wait(() => true);
    }
    // Whoever may be an older tracker writes nothing on anybody's disk.
    if (!this.#cleared) await this.#bell.wait(() => true);
    // It may have been forgotten, or banned, while it waited.
    this.parts.members.here(seederId);
    if (!this.#cleared) return this.#reply(request, []);
    const records = await this.recordsAfter(position.sequence);
    // It may have been forgotten, or banned, while it waited.
    this.parts.members.here(seederId);
    const last = records.at(-1);
    const copy = this.#keepers.get(seederId);
    if (last !== undefined && copy !== undefined) copy.sent = positionOf(last);
    return this.#reply(request, records);
  }

  /** It is told who keeps the log, and when its own copy is of no use any more. */
  async #notKept(request: PullLogRequest): Promise<PullLogReply> {
    const { before, seederIds } = this.#keepers.named;
    const mayGo = request.position.sequence > 0 && this.#cleared && before === undefined &&
      seederIds.length > 1 && this.#keepers.confirmed("majority") >= request.position.sequence;
    if (mayGo) return { ...this.#reply(request, []), letGo: true };
    // Before the keepers have spoken it is told nothing: asked again at once, it would never rest.
    if (!this.#cleared || this.#isCurrent(request)) await this.#untilNamed();
    this.parts.members.here(request.seederId);
    return this.#reply(request, []);
  }

  /** A page of the log, signed. */
  async recordsAfter(sequence: number): Promise<LogRecord[]> {
    return await this.#tail.after(sequence);
  }

  /** Signed, so that nobody can say who kept the log but the tracker. */
  card(): ClusterCard {
    const { sealedKey, keys, begun: { epoch } } = this.parts;
    const { sequence, seederIds, before } = this.#keepers.named;
    const named = { seederIds: [...seederIds], ...(before && { before: [...before] }) };
    return signCard(keys.clusterKey, { sealedKey, keepers: { epoch, sequence, ...named } });
  }

  /** What has to be done without being asked: naming other keepers, going on with one of two. */
  async step(): Promise<void> {
    const { begun, now, mode, catalog, log, authority } = this.parts;
    if (authority.isFenced || this.#isStepping) return;
    const waitedMs = now() - begun.timeMs;
    if (mode !== "seeders" && !this.#cleared && waitedMs > limits.logSyncWaitMs) this.#weaken();
    const named = this.#cleared ? this.#keepers.next(this.#sureness) : undefined;
    if (named === undefined) return;
    this.#isStepping = true;
    try {
      const permit = authority.acknowledge();
      const stamp = { permit, epoch: begun.epoch, term: begun.term, nowMs: now() };
      const { seederIds, before } = named;
      const ids = { seederIds: [...seederIds], ...(before && { before: [...before] }) };
      await catalog.transaction((tx) =>
        commitOperation(tx, stamp, { kind: "set-keepers", ...ids })
      );
      log.info("keepers of the log", ids);
    } catch (fault) {
      log.warn("the keepers of the log are not written down", { fault });
    } finally {
      this.#isStepping = false;
    }
  }

  /** Lets go of every question and every wait. */
  close(): void {
    this.#bell.close();
    const fault = new Fault("unavailable", "the tracker is stopping");
    for (const waiter of this.#waiters.splice(0)) waiter.settle(fault);
  }

  #reply(request: PullLogRequest, records: LogRecord[], restart = false): PullLogReply {
    const { keys: { clusterId }, begun: start } = this.parts;
    const snapshots = this.#keepers.isKeeper(request.seederId) ? this.news() : { keep: [] };
    const tells = this.#cleared && !this.#isCurrent(request);
    return { clusterId, start, records, restart, snapshots, ...(tells && { card: this.card() }) };
  }

  /** Whether a seeder has the card as it is now. */
  #isCurrent({ keepers }: PullLogRequest): boolean {
    const { sequence } = this.#keepers.named;
    return keepers?.epoch === this.parts.begun.epoch && keepers.sequence === sequence;
  }

  /** Enough of the keepers have shown that their logs are beginnings of this one. */
  #clear(): void {
    if (this.#cleared || !this.#keepers.haveShown(this.#sureness)) return;
    this.#cleared = true;
    this.#bell.ring();
  }

  /** One or two keepers, and too few of them answer: it goes on with fewer. */
  #weaken(): void {
    const { mode, log } = this.parts;
    if (mode === "seeders" || this.#sureness === "least") return;
    this.#sureness = "least";
    this.#clear();
    if (mode === "local" || this.#keepers.named.seederIds.length > 2) return;
    log.warn("the log is on too few seeders: acknowledged with fewer than a majority", {
      next: "see status; a lost disk could lose what follows",
    });
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
    throw new Fault("unavailable", `operations before ${this.#start} are in no snapshot here`);
  }

  async #isOurs({ seederId, position }: PullLogRequest): Promise<boolean> {
    const sent = this.#keepers.get(seederId)?.sent;
    if (sent?.sequence === position.sequence) return isSamePosition(sent, position);
    return await this.#tail.has(position);
  }

  /** A seeder has records that are not in this log. */
  async #foreign(request: PullLogRequest): Promise<PullLogReply> {
    const { seederId, position } = request;
    await this.parts.authority.hearForeign(position);
    this.parts.log.warn("a seeder sets its log aside", { seederId, ...position });
    return this.#reply(request, [], true);
  }

  /** Until others are to keep the log, or it may be told who they are. */
  async #untilNamed(): Promise<void> {
    const { sequence } = this.#keepers.named;
    const wasCleared = this.#cleared;
    await this.#bell.wait(() =>
      this.#keepers.named.sequence !== sequence || this.#cleared !== wasCleared
    );
  }

  /** Up to which operation the log is acknowledged to whoever has this permit. */
  #confirmed({ alone }: Pick<AcknowledgePermit, "alone">): number {
    const { mode } = this.parts;
    if (mode === "local") return Infinity;
    // Before anybody keeps the log nobody has it.
    if (mode === "seeders" && this.#keepers.named.seederIds.length === 0) return 0;
    return this.#keepers.confirmed(alone ? this.#sureness : "majority");
  }

  #acknowledged(): void {
    const { mode, log } = this.parts;
    if (this.#sureness === "least" && mode !== "local") {
      if (this.#keepers.isNear(this.head.sequence, "majority")) {
        this.#sureness = "majority";
        log.info("the log is on enough seeders again", { sequence: this.head.sequence });
      }
    }
    this.#settle();
  }

  /** Those that still wait. */
  #settle(): Waiter[] {
    const isDone = ({ sequence, permit }: Waiter) => sequence <= this.#confirmed(permit);
    const settled = this.#waiters.filter(isDone);
    this.#waiters = this.#waiters.filter((waiter) => !settled.includes(waiter));
    for (const waiter of settled) waiter.settle();
    return this.#waiters;
  }

  /** The oldest wait has taken too long. */
  #late(): void {
    const { log } = this.parts;
    this.#weaken();
    const tooFew = this.#settle();
    if (tooFew.length === 0) return;
    this.#waiters = [];
    const head = this.head.sequence, keepers = this.#keepers.named.seederIds.length;
    log.warn("the log is on too few of its keepers: nothing is acknowledged", { head, keepers });
    const detail = `operation ${head} is on too few of the ${keepers} keepers of the log`;
    // Putting one out is written down at once, though its answer waits as this one did.
    const next = "start those that are off, see: seeders; those that never come back put out one " +
      "after another, until it is answered: forget SEEDER --now";
    for (const waiter of tooFew) waiter.settle(new Fault("unavailable", detail, { next }));
  }
}
