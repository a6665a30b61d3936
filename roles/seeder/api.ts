/**
 * The data path of a seeder: routes to store, with the leaves checked by the guard. No decision.
 */
import {
  asFault,
  type ChunkId,
  Fault,
  limits,
  parseRange,
  seederRoutes,
  type StoreReply,
} from "../../protocol/mod.ts";
import { bodyParts } from "../kit/body_parts.ts";
import type { Log } from "../kit/log.ts";
import type { Random } from "../kit/random.ts";
import { type App, type BytesReply, type Call, serveRoutes } from "../kit/serve.ts";
import { version } from "../kit/version.ts";
import { batchDoor, type BatchParts } from "./batch.ts";
import { ChainRelay, wayOn } from "./chain.ts";
import type { ChunkStore } from "./store/chunk_store.ts";

export interface ApiParts extends BatchParts {
  readonly joined: () => boolean;
  readonly random: Random;
  readonly log: Log;
}

type Routes = typeof seederRoutes;

export function seederApp(parts: ApiParts): App {
  const { store, guard } = parts;
  const takeBatch = batchDoor(parts);
  return serveRoutes<Routes, void>({
    table: seederRoutes,
    guard,
    ...{ clock: parts.clock, log: parts.log, random: parts.random },
    handlers: {
      health: () =>
        Promise.resolve({
          status: parts.joined() ? "ok" : "starting",
          role: "seeder",
          version,
          protocol: limits.protocolVersion,
        }),
      readChunk: (call) => readChunk(store, call),
      headChunk: ({ input }) => {
        const sizeBytes = sizeHere(store, input.chunkId, input.size);
        const headers = headersOf(input.chunkId, sizeBytes);
        return Promise.resolve({ status: 200, headers, body: null });
      },
      storeChunk: (call) => storeChunk(parts, call),
      storeBatch: (call) => takeBatch(call.body),
    },
  });
}

/** @throws Fault `chunk-not-found`, `size-mismatch` */
function sizeHere(store: ChunkStore, chunkId: ChunkId, declared: number): number {
  const sizeBytes = store.sizeOf(chunkId);
  if (sizeBytes === undefined) {
    throw new Fault("chunk-not-found", `chunk ${chunkId.slice(0, 12)} is not on this seeder`);
  }
  if (sizeBytes !== declared) {
    throw new Fault(
      "size-mismatch",
      `chunk ${chunkId.slice(0, 12)} has ${sizeBytes} bytes, not ${declared}`,
    );
  }
  return sizeBytes;
}

function headersOf(chunkId: ChunkId, contentLength: number): Record<string, string> {
  return {
    "content-type": "application/octet-stream",
    "content-length": String(contentLength),
    "accept-ranges": "bytes",
    // The id names these bytes for ever, which is what a strong entity tag says (RFC 9110, 8.8.3).
    etag: `"${chunkId}"`,
  };
}

async function readChunk(
  store: ChunkStore,
  { input }: Call<Routes["readChunk"], void>,
): Promise<BytesReply> {
  const { chunkId } = input;
  const sizeBytes = sizeHere(store, chunkId, input.size);
  const range = parseRange(input.range, sizeBytes);
  const { body } = await store.read(chunkId, range);
  if (range === undefined) return { status: 200, headers: headersOf(chunkId, sizeBytes), body };
  return {
    status: 206,
    headers: {
      ...headersOf(chunkId, range.end - range.start),
      "content-range": `bytes ${range.start}-${range.end - 1}/${sizeBytes}`,
    },
    body,
  };
}

async function storeChunk(
  parts: ApiParts,
  { input, body, bodyBytes }: Call<Routes["storeChunk"], void>,
): Promise<StoreReply> {
  const { chunkId, size, leave } = input;
  checkDeclared(chunkId, size, bodyBytes);
  const { clock, transport, waiting, store } = parts;
  const way = wayOn(leave, input.chain);
  const relay = way === undefined || input.chain === undefined
    ? undefined
    : new ChainRelay({ clock, transport, waiting }, way, input.chain, chunkId, size);
  async function* passing() {
    for await (const part of bodyParts(clock, body, size)) {
      await relay?.pass(part);
      yield part;
    }
  }
  // The next seeder's answer is waited for while this copy is synced.
  let further: Promise<StoreReply> | undefined;
  async function* source() {
    yield* passing();
    further = relay?.finish();
  }
  try {
    await store.put(chunkId, size, source());
  } catch (error) {
    relay?.abort(asFault(error));
    // Where the store refused before it read anything; rejects when the source did it already.
    await body.cancel().catch(() => {});
    throw error;
  }
  const receipt = parts.receipts.give(parts.guard.joined(), chunkId, size, leave);
  const { receipts, failures } = await further ?? { receipts: [], failures: [] };
  return { receipts: [receipt, ...receipts], failures };
}

/** A wrong Content-Length is told before a byte is read. */
function checkDeclared(chunkId: ChunkId, size: number, bodyBytes: number | undefined): void {
  if (bodyBytes === undefined || bodyBytes === size) return;
  throw new Fault(
    bodyBytes > size ? "size-mismatch" : "truncated-body",
    `chunk ${chunkId.slice(0, 12)} was declared with ${size} bytes and comes with ${bodyBytes}`,
  );
}
