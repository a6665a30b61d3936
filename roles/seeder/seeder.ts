/**
 * The initiative of a seeder: it joins, reports each second, hands the orders in the replies to the
 * worker, tells its inventory when asked, and signs out at the end. The tracker never calls it.
 * Whatever happens to the tracker, chunks are served.
 */
import {
  asFault,
  Fault,
  type Heartbeat,
  type HeartbeatReply,
  limits,
  type Space,
} from "../../protocol/mod.ts";
import type { Clock } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import { backoffMs, repeat } from "../kit/pace.ts";
import type { Random } from "../kit/random.ts";
import type { DiskHealth } from "./health.ts";
import { sendInventory } from "./inventory.ts";
import type { LostReports } from "./lost_reports.ts";
import type { Membership, Presented } from "./membership.ts";
import type { Receipts } from "./receipts.ts";
import type { Scrub } from "./scrub.ts";
import type { ChunkStore } from "./store/chunk_store.ts";
import type { TrackerLine } from "./tracker_line.ts";
import type { TrackerTime } from "./tracker_time.ts";
import type { Worker } from "./worker.ts";

export interface SeederLoopParts {
  readonly store: ChunkStore;
  readonly membership: Membership;
  readonly line: TrackerLine;
  readonly health: DiskHealth;
  readonly worker: Worker;
  readonly scrub: Scrub;
  readonly losses: LostReports;
  readonly time: TrackerTime;
  readonly leaseTime: TrackerTime;
  readonly receipts: Receipts;
  /** Drawn at this start. */
  readonly bootId: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

const pauseMsFirst = 250;
/** So short that a tracker that comes back hears its seeders before it would call them silent. */
const pauseMsMost = 2_000;
const signOutMsMost = 2_000;

export class SeederLoop {
  #joined = false;
  #failures = 0;
  #lastTold = "";
  #space: Space = { totalBytes: 0, freeBytes: 0, usedBytes: 0 };
  #inventory: Promise<void> | undefined;
  #scrubReport: Promise<void> | undefined;

  constructor(private readonly parts: SeederLoopParts) {}

  /** True from the first heartbeat that was answered. */
  get joined(): boolean {
    return this.#joined;
  }

  async run(presented: Presented, signal: AbortSignal): Promise<void> {
    const { membership, clock } = this.parts;
    await membership.join(presented, signal);
    await repeat(clock, signal, () => this.#step(presented, signal));
    await this.#inventory;
    await this.#scrubReport;
    await this.parts.worker.idle();
    if (this.#joined) await this.#signOut();
  }

  /** One heartbeat. The pause until the next one. */
  async #step(presented: Presented, signal: AbortSignal): Promise<number> {
    const { random, line, worker, time, leaseTime } = this.parts;
    time.attend();
    leaseTime.attend();
    try {
      const heartbeat = await this.#heartbeat(presented);
      const reply = await line.ask(
        limits.heartbeatCallMs,
        signal,
        (tracker, inner) => tracker.heartbeat(heartbeat, { signal: inner }),
      );
      worker.reported(heartbeat.outcomes);
      this.parts.losses.told(heartbeat.lost ?? []);
      this.#failures = 0;
      await this.#heard(reply, signal);
      return reply.intervalMs;
    } catch (error) {
      if (signal.aborted) return 0;
      await this.#failed(asFault(error), presented, signal);
      return backoffMs(random, this.#failures++, pauseMsFirst, pauseMsMost);
    }
  }

  async #heartbeat(presented: Presented): Promise<Heartbeat> {
    const { store, health, worker, losses, membership, receipts, bootId } = this.parts;
    await health.probe();
    try {
      this.#space = await store.space();
    } catch (error) {
      health.failed(error);
      // A disk that is gone is not full.
      if (health.gone === undefined) this.#space = { ...this.#space, freeBytes: 0 };
    }
    const identity = membership.identity;
    if (identity === undefined) throw new Fault("unavailable", "this seeder has not joined");
    const { chunkCount, digest } = store.summary();
    const trouble = health.trouble;
    const lost = losses.untold();
    return {
      seederId: identity.seederId,
      bootId,
      ...presented,
      space: this.#space,
      chunkCount,
      inventoryDigest: digest,
      writable: trouble === undefined,
      ...(trouble === undefined ? {} : { trouble: trouble.slice(0, 500) }),
      ...(health.gone === undefined ? {} : { diskGone: true as const }),
      outcomes: [...worker.outcomes()],
      ...(lost.length === 0 ? {} : { lost }),
      ...(receipts.floorMs === undefined ? {} : { receiptsFloorMs: receipts.floorMs }),
    };
  }

  async #heard(reply: HeartbeatReply, signal: AbortSignal): Promise<void> {
    const { membership, worker, scrub, losses, time, leaseTime, receipts, log } = this.parts;
    const identity = membership.identity;
    if (reply.clusterId !== identity?.clusterId) {
      return this.#tell("error", "the tracker is of another cluster", {
        found: reply.clusterId,
        expected: identity?.clusterId,
      });
    }
    try {
      await membership.hearStart(reply.start);
    } catch (error) {
      const fault = asFault(error);
      const what = "the tracker that answers is not followed, its orders are ignored";
      return this.#tell("error", what, { fault, next: fault.next });
    }
    if (reply.pending === true) {
      this.#joined = false;
      return this.#tell("warn", "waits until a person accepts it", {
        next: `on a client type: seeders accept @${identity.seederId}`,
      });
    }
    time.hear(reply.trackerNowMs);
    leaseTime.hear(reply.leaseNowMs);
    receipts.hear(reply.leaseNowMs);
    scrub.heard();
    if (!this.#joined || this.#lastTold !== "") {
      log.info("tracker reached", { epoch: reply.start.epoch });
      scrub.tellAnew();
      losses.tellAnew();
    }
    this.#joined = true;
    this.#lastTold = "";
    worker.accept(reply.orders, reply.start.epoch, signal);
    if (reply.inventoryWanted) {
      this.#inventory ??= this.#sendInventory(identity.seederId, signal)
        .finally(() => this.#inventory = undefined);
    }
    if (reply.scrubAskedMs !== undefined) scrub.ask(reply.scrubAskedMs);
    this.#scrubReport ??= this.#reportScrub(identity.seederId, signal)
      .finally(() => this.#scrubReport = undefined);
  }

  /** When it fails the next heartbeat's answer brings another. */
  async #reportScrub(seederId: Heartbeat["seederId"], signal: AbortSignal): Promise<void> {
    const { scrub, line, bootId, log } = this.parts;
    const report = scrub.due();
    if (report === undefined) return;
    try {
      await line.ask(
        limits.trackerCallMs,
        signal,
        (tracker, inner) => tracker.scrubReport({ seederId, bootId, ...report }, { signal: inner }),
      );
      scrub.told(report);
    } catch (fault) {
      if (!signal.aborted) log.warn("scrub report not told", { fault });
    }
  }

  /** Heartbeats go on meanwhile. When it fails the tracker asks again. */
  async #sendInventory(seederId: Heartbeat["seederId"], signal: AbortSignal): Promise<void> {
    const { store, line, worker, bootId, log } = this.parts;
    try {
      await worker.dropsEnded();
      const pages = await sendInventory(store, seederId, bootId, (page) =>
        line.ask(
          limits.trackerCallMs,
          signal,
          (tracker, inner) => tracker.inventory(page, { signal: inner }),
        ));
      log.info("inventory told", { pages });
    } catch (fault) {
      if (!signal.aborted) log.warn("inventory not told", { fault });
    }
  }

  async #failed(fault: Fault, presented: Presented, signal: AbortSignal): Promise<void> {
    const { membership } = this.parts;
    this.#tell("warn", "no heartbeat", { fault, next: fault.next });
    try {
      if (fault.code === "seeder-unknown") {
        this.#joined = false;
        if (await membership.joinOnce(presented, signal)) return;
        this.#tell("error", "the tracker does not know this seeder", {
          next: "give it a fresh join code: on the tracker type join-code",
        });
      } else await membership.refreshAddress();
    } catch (error) {
      if (!signal.aborted) this.#tell("error", "cannot join again", { fault: asFault(error) });
    }
  }

  /** The same trouble each second is one line in the log. */
  #tell(level: "warn" | "error", event: string, fields: Record<string, unknown>): void {
    const code = fields["fault"] instanceof Fault ? fields["fault"].code : "";
    const text = `${event} ${code}`;
    if (text === this.#lastTold) return;
    this.#lastTold = text;
    this.parts.log[level](event, fields);
  }

  async #signOut(): Promise<void> {
    const seederId = this.parts.membership.identity?.seederId;
    if (seederId === undefined) return;
    try {
      await this.parts.line.ask(
        signOutMsMost,
        undefined,
        (tracker, signal) => tracker.signOut({ seederId }, { signal }),
      );
    } catch (fault) {
      this.parts.log.info("could not sign out", { fault });
    }
  }
}
