/**
 * The catalog: names, manifests, holdings, uploads under way and the log of operations, behind one
 * interface. Engines are dumb: they keep rows and answer look-ups; every rule about names,
 * conditions and copies stands above them (`namespace.ts`, `uploads.ts`), so that a new engine is
 * a table layout and nothing else. `tests/conformance/catalog_suite.ts` is run over every engine.
 *
 * Contract:
 * - `transaction` runs one work after another, each alone. When it resolves, the work's writes
 *   survive a power cut; when the work throws, none of them happened and the same error is thrown.
 *   Several waiting works may share one sync (group commit), but never each other's failure.
 * - The work awaits nothing but the transaction's own methods.
 * - `read` sees the state some transaction committed, never half of one, and never less than what
 *   was committed before it was called.
 * - Pages come in ascending order (names by their UTF-8 bytes, ids as text), and `after` is
 *   exclusive.
 * - Every row comes back as it was put: the sizes that different callers tell for one chunk are not
 *   compared. Removing what is not there does nothing.
 * - `close` ends the work under way without its writes and refuses those that wait (`unavailable`).
 */
import type {
  ChunkEntry,
  ChunkId,
  EntryKind,
  SeederId,
  Standing,
  TrashSums,
  UploadId,
  VersionId,
  VersionSums,
} from "../../../protocol/mod.ts";
import type { CopyRow, HoldingRow } from "./holding_rows.ts";

/** Numbered by the tracker, never used twice; the root is 1. */
export type NodeId = number;
export const rootNodeId: NodeId = 1;
/** Parent of what lies in the trash. It has no row of its own, and no path leads to it. */
export const trashNodeId: NodeId = 0;

/** A name in the namespace. The root is its own parent and has an empty name. */
export interface NodeRow {
  readonly nodeId: NodeId;
  readonly parentId: NodeId;
  readonly name: string;
  readonly kind: EntryKind;
  readonly mode: number;
  readonly modifiedMs: number;
  /** Of the current version; 0 for directories, length of the target for links. */
  readonly sizeBytes: number;
  /** Of files: the current version. */
  readonly versionId?: VersionId;
  /** Of links. */
  readonly target?: string;
  /** Of directories with a policy of their own: copies of what is written below, … */
  readonly copies?: number;
  /** … how many earlier versions of each file below are kept, … */
  readonly versions?: number;
  /** … and for how many days. */
  readonly versionDays?: number;
}

/** One removal: the node lies below `trashNodeId` and is named by the entry's number. */
export interface TrashRow {
  readonly trashId: number;
  readonly nodeId: NodeId;
  /** Where it was. */
  readonly path: string;
  readonly kind: EntryKind;
  readonly trashedMs: number;
  readonly by: string;
  readonly files: number;
  /** The node itself counted. */
  readonly directories: number;
  readonly links: number;
  readonly fileBytes: number;
}

/** One version of a file. Its chunks are the manifest rows under the same id. */
export interface VersionRow {
  readonly versionId: VersionId;
  readonly nodeId: NodeId;
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
  readonly chunkCount: number;
  readonly manifestDigest: string;
  /** Copies asked for when it was written. */
  readonly copies: number;
  /**
   * It was found on a seeder's disk. Copies of it there, in place, count; those of a version
   * that somebody sent must be the seeders' own.
   */
  readonly adopted?: true;
  readonly createdMs: number;
  /** Who wrote it, where that is known. */
  readonly by?: string;
  /** Absent while it is the current one of its file. */
  readonly old?: OldFacts;
}

/** What became of a file found on a seeder's disk. */
export interface AdoptionRow {
  readonly seederId: SeederId;
  /** Where it lies, from the top of the seeder's disk folder. */
  readonly source: string;
  /** Of what it held then. */
  readonly manifestDigest: string;
  /** The version it became, or was found to be already. */
  readonly versionId: VersionId;
  /** Where that was then. */
  readonly path: string;
  /** The name it has on the seeder was taken. */
  readonly clash: boolean;
  readonly adoptedMs: number;
}

/** What becomes of a version that another one took the place of, and what its node said then. */
export interface OldFacts {
  /** The number of the operation in the log that took its place: unique, ascending. */
  readonly number: number;
  readonly supersededMs: number;
  /** It is kept until then. */
  readonly untilMs: number;
  readonly mode: number;
  readonly modifiedMs: number;
}

export type OldVersionRow = VersionRow & { readonly old: OldFacts };

/** An upload under way: not in the log, forgotten when its lease ends. */
export interface UploadRow {
  readonly uploadId: UploadId;
  /** As resolved when it was opened. */
  readonly path: string;
  /** The `Condition` as JSON. */
  readonly condition: string;
  readonly chunkSizeBytes: number;
  readonly sizeBytes?: number;
  readonly modifiedMs: number;
  readonly mode: number;
  readonly copies: number;
  readonly user: string;
  readonly openedMs: number;
  readonly leaseEndsMs: number;
}

export interface SeederRow {
  readonly seederId: SeederId;
  /** A row stays when its seeder is forgotten: the id and its keys are never given again. */
  readonly standing: Standing;
  /** Of its key: raised when it joins again. */
  readonly generation: number;
  readonly name: string;
  /** As a person accepted it, and so is the size of its disk that counts. */
  readonly zone: string;
  readonly capacityBytes: number;
  readonly address: string;
  readonly joinedMs: number;
  /** The boot id whose inventory the holdings agree with; absent until one was heard to its end. */
  readonly reconciledBootId?: string;
  /** True after a sign-out, until the next heartbeat. */
  readonly away: boolean;
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly usedBytes: number;
  /** Until then its absence is no reason to repair. */
  readonly maintenanceUntilMs?: number;
}

/**
 * One operation as appended: the text is what was decided, the checksum chains it to all before it.
 */
export interface LogRow {
  /** 1, 2, 3 … without gaps, or from a higher number on where a snapshot stands for the rest. */
  readonly sequence: number;
  readonly epoch: number;
  readonly term: string;
  readonly timeMs: number;
  /** The operation as JSON (`operations.ts`). */
  readonly text: string;
  /**
   * SHA-256 of the previous checksum (64 zeros before the first), a newline, and `text`, in hex.
   */
  readonly checksum: string;
}

export interface HoldingsSummary {
  readonly chunkCount: number;
  readonly usedBytes: number;
  /** As `InventoryDigest` of the protocol. */
  readonly digest: string;
}

/** Of all nodes, those in the trash as well. */
export interface Totals {
  readonly files: number;
  /** The root not counted. */
  readonly directories: number;
  readonly links: number;
  readonly fileBytes: number;
  /** Different chunks that some version names. */
  readonly chunks: number;
}

/** Who refers to a chunk, in numbers; all 0 for one the catalog does not know. */
export interface ChunkUses {
  /** Manifest rows that name it, in all versions. */
  readonly named: number;
  /** The most copies any version that names it asks for. */
  readonly wanted: number;
  /** The same over versions that were not adopted: that many must be the seeders' own. */
  readonly wantedOwn: number;
  /** Rows of uploads under way. */
  readonly recorded: number;
  /** As the first version told that named it; absent while none does. */
  readonly sizeBytes?: number;
}

export interface CatalogView {
  setting(name: string): Promise<string | undefined>;
  /** All of them, in ascending order of their names. */
  settings(): Promise<[name: string, value: string][]>;
  /** What was answered to a request, under the key it was kept by. */
  answer(key: string): Promise<string | undefined>;
  /** All of them, in the order in which they were put. */
  answers(): Promise<[key: string, text: string][]>;

  node(nodeId: NodeId): Promise<NodeRow | undefined>;
  /** All nodes, those in the trash as well, in ascending order of their numbers. */
  nodesAfter(after: NodeId | undefined, limit: number): Promise<NodeRow[]>;
  child(parentId: NodeId, name: string): Promise<NodeRow | undefined>;
  children(parentId: NodeId, after: string | undefined, limit: number): Promise<NodeRow[]>;
  /**
   * Sums over the node and everything below it; directories below it only. What lies in the trash
   * is below `trashNodeId` and not below the root.
   */
  usage(nodeId: NodeId): Promise<Omit<Totals, "chunks">>;
  trashed(trashId: number): Promise<TrashRow | undefined>;
  /** Of the entries with this path, the one with the highest number. */
  trashedLastAt(path: string): Promise<TrashRow | undefined>;
  /** In ascending order of their numbers. */
  trash(after: number | undefined, limit: number): Promise<TrashRow[]>;
  /** Over all entries. */
  trashSums(): Promise<TrashSums>;
  /** The highest ever put, whether it is still there or not; 0 when there was none. */
  highestNodeId(): Promise<NodeId>;

  version(versionId: VersionId): Promise<VersionRow | undefined>;
  versionsByPrefix(prefix: string, limit: number): Promise<VersionRow[]>;
  /** Of a file, in the order in which others took their places. */
  oldVersionsOf(nodeId: NodeId): Promise<OldVersionRow[]>;
  /** Of all files, those in the trash as well, in the order of their numbers. */
  oldVersions(after: number | undefined, limit: number): Promise<OldVersionRow[]>;
  /** Those that are kept until `timeMs` at the latest, the first to go first. */
  oldVersionsEnded(timeMs: number, limit: number): Promise<OldVersionRow[]>;
  oldVersionSums(): Promise<VersionSums>;
  /** All versions, in ascending order of their ids. */
  versionsAfter(after: VersionId | undefined, limit: number): Promise<VersionRow[]>;
  /** Chunks `from` up to at most `limit` of them. */
  manifest(versionId: VersionId, from: number, limit: number): Promise<ChunkEntry[]>;

  /**
   * Seeders that hold each of these chunks, in ascending order; chunks without any are left out.
   */
  holders(chunkIds: readonly ChunkId[]): Promise<Map<ChunkId, SeederId[]>>;
  holdingsOf(seederId: SeederId, after: string | undefined, limit: number): Promise<HoldingRow[]>;
  /** As `holders`, with all that is known of each copy. */
  copies(chunkIds: readonly ChunkId[]): Promise<Map<ChunkId, CopyRow[]>>;
  /** Chunks that somebody holds, with their size (`ChunkUses`), or the smallest a holder tells. */
  heldChunks(after: string | undefined, limit: number): Promise<ChunkEntry[]>;
  /**
   * Of these, those with fewer holdings, live or not, than the most copies a version asks for, or
   * with fewer of the seeders' own than a version asks for that was not adopted.
   */
  shortChunks(after: string | undefined, limit: number): Promise<ChunkEntry[]>;
  holdingsSummary(seederId: SeederId): Promise<HoldingsSummary>;
  /** In the order asked. */
  chunkUses(chunkIds: readonly ChunkId[]): Promise<ChunkUses[]>;
  /**
   * Chunks that are held and that no version and no upload names, in ascending order; the size is
   * that of one of their holdings.
   */
  unreferenced(after: ChunkId | undefined, limit: number): Promise<ChunkEntry[]>;
  /**
   * Of the chunks some version names: how many have fewer holdings on `live` than the most copies
   * any of their versions asks for (own ones: any not adopted), and how many of these have none at
   * all.
   */
  chunksBelow(live: readonly SeederId[]): Promise<{ atRisk: number; unavailable: number }>;
  /**
   * Of the chunks that this seeder holds and some version names: those with fewer holdings on
   * `others` that were proved at `sinceMs` or later than any version asks for, or than `most`.
   */
  chunksUnproved(
    seederId: SeederId,
    others: readonly SeederId[],
    sinceMs: number,
    most: number,
  ): Promise<number>;
  /** The fewest holdings on `live` over the version's chunks; undefined when it has no chunks. */
  copiesLeast(versionId: VersionId, live: readonly SeederId[]): Promise<number | undefined>;
  /** The most copies any version asks for, of those chunks that some version names. */
  wanted(chunkIds: readonly ChunkId[]): Promise<Map<ChunkId, number>>;
  totals(): Promise<Totals>;

  upload(uploadId: UploadId): Promise<UploadRow | undefined>;
  /** Recorded chunks with an index of `from` or more, by index, at most `limit`. */
  uploadChunks(
    uploadId: UploadId,
    from: number,
    limit: number,
  ): Promise<(ChunkEntry & { readonly index: number })[]>;
  uploadsEndedBefore(timeMs: number, limit: number): Promise<UploadId[]>;
  uploadCount(): Promise<number>;
  /** When the oldest and the newest upload were opened; undefined without uploads. */
  uploadTimes(): Promise<{ oldestMs: number; newestMs: number } | undefined>;

  adoption(seederId: SeederId, source: string): Promise<AdoptionRow | undefined>;
  /** All of them, by seeder and source. */
  adoptions(
    after: Pick<AdoptionRow, "seederId" | "source"> | undefined,
    limit: number,
  ): Promise<AdoptionRow[]>;
  /** Those whose name was taken, by seeder and source; of one seeder or of all. */
  clashes(
    seederId: SeederId | undefined,
    after: Pick<AdoptionRow, "seederId" | "source"> | undefined,
    limit: number,
  ): Promise<AdoptionRow[]>;
  adoptionSums(seederId: SeederId): Promise<{ files: number; clashes: number }>;

  seeders(): Promise<SeederRow[]>;

  /** Bytes inside the engine's files that hold nothing: they are filled before these grow. */
  spareBytes(): Promise<number>;

  logHead(): Promise<LogRow | undefined>;
  logAfter(sequence: number, limit: number): Promise<LogRow[]>;
}

export interface CatalogTransaction extends CatalogView {
  /** Removes every row of every table, as if the catalog were made just now. */
  reset(): Promise<void>;

  putSetting(name: string, value: string): Promise<void>;

  /** Under a key of 64 hex digits. Those that were put before the last `most` puts go. */
  putAnswer(key: string, text: string, most: number): Promise<void>;

  appendLog(row: LogRow): Promise<void>;
  /** The first row of a log that is empty, whatever its number: the tables say what was before. */
  beginLog(row: LogRow): Promise<void>;
  /** Removes at most `limit` rows before this one, the oldest first; how many. */
  trimLog(sequence: number, limit: number): Promise<number>;
  /** Removes the rows after this one. What they did to the tables stays: the caller knows. */
  cutLog(sequence: number): Promise<void>;

  /** Inserts or replaces by `nodeId`. Parent and name stay unique: the caller has looked. */
  putNode(row: NodeRow): Promise<void>;
  /** From now on `highestNodeId` answers no less. */
  raiseHighestNodeId(nodeId: NodeId): Promise<void>;
  /** Removes the node, everything below it, and the versions of all removed files. */
  removeTree(nodeId: NodeId): Promise<Omit<Totals, "chunks" | "fileBytes">>;

  putTrash(row: TrashRow): Promise<void>;
  /** The entry; its node stays. */
  removeTrash(trashId: number): Promise<void>;

  putVersion(row: VersionRow): Promise<void>;
  /** With its manifest. */
  removeVersion(versionId: VersionId): Promise<void>;
  /** Chunks `from`, `from + 1` … of a version that is there or follows in this transaction. */
  putManifest(versionId: VersionId, from: number, entries: readonly ChunkEntry[]): Promise<void>;

  /** What those that are there already become: `holdingAfter`. */
  addHoldings(seederId: SeederId, entries: readonly HoldingRow[]): Promise<void>;
  /** Those that are not there are passed over. */
  removeHoldings(seederId: SeederId, chunkIds: readonly ChunkId[]): Promise<void>;

  putUpload(row: UploadRow): Promise<void>;
  putUploadChunks(
    uploadId: UploadId,
    entries: readonly (ChunkEntry & { readonly index: number })[],
  ): Promise<void>;
  /** With its chunks. */
  removeUpload(uploadId: UploadId): Promise<void>;

  /** Inserts or replaces by seeder and source. */
  putAdoption(row: AdoptionRow): Promise<void>;
  removeAdoptions(seederId: SeederId): Promise<void>;

  /** There is no removing one: its id is remembered for ever. */
  putSeeder(row: SeederRow): Promise<void>;
}

export interface Catalog {
  transaction<T>(work: (transaction: CatalogTransaction) => Promise<T>): Promise<T>;
  read<T>(work: (view: CatalogView) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}
