/**
 * Keys, codes, leaves and receipts, and the tokens of persons. All are HMAC-SHA-256 (RFC 2104)
 * under keys derived from the one cluster key that only the tracker holds; a seeder holds only the
 * key derived for it, so a
 * stolen seeder can forge nothing in another seeder's name.
 *
 * A leave is permission for one action on one chunk at one seeder until a time on the tracker's
 * clock. A receipt is a seeder's word that it holds a chunk durably, given under the leave it was
 * sent with.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import * as z from "zod";
import { Fault } from "./faults.ts";
import { BaseUrl, type ChunkId, SeederId } from "./ids.ts";
import { limits } from "./limits.ts";

/** 32 bytes as 64 hex digits. */
export const SecretKey = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits").brand<
  "SecretKey"
>();
export type SecretKey = z.output<typeof SecretKey>;

function mac(key: SecretKey, text: string): string {
  return createHmac("sha256", key).update(text).digest("base64url");
}

/** In time that does not tell how much of them is equal. */
export function sameMac(left: string, right: string): boolean {
  const a = new TextEncoder().encode(left), b = new TextEncoder().encode(right);
  return a.length === b.length && timingSafeEqual(a, b);
}

function derive(key: SecretKey, purpose: string): SecretKey {
  return SecretKey.parse(createHmac("sha256", key).update(purpose).digest("hex"));
}

/**
 * The key shared by the tracker and one seeder. A seeder that was forgotten and joins again has
 * another generation, so that whatever was signed before is worth nothing.
 */
export function seederKeyOf(
  clusterKey: SecretKey,
  seederId: SeederId,
  generation: number,
): SecretKey {
  return derive(clusterKey, `offshore seeder key ${seederId} ${generation}`);
}

/**
 * The id of a seeder: the digest of a secret it made up. Whoever shows the secret is the same
 * seeder, so an id cannot be chosen and is nobody else's, ever.
 */
export function seederIdOf(attempt: SecretKey): SeederId {
  const hash = createHash("sha256").update(`offshore seeder id ${attempt}`).digest("hex");
  return SeederId.parse(hash.slice(0, 16));
}

/** The tracker's signature on one record of the log, its text covered by the checksum. */
export function logMac(
  clusterKey: SecretKey,
  record: { sequence: number; epoch: number; term: string; timeMs: number; checksum: string },
): string {
  const { sequence, epoch, term, timeMs, checksum } = record;
  const key = derive(clusterKey, "offshore log key");
  return mac(key, `offshore log ${sequence} ${epoch} ${term} ${timeMs} ${checksum}`);
}

/** The tracker's signature on a snapshot, all of which the digest covers. */
export function snapshotMac(clusterKey: SecretKey, digest: string): string {
  return mac(derive(clusterKey, "offshore snapshot key"), `offshore snapshot ${digest}`);
}

/** The tracker's signature on a card, of which `said` is all. */
export function cardMac(clusterKey: SecretKey, said: string): string {
  return mac(derive(clusterKey, "offshore card key"), `offshore card ${said}`);
}

/** What one of the two says to the other when a tracker is rebuilt. */
export function presentMac(
  seederKey: SecretKey,
  speaker: "seeder" | "tracker",
  seederId: SeederId,
  said: string,
): string {
  return mac(seederKey, `offshore rebuild ${speaker} ${seederId} ${said}`);
}

export const LeaveAction = z.enum(["read", "store"]);
export type LeaveAction = z.output<typeof LeaveAction>;

/** One of the seeders that the tracker named together for a chunk, and where it is reached. */
export const NamedSeeder = z.strictObject({ seederId: SeederId, address: BaseUrl });
export type NamedSeeder = z.output<typeof NamedSeeder>;

/**
 * `EXPIRES.MAC` or `EXPIRES.NAMED.MAC`: expiry in milliseconds of the tracker's clock, in base 36,
 * and of a leave to store the digest of the seeders named with it. To these the bytes may be passed
 * on, and to no others: a seeder connects only to whom the tracker named.
 */
export const Leave = z.string().regex(
  /^[0-9a-z]{1,11}\.([A-Za-z0-9_-]{43}\.)?[A-Za-z0-9_-]{43}$/,
  "expected a leave",
).brand<"Leave">();
export type Leave = z.output<typeof Leave>;

function namedDigest(named: readonly NamedSeeder[]): string {
  const text = named.map(({ seederId, address }) => `${seederId} ${address}\n`).join("");
  return createHash("sha256").update(text).digest("base64url");
}

/** Throws `leave-invalid` unless the tracker named exactly these with the leave. */
export function checkNamed(leave: Leave, named: readonly NamedSeeder[]): void {
  if (splitOnDot(splitOnDot(leave).head).tail === namedDigest(named)) return;
  throw new Fault("leave-invalid", "this leave does not allow to pass the chunk on to these");
}

/** What a leave speaks about. Its size is part of it, so a leave to store 1 KiB stores no more. */
export interface LeaveSubject {
  readonly action: LeaveAction;
  readonly chunkId: ChunkId;
  readonly sizeBytes: number;
}

function leaveText(subject: LeaveSubject, head: string): string {
  return `offshore leave ${subject.action} ${subject.chunkId} ${subject.sizeBytes} ${head}`;
}

/** @param named to whom the chunk may be passed on */
export function makeLeave(
  seederKey: SecretKey,
  subject: LeaveSubject,
  expiresMs: number,
  named: readonly NamedSeeder[] = [],
): Leave {
  const expires = Math.floor(expiresMs).toString(36);
  const head = named.length === 0 ? expires : `${expires}.${namedDigest(named)}`;
  return Leave.parse(`${head}.${mac(seederKey, leaveText(subject, head))}`);
}

function splitOnDot(text: string): { head: string; tail: string } {
  const dot = text.lastIndexOf(".");
  return { head: text.slice(0, dot), tail: text.slice(dot + 1) };
}

/**
 * Throws `leave-invalid` or `leave-expired` unless `leave` allows `subject` at this seeder now.
 * @param trackerNowMs the tracker's clock as this seeder last heard it, carried forward
 */
export function checkLeave(
  seederKey: SecretKey,
  leave: Leave,
  subject: LeaveSubject,
  trackerNowMs: number,
): void {
  const { head, tail } = splitOnDot(leave);
  if (!sameMac(tail, mac(seederKey, leaveText(subject, head)))) {
    throw new Fault(
      "leave-invalid",
      `this leave does not allow to ${subject.action} chunk ${subject.chunkId.slice(0, 12)} ` +
        `of ${subject.sizeBytes} bytes here`,
    );
  }
  const lateMs = trackerNowMs - Number.parseInt(head, 36);
  if (lateMs > 0) throw new Fault("leave-expired", `the leave expired ${Math.ceil(lateMs)} ms ago`);
}

/**
 * When the tracker made this leave, or the one behind this receipt, by its own clock: every leave
 * lives for `limits.leaveLifeMs`.
 */
export function leaveMadeMs(leave: Leave | Receipt["proof"]): number {
  return Number.parseInt(splitOnDot(leave).head, 36) - limits.leaveLifeMs;
}

/** `EXPIRES.MAC`, where EXPIRES is that of the leave the chunk was stored under. */
export const Receipt = z.strictObject({
  seederId: SeederId,
  proof: z.string().regex(/^[0-9a-z]{1,11}\.[A-Za-z0-9_-]{43}$/, "expected a receipt"),
});
export type Receipt = z.output<typeof Receipt>;

function receiptText(seederId: SeederId, chunkId: ChunkId, sizeBytes: number, expires: string) {
  return `offshore receipt ${seederId} ${chunkId} ${sizeBytes} ${expires}`;
}

/** The seeder's word that the chunk is on its disk, synced and hash-checked. */
export function makeReceipt(
  seederKey: SecretKey,
  seederId: SeederId,
  chunkId: ChunkId,
  sizeBytes: number,
  leave: Leave,
): Receipt {
  const [expires = ""] = leave.split(".");
  return {
    seederId,
    proof: `${expires}.${mac(seederKey, receiptText(seederId, chunkId, sizeBytes, expires))}`,
  };
}

/**
 * True when the seeder with this key really gave the receipt, under a leave that ended no longer
 * than `graceMs` ago.
 */
export function isReceiptUnder(
  seederKey: SecretKey,
  receipt: Receipt,
  chunkId: ChunkId,
  sizeBytes: number,
  nowMs: number,
  graceMs: number,
): boolean {
  const { head, tail } = splitOnDot(receipt.proof);
  if (nowMs > Number.parseInt(head, 36) + graceMs) return false;
  return sameMac(tail, mac(seederKey, receiptText(receipt.seederId, chunkId, sizeBytes, head)));
}

function toText(value: unknown): string {
  return new TextEncoder().encode(JSON.stringify(value)).toBase64({
    alphabet: "base64url",
    omitPadding: true,
  });
}

function fromText(text: string): unknown {
  try {
    const bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

export const PersonRole = z.enum(["reader", "writer", "admin"]);
export type PersonRole = z.output<typeof PersonRole>;

const PersonTokenBody = z.strictObject({
  user: z.string().min(1).max(64),
  role: PersonRole,
  issuedMs: z.int(),
});
export type PersonTokenBody = z.output<typeof PersonTokenBody>;

/** What a person's client presents to the tracker after login. */
export function makePersonToken(clusterKey: SecretKey, body: PersonTokenBody): string {
  const text = toText(body);
  return `person.${text}.${mac(clusterKey, `offshore person token ${text}`)}`;
}

/** Whose token this is, or undefined when this cluster did not make it. */
export function readPersonToken(clusterKey: SecretKey, token: string): PersonTokenBody | undefined {
  const match = /^person\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/.exec(token);
  const text = match?.[1] ?? "";
  if (!sameMac(match?.[2] ?? "", mac(clusterKey, `offshore person token ${text}`))) {
    return undefined;
  }
  const body = PersonTokenBody.safeParse(fromText(text));
  return body.success ? body.data : undefined;
}
