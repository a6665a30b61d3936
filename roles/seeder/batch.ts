/**
 * Many small chunks in one request: each item's leave and hash is checked by itself, one sync
 * serves all, and the items go on to their next seeders in batches of their own. One bad item
 * spoils no other.
 */
import type * as z from "zod";
import {
  asFault,
  type BatchItem,
  type ChainLink,
  connect,
  decodeBatch,
  encodeBatch,
  Fault,
  limits,
  problemOf,
  seederRoutes,
  type StoreBatchReply as BatchReplySchema,
  type StoreReply,
} from "../../protocol/mod.ts";
import { readBody } from "../kit/body_parts.ts";
import { withDeadline } from "../kit/clock.ts";
import { whileAlive } from "../kit/life.ts";
import type { ApiParts } from "./api.ts";
import { chainReplyMsMax, failuresOf, lifeOf } from "./chain.ts";
import type { PutResult } from "./store/chunk_store.ts";
import { atMost } from "./turnstile.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type StoreBatchReply = z.output<typeof BatchReplySchema>;

/** Batches read and stored at a time, so that many senders at once cannot fill the memory. */
const batchesMost = 8;

export function batchDoor(
  parts: ApiParts,
): (body: ReadableStream<Bytes>) => Promise<StoreBatchReply> {
  const turn = atMost(batchesMost);
  return async (body) => {
    // Two seeders that pass batches to each other must not wait for each other's turn: what goes on
    // to the next seeder is waited for after this one's turn is over.
    const { items, problems, own, passed } = await turn(() => takeBatch(parts, body));
    const further = await passed;
    const identity = parts.guard.joined();
    const { seederId } = identity;
    const results = items.map((item, i) => {
      const { chunkId, sizeBytes, leave, chain } = item.head;
      const next = further.get(item) ??
        { receipts: [], failures: problems[i] ? failuresOf(chain, problems[i]) : [] };
      try {
        const stored = problems[i] ?? own.get(item);
        if (stored === undefined) throw new Fault("internal", "the store gave no result");
        if (stored instanceof Fault) throw stored;
        const receipt = parts.receipts.give(identity, chunkId, sizeBytes, leave);
        return { chunkId, ...next, receipts: [receipt, ...next.receipts] };
      } catch (error) {
        const problem = problemOf(asFault(error));
        return { chunkId, ...next, failures: [{ seederId, problem }, ...next.failures] };
      }
    });
    return { results };
  };
}

async function takeBatch(parts: ApiParts, body: ReadableStream<Bytes>) {
  const items = decodeBatch(await readBody(parts.clock, body, limits.chunkBatchBytesMax));
  const problems = items.map((item) => problemWith(parts, item));
  const allowed = items.filter((_, i) => problems[i] === undefined);
  const passed = passOn(parts, allowed);
  const results = await parts.store.putMany(
    allowed.map(({ head, bytes }) => ({ chunkId: head.chunkId, bytes })),
  );
  const own = new Map<BatchItem, PutResult | Fault>();
  allowed.forEach((item, i) => {
    const result = results[i];
    if (result !== undefined) own.set(item, result);
  });
  return { items, problems, own, passed };
}

function problemWith(parts: ApiParts, { head }: BatchItem): Fault | undefined {
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
    return undefined;
  } catch (error) {
    return asFault(error);
  }
}

/** Sends the items that have a chain to the first seeder of it, one batch a seeder. */
async function passOn(
  parts: ApiParts,
  items: readonly BatchItem[],
): Promise<Map<BatchItem, StoreReply>> {
  const groups = new Map<string, { next: ChainLink; items: BatchItem[] }>();
  for (const item of items) {
    const [next] = item.head.chain;
    if (next === undefined) continue;
    const key = `${next.seederId} ${next.address}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { next, items: [item] });
    else group.items.push(item);
  }
  const replies = new Map<BatchItem, StoreReply>();
  await Promise.all([...groups.values()].map(async ({ next, items }) => {
    try {
      const { results } = await sendGroup(parts, next, items);
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

function sendGroup(
  { clock, transport }: ApiParts,
  next: ChainLink,
  items: readonly BatchItem[],
): Promise<StoreBatchReply> {
  const bytes = encodeBatch(items.map(({ head, bytes }) => {
    const [link, ...rest] = head.chain;
    return { head: { ...head, leave: link?.leave ?? head.leave, chain: rest }, bytes };
  }));
  const seeder = connect(seederRoutes, next.address, transport, `seeder ${next.seederId}`);
  const late = () => new Fault("seeder-unreachable", "gave no answer in time");
  return withDeadline(
    clock,
    chainReplyMsMax,
    undefined,
    late,
    (signal) =>
      whileAlive(
        { clock, ...lifeOf(seeder, next), signal },
        (inner) => seeder.storeBatch({}, { bytes, signal: inner }),
      ),
  );
}
