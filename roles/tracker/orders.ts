/**
 * Orders waiting for their seeders: put here by whoever wants something done, taken out by the next
 * heartbeat, forgotten when an outcome comes or the deadline passes. In memory only: an order is a
 * hint, and a tracker that restarts finds out again what is needed.
 */
import {
  type ChunkEntry,
  limits,
  type Order,
  type OrderOutcome,
  type SeederId,
} from "../../protocol/mod.ts";
import { type Random, randomHex } from "../kit/random.ts";

interface Waiting {
  readonly order: Order;
  /** First and latest time it was put into a heartbeat reply. */
  firstSentMs: number | undefined;
  sentMs: number | undefined;
}

const ordersPerHeartbeatMax = 100;
const ordersPerSeederMax = 10_000;

export class OrderBook {
  readonly #waiting = new Map<SeederId, Map<string, Waiting>>();

  constructor(private readonly random: Random) {}

  /** False when the same check waits already, or the seeder has too many orders waiting. */
  orderVerify(seederId: SeederId, chunk: ChunkEntry, why: string, nowMs: number): boolean {
    const waiting = this.#of(seederId);
    if (waiting.size >= ordersPerSeederMax) return false;
    for (const { order } of waiting.values()) {
      if (order.kind === "verify" && order.chunkId === chunk.chunkId) return false;
    }
    const { chunkId, sizeBytes } = chunk;
    const orderId = randomHex(this.random, 16);
    const deadlineMs = nowMs + limits.orderLifeMs;
    const order: Order = { kind: "verify", orderId, chunkId, sizeBytes, deadlineMs, why };
    waiting.set(orderId, { order, firstSentMs: undefined, sentMs: undefined });
    return true;
  }

  /** Whether an outcome of this seeder may still come. */
  isWaitingFor(seederId: SeederId): boolean {
    return (this.#waiting.get(seederId)?.size ?? 0) > 0;
  }

  /** What goes into the reply to a heartbeat now: new orders, and those sent long ago. */
  take(seederId: SeederId, nowMs: number): Order[] {
    const due: Order[] = [];
    for (const entry of this.#of(seederId).values()) {
      if (due.length === ordersPerHeartbeatMax) break;
      if (entry.sentMs !== undefined && nowMs - entry.sentMs < limits.orderRepeatMs) continue;
      entry.sentMs = nowMs;
      entry.firstSentMs ??= nowMs;
      due.push(entry.order);
    }
    return due;
  }

  /**
   * Takes the order out that this outcome belongs to, and tells when it was first sent. Undefined for
   * an outcome nobody waits for: then nothing may be concluded from it.
   */
  settle(seederId: SeederId, outcome: OrderOutcome): { sentMs: number } | undefined {
    const waiting = this.#of(seederId);
    const entry = waiting.get(outcome.orderId);
    if (entry?.firstSentMs === undefined || entry.order.kind !== outcome.kind) return undefined;
    if (entry.order.chunkId !== outcome.chunkId) return undefined;
    waiting.delete(outcome.orderId);
    return { sentMs: entry.firstSentMs };
  }

  /** Forgets what is past its deadline. */
  sweep(nowMs: number): void {
    for (const [seederId, waiting] of this.#waiting) {
      for (const [orderId, { order }] of waiting) {
        if (order.deadlineMs < nowMs) waiting.delete(orderId);
      }
      if (waiting.size === 0) this.#waiting.delete(seederId);
    }
  }

  #of(seederId: SeederId): Map<string, Waiting> {
    const known = this.#waiting.get(seederId) ?? new Map<string, Waiting>();
    this.#waiting.set(seederId, known);
    return known;
  }
}
