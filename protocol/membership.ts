/** Messages between seeders and the tracker, and what the tracker tells about its seeders. */
import * as z from "zod";
import { Adopted } from "./adopt.ts";
import { AuthorityStatus } from "./authority.ts";
import { CodeText } from "./codes.ts";
import { HealingStatus } from "./healing.ts";
import { BaseUrl, BootId, ChunkId, ClusterId, SeederId, SeederName } from "./ids.ts";
import { limits } from "./limits.ts";
import { LogMark } from "./log.ts";
import { ChunkEntry } from "./manifest.ts";
import { Order, OrderOutcome } from "./orders.ts";
import { Sealed } from "./sealing.ts";

const Bytes = z.int().min(0);

/**
 * Where a seeder is reached. With `host` absent the tracker uses the address the request came from:
 * a seeder that listens on all interfaces need not know its own name.
 */
export const Advertised = z.strictObject({
  host: z.string().min(1).max(253).optional(),
  port: z.int().min(1).max(65535),
});

export const Space = z.strictObject({
  /** Size of the file system under the store. */
  totalBytes: Bytes,
  /** What may still be stored: free bytes less the reserve, never below zero. */
  freeBytes: Bytes,
  /** Sum of the chunks held, those of a person's files too. */
  usedBytes: Bytes,
});
export type Space = z.output<typeof Space>;

/** Which of the keys of one seeder: 1 for its first, one more each time it joins again. */
export const KeyGeneration = z.int().min(1).max(1_000_000_000);

/** Machines that fail together share a zone; by default each seeder is its own. */
export const Zone = z.string().min(1).max(63);

/**
 * What a seeder is to the cluster, by the log. Only a `member`, also while it is `draining`, has
 * copies, the log and orders. `pending`: it showed a code and waits for a person. `banned`: it was
 * put out while it reported. `forgotten`: it is gone, and its id is given to nobody else.
 */
export const Standing = z.enum(["pending", "member", "draining", "banned", "forgotten"]);
export type Standing = z.output<typeof Standing>;

/** A request that is proved under a join code. */
export const JoinRequest = z.strictObject({
  text: CodeText,
  seederId: SeederId,
  /**
   * The secret that the id is the digest of (`seederIdOf`), under the code, about the id: whoever
   * shows it is the same seeder as before. Until the first heartbeat a join may be repeated.
   */
  sealedAttempt: Sealed,
  /** Of the key it had before; 0 where it had none. */
  generation: z.int().min(0).max(1_000_000),
  name: SeederName,
  zone: Zone.optional(),
  /** The size of its disk. */
  capacityBytes: Bytes,
  advertised: Advertised,
});

/** The seeder keeps all of it on its disk; the key is never sent again. */
export const JoinReply = z.strictObject({
  clusterId: ClusterId,
  generation: KeyGeneration,
  /** The seeder's key, under the code, about `aboutJoin`. */
  sealedKey: Sealed,
});

export function aboutJoin(clusterId: ClusterId, seederId: SeederId, generation: number): string {
  return `offshore seeder key ${clusterId} ${seederId} ${generation}`;
}

/**
 * XOR of the first 16 bytes of all chunk ids held, as 32 hex digits: ids are uniform, so equal
 * digests and counts mean equal sets, whatever the order, and one chunk more or less is one XOR.
 * Of a chunk that is only adopted the last 16 bytes count instead.
 */
export const InventoryDigest = z.string().regex(/^[0-9a-f]{32}$/);

/**
 * Why a seeder has not a copy any more that counted as held: its bytes were others and were set
 * aside; it could not be read, twice, some time apart, and stays there as a last resort; or it was
 * not there any more.
 */
export const Loss = z.enum(["corrupt", "unreadable", "gone"]);
export type Loss = z.output<typeof Loss>;

export const LostChunk = z.strictObject({
  chunkId: ChunkId,
  why: Loss,
  /** By the tracker's clock; 0 where the seeder has not heard it yet. */
  foundMs: z.int().min(0),
});
export type LostChunk = z.output<typeof LostChunk>;

export const Heartbeat = z.strictObject({
  seederId: SeederId,
  /** Drawn at each start, so that the tracker notices a restart shorter than a heartbeat. */
  bootId: BootId,
  name: SeederName,
  zone: Zone.optional(),
  advertised: Advertised,
  space: Space,
  chunkCount: z.int().min(0),
  inventoryDigest: InventoryDigest,
  /** False while the store cannot be written, with the reason. */
  writable: z.boolean(),
  trouble: z.string().max(500).optional(),
  /**
   * Its disk folder is not there, or that of another disk is: no copy can be read now. It is judged
   * like one that is silent.
   */
  diskGone: z.literal(true).optional(),
  outcomes: z.array(OrderOutcome).max(limits.batchItemsMax),
  /** Told again until a heartbeat that carried it was answered. */
  lost: z.array(LostChunk).max(limits.batchItemsMax).optional(),
  /**
   * By the lease clock: of receipts given before this it does not know for which chunks they were,
   * and drops nothing that could stand on one. Absent when it knows all.
   */
  receiptsFloorMs: z.int().optional(),
});
export type Heartbeat = z.output<typeof Heartbeat>;

export const HeartbeatReply = z.strictObject({
  clusterId: ClusterId,
  /** Its epoch is raised at every start of a tracker; seeders refuse a lower one. */
  start: LogMark,
  /** The tracker's clock: dates, and the deadlines of orders. */
  trackerNowMs: z.int(),
  /** The clock by which leaves are judged. It is not set, and stands while the tracker is down. */
  leaseNowMs: z.int(),
  intervalMs: z.int().min(1),
  orders: z.array(Order),
  /** It is not a member yet: a person has to accept it. Nothing else is wanted of it until then. */
  pending: z.literal(true).optional(),
  /** True when the tracker wants to hear the whole inventory, page by page. */
  inventoryWanted: z.boolean(),
  /** Every chunk shall be read again as soon as may be that was not since this time. */
  scrubAskedMs: z.int().optional(),
});
export type HeartbeatReply = z.output<typeof HeartbeatReply>;

/** A chunk a seeder holds; `adopted` when only in a file of a person, as it lay there. */
export const HeldChunk = ChunkEntry.extend({ adopted: z.literal(true).optional() });
export type HeldChunk = z.output<typeof HeldChunk>;

/**
 * One page of the inventory in ascending order of chunk id. A page speaks for all ids above `after`
 * (all, when absent) up to its last id, or to the end when `last` is true.
 */
export const InventoryPage = z.strictObject({
  seederId: SeederId,
  bootId: BootId,
  after: z.string().regex(/^[0-9a-f]{64}$/).optional(),
  chunks: z.array(HeldChunk).max(limits.inventoryPageChunksMax),
  last: z.boolean(),
});
export type InventoryPage = z.output<typeof InventoryPage>;

export const SeederState = z.enum(["green", "yellow", "red", "away"]);
export type SeederState = z.output<typeof SeederState>;

/** Chunks a seeder said that it holds and did not have; the latest by the tracker's clock. */
export const FalseAnswers = z.strictObject({ chunks: z.int().min(1), lastMs: z.int() });
export type FalseAnswers = z.output<typeof FalseAnswers>;

/** How the tracker sees one seeder. `away`: it signed out and has not come back. */
export const SeederView = z.strictObject({
  seederId: SeederId,
  name: SeederName,
  zone: z.string(),
  address: BaseUrl,
  state: SeederState,
  /**
   * Since the last heartbeat with its disk there, by the tracker's clock. Null where this tracker
   * has heard none.
   */
  silentMs: z.int().min(0).nullable(),
  writable: z.boolean(),
  trouble: z.string().optional(),
  /** It reports, and its disk is not there. */
  diskGone: z.literal(true).optional(),
  /** As much of it as was accepted. */
  space: Space,
  /** What it says of itself and nobody has accepted: it does not count. */
  asks: z.strictObject({
    zone: Zone.optional(),
    /** The size of its disk, where more than what was accepted is there. */
    capacityBytes: Bytes.optional(),
  }).optional(),
  chunkCount: z.int().min(0),
  /** It is being emptied. */
  draining: z.boolean(),
  /** Its absence is announced until then, by the tracker's clock. */
  maintenanceUntilMs: z.int().optional(),
  /** What it told of files found on its disk; absent before that. */
  adopted: Adopted.optional(),
  /** What its scrub has told; absent before that. Times by the tracker's clock. */
  scrub: z.strictObject({
    /** Everything there was verified at this time or later; null where that is not known. */
    verifiedMs: z.int().nullable(),
    corruptChunks: z.int().min(0),
    /** When the latest corrupt chunk was found; 0 when there was none. */
    corruptMs: z.int().min(0),
    unreadableChunks: z.int().min(0),
  }).optional(),
  falseAnswers: FalseAnswers.optional(),
});
export type SeederView = z.output<typeof SeederView>;

/** A seeder that is not a member: it waits to be accepted, or was banned. */
export const Outsider = z.strictObject({
  seederId: SeederId,
  standing: z.enum(["pending", "banned"]),
  name: SeederName,
  address: BaseUrl,
  zone: Zone,
  /** The size of its disk, by its own word. */
  capacityBytes: Bytes,
  /** Since the last heartbeat. Null where this tracker has heard none. */
  silentMs: z.int().min(0).nullable(),
});
export type Outsider = z.output<typeof Outsider>;

/**
 * A person takes a pending seeder into the cluster, or lets more of a member's disk count, or
 * another zone. What is absent is as the seeder says it.
 */
export const AcceptRequest = z.strictObject({
  seederId: SeederId,
  capacityBytes: Bytes.optional(),
  zone: Zone.optional(),
});
const Accepted = z.strictObject({ standing: Standing, zone: Zone, capacityBytes: Bytes });
export const AcceptReply = z.strictObject({ before: Accepted, now: Accepted });

/** What lies in the trash, summed up. */
export const TrashSums = z.strictObject({
  entries: z.int(),
  files: z.int(),
  directories: z.int(),
  links: z.int(),
  /** Of one copy each. */
  fileBytes: z.int(),
});
export type TrashSums = z.output<typeof TrashSums>;

/** What is kept of earlier versions of files, summed up. */
export const VersionSums = z.strictObject({
  versions: z.int(),
  /** Of one copy each, equal contents counted each time. */
  fileBytes: z.int(),
});
export type VersionSums = z.output<typeof VersionSums>;

export const ClusterStatus = z.strictObject({
  clusterId: ClusterId,
  epoch: z.int(),
  version: z.string(),
  /** The tracker's clock. */
  nowMs: z.int(),
  upSinceMs: z.int(),
  authority: AuthorityStatus,
  seeders: z.array(SeederView),
  /** Those that are no members. */
  outsiders: z.array(Outsider),
  files: z.int(),
  directories: z.int(),
  links: z.int(),
  /** Sum of the sizes of all files as listed. */
  fileBytes: z.int(),
  chunks: z.int(),
  /** What was removed and can come back; not counted in the sums above. */
  trash: TrashSums.extend({
    /** An entry is purged at this age. */
    keepMs: z.int(),
    /** With more than this, of one copy each, the oldest entries are purged. */
    bytesMax: z.int(),
  }),
  /** Kept of earlier versions, in the trash as well; not counted in the sums above. */
  oldVersions: VersionSums.extend({
    /** With more than this the oldest are given up. */
    bytesMax: z.int(),
  }),
  /** Referenced chunks with fewer holdings on green or yellow seeders than their files ask for. */
  chunksAtRisk: z.int(),
  /** Referenced chunks with no holding on a green or yellow seeder. */
  chunksUnavailable: z.int(),
  uploadsOpen: z.int(),
  logSequence: z.int(),
  /** Where the log is, beside the tracker's disk. */
  log: z.strictObject({
    keepers: z.array(SeederId),
    mode: z.enum(["auto", "seeders", "local"]),
    /** What is acknowledged now may be on one disk. */
    isWeak: z.boolean(),
  }),
  copiesDefault: z.int(),
  healing: HealingStatus,
});
export type ClusterStatus = z.output<typeof ClusterStatus>;
