/**
 * Many small chunks in one request: each item's leave and hash is checked by itself, one sync
 * serves all, and the items go on to their next seeders in batches of their own. One bad item
 * spoils no other.
 */
import type * as z from "zod";
import {
  asFault,
  type BatchItem,
  connect,
  decodeBatch,
  encodeBatch,
  Fault,
  limits,
  type Place,
  problemOf,
  seederRoutes,
  shownFor,
  type StoreBatchReply as BatchReplySchema,
  type StoreReply,
  type Transport,
} from "../../protocol/mod.ts";
import { readBody } from "../kit/body_parts.ts";
import { type Clock, withDeadline } from "../kit/clock.ts";
import { whileAlive } from "../kit/life.ts";
import { chainReplyMsMax, failuresOf, lifeOf, wayOn } from "./chain.ts";
import type { LeaveGuard } from "./guard.ts";
import type { Receipts } from "./receipts.ts";
import type { ChunkStore, PutResult } from "./store/chunk_store.ts";
import type { WaitingBytes } from "./waiting_bytes.ts";
import { atMost } from "./turnstile.ts";

/** What taking chunks in needs, in batches or alone. */
export interface BatchParts {
  readonly store: ChunkStore;
  readonly guard: LeaveGuard;
  readonly receipts: Receipts;
  /** What waits in memory to be stored here or passed on. */
  readonly waiting: WaitingBytes;
  readonly clock: Clock;
  readonly transport: Transport;
}

type Bytes = Uint8Array<ArrayBuffer>;
type StoreBatchReply = z.output<typeof BatchReplySchema>;

/** Batches stored at a time: more would only wait for the same disk. */
const batchesMost = 8;

type Take = (bytes: number) => Promise<void>;

export function batchDoor(
  parts: BatchParts,
): (body: ReadableStream<Bytes>) => Promise<StoreBatchReply> {
  const turn = atMost(batchesMost);
  return (body) => parts.waiting.during((take) => answerBatch(parts, turn, take, body));
}

/**
 * A turn is held while this disk works and no longer: not while the sender sends, and not while the
 * next seeder works. What a batch holds meanwhile is counted, as it comes.
 */
async function answerBatch(
  parts: BatchParts,
  turn: ReturnType<typeof atMost>,
  take: Take,
  body: ReadableStream<Bytes>,
): Promise<StoreBatchReply> {
  const most = limits.chunkBatchBytesMax;
  const items = decodeBatch(await readBody(parts.clock, body, most, take));
  const problems = items.map((item) => problemWith(parts, item));
  const allowed = items.filter((_, i) => problems[i] === undefined);
  const passed = passOn(parts, take, allowed);
  const stored = await turn(() =>
    parts.store.putMany(allowed.map(({ head, bytes }) => ({ chunkId: head.chunkId, bytes })))
  );
  const own = new Map<BatchItem, PutResult | Fault>();
  allowed.forEach((item, i) => {
    const result = stored[i];
    if (result !== undefined) own.set(item, result);
  });
  const further = await passed;
  const identity = parts.guard.joined();
  const { seederId } = identity;
  const results = items.map((item, i) => {
    const { chunkId, sizeBytes, leave, chain } = item.head;
    const next = further.get(item) ??
      { receipts: [], failures: problems[i] ? failuresOf(chain, problems[i]) : [] };
    try {
      const result = problems[i] ?? own.get(item);
      if (result === undefined) throw new Fault("internal", "the store gave no result");
      if (result instanceof Fault) throw result;
      const receipt = parts.receipts.give(identity, chunkId, sizeBytes, leave);
      return { chunkId, ...next, receipts: [receipt, ...next.receipts] };
    } catch (error) {
      const problem = problemOf(asFault(error));
      return { chunkId, ...next, failures: [{ seederId, problem }, ...next.failures] };
    }
  });
  return { results };
}

function problemWith(parts: BatchParts, { head }: BatchItem): Fault | undefined {
  if (head.sizeBytes > limits.packedChunkBytesMax) {
    return new Fault(
      "body-too-large",
      `a chunk of ${head.sizeBytes} bytes is too large for a batch: ` +
        `${limits.packedChunkBytesMax} at most`,
      { next: "send it by itself" },
    );
  }
  try {
    const { chunkId, sizeBytes, leave } = head;
    parts.guard.allow({ action: "store", chunkId, sizeBytes }, leave);
    wayOn(leave, head.chain);
    return undefined;
  } catch (error) {
    return asFault(error);
  }
}

/** Sends the items that have a chain to the first seeder of it, one batch a seeder. */
async function passOn(
  parts: BatchParts,
  take: Take,
  items: readonly BatchItem[],
): Promise<Map<BatchItem, StoreReply>> {
  const groups = new Map<string, { next: Place; items: BatchItem[] }>();
  for (const item of items) {
    const next = wayOn(item.head.leave, item.head.chain)?.next;
    if (next === undefined) continue;
    const key = `${next.seederId} ${next.address}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { next, items: [item] });
    else group.items.push(item);
  }
  const replies = new Map<BatchItem, StoreReply>();
  await Promise.all([...groups.values()].map(async ({ next, items }) => {
    try {
      const { results } = await sendGroup(parts, take, next, items);
      items.forEach((item, i) => {
        const result = results[i];
        if (result?.chunkId !== item.head.chunkId) {
          throw new Fault("internal", `seeder ${next.seederId} answered for another chunk`);
        }
        const { receipts, failures } = result;
        replies.set(item, { receipts, failures });
      });
    } catch (error) {
      for (const item of items) {
        replies.set(item, { receipts: [], failures: failuresOf(item.head.chain, error) });
      }
    }
  }));
  return replies;
}

async function sendGroup(
  { clock, transport }: BatchParts,
  take: Take,
  next: Place,
  items: readonly BatchItem[],
): Promise<StoreBatchReply> {
  const onward = items.map(({ head, bytes }) => {
    const { chunkId, sizeBytes } = head;
    const way = wayOn(head.leave, head.chain);
    const leave = way?.next.leave ?? head.leave;
    const chain = way?.rest === undefined ? {} : { chain: way.rest };
    return { head: { chunkId, sizeBytes, leave, ...chain }, bytes };
  });
  await take(items.reduce((sum, { bytes }) => sum + bytes.length, 0));
  const bytes = encodeBatch(onward);
  const seeder = connect(seederRoutes, next.address, transport, `seeder ${next.seederId}`);
  const late = () => new Fault("seeder-unreachable", "gave no answer in time");
  return await withDeadline(
    clock,
    chainReplyMsMax,
    undefined,
    late,
    (signal) =>
      whileAlive(
        { clock, ...lifeOf(seeder, next), signal },
        (inner) => seeder.storeBatch(shownFor(onward), { bytes, signal: inner }),
      ),
  );
}
