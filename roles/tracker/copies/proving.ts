/**
 * Chunks whose copies are asked to prove themselves, and what is done on it: copies beyond those
 * wanted are given up, and a seeder that is drained or gone can be done without. Whom to ask and
 * what the answers prove is decided in `plan/proof.ts`, again each time, from what the catalog says
 * then; here is remembered which question is open and when to try again.
 *
 * One question is one nonce, drawn when it is asked and the same for all holders. It is good for as
 * long as an order is; what is given up on it is looked at once more in the transaction that takes
 * the holding out.
 */
import {
  type ChunkEntry,
  type ChunkId,
  limits,
  type Order,
  type OrderOutcome,
  type SeederId,
} from "../../../protocol/mod.ts";
import type { CatalogTransaction } from "../catalog/catalog.ts";
import type { Budget } from "../plan/budget.ts";
import { askedOf, needsProof, type Verdict, verdictOn } from "../plan/proof.ts";
import { superfluous } from "../plan/rebalance.ts";
import type { ChunkFacts } from "../plan/repair.ts";
import type { ClusterView } from "../plan/view.ts";
import { factsOf } from "./chunk_facts.ts";
import { type Drop, type DropNeeds, orderDrops } from "./drops.ts";
import { type FalseNeeds, takeAwayFalse } from "./false_answers.ts";
import type { OrderBook } from "../seeders/orders.ts";
import type { Witness, WitnessNeeds } from "./witness.ts";

const decidedMost = 200;
const longestPauseMs = 15 * 60_000;
/** Those beyond are found again by the next walk. */
const rememberedMost = 10_000;

interface Question {
  readonly nonce: string;
  readonly untilMs: number;
  /** Once each: a seeder that could not answer is asked again by the next question. */
  readonly asked: Set<SeederId>;
  readonly answers: Map<SeederId, string>;
  /** The right answer, once the tracker has looked. */
  truth?: string | undefined;
}

interface Case extends ChunkEntry {
  /** How often in a row nothing came of it. */
  failures: number;
  notBeforeMs: number;
  question?: Question | undefined;
}

export interface ProvingNeeds extends DropNeeds, FalseNeeds, WitnessNeeds {
  readonly orders: OrderBook;
}

export class Proving {
  readonly #cases = new Map<ChunkId, Case>();
  /** When each draining began, as far as this tracker saw it. */
  #drainedSinceMs: ReadonlyMap<SeederId, number> = new Map();

  constructor(private readonly needs: ProvingNeeds, private readonly witness: Witness) {}

  get size(): number {
    return this.#cases.size;
  }

  /** Answers given before this do not let the seeder go. */
  drainedSinceMs(seederId: SeederId): number {
    return this.#drainedSinceMs.get(seederId) ?? Number.MAX_SAFE_INTEGER;
  }

  add({ chunkId, sizeBytes }: ChunkEntry): void {
    if (this.#cases.has(chunkId) || this.#cases.size >= rememberedMost) return;
    this.#cases.set(chunkId, { chunkId, sizeBytes, failures: 0, notBeforeMs: 0 });
  }

  consider(cluster: ClusterView, facts: ChunkFacts): void {
    if (needsProof(cluster, facts, this.#drainedSinceMs)) this.add(facts);
  }

  /** A verify or a drop of the chunk ended: with an outcome, or forgotten without. */
  ended(seederId: SeederId, order: Order, outcome: OrderOutcome | undefined): void {
    const { chunkId } = order;
    if (order.kind === "drop") {
      if (outcome?.result === "absent" || outcome?.adopted) this.#cases.delete(chunkId);
      else {
        // Tried again when no fresh receipt stands in the way, and ever more rarely.
        this.add(order);
        this.#rest(this.#cases.get(chunkId), this.needs.now());
      }
    }
    if (order.kind !== "verify" || outcome?.result !== "held") return;
    const question = this.#cases.get(chunkId)?.question;
    if (question?.nonce !== order.nonce || outcome.answer === undefined) return;
    question.answers.set(seederId, outcome.answer);
  }

  async step(budget: Budget): Promise<void> {
    const core = this.needs;
    const cluster = core.members.view(core.now());
    this.#noteDrains(cluster);
    // Nobody reads for what may not be given up.
    if (core.authority.giveUp() === undefined) return;
    const due = this.#cases.values().filter(({ notBeforeMs }) => notBeforeMs <= cluster.nowMs)
      .take(decidedMost).toArray();
    if (due.length === 0) return;
    const proved: Case[] = [];
    for (const facts of await core.catalog.read((view) => factsOf(view, due))) {
      const one = this.#cases.get(facts.chunkId);
      if (one === undefined) continue;
      // Whatever its turn comes to, the others have theirs before it has the next.
      this.#cases.delete(one.chunkId);
      if (!needsProof(cluster, facts, this.#drainedSinceMs)) continue;
      this.#cases.set(one.chunkId, one);
      if (await this.#decide(cluster, one, facts, budget)) proved.push(one);
    }
    if (proved.length === 0) return;
    await core.catalog.transaction((tx) => this.#keepProofs(tx, proved));
    await orderDrops(core, async (tx) => {
      const facts = await factsOf(tx, proved);
      return facts.flatMap((each) => this.#dropsOf(core.members.view(core.now()), each));
    });
    // Until it is known what became of the drop, so that tries are counted.
    for (const one of proved) if (isDropping(core, one.chunkId)) one.notBeforeMs = Infinity;
  }

  #noteDrains({ seeders, nowMs }: ClusterView): void {
    const leaving = seeders.filter((seeder) => seeder.leaving === true);
    this.#drainedSinceMs = new Map(
      leaving.map(({ seederId }) => [seederId, this.#drainedSinceMs.get(seederId) ?? nowMs]),
    );
  }

  /** Goes on with the question of one chunk. Whether its copies are proved. */
  async #decide(
    cluster: ClusterView,
    one: Case,
    facts: ChunkFacts,
    budget: Budget,
  ): Promise<boolean> {
    const core = this.needs;
    const { nowMs } = cluster;
    if (one.question !== undefined && one.question.untilMs < nowMs) {
      this.#rest(one, nowMs);
      return false;
    }
    one.question ??= {
      nonce: core.orders.nonce(),
      untilMs: nowMs + limits.orderLifeMs,
      asked: new Set(),
      answers: new Map(),
    };
    const verdict = this.#verdictOn(cluster, facts);
    if (verdict?.kind === "ask") {
      for (const seederId of verdict.seeders) ask(core, budget, seederId, facts, one.question);
    } else if (verdict?.kind === "look") this.#look(one, facts, askedOf(cluster, facts));
    else if (verdict?.kind === "false") await takeAwayFalse(core, facts, verdict.seeders);
    return verdict?.kind === "proved";
  }

  #verdictOn(cluster: ClusterView, facts: ChunkFacts): Verdict | undefined {
    const { question } = this.#cases.get(facts.chunkId) ?? {};
    if (question === undefined || question.untilMs < cluster.nowMs) return undefined;
    const asked = askedOf(cluster, facts);
    return verdictOn(asked, question.answers, provedOnes(facts), question.truth);
  }

  /** Whoever is proved is looked at first: one good copy is enough. */
  #look(one: Case, facts: ChunkFacts, asked: readonly SeederId[]): void {
    const { question } = one;
    if (question === undefined) return;
    const proved = provedOnes(facts);
    const inTurn = asked.toSorted((a, b) =>
      Number(proved.has(b)) - Number(proved.has(a)) || (a < b ? -1 : 1)
    );
    const core = this.needs;
    this.witness.look(core, facts, question.nonce, inTurn, (truth) => {
      question.truth = truth;
      if (truth === undefined && one.question === question) this.#rest(one, core.now());
    });
  }

  #rest(one: Case | undefined, nowMs: number): void {
    if (one === undefined) return;
    one.question = undefined;
    one.notBeforeMs = nowMs + Math.min(longestPauseMs, limits.receiptShareMs * 2 ** one.failures);
    one.failures++;
  }

  /** What answered like the others is proved from now on, whoever stays or goes. */
  async #keepProofs(tx: CatalogTransaction, proved: readonly Case[]): Promise<void> {
    const cluster = this.needs.members.view(this.needs.now());
    for (const facts of await factsOf(tx, proved)) {
      if (this.#verdictOn(cluster, facts)?.kind !== "proved") continue;
      const { chunkId, sizeBytes, inPlace = [] } = facts;
      for (const seederId of askedOf(cluster, facts)) {
        const adopted = inPlace.includes(seederId) ? { adopted: true as const } : {};
        const row = { chunkId, sizeBytes, ...adopted, provedMs: cluster.nowMs };
        await tx.addHoldings(seederId, [row]);
      }
    }
  }

  /** What may go now: none unless all that hold it have answered alike, a moment ago. */
  #dropsOf(cluster: ClusterView, facts: ChunkFacts): Drop[] {
    if (this.#verdictOn(cluster, facts)?.kind !== "proved") return [];
    const gone = superfluous(cluster, facts);
    const { chunkId, sizeBytes, wanted } = facts;
    const staying = askedOf(cluster, facts).filter((seederId) => !gone.includes(seederId));
    const why = `${staying.length} of ${wanted} copies proved on seeders ${staying.join(", ")}`;
    return gone.map((seederId) => ({ seederId, chunk: { chunkId, sizeBytes }, why }));
  }
}

function isDropping({ members, orders }: ProvingNeeds, chunkId: ChunkId): boolean {
  return members.all().some(({ row }) => orders.isWaiting("drop", row.seederId, chunkId));
}

function provedOnes({ proved }: ChunkFacts): ReadonlySet<SeederId> {
  return new Set(proved?.keys());
}

function ask(
  core: ProvingNeeds,
  budget: Budget,
  seederId: SeederId,
  { chunkId, sizeBytes }: ChunkFacts,
  { nonce, asked }: Question,
): void {
  if (asked.has(seederId) || !budget.allows([seederId], sizeBytes)) return;
  const why = "another copy may be given up when this one is proved";
  if (core.orders.orderVerify(seederId, { chunkId, sizeBytes }, why, core.now(), nonce)) {
    budget.add([seederId], sizeBytes);
    asked.add(seederId);
  }
}
