/**
 * Carries out the tracker's orders, a few at a time, in the order they came. Each is idempotent:
 * done twice it comes to the same. An outcome is kept until the tracker has answered a heartbeat
 * with it.
 */
import {
  asFault,
  type ChunkId,
  connect,
  Fault,
  type FaultCode,
  limits,
  type Order,
  type OrderOutcome,
  type SeederId,
  seederRoutes,
  type Transport,
} from "../../protocol/mod.ts";
import { bodyParts } from "../kit/body_parts.ts";
import { type Clock, withDeadline } from "../kit/clock.ts";
import type { Log } from "../kit/log.ts";
import { answerTo } from "./answer.ts";
import type { Identity } from "./identity.ts";
import type { Receipts } from "./receipts.ts";
import type { ChunkStore } from "./store/chunk_store.ts";
import { isReadFailure } from "./store/losses.ts";
import type { TrackerTime } from "./tracker_time.ts";
import { atMost } from "./turnstile.ts";

export interface WorkerParts {
  readonly store: ChunkStore;
  readonly identity: () => Identity | undefined;
  readonly time: TrackerTime;
  readonly receipts: Receipts;
  /** How it answers for a chunk; a liar of the simulator has another way. */
  readonly answer?: typeof answerTo;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly log: Log;
}

type CopyOrder = Extract<Order, { kind: "copy" }>;
type DropOrder = Extract<Order, { kind: "drop" }>;
type VerifyOrder = Extract<Order, { kind: "verify" }>;
type Result = Omit<OrderOutcome, "orderId" | "kind" | "chunkId" | "sizeBytes">;

/** What tells of a source's copy and not of the way to it. */
const tellsOfCopy: readonly FaultCode[] = [
  "chunk-not-found",
  "chunk-corrupt",
  "disk-failed",
  "truncated-body",
  "digest-mismatch",
  "size-mismatch",
];

const ordersAtOnce = 4;
const readingsMost = 2;

export class Worker {
  readonly #turn = atMost(ordersAtOnce);
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #drops = new Set<Promise<unknown>>();
  #outcomes: OrderOutcome[] = [];

  constructor(private readonly parts: WorkerParts) {}

  /**
   * Takes orders given under `epoch`. Those that are under way or wait to be reported are passed
   * over.
   */
  accept(orders: readonly Order[], epoch: number, signal: AbortSignal): void {
    for (const order of orders) {
      if (this.#underWay.has(order.orderId)) continue;
      if (this.#outcomes.some((outcome) => outcome.orderId === order.orderId)) continue;
      const work = this.#turn(() => this.#carryOut(order, epoch, signal))
        .finally(() => this.#underWay.delete(order.orderId));
      this.#underWay.set(order.orderId, work);
    }
  }

  /** What to report next. */
  outcomes(): readonly OrderOutcome[] {
    return this.#outcomes.slice(0, limits.batchItemsMax);
  }

  /** The tracker has answered a heartbeat that carried these. */
  reported(outcomes: readonly OrderOutcome[]): void {
    const told = new Set(outcomes);
    this.#outcomes = this.#outcomes.filter((outcome) => !told.has(outcome));
  }

  /** No drop that was begun is still under way: what is listed now stays. */
  async dropsEnded(): Promise<void> {
    await Promise.allSettled(this.#drops);
  }

  async idle(): Promise<void> {
    await Promise.all(this.#underWay.values());
  }

  async #carryOut(order: Order, epoch: number, signal: AbortSignal): Promise<void> {
    const { kind, orderId, chunkId, sizeBytes, why } = order;
    let result: Result;
    try {
      if (signal.aborted) return;
      this.#checkFresh(order, epoch);
      result = kind === "copy"
        ? await this.#copy(order, signal)
        : kind === "drop"
        ? await this.#drop(order)
        : await this.#verify(order);
    } catch (error) {
      if (signal.aborted) return;
      result = failedBy(error);
    }
    this.#outcomes.push({ orderId, kind, chunkId, sizeBytes, ...result });
    const fields = { kind, orderId, chunkId, why, result: result.result, detail: result.detail };
    const level = kind === "drop" || result.result !== "held" ? "info" : "debug";
    this.parts.log[level]("order done", fields);
  }

  /**
   * An order whose time is over, or given by a tracker that was replaced since, is not carried out.
   */
  #checkFresh(order: Order, epoch: number): void {
    const lateMs = this.parts.time.now() - order.deadlineMs;
    if (lateMs > 0) throw new Fault("unavailable", `the order's deadline passed ${lateMs} ms ago`);
    const current = this.parts.identity()?.heard?.epoch ?? 0;
    if (epoch < current) {
      throw new Fault("stale-epoch", `ordered in epoch ${epoch}, now it is ${current}`);
    }
  }

  async #drop(order: DropOrder): Promise<Result> {
    const { store, receipts } = this.parts;
    const work = receipts.unlessCounted(order, () => store.drop(order.chunkId));
    this.#drops.add(work);
    const dropped = await work.finally(() => this.#drops.delete(work));
    const isHere = store.sizeOf(order.chunkId) !== undefined;
    // The store's own copy went first, and a person's file holds the chunk as well.
    if (isHere && !store.isStored(order.chunkId)) return { result: "held", adopted: true };
    if (dropped) return { result: "absent" };
    const detail = "kept: an upload may count on a receipt given for it";
    return { result: isHere ? "held" : "absent", detail };
  }

  /** One reading answers both questions, unless something is wrong: then the store is to say so. */
  async #verify({ chunkId, nonce }: VerifyOrder): Promise<Result> {
    for (let reading = 1;; reading++) {
      const { store, answer: answerFor = answerTo } = this.parts;
      const answer = await answerFor(store, chunkId, nonce).catch(() => undefined);
      if (answer !== undefined) return { result: "held", answer };
      const found = await store.verify(chunkId);
      if (found !== "good") return { result: "absent", detail: found };
      // It was stored or moved while it was read.
      if (reading === readingsMost) throw new Fault("unavailable", "it changes while it is read");
    }
  }

  async #copy(order: CopyOrder, signal: AbortSignal): Promise<Result> {
    const { store } = this.parts;
    let last: unknown;
    const doubtful: SeederId[] = [];
    // A receipt says that the copy is good: what is here already is read before one is given.
    let here = store.isStored(order.chunkId) && await this.#isGood(order.chunkId);
    for (const source of here ? [] : order.sources) {
      try {
        await this.#fetch(order, source, signal);
        here = true;
        break;
      } catch (error) {
        if (signal.aborted) throw error;
        last = error;
        const { seederId } = source;
        if (tellsOfCopy.includes(asFault(error).code)) doubtful.push(seederId);
        this.parts.log.warn("copy source failed", {
          chunkId: order.chunkId,
          seederId,
          fault: error,
        });
      }
    }
    const told = doubtful.length === 0 ? {} : { doubtful: doubtful.slice(0, limits.copiesMax) };
    if (!here) return { ...failedBy(last), ...told };
    const identity = this.parts.identity();
    if (identity === undefined) throw new Fault("unavailable", "this seeder has not joined");
    const { chunkId, sizeBytes, storeLeave } = order;
    const receipt = this.parts.receipts.give(identity, chunkId, sizeBytes, storeLeave);
    return { result: "held", receipt, ...told };
  }

  /** What cannot be read now is fetched again. */
  async #isGood(chunkId: ChunkId): Promise<boolean> {
    try {
      return await this.parts.store.verify(chunkId) === "good";
    } catch (error) {
      if (!isReadFailure(error)) throw error;
      return false;
    }
  }

  async #fetch(
    { chunkId, sizeBytes }: CopyOrder,
    source: CopyOrder["sources"][number],
    outer: AbortSignal,
  ): Promise<void> {
    const { clock, transport, store } = this.parts;
    const peer = `seeder ${source.seederId}`;
    const seeder = connect(seederRoutes, source.address, transport, peer);
    const silent = () => new Fault("seeder-unreachable", `${peer} gave no answer`);
    const input = { chunkId, size: String(sizeBytes), leave: source.leave };
    const response = await withDeadline(
      clock,
      limits.trackerCallMs,
      outer,
      silent,
      (signal) => seeder.readChunk(input, { signal }),
    );
    const body = response.body ?? new ReadableStream({ start: (empty) => empty.close() });
    await store.put(chunkId, sizeBytes, bodyParts(clock, body, sizeBytes));
  }
}

function failedBy(error: unknown): Result {
  const fault = asFault(error);
  return { result: "failed", detail: `${fault.code}: ${fault.message}`.slice(0, 500) };
}
