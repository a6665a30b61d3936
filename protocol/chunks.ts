/** Messages of a seeder's data path, and the framing of a batch of small chunks. */
import * as z from "zod";
import { Fault, Problem } from "./faults.ts";
import { ChunkId, SeederId } from "./ids.ts";
import { limits } from "./limits.ts";
import { ChunkEntry } from "./manifest.ts";
import { Leave, NamedSeeder, Receipt } from "./trust.ts";

/** One further seeder that shall store a copy, with the leave for it. */
export const ChainLink = z.strictObject({ seederId: SeederId, leave: Leave });
export type ChainLink = z.output<typeof ChainLink>;

/**
 * The way of a chunk on. Where the links are reached stands among all those that the tracker named
 * with the chunk, which the leave covers: nobody can make a seeder call anyone else.
 */
export const Chain = z.strictObject({
  named: z.array(NamedSeeder).max(limits.copiesMax + limits.placementSparesMax),
  links: z.array(ChainLink).min(1).max(limits.copiesMax - 1),
});
export type Chain = z.output<typeof Chain>;

/** A header carries the chain as JSON. */
export const ChainHeader = z.string().max(16_384).transform((text, context) => {
  try {
    return Chain.parse(JSON.parse(text));
  } catch {
    context.issues.push({ code: "custom", message: "expected a chain as JSON", input: text });
    return z.NEVER;
  }
});

const SizeText = z.string().regex(/^\d{1,10}$/).transform(Number).pipe(
  z.int().min(1).max(limits.chunkBytesMax),
);

export const ReadChunkRequest = z.strictObject({
  chunkId: ChunkId,
  size: SizeText,
  leave: Leave,
  /** `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-SUFFIX` (RFC 9110, 14.1.2); one range. */
  range: z.string().max(100).optional(),
});

export const StoreChunkRequest = z.strictObject({
  chunkId: ChunkId,
  size: SizeText,
  leave: Leave,
  chain: ChainHeader.optional(),
});

/** What opens the door to a batch, in the head of its request: the leave of one of its items. */
export const StoreBatchRequest = z.strictObject({ chunkId: ChunkId, size: SizeText, leave: Leave });

/**
 * Which copies were made, and why others were not. A store that makes no copy is a fault instead.
 */
export const StoreReply = z.strictObject({
  receipts: z.array(Receipt),
  failures: z.array(z.strictObject({ seederId: SeederId, problem: Problem })),
});
export type StoreReply = z.output<typeof StoreReply>;

export const StoreBatchReply = z.strictObject({
  /** In the order of the batch. An item that made no copy at all has failures only. */
  results: z.array(StoreReply.extend({ chunkId: ChunkId })),
});

export const BatchItemHead = ChunkEntry.extend({ leave: Leave, chain: Chain.optional() });
export type BatchItemHead = z.output<typeof BatchItemHead>;
export interface BatchItem {
  readonly head: BatchItemHead;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What is shown for a batch of these items: the leave of the first. Nothing for none. */
export function shownFor([item]: readonly BatchItem[]): z.input<typeof StoreBatchRequest> {
  const { chunkId, sizeBytes, leave } = item?.head ?? {};
  return { chunkId: chunkId ?? "", size: String(sizeBytes ?? 0), leave: leave ?? "" };
}

/** What a batch of small chunks is sent as. */
export const chunkBatchMediaType = "application/vnd.offshore.chunk-batch";

/**
 * Item after item: the length of the head as four bytes, most significant first; the head as JSON
 * in UTF-8 (`BatchItemHead`); the chunk's bytes, as many as the head says.
 */
export function encodeBatch(items: readonly BatchItem[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  const heads = items.map((item) => encoder.encode(JSON.stringify(item.head)));
  const total = items.reduce(
    (sum, item, i) => sum + 4 + (heads[i]?.length ?? 0) + item.bytes.length,
    0,
  );
  const out = new Uint8Array(total);
  const view = new DataView(out.buffer);
  let offset = 0;
  items.forEach((item, i) => {
    const head = heads[i] ?? new Uint8Array();
    view.setUint32(offset, head.length);
    out.set(head, offset + 4);
    out.set(item.bytes, offset + 4 + head.length);
    offset += 4 + head.length + item.bytes.length;
  });
  return out;
}

/** The items of a batch body. Throws `truncated-body`, `invalid-request` or `body-too-large`. */
export function decodeBatch(body: Uint8Array<ArrayBuffer>): BatchItem[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const items: BatchItem[] = [];
  let offset = 0;
  while (offset < body.length) {
    if (items.length === limits.chunkBatchItemsMax) {
      throw new Fault(
        "body-too-large",
        `a batch holds at most ${limits.chunkBatchItemsMax} chunks`,
      );
    }
    if (offset + 4 > body.length) throw truncated(items.length);
    const headEnd = offset + 4 + view.getUint32(offset);
    if (headEnd > body.length) throw truncated(items.length);
    const head = parseHead(body.subarray(offset + 4, headEnd), items.length);
    if (headEnd + head.sizeBytes > body.length) throw truncated(items.length);
    items.push({ head, bytes: body.subarray(headEnd, headEnd + head.sizeBytes) });
    offset = headEnd + head.sizeBytes;
  }
  return items;
}

function truncated(index: number): Fault {
  return new Fault("truncated-body", `the batch ends inside item ${index}`);
}

function parseHead(bytes: Uint8Array, index: number): BatchItemHead {
  try {
    return BatchItemHead.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (cause) {
    throw new Fault("invalid-request", `the head of batch item ${index} is malformed`, { cause });
  }
}

/**
 * The bytes a Range header asks for of `sizeBytes`, end excluded; undefined when there is no usable
 * header, which RFC 9110 says to ignore. Throws `range-not-satisfiable`.
 */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): { start: number; end: number } | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  const first = match?.[1] ?? "", last = match?.[2] ?? "";
  if (match === null || (first === "" && last === "")) return undefined;
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  const start = first === "" ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === "" || last === "" ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (start >= end) {
    throw new Fault("range-not-satisfiable", `${header} of ${sizeBytes} bytes`);
  }
  return { start, end };
}
