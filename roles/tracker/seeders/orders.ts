/**
 * Orders waiting for their seeders: put here by whoever wants something done, taken out by the next
 * heartbeat, forgotten when an outcome comes or the deadline passes. In memory only: an order is a
 * hint, and a tracker that restarts finds out again what is needed.
 *
 * A drop order is more than a hint in one respect: from the moment it is in the book its chunk is
 * not held at that seeder, whatever an inventory page says (`drops.ts`).
 */
import {
  type ChunkEntry,
  type ChunkId,
  limits,
  type Order,
  type OrderOutcome,
  type SeederId,
} from "../../../protocol/mod.ts";
import type { GiveUpPermit, OrderPermit } from "../authority/authority.ts";
import { type Random, randomHex } from "../../kit/random.ts";

export type OrderKind = Order["kind"];
type CopyOrder = Extract<Order, { kind: "copy" }>;

interface Waiting {
  readonly order: Order;
  /** First and latest time it was put into a heartbeat reply. */
  firstSentMs: number | undefined;
  sentMs: number | undefined;
  /** Not sent before the decision it comes from is in the catalog. */
  ready: boolean;
}

/** The orders of one seeder, by id and by what they want. */
interface Waitings {
  readonly byId: Map<string, Waiting>;
  readonly byWish: Map<string, string>;
}

const ordersPerHeartbeatMax = 400;
const ordersPerSeederMax = 10_000;
/** At this speed a copy still ends before its order is forgotten. */
const copyBytesPerMs = 256;

export class OrderBook {
  readonly #waiting = new Map<SeederId, Waitings>();

  constructor(private readonly random: Random) {}

  /**
   * False when a check of the chunk waits already, or the seeder has too many orders waiting.
   * @param nonce the same for all who are asked one question; one of its own without it
   */
  orderVerify(
    seederId: SeederId,
    chunk: ChunkEntry,
    why: string,
    nowMs: number,
    nonce = this.nonce(),
  ): boolean {
    const deadlineMs = nowMs + limits.orderLifeMs;
    return this.#put(seederId, { kind: "verify", ...this.#common(chunk, why), deadlineMs, nonce });
  }

  /** For a question that is asked now. */
  nonce(): string {
    return randomHex(this.random, 64);
  }

  /**
   * Has `seederId` fetch the chunk. False when it is being copied or dropped there already, or the
   * seeder has too many orders waiting.
   */
  orderCopy(
    seederId: SeederId,
    chunk: ChunkEntry,
    from: Pick<CopyOrder, "sources" | "storeLeave">,
    why: string,
    nowMs: number,
  ): boolean {
    if (this.isWaiting("drop", seederId, chunk.chunkId)) return false;
    const deadlineMs = nowMs + limits.orderLifeMs + Math.ceil(chunk.sizeBytes / copyBytesPerMs);
    const { sources, storeLeave } = from;
    const order = { ...this.#common(chunk, why), sources, storeLeave, deadlineMs };
    return this.#put(seederId, { kind: "copy", ...order });
  }

  /** As `orderCopy`; not sent before `release`. Only `drops.ts` may ask for it. */
  prepareDrop(
    _permit: GiveUpPermit,
    seederId: SeederId,
    chunk: ChunkEntry,
    receiptsSinceMs: number,
    why: string,
    nowMs: number,
  ): boolean {
    if (this.isWaiting("copy", seederId, chunk.chunkId)) return false;
    const deadlineMs = nowMs + limits.orderLifeMs;
    const order = { ...this.#common(chunk, why), receiptsSinceMs, deadlineMs };
    return this.#put(seederId, { kind: "drop", ...order }, false);
  }

  /** The decision behind a prepared drop is in the catalog (`decided`), or came to nothing. */
  release(seederId: SeederId, chunkId: ChunkId, decided: boolean): void {
    const { byId, byWish } = this.#of(seederId);
    const orderId = byWish.get(wishOf("drop", chunkId));
    const entry = byId.get(orderId ?? "");
    if (entry === undefined) return;
    if (decided) entry.ready = true;
    else this.#remove(seederId, entry.order);
  }

  /** Forgets an order. Its seeder may still carry it out: only a copy does no harm then. */
  withdraw(kind: "copy" | "verify", seederId: SeederId, chunkId: ChunkId): void {
    const { byId, byWish } = this.#of(seederId);
    const entry = byId.get(byWish.get(wishOf(kind, chunkId)) ?? "");
    if (entry !== undefined) this.#remove(seederId, entry.order);
  }

  #common({ chunkId, sizeBytes }: ChunkEntry, why: string) {
    return { orderId: randomHex(this.random, 16), chunkId, sizeBytes, why: why.slice(0, 500) };
  }

  #put(seederId: SeederId, order: Order, ready = true): boolean {
    const { byId, byWish } = this.#of(seederId);
    const wish = wishOf(order.kind, order.chunkId);
    if (byId.size >= ordersPerSeederMax || byWish.has(wish)) return false;
    byId.set(order.orderId, { order, firstSentMs: undefined, sentMs: undefined, ready });
    byWish.set(wish, order.orderId);
    return true;
  }

  #remove(seederId: SeederId, order: Order): void {
    const { byId, byWish } = this.#of(seederId);
    byId.delete(order.orderId);
    byWish.delete(wishOf(order.kind, order.chunkId));
  }

  /** Whether an outcome of this seeder may still come. */
  isWaitingFor(seederId: SeederId): boolean {
    return (this.#waiting.get(seederId)?.byId.size ?? 0) > 0;
  }

  isWaiting(kind: OrderKind, seederId: SeederId, chunkId: ChunkId): boolean {
    return this.#waiting.get(seederId)?.byWish.has(wishOf(kind, chunkId)) ?? false;
  }

  /**
   * What goes into the reply to a heartbeat now: new orders, and those sent long ago. No drop goes
   * out that was decided when more could be given up than now.
   */
  take(
    _permit: OrderPermit,
    giveUp: GiveUpPermit | undefined,
    seederId: SeederId,
    nowMs: number,
  ): Order[] {
    const due: Order[] = [];
    for (const entry of this.#of(seederId).byId.values()) {
      if (due.length === ordersPerHeartbeatMax) break;
      if (!entry.ready || entry.order.deadlineMs < nowMs) continue;
      if (entry.order.kind === "drop" && giveUp === undefined) continue;
      if (entry.sentMs !== undefined && nowMs - entry.sentMs < limits.orderRepeatMs) continue;
      entry.sentMs = nowMs;
      entry.firstSentMs ??= nowMs;
      due.push(entry.order);
    }
    return due;
  }

  /**
   * Takes the order out that this outcome belongs to, and tells when it was first sent. Undefined
   * for an outcome nobody waits for.
   */
  settle(
    seederId: SeederId,
    outcome: OrderOutcome,
  ): { order: Order; sentMs: number } | undefined {
    const entry = this.#of(seederId).byId.get(outcome.orderId);
    if (entry?.firstSentMs === undefined || entry.order.kind !== outcome.kind) return undefined;
    if (entry.order.chunkId !== outcome.chunkId) return undefined;
    this.#remove(seederId, entry.order);
    return { order: entry.order, sentMs: entry.firstSentMs };
  }

  /**
   * Forgets what is past its deadline, and tells what that was. A drop that went out is kept as
   * long again: the seeder may have begun it in time and be slow.
   */
  sweep(nowMs: number): { seederId: SeederId; order: Order }[] {
    const forgotten: { seederId: SeederId; order: Order }[] = [];
    for (const [seederId, { byId }] of this.#waiting) {
      for (const { order, firstSentMs } of [...byId.values()]) {
        const late = order.kind === "drop" && firstSentMs !== undefined ? limits.orderLifeMs : 0;
        if (order.deadlineMs + late >= nowMs) continue;
        this.#remove(seederId, order);
        forgotten.push({ seederId, order });
      }
      if (byId.size === 0) this.#waiting.delete(seederId);
    }
    return forgotten;
  }

  #of(seederId: SeederId): Waitings {
    const known = this.#waiting.get(seederId) ?? { byId: new Map(), byWish: new Map() };
    this.#waiting.set(seederId, known);
    return known;
  }
}

function wishOf(kind: OrderKind, chunkId: ChunkId): string {
  return `${kind} ${chunkId}`;
}
