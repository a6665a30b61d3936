/**
 * Keeps every chunk at its copies: once a second it finds chunks that may need something, asks the
 * plans what, and orders as much as the pace allows. Repair comes first, fewest copies first;
 * moving to better places and giving up what is too many happen only while nothing needs repair.
 * Everything here is in memory: after a restart of the tracker it is found again.
 *
 * A copy in flight is counted as arriving until its order ends. A failure sets its chunk aside and
 * stops no other.
 */
import {
  type ChunkEntry,
  type ChunkId,
  limits,
  makeLeave,
  type Order,
  type OrderOutcome,
  type Pace,
  type SeederId,
  type Transport,
} from "../../../protocol/mod.ts";
import { factsOf } from "./chunk_facts.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import type { OrderBook } from "../seeders/orders.ts";
import { HealingFinder } from "./healing_finder.ts";
import { Budget } from "../plan/budget.ts";
import { evenBelow, planMove, unevenFrom, unevenness } from "../plan/rebalance.ts";
import { type ChunkFacts, planRepair } from "../plan/repair.ts";
import { type ClusterView, isLive } from "../plan/view.ts";
import { Proving, type ProvingNeeds } from "./proving.ts";
import { SetAside } from "./set_aside.ts";
import { Stuck } from "./stuck.ts";
import { Witness } from "./witness.ts";

/** A copy under way. */
interface Flight {
  readonly target: SeederId;
  readonly source: SeederId;
  readonly sizeBytes: number;
  readonly purpose: "repair" | "move";
}

interface Wish extends ChunkEntry {
  /** Live copies it has: the fewer the sooner. */
  readonly copies: number;
}

const queueMost = 5_000;
/** Chunks decided anew in one second. */
const decidedMost = 1_000;
const speedWindowMs = 30_000;
const reviewedMost = 100;
/** All chunks are looked at again after this even when nothing seems to have changed. */
const passEveryMs = 60 * 60_000;
/** A pass for the sake of balance follows another only after this. */
const balanceEveryMs = 10 * 60_000;

export interface HealingNeeds extends Ground, ProvingNeeds {
  readonly authority: Ground["authority"];
  readonly members: Members;
  readonly orders: OrderBook;
  /** About what a seeder holds in people's files. */
  readonly adoptions: { bytesInPlace(seederId: SeederId): number };
}

export class Healing {
  readonly setAside = new SetAside();
  readonly stuck = new Stuck();
  readonly proving: Proving;
  readonly #witness: Witness;
  readonly #finder = new HealingFinder();
  readonly #flights = new Map<ChunkId, Flight>();
  #below = new Map<ChunkId, Wish>();
  readonly #moves = new Map<ChunkId, ChunkEntry>();
  #copied: { atMs: number; bytes: number }[] = [];
  #there = new Set<SeederId>();
  #passEndedMs = -Infinity;
  #passWanted = true;
  #balancing = false;

  constructor(
    private readonly needs: HealingNeeds,
    public pace: Pace,
    transport: Transport | undefined,
  ) {
    this.#witness = new Witness(transport);
    this.proving = new Proving(needs, this.#witness);
  }

  /** Lets go of what it does beside the steps. */
  close(): Promise<void> {
    return this.#witness.close();
  }

  /** Copies under way. */
  get copying(): number {
    return this.#flights.size;
  }

  get moving(): boolean {
    return this.#moves.size > 0 ||
      this.#flights.values().some(({ purpose }) => purpose === "move");
  }

  /** Over the last half minute. */
  bytesPerSecond(nowMs: number): number {
    const bytes = this.#copied.filter(({ atMs }) => nowMs - atMs <= speedWindowMs)
      .reduce((sum, copy) => sum + copy.bytes, 0);
    return Math.round(bytes / (speedWindowMs / 1000));
  }

  /** Something changed that may let chunks be elsewhere: all are looked at soon. */
  lookAtAll(): void {
    this.#passWanted = true;
  }

  /** An order of this chunk ended: with an outcome, or forgotten without. */
  ended(seederId: SeederId, order: Order, outcome: OrderOutcome | undefined): void {
    const core = this.needs;
    const nowMs = core.now();
    const { chunkId, sizeBytes, kind } = order;
    const good = outcome?.result === "held";
    this.proving.ended(seederId, order, outcome);
    const flight = this.#flights.get(chunkId);
    if (kind !== "copy" || flight?.target !== seederId) return;
    this.#flights.delete(chunkId);
    if (good) {
      this.setAside.clear(chunkId);
      this.#copied.push({ atMs: nowMs, bytes: sizeBytes });
      if (flight.purpose === "move") this.proving.add(order);
      return;
    }
    const name = core.members.get(seederId)?.row.name ?? seederId;
    const why = `copy to ${name} failed: ${outcome?.detail ?? "no answer in time"}`;
    this.setAside.add(order, seederId, why, nowMs);
    core.log.warn("chunk set aside", { chunkId, why });
  }

  /** One second's work. */
  async step(): Promise<void> {
    const core = this.needs;
    const cluster = core.members.view(core.now());
    const { nowMs } = cluster;
    this.#copied = this.#copied.filter(({ atMs }) => nowMs - atMs <= speedWindowMs);
    this.#notice(core, cluster);
    const budget = this.#budget();
    await this.#review(core, cluster);
    await this.#repair(core, cluster, budget);
    const repairs = this.#flights.values().some(({ purpose }) => purpose === "repair");
    if (this.#below.size > 0 || repairs) return;
    await this.#pass(core, cluster);
    await this.#move(core, cluster, budget);
    await this.proving.step(budget);
  }

  /** What was set aside and needs nothing any more is forgotten. */
  async #review(core: HealingNeeds, cluster: ClusterView): Promise<void> {
    const nothing = new Map();
    for (const facts of await this.#facts(core, this.setAside.listed(reviewedMost))) {
      const flies = facts.arriving.length > 0;
      const short = planRepair(cluster, facts, nothing).kind !== "enough";
      const moves = this.#balancing && planMove(cluster, facts, nothing) !== undefined;
      if (!flies && !short && !moves) this.setAside.clear(facts.chunkId);
    }
  }

  /** Who came, and copies on their way to a seeder that went. */
  #notice(core: HealingNeeds, cluster: ClusterView): void {
    const there = new Set(
      cluster.seeders.filter(({ state }) => isLive(state)).map(({ seederId }) => seederId),
    );
    if (there.size !== this.#there.size || [...there].some((id) => !this.#there.has(id))) {
      this.#passWanted = true;
    }
    this.#there = there;
    for (const [chunkId, { target }] of this.#flights) {
      if (there.has(target)) continue;
      core.orders.withdraw("copy", target, chunkId);
      this.#flights.delete(chunkId);
    }
  }

  #budget(): Budget {
    const budget = new Budget(this.pace);
    for (const { target, source, sizeBytes } of this.#flights.values()) {
      budget.add([target, source], sizeBytes);
    }
    return budget;
  }

  async #repair(core: HealingNeeds, cluster: ClusterView, budget: Budget): Promise<void> {
    const { nowMs } = cluster;
    const found = await this.#finder.nextBelow(core, cluster);
    const again = [...this.#below.values()].slice(0, decidedMost);
    const chunks = new Map<ChunkId, ChunkEntry>();
    for (const { chunkId, sizeBytes } of [...again, ...found]) {
      chunks.set(chunkId, { chunkId, sizeBytes });
    }
    for (const facts of await this.#facts(core, [...chunks.values()])) {
      const { chunkId, sizeBytes } = facts;
      this.#below.delete(chunkId);
      const plan = planRepair(cluster, facts, budget.busy);
      if (plan.kind === "enough") this.proving.consider(cluster, facts);
      if (plan.kind === "stuck") this.stuck.meet(chunkId, plan, nowMs);
      else this.stuck.clear(chunkId);
      if (plan.kind !== "copy" || this.setAside.isResting(chunkId, nowMs)) continue;
      this.#below.set(chunkId, { chunkId, sizeBytes, copies: plan.copies });
    }
    const sorted = [...this.#below.values()].sort((a, b) =>
      a.copies - b.copies || (a.chunkId < b.chunkId ? -1 : 1)
    ).slice(0, queueMost);
    this.#below = new Map(sorted.map((wish) => [wish.chunkId, wish]));
    for (const facts of await this.#facts(core, sorted.slice(0, decidedMost))) {
      const plan = planRepair(cluster, facts, budget.busy);
      if (plan.kind !== "copy") continue;
      if (this.#order(core, facts, plan, "repair", budget)) this.#below.delete(facts.chunkId);
    }
  }

  /** Walks over all chunks, when something may have changed and nothing needs repair. */
  async #pass(core: HealingNeeds, cluster: ClusterView): Promise<void> {
    const { nowMs } = cluster;
    if (!this.#finder.walksAll) {
      const idleMs = nowMs - this.#passEndedMs;
      const due = this.#passWanted || idleMs >= passEveryMs ||
        (idleMs >= balanceEveryMs && await isUneven(core, cluster, unevenFrom));
      if (!due) return;
      this.#passWanted = false;
      this.#balancing = await isUneven(core, cluster, unevenFrom);
      this.#finder.startAll();
    } else if (this.#balancing) this.#balancing = await isUneven(core, cluster, evenBelow);
    if (this.#moves.size + this.proving.size >= queueMost) return;
    for (const facts of await this.#facts(core, await this.#finder.nextOfAll(core))) {
      const { chunkId, sizeBytes } = facts;
      this.proving.consider(cluster, facts);
      const moves = this.#balancing && planMove(cluster, facts, new Map()) !== undefined;
      if (moves) this.#moves.set(chunkId, { chunkId, sizeBytes });
    }
    if (!this.#finder.walksAll) this.#passEndedMs = nowMs;
  }

  async #move(core: HealingNeeds, cluster: ClusterView, budget: Budget): Promise<void> {
    if (this.#moves.size === 0) return;
    if (!await isUneven(core, cluster, evenBelow)) return this.#moves.clear();
    const next = [...this.#moves.values()].slice(0, decidedMost);
    for (const facts of await this.#facts(core, next)) {
      const { chunkId } = facts;
      const move = planMove(cluster, facts, budget.busy);
      if (move === undefined || this.setAside.isResting(chunkId, cluster.nowMs)) {
        this.#moves.delete(chunkId);
      } else if (this.#order(core, facts, move, "move", budget)) this.#moves.delete(chunkId);
    }
  }

  /** False when the pace does not allow it now. */
  #order(
    core: HealingNeeds,
    facts: ChunkFacts,
    plan: { target: SeederId; sources: readonly SeederId[]; why: string },
    purpose: Flight["purpose"],
    budget: Budget,
  ): boolean {
    const { chunkId, sizeBytes } = facts;
    const { target, sources, why } = plan;
    const [source] = sources;
    if (source === undefined || !budget.allows([target, source], sizeBytes)) return false;
    const nowMs = core.now();
    const endMs = core.leases.now() + limits.leaveLifeMs;
    const leaveFor = (seederId: SeederId, action: "read" | "store") =>
      makeLeave(core.members.keyOf(seederId), { action, chunkId, sizeBytes }, endMs);
    const from = sources.flatMap((seederId) => {
      const address = core.members.get(seederId)?.row.address;
      const leave = leaveFor(seederId, "read");
      return address === undefined ? [] : [{ seederId, address, leave }];
    });
    const storeLeave = leaveFor(target, "store");
    const orders = { sources: from, storeLeave };
    if (!core.orders.orderCopy(target, { chunkId, sizeBytes }, orders, why, nowMs)) return false;
    this.#flights.set(chunkId, { target, source, sizeBytes, purpose });
    budget.add([target, source], sizeBytes);
    return true;
  }

  async #facts(core: HealingNeeds, chunks: readonly ChunkEntry[]): Promise<ChunkFacts[]> {
    if (chunks.length === 0) return [];
    const facts = await core.catalog.read((view) => factsOf(view, chunks));
    return facts.map((each) => {
      const flight = this.#flights.get(each.chunkId);
      const avoid = this.setAside.failedAt(each.chunkId);
      return { ...each, arriving: flight === undefined ? [] : [flight.target], avoid };
    });
  }
}

async function isUneven(core: HealingNeeds, cluster: ClusterView, share: number): Promise<boolean> {
  const used = await core.catalog.read(async (view) => {
    const bytes = new Map<SeederId, number>();
    for (const { seederId } of cluster.seeders) {
      const { usedBytes } = await view.holdingsSummary(seederId);
      // What lies in people's files stays where it is: it is no reason to look for moves.
      bytes.set(seederId, Math.max(0, usedBytes - core.adoptions.bytesInPlace(seederId)));
    }
    return bytes;
  });
  return unevenness(cluster, used) > share;
}
