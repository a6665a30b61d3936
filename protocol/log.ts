/**
 * The log of operations as it travels: to the seeders that keep a copy of it, to a backup file, and
 * back to a tracker that has lost its disk. A record is one operation with the checksum that chains
 * it to all before it and the tracker's signature, so that no seeder can make one up. In a file
 * each record is one line that tells by itself whether it is whole. What an operation says is none
 * of this room's business.
 */
import { createHash } from "node:crypto";
import * as z from "zod";
import { Fault } from "./faults.ts";
import { ClusterId, SeederId } from "./ids.ts";
import { limits } from "./limits.ts";
import { seal, Sealed, unseal } from "./sealing.ts";
import { SnapshotMark, SnapshotMarks, SnapshotNews } from "./snapshot_mark.ts";
import { cardMac, logMac, presentMac, sameMac, SecretKey } from "./trust.ts";

const Hex64 = z.string().regex(/^[0-9a-f]{64}$/);
const Mac = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** Drawn at every start of a tracker: tells two trackers of one epoch apart. */
export const Term = z.string().regex(/^[0-9a-f]{16}$/);

export const LogRecord = z.strictObject({
  /** 1, 2, 3 … without gaps. */
  sequence: z.int().min(1),
  /** Of the tracker that wrote it, as is its term. */
  epoch: z.int().min(1).max(limits.epochMax),
  term: Term,
  timeMs: z.int(),
  /** The operation as JSON. */
  text: z.string(),
  /** SHA-256 of the previous checksum (64 zeros before the first), a newline, and `text`. */
  checksum: Hex64,
  /** Under a key derived from the cluster key. */
  mac: Mac,
});
export type LogRecord = z.output<typeof LogRecord>;

/**
 * A record without its text: where a log stands, proved by the tracker that wrote it, for the
 * signature covers the text through the checksum alone.
 */
export const LogMark = LogRecord.omit({ text: true });
export type LogMark = z.output<typeof LogMark>;

/** The end of somebody's copy of the log: of its last record, or the origin. */
export const LogPosition = LogMark.extend({
  /** 0 while there is no record. */
  sequence: z.int().min(0),
  epoch: z.int().min(0).max(limits.epochMax),
  /** Empty at the origin. */
  mac: z.union([Mac, z.literal("")]),
});
export type LogPosition = z.output<typeof LogPosition>;

export const logOrigin: LogPosition = {
  ...{ sequence: 0, epoch: 0, term: "0".repeat(16), timeMs: 0 },
  ...{ checksum: "0".repeat(64), mac: "" },
};

/** The checksum of a record with this text after one with that checksum. */
export function logChecksum(previous: string, text: string): string {
  return createHash("sha256").update(`${previous}\n${text}`).digest("hex");
}

/** Whether `record` is the one after `position`. */
export function followsIn(position: LogPosition, record: LogRecord): boolean {
  return record.sequence === position.sequence + 1 &&
    record.checksum === logChecksum(position.checksum, record.text);
}

export function positionOf(record: LogMark | undefined): LogPosition {
  if (record === undefined) return logOrigin;
  const { sequence, epoch, term, timeMs, checksum, mac } = record;
  return { sequence, epoch, term, timeMs, checksum, mac };
}

/** Whether two positions are of one record: number, start and content are compared as one. */
export function isSamePosition(left: LogPlace, right: LogPlace): boolean {
  return left.sequence === right.sequence && left.epoch === right.epoch &&
    left.term === right.term && left.checksum === right.checksum;
}
type LogPlace = Pick<LogPosition, "sequence" | "epoch" | "term" | "checksum">;

/** Signs a record: its text is covered by the checksum. */
export function signRecord(clusterKey: SecretKey, record: Omit<LogRecord, "mac">): LogRecord {
  return { ...record, mac: logMac(clusterKey, record) };
}

/** Whether the cluster's tracker wrote this record; the origin needs no proof. */
export function isSigned(clusterKey: SecretKey, record: LogPosition): boolean {
  return isOrigin(record) || sameMac(record.mac, logMac(clusterKey, record));
}

function isOrigin(position: LogPosition): boolean {
  return position.mac === "" && isSamePosition(position, logOrigin);
}

/** The cluster key under a recovery key: worthless to whoever steals it without the code. */
export const SealedKey = z.strictObject({
  clusterId: ClusterId,
  /** The 64 hex digits of the key, about the cluster id. */
  ...Sealed.shape,
});
export type SealedKey = z.output<typeof SealedKey>;

/** 32 random bytes that a person keeps: `offshore-recovery-` and 64 hex digits. */
export const RecoveryCode = z.string().regex(
  /^offshore-recovery-[0-9a-f]{64}$/,
  "expected a recovery code, from offshore-recovery- to its end",
).brand<"RecoveryCode">();
export type RecoveryCode = z.output<typeof RecoveryCode>;

function recoverySecret(code: RecoveryCode): string {
  return code.slice("offshore-recovery-".length);
}

/** @param nonce 24 hex digits that were never used with this code before */
export function sealKey(
  code: RecoveryCode,
  clusterId: ClusterId,
  clusterKey: SecretKey,
  nonce: string,
): SealedKey {
  return { clusterId, ...seal(recoverySecret(code), nonce, clusterId, clusterKey) };
}

/** The cluster key. Throws `code-invalid` when it was sealed under another code, or is damaged. */
export function unsealKey(code: RecoveryCode, { clusterId, ...sealed }: SealedKey) {
  try {
    return SecretKey.parse(unseal(recoverySecret(code), sealed, clusterId));
  } catch (cause) {
    throw new Fault("code-invalid", `the recovery code is not that of cluster ${clusterId}`, {
      cause,
      next: "give the code that the cluster's tracker kept in codes/recovery",
    });
  }
}

const KeeperIds = z.array(SeederId).max(limits.logKeepersMax);

/** Tells the later of two words on who keeps the log: by epoch, then by operation. */
export const KeepersMark = z.strictObject({
  /** Of the tracker that says so. */
  epoch: z.int().min(0).max(limits.epochMax),
  /** The operation that named them; 0 where nobody was named yet. */
  sequence: z.int().min(0),
});
export type KeepersMark = z.output<typeof KeepersMark>;

/** The seeders on which an operation may be when it is acknowledged. */
export const LogKeepers = KeepersMark.extend({
  seederIds: KeeperIds,
  /** Those before, while a change is under way: a majority of both is needed for everything. */
  before: KeeperIds.optional(),
});
export type LogKeepers = z.output<typeof LogKeepers>;

export function isLaterMark(one: KeepersMark, other: KeepersMark): boolean {
  return one.epoch > other.epoch || (one.epoch === other.epoch && one.sequence > other.sequence);
}

/** What lies beside the log, so that a new tracker can begin with it: signed, all of it. */
export const ClusterCard = z.strictObject({
  sealedKey: SealedKey,
  keepers: LogKeepers,
  /** Under a key derived from the cluster key. */
  mac: Mac,
});
export type ClusterCard = z.output<typeof ClusterCard>;

export function signCard(clusterKey: SecretKey, card: Omit<ClusterCard, "mac">): ClusterCard {
  const { sealedKey, keepers } = card;
  return { sealedKey, keepers, mac: cardMac(clusterKey, JSON.stringify(saidBy(card))) };
}

export function isCardSigned(clusterKey: SecretKey, card: ClusterCard): boolean {
  return sameMac(card.mac, signCard(clusterKey, card).mac);
}

/** In one order, whoever wrote it down. */
function saidBy({ sealedKey, keepers }: Omit<ClusterCard, "mac">): readonly unknown[] {
  const { clusterId, nonce, sealed, tag } = sealedKey;
  const { epoch, sequence, seederIds, before } = keepers;
  return [clusterId, nonce, sealed, tag, epoch, sequence, seederIds, before ?? null];
}

const Records = z.array(LogRecord).max(limits.logPageRecordsMax);

export const PullLogRequest = z.strictObject({
  seederId: SeederId,
  /** Of the latest start that was heard, or written since: a tracker that is not of it stops. */
  heard: LogMark.optional(),
  /** What is on the seeder's disk, synced: asking for more acknowledges it. */
  position: LogPosition,
  /** Snapshots on its disk, synced and checked. */
  snapshots: SnapshotMarks.default([]),
  /** The keepers in the card on its disk; absent while it has none. */
  keepers: KeepersMark.optional(),
  /** The latest time of the lease clock that this process heard: no tracker's begins before it. */
  leaseHeardMs: z.int().optional(),
});
export type PullLogRequest = z.output<typeof PullLogRequest>;

export const PullLogReply = z.strictObject({
  clusterId: ClusterId,
  start: LogMark,
  /** What follows; empty when nothing came for `limits.logPullMs`. */
  records: Records,
  /** True when the seeder's copy is not a beginning of this log: it is set aside. */
  restart: z.boolean(),
  /** It is no keeper, and the keepers have all that it has: its copy may go. */
  letGo: z.literal(true).optional(),
  /** The seeder's copy ends before this log begins: it begins anew after this snapshot. */
  beginAfter: SnapshotMark.optional(),
  snapshots: SnapshotNews.default({ keep: [] }),
  /** Absent where the seeder has it, and before a majority of the keepers has shown its log. */
  card: ClusterCard.optional(),
});
export type PullLogReply = z.output<typeof PullLogReply>;

/** A seeder shows a tracker that is being rebuilt what it has. */
export const PresentLogRequest = z.strictObject({
  seederId: SeederId,
  /** Of the key that it signs with. */
  generation: z.int().min(1),
  /** Of the latest start that was heard. */
  heard: LogMark,
  /** As in `pullLog`. */
  leaseHeardMs: z.int().optional(),
  card: ClusterCard,
  last: LogMark.optional(),
  /** Of the record before its first: what was before is in a snapshot. */
  after: LogPosition.default(logOrigin),
  snapshots: SnapshotMarks.default([]),
  /** Drawn by the seeder: the answer proves that the tracker knows the cluster key. */
  nonce: z.string().regex(/^[0-9a-f]{32}$/),
  /** Proves that the seeder has its key. */
  mac: Mac,
});
export type PresentLogRequest = z.output<typeof PresentLogRequest>;

export const PresentLogReply = z.strictObject({
  proof: Mac,
  /**
   * The sequence after which the tracker wants this seeder's records now; absent while it waits.
   */
  uploadAfter: z.int().min(0).optional(),
  /** The tracker wants this seeder's snapshot now, from `offset` on. */
  uploadSnapshot: z.strictObject({ sequence: z.int().min(1), offset: z.int().min(0) }).optional(),
});

export const UploadLogRequest = z.strictObject({
  seederId: SeederId,
  /** None when the seeder cannot read what should be there. */
  records: Records,
});
/** The sequence after which more is wanted; absent when that was all. */
export const UploadLogReply = z.strictObject({ uploadAfter: z.int().min(0).optional() });

export const ExportLogRequest = z.strictObject({ after: z.int().min(0) });
export const ExportLogReply = z.strictObject({
  card: ClusterCard,
  epoch: z.int().min(1),
  /** The end of the log now. */
  head: LogPosition,
  /** Of what a backup begins with; absent while the log is whole and there is no snapshot. */
  base: SnapshotMark.optional(),
  /** Empty at the end. */
  records: Records,
});

export function signPresentation(
  seederKey: SecretKey,
  request: Omit<PresentLogRequest, "mac">,
): PresentLogRequest {
  const { seederId, nonce, heard, last, after, snapshots, card, leaseHeardMs = 0 } = request;
  const has = snapshots.map(({ sequence, digest }) => `${sequence} ${digest}`).join(" ");
  const said = `${card.mac} ${heard.mac} ${leaseHeardMs} ${
    last?.mac ?? ""
  } ${after.sequence} ${after.checksum} ${has}`;
  return { ...request, mac: presentMac(seederKey, "seeder", seederId, `${nonce} ${said}`) };
}

export function isPresentedBy(seederKey: SecretKey, request: PresentLogRequest): boolean {
  return sameMac(request.mac, signPresentation(seederKey, request).mac);
}

/** What a rebuilding tracker answers: only one who knows the cluster key can make it. */
export function rebuildProof(seederKey: SecretKey, seederId: SeederId, nonce: string): string {
  return presentMac(seederKey, "tracker", seederId, nonce);
}

/**
 * A value as a line of a log file: 16 hex digits of the SHA-256 of the JSON, a space, the JSON, a
 * line feed.
 */
export function logLine(value: LogRecord | LogFileHead | BackupHead): string {
  return checkedLine(value);
}

/** A value as one line that tells by itself whether it is whole; `readLogLine` reads it. */
export function checkedLine(value: object): string {
  const json = JSON.stringify(value);
  return `${lineDigest(json)} ${json}\n`;
}

function lineDigest(json: string): string {
  return createHash("sha256").update(json).digest("hex").slice(0, 16);
}

/** The value of one line without its line feed; undefined when the line is not whole. */
export function readLogLine<T extends z.ZodType>(schema: T, line: string) {
  const json = line.slice(17);
  if (line[16] !== " " || line.slice(0, 16) !== lineDigest(json)) return undefined;
  try {
    return schema.safeParse(JSON.parse(json)).data;
  } catch {
    return undefined;
  }
}

/** The first line of a file of the log. */
export const LogFileHead = z.strictObject({
  format: z.literal("offshore log 1"),
  clusterId: ClusterId,
  /** The record before the first in this file. */
  after: LogPosition,
});
export type LogFileHead = z.output<typeof LogFileHead>;

/**
 * The first line of a backup: the whole log up to a record, or a snapshot and the log after it, and
 * all a new tracker begins with.
 */
export const BackupHead = z.strictObject({
  format: z.enum(["offshore backup 1", "offshore backup 2"]),
  clusterId: ClusterId,
  /** Of the tracker that gave it. */
  epoch: z.int().min(1),
  card: ClusterCard,
  upTo: LogPosition,
  /** The snapshot whose lines follow this one; without it the log follows from its beginning. */
  base: SnapshotMark.optional(),
});
export type BackupHead = z.output<typeof BackupHead>;
