/**
 * What the tracker wants done, and what came of it. Orders leave the tracker only in heartbeat
 * replies; each is idempotent, carries its reason in words, and is forgotten when its deadline
 * passes without an outcome: orders are hints, the tracker's view is the truth.
 */
import * as z from "zod";
import { ChunkId, SeederId } from "./ids.ts";
import { BaseUrl } from "./ids.ts";
import { limits } from "./limits.ts";
import { Leave, Receipt } from "./trust.ts";

/** 32 random bytes that nobody can have known before. */
const Nonce = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits");

const common = {
  orderId: z.string().min(1).max(64),
  chunkId: ChunkId,
  sizeBytes: z.int().min(1).max(limits.chunkBytesMax),
  /** By the tracker's clock. */
  deadlineMs: z.int(),
  /** "1 of 2 copies: seeder-2 red for 12 s" */
  why: z.string().max(500),
};

/** Fetch the chunk from one of the sources, tried in this order, verify and store it. */
export const CopyOrder = z.strictObject({
  kind: z.literal("copy"),
  ...common,
  sources: z.array(z.strictObject({ seederId: SeederId, address: BaseUrl, leave: Leave })).min(1),
  storeLeave: Leave,
});

/**
 * Remove the chunk: nothing needs it, or the tracker has fresh word of enough other copies. It does
 * not count as held here from the moment this was decided. The seeder keeps the chunk, and says so,
 * when it gave a receipt for it under a leave made at `receiptsSinceMs` or later: some upload may
 * still count on that receipt, and no upload will count on an older one.
 */
export const DropOrder = z.strictObject({
  kind: z.literal("drop"),
  ...common,
  /** By the tracker's clock. */
  receiptsSinceMs: z.int(),
});

/**
 * Read the chunk again and compare its SHA-256; and show that its bytes were there to be read. The
 * nonce is drawn when a question is asked and is the same for all who are asked it: the tracker
 * does not know the bytes, so one answer proves nothing but against another's.
 */
export const VerifyOrder = z.strictObject({ kind: z.literal("verify"), ...common, nonce: Nonce });

export const Order = z.discriminatedUnion("kind", [CopyOrder, DropOrder, VerifyOrder]);
export type Order = z.output<typeof Order>;

/**
 * `held`: the seeder has a good copy. `absent`: it has none. `failed`: it could not tell or do it.
 */
export const OrderOutcome = z.strictObject({
  orderId: z.string(),
  kind: z.enum(["copy", "drop", "verify"]),
  chunkId: ChunkId,
  sizeBytes: z.int(),
  result: z.enum(["held", "absent", "failed"]),
  /** Of a drop: held in a person's file, whose bytes are not given up. */
  adopted: z.literal(true).optional(),
  receipt: Receipt.optional(),
  /** Of a verify with the result `held`: SHA-256 of the nonce's bytes and the chunk's. */
  answer: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits").optional(),
  /** Of a copy: sources of the order that do not have the chunk, or sent other bytes. */
  doubtful: z.array(SeederId).max(limits.copiesMax).optional(),
  /** Code and detail of the fault, for people. */
  detail: z.string().max(500).optional(),
});
export type OrderOutcome = z.output<typeof OrderOutcome>;
