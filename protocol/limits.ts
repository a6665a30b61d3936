/**
 * Every number the roles must agree on or that bounds what one of them will do. The unit is the
 * last word of the name, the reason stands above it, and relations between numbers are asserted
 * below.
 */
import assert from "node:assert/strict";

const kib = 1024;
const mib = 1024 * kib;

export const limits = {
  /** Raised when a message changes its meaning; both sides refuse another number. */
  protocolVersion: 2,

  /**
   * One chunk in flight costs its sender this much memory; 4 MiB keeps eight of them under 32 MiB.
   */
  chunkBytesDefault: 4 * mib,
  /** Below 1 MiB a manifest of a large disk image grows past what a tracker should keep. */
  chunkBytesMin: 1 * mib,
  /** Above 64 MiB a lost connection throws away too much work. */
  chunkBytesMax: 64 * mib,
  /** Chunks below this size share pack files, so that small files do not cost an fsync each. */
  packedChunkBytesMax: 256 * kib,

  /** Longest segment of a path in UTF-8 bytes: NAME_MAX of every common file system. */
  segmentBytesMax: 255,
  /** Longest path in UTF-8 bytes: PATH_MAX of Linux. */
  pathBytesMax: 4096,
  /** Links followed while one path is resolved: what Linux allows (path_resolution(7)). */
  linkDepthMax: 40,

  /** Items in one batch call (open, place, record, commit, locate). */
  batchItemsMax: 1000,
  /**
   * Chunks in one page of a manifest: 4 GiB of file at the default chunk size, about 200 KiB of
   * JSON.
   */
  manifestPageChunksMax: 1024,
  /** Entries in one page of a directory listing. */
  listPageEntriesMax: 1000,
  /** Chunks in one page of a seeder's inventory. */
  inventoryPageChunksMax: 4096,
  /** Largest body of a route that is open to anyone. */
  openBodyBytesMax: 4 * kib,
  /** What a seeder shows to a tracker that knows no key yet; its card may name many keepers. */
  presentBodyBytesMax: 32 * kib,
  /** Largest JSON body of a route that takes no list: two paths in the longest spelling. */
  smallBodyBytesMax: 64 * kib,
  /** Nothing of a body for this long: a sender at 56 kbit/s shows a part far more often. */
  bodySilenceMs: 30_000,
  /** Below this rate over the whole of it a body is given up: half of what 56 kbit/s carry. */
  bodyBytesPerSecondMin: 4 * kib,
  /** Largest JSON body a role reads: a full batch of commits with receipts is about 2 MiB. */
  jsonBodyBytesMax: 16 * mib,
  /** Largest body of one batch of small chunks: it is held in memory while it is checked. */
  chunkBatchBytesMax: 8 * mib,
  /** Chunks in one batch body. */
  chunkBatchItemsMax: 512,

  /** Copies of each chunk where no policy says otherwise: survives the loss of one machine. */
  copiesDefault: 2,
  copiesMax: 16,
  /**
   * Seeders named beyond those wanted, so that one refusal does not cost a question to the tracker.
   */
  placementSparesMax: 2,

  /** A seeder reports this often. */
  heartbeatIntervalMs: 1_000,
  /** A report without an answer for this long is lost; the next must still come before yellow. */
  heartbeatCallMs: 1_500,
  /** Three reports missed: no new chunks are sent to it, reads are still tried. */
  yellowAfterMs: 3_000,
  /** Ten reports missed: its holdings count as missing. Longer than a restart of the program. */
  redAfterMs: 10_000,
  /** A red seeder's holdings are repaired after this; a reboot of a small machine is not a loss. */
  repairGraceMs: 30_000,

  /**
   * A seeder whose inventory has not changed for this long and is not what the tracker believes is
   * asked for all of it. Longer than any page of the time before can be on its way.
   */
  inventoryRecheckMs: 30_000,

  /**
   * A seeder that is always written to never rests that long. When what it reports was not once
   * what the tracker believes for this long, it is asked as well.
   */
  inventoryDisagreeMs: 2 * 60_000,
  /**
   * An order without an outcome is forgotten after this: reading the largest chunk takes seconds.
   */
  orderLifeMs: 60_000,
  /**
   * An order without an outcome goes out again after this: the reply that carried it may be lost.
   */
  orderRepeatMs: 10_000,

  /**
   * Answers to requests that are carried out once are kept for so many more of them: a client asks
   * again for a minute at most, and what is kept stays below a few MiB.
   */
  answersKeptMax: 10_000,

  /** What was removed can come back for this long. */
  trashKeepMs: 30 * 24 * 60 * 60_000,
  /**
   * What was removed or replaced less than this ago is never given up for its share: a mistake is
   * noticed within a day, and until then it can be taken back.
   */
  keptYoungMs: 24 * 60 * 60_000,
  /** Of all disks the trash takes at most this share; beyond it the oldest entries are purged. */
  trashShareMax: 0.1,
  /** Earlier versions kept of each file where no policy says otherwise, … */
  versionsDefault: 10,
  /** … at most by any policy: all of a file's are one message, one look-up at an overwrite, … */
  versionsMax: 500,
  /** … and for so many days, like the trash. */
  versionDaysDefault: 30,
  versionDaysMax: 36_500,
  /** Of all disks old versions take at most this share; beyond it the oldest are given up. */
  versionsShareMax: 0.1,
  /**
   * A chunk that nobody names is dropped after this; longer than any upload may be silent.
   */
  garbageGraceMs: 15 * 60_000,

  /**
   * Without a word from the client for this long, an upload is forgotten. Resume begins a new one.
   */
  uploadLeaseMs: 10 * 60_000,
  /**
   * A leave to store or read lives this long by the tracker's clock: one batch at dial-up speed.
   */
  leaveLifeMs: 10 * 60_000,
  /**
   * A receipt is accepted for this long after its leave ended: the last batch may still be on its
   * way.
   */
  receiptGraceMs: 5 * 60_000,
  /**
   * A receipt also serves an upload opened this long after its leave was made: equal chunks in many
   * small files are sent once. Until it is over no chunk can be dropped where it was just stored.
   */
  receiptShareMs: 15_000,
  /**
   * A join or login code lives for a quarter of an hour where nobody says otherwise, and for a
   * month at most. The tracker writes a fresh one into its files when half of it is over.
   */
  codeLifeMs: 15 * 60_000,
  codeLifeMsMax: 30 * 24 * 60 * 60_000,
  codeUsesMax: 1000,

  /**
   * A connection that carries nothing for this long is given up; readers move on within two
   * seconds.
   */
  chunkStallMs: 2_000,
  /**
   * A stored chunk is answered for when all its copies are synced, which may take long. Meanwhile
   * the seeder is asked after this pause whether it is there.
   */
  lifeQuietMs: 1_000,
  /** A seeder that is there answers sooner: the question costs it nothing. */
  lifeAnswerMs: 1_500,
  /** One question may get lost in a bad network; so many in a row mean that nobody is there. */
  lifeQuestionsMax: 2,
  /** A question to the tracker is given up after this and asked again. */
  trackerCallMs: 10_000,
  /**
   * A client asks a silent tracker again for this long before it reports failure: a restart fits
   * in.
   */
  trackerRetryMs: 60_000,

  /**
   * A seeder takes no chunk that would leave less than this free: reads, drops and logs need room.
   */
  seederReserveBytes: 256 * mib,
  /** Of a small disk at most this share is kept as reserve. */
  seederReserveShareMax: 0.05,

  /**
   * The tracker holds so much of its disk in a file, and takes nothing new when less than that is
   * left besides: removing a million names needs some 20 MiB of log and tables.
   */
  trackerReserveBytes: 32 * mib,
  /** Of a small disk at most this share. */
  trackerReserveShareMax: 0.05,

  /** A seeder's question for more of the log is answered after this when there is none. */
  logPullMs: 5_000,
  /**
   * An acknowledgement waits this long for the log to be on seeders: a commit that hangs longer is
   * worse than one that is on the tracker's disk alone, which the log tells.
   */
  logSyncWaitMs: 2_000,
  /** Records of the log in one message. */
  logPageRecordsMax: 256,
  /** A message with records ends after the one that reaches this: one record is 128 KiB at most. */
  logPageBytesMax: 2 * mib,
  /** A seeder begins a new file of the log at this size: one is read as a whole. */
  logSegmentBytesMax: 4 * mib,
  /**
   * A snapshot of the catalog is made after so many operations: about 30 MiB of log, done again in
   * well under a minute. A large catalog waits until a quarter of it is new (`snapshotShare`), so
   * that writing snapshots costs no more than a few times what the changes cost.
   */
  snapshotOperationsMin: 50_000,
  snapshotShare: 0.25,
  /** A quiet cluster's log is shortened as well. */
  snapshotEveryMs: 24 * 60 * 60_000,
  /** Snapshots that somebody is told to keep: two that are on enough seeders, two on their way. */
  snapshotsKeptMax: 4,
  /** Text in one message of a snapshot; a line is 128 KiB at most. */
  snapshotPageBytesMax: 1 * mib,
  /**
   * The tracker keeps so much of its log, about 600 MiB, though snapshots would replace it: for
   * those who look into the past.
   */
  logOperationsMin: 1_000_000,
  /** Who was silent for this long keeps the log no more, where another can. */
  keeperAbsentMs: 10 * 60_000,
  /** What a seeder says it heard of the lease clock is not believed further ahead than this. */
  leaseAheadMsMax: 24 * 60 * 60_000,
  /** Of the log; while they change there are two sets. */
  logKeepersMax: 5,
  /** With enough seeders present, a rebuild still waits this long for others. */
  rebuildSettleMs: 3_000,
  /**
   * The epoch of a rebuilt tracker is the next multiple of this: one that was started again
   * instead, and raises its epoch by one, never reaches it.
   */
  epochsOfGenerationMax: 1_000_000,
  /** No tracker starts that often, nor is rebuilt: what is higher was made up. */
  epochMax: 2 ** 48,
  /** A seeder reads all it holds once in this time: far enough below the promise to catch up. */
  scrubRoundMs: 14 * 24 * 60 * 60_000,
  /** Promised: no copy goes unread for longer, as long as its seeder runs. */
  scrubAgeMaxMs: 30 * 24 * 60 * 60_000,
  /** By the first two digits of the chunk id, as the folders of a seeder are. */
  scrubShelfCount: 256,
  /**
   * A copy whose reading failed counts as lost when it fails again this long after: longer than a
   * disk takes to reset itself, short enough to repair the copy before another disk fails.
   */
  unreadableAfterMs: 10_000,
  /** A copy that cannot be read is tried again at least this often. */
  unreadableRetryMsMax: 24 * 60 * 60_000,
  /** So many copies in doubt are tried again one by one; more of them are a disk to be replaced. */
  unreadableChunksMax: 10_000,

  /** Files offered in one message; with their chunks it stays below half a MiB. */
  adoptPageFilesMax: 256,
  /** Chunks in one such message: two pages of a large manifest. */
  adoptPageChunksMax: 2048,
  /** Names a seeder tells that it cannot adopt; beyond these it tells their number. */
  adoptLeftOutMax: 100,
  /** A seeder looks again this often for files that came, changed or went. */
  adoptScanMs: 10 * 60_000,
  /** A file that was changed less than this ago may be half-written: it waits. */
  adoptSettleMs: 2_000,

  /** A pack is sealed at this size: rewriting one to win back space stays short. */
  packBytesMax: 64 * mib,
} as const;

assert(limits.chunkBytesMin <= limits.chunkBytesDefault, "the default chunk size is allowed");
assert(limits.chunkBytesDefault <= limits.chunkBytesMax, "the default chunk size is allowed");
assert(limits.packedChunkBytesMax < limits.chunkBytesMin, "a full chunk never goes into a pack");
assert(limits.packedChunkBytesMax < limits.chunkBatchBytesMax, "any packed chunk fits a batch");
assert(limits.packedChunkBytesMax < limits.packBytesMax, "any packed chunk fits a pack");
assert(limits.heartbeatIntervalMs * 3 <= limits.yellowAfterMs, "two lost reports are no silence");
assert(
  limits.heartbeatIntervalMs + limits.heartbeatCallMs < limits.yellowAfterMs,
  "one lost report is no silence",
);
assert(limits.yellowAfterMs < limits.redAfterMs, "yellow comes before red");
assert(limits.redAfterMs < limits.repairGraceMs, "repair waits longer than detection");
assert(limits.trackerCallMs < limits.inventoryRecheckMs, "no page is on its way that long");
assert(limits.orderRepeatMs < limits.orderLifeMs, "an order can be repeated");
assert(limits.logPageBytesMax < limits.jsonBodyBytesMax, "a page of the log fits a body");
assert(limits.logSyncWaitMs < limits.trackerCallMs, "a client waits longer than its commit");
assert(limits.receiptShareMs < limits.leaveLifeMs, "a shared receipt's leave still lives");
assert(limits.versionsDefault <= limits.versionsMax, "the default policy is allowed");
assert(limits.versionsMax < limits.batchItemsMax, "all versions of a file fit one message");
assert(limits.uploadLeaseMs < limits.garbageGraceMs, "garbage waits longer than any lease");
assert(limits.leaveLifeMs <= limits.uploadLeaseMs, "a leave does not outlive its upload's lease");
assert(limits.manifestPageChunksMax <= limits.adoptPageChunksMax, "a page of a file fits an offer");
assert(limits.scrubRoundMs * 2 < limits.scrubAgeMaxMs, "a round missed can be caught up");
