/**
 * Copies beyond those wanted, given up one way only: every copy that stays has been read and found
 * good within the last minute, and all of it is looked at once more in the transaction that takes
 * the holding out. Until the words are there, the seeders are asked to verify.
 */
import { type ChunkEntry, type ChunkId, limits, type SeederId } from "../../../protocol/mod.ts";
import { factsOf } from "./chunk_facts.ts";
import type { Members } from "../seeders/members.ts";
import type { OrderBook } from "../seeders/orders.ts";
import { type Drop, type DropNeeds, orderDrops } from "./drops.ts";
import type { FreshWord } from "./fresh_word.ts";
import type { Budget } from "../plan/budget.ts";
import { superfluous } from "../plan/rebalance.ts";
import type { ChunkFacts } from "../plan/repair.ts";
import { type ClusterView, isLive } from "../plan/view.ts";

const decidedMost = 200;
const longestPauseMs = 15 * 60_000;
const rememberedMost = 10_000;

export interface SurplusNeeds extends DropNeeds {
  readonly members: Members;
  readonly orders: OrderBook;
}

export class Surplus {
  readonly #chunks = new Map<ChunkId, ChunkEntry>();
  #later: (ChunkEntry & { readonly atMs: number })[] = [];
  /** How often in a row a drop of the chunk came to nothing. */
  readonly #kept = new Map<ChunkId, number>();

  get size(): number {
    return this.#chunks.size + this.#later.length;
  }

  add({ chunkId, sizeBytes }: ChunkEntry): void {
    this.#chunks.set(chunkId, { chunkId, sizeBytes });
  }

  /**
   * A drop of it came to nothing: tried again when no fresh receipt stands in the way, and ever
   * more rarely while an upload that is open for long does. Each try reads the other copies.
   */
  addLater({ chunkId, sizeBytes }: ChunkEntry, nowMs: number): void {
    const kept = this.#kept.get(chunkId) ?? 0;
    this.#kept.delete(chunkId);
    this.#kept.set(chunkId, kept + 1);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size > rememberedMost) this.#kept.delete(oldest);
      else break;
    }
    const pauseMs = Math.min(longestPauseMs, limits.receiptShareMs * 2 ** kept);
    this.#later.push({ chunkId, sizeBytes, atMs: nowMs + pauseMs });
  }

  /** A drop of it was carried out. */
  dropped(chunkId: ChunkId): void {
    this.#kept.delete(chunkId);
  }

  consider(cluster: ClusterView, facts: ChunkFacts): void {
    if (superfluous(cluster, facts).length > 0) this.add(facts);
  }

  async step(core: SurplusNeeds, words: FreshWord, budget: Budget): Promise<void> {
    const nowMs = core.now();
    for (const chunk of this.#later) if (chunk.atMs <= nowMs) this.add(chunk);
    this.#later = this.#later.filter(({ atMs }) => atMs > nowMs);
    if (this.#chunks.size === 0 || core.losses.stopped !== undefined) return;
    const next = [...this.#chunks.values()].slice(0, decidedMost);
    const cluster = core.members.view(core.now());
    const sure: ChunkEntry[] = [];
    for (const facts of await core.catalog.read((view) => factsOf(view, next))) {
      const { chunkId, sizeBytes } = facts;
      const gone = superfluous(cluster, facts);
      // Looked at from the end of the line when its turn does not come to anything.
      this.#chunks.delete(chunkId);
      if (gone.length === 0) continue;
      const doubtful = staying(core, cluster, facts, gone)
        .filter((seederId) => !words.isFresh(seederId, chunkId, cluster.nowMs));
      if (doubtful.length === 0) sure.push({ chunkId, sizeBytes });
      else this.add(facts);
      for (const seederId of doubtful) askAgain(core, budget, seederId, facts);
    }
    if (sure.length === 0) return;
    await orderDrops(core, async (tx) => {
      const now = core.members.view(core.now());
      return (await factsOf(tx, sure)).flatMap((facts) => dropsOf(core, now, facts, words));
    });
  }
}

/** Those that keep their copy: they answer, and told their inventory since they started. */
function staying(
  core: SurplusNeeds,
  cluster: ClusterView,
  facts: ChunkFacts,
  gone: readonly SeederId[],
): SeederId[] {
  return cluster.seeders.filter(({ seederId, state, leaving }) =>
    facts.holders.includes(seederId) && !gone.includes(seederId) && isLive(state) &&
    leaving !== true && core.members.get(seederId)?.reconciled === true
  ).map(({ seederId }) => seederId);
}

function askAgain(core: SurplusNeeds, budget: Budget, seederId: SeederId, facts: ChunkFacts): void {
  const { chunkId, sizeBytes } = facts;
  if (!budget.allows([seederId], sizeBytes)) return;
  const why = "another copy may be given up when this one is good";
  if (core.orders.orderVerify(seederId, { chunkId, sizeBytes }, why, core.now())) {
    budget.add([seederId], sizeBytes);
  }
}

/** What may go now: none unless enough copies that stay were found good a moment ago. */
function dropsOf(
  core: SurplusNeeds,
  cluster: ClusterView,
  facts: ChunkFacts,
  words: FreshWord,
): Drop[] {
  const { chunkId, sizeBytes, wanted, wantedOwn = 0, inPlace = [] } = facts;
  const gone = superfluous(cluster, facts);
  const good = staying(core, cluster, facts, gone)
    .filter((seederId) => words.isFresh(seederId, chunkId, cluster.nowMs));
  const own = good.filter((seederId) => !inPlace.includes(seederId));
  if (gone.length === 0 || good.length < wanted || own.length < wantedOwn) return [];
  const why = `${good.length} of ${wanted} copies found good on seeders ${good.join(", ")}`;
  return gone.map((seederId) => ({ seederId, chunk: { chunkId, sizeBytes }, why }));
}
