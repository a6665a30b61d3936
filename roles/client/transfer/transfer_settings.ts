/** The numbers of the transfer engine: unit last in the name, reason above. */
const mib = 1024 * 1024;

export const transferSettings = {
  /** Chunks under way at once over all seeders: enough to hide a round trip and a sync each. */
  chunksInFlight: 4,
  /** Of one file at one seeder: a single slow one must not hold the whole window. */
  chunksPerSeeder: 4,
  /**
   * Chunks the plan may choose from: rarest first needs a choice, more than this is only memory.
   */
  windowChunks: 32,
  /** Chunk bytes in memory for one command, whatever the chunk size: six chunks by default. */
  bufferBytesMost: 24 * mib,
  /** Larger files under way at once: hides the round trips of files of one or two chunks. */
  largeFilesAtOnce: 4,

  /** Small files in one batch of uploads, and their bytes: a batch body holds at most 8 MiB. */
  batchFiles: 200,
  batchBytes: 6 * mib,
  /** Batches of small files under way at once: one is read while another is stored. */
  batchesAtOnce: 3,

  /** Files asked for in one call of a download. */
  locateFiles: 256,
  /** Files of one chunk fetched at once. */
  smallFilesAtOnce: 16,

  /** Chunks recorded in one call, and the longest wait before it: it also extends the lease. */
  recordChunks: 16,
  recordIntervalMs: 30_000,

  /** How often the tracker is asked for other places or other holders of one chunk. */
  roundsMost: 5,
  /** The pause before it is asked again for holders grows from the first to the second. */
  roundPauseFirstMs: 200,
  roundPauseMostMs: 4_000,
  /** A seeder that failed is the last choice for this long, doubled with each failure in a row. */
  restFirstMs: 3_000,
  restMostMs: 30_000,

  /** How often slow chunks are looked for. */
  tickMs: 250,
  /**
   * A fetch is doubled when it takes this many times as long as expected, and at least this long.
   */
  hedgeFactor: 3,
  hedgeAfterMs: 500,

  /** A send may take this long at first, and this many times the usual time later. */
  sendFirstMs: 30_000,
  sendFactor: 10,
  sendLeastMs: 10_000,
  sendMostMs: 120_000,

  /** The sidecar of a download is brought up to date after this much, or this long. */
  sidecarBytes: 64 * mib,
  sidecarIntervalMs: 5_000,
  /** Commits tried when chunks turn out to have too few copies. */
  commitsMost: 3,
  /** What may be spent on giving uploads up after a failure. */
  abandonMs: 1_000,
} as const;
