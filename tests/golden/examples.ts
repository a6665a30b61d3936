/**
 * One example of every message, made from fixed keys and times so that each signature in it is
 * genuine. The recorded files beside this one are written from here with DENO_GOLDEN_UPDATE=1 and
 * compared with it otherwise; changing one is a decision about the protocol. Whether the roles
 * really send such messages is not checked here.
 */
import {
  aboutJoin,
  aboutLogin,
  encodeBatch,
  Fault,
  faultCodes,
  makePersonToken,
  positionOf,
  problemOf,
  Prover,
  rebuildProof,
  seederRoutes,
  signPresentation,
  trackerRoutes,
} from "../../protocol/mod.ts";
import {
  address,
  bootId,
  bytes,
  card,
  chain,
  chunkId,
  chunkSizeBytes,
  clusterId,
  clusterKey,
  condition,
  entry,
  file,
  firstRecord,
  joinCode,
  joinLine,
  leaveAt,
  leaveLifeMs,
  loginCode,
  loginNonce,
  manifestDigest,
  nowMs,
  readLeave,
  receipt,
  sealedBy,
  secondAddress,
  secondId,
  secondPlace,
  secondRecord,
  seederId,
  seederKey,
  sizeBytes,
  snapshotMark,
  snapshotText,
  space,
  storeLeave,
  unknownUpload,
  uploadId,
} from "./fixed.ts";

const adoptReport = {
  state: "indexing",
  filesFound: 20,
  filesIndexed: 12,
  bytesIndexed: 5_000_000,
  filesWaiting: 3,
  leftOutCount: 1,
  leftOut: [{ source: "/photos/latest", why: "it is a symbolic link" }],
};

const orderBase = { chunkId, sizeBytes, deadlineMs: nowMs + 60_000 };
export const orderExamples = {
  copy: {
    kind: "copy",
    orderId: "order-1",
    ...orderBase,
    why: "1 of 2 copies: seeder-2 red for 12 s",
    sources: [{ seederId: secondId, address: secondAddress, leave: leaveAt(secondId, "read") }],
    storeLeave,
  },
  drop: {
    kind: "drop",
    orderId: "order-2",
    ...orderBase,
    why: "3 of 2 copies, and this seeder is the fullest",
    receiptsSinceMs: nowMs - 15_000,
  },
  verify: {
    kind: "verify",
    orderId: "order-3",
    ...orderBase,
    why: "a reader got other bytes from here",
    nonce: "4e".repeat(32),
  },
};

export const problemExamples = faultCodes.map((each) =>
  problemOf(new Fault(each, "what happened and why"), "3f9c2a7d51e80b64")
);

const health = (role: string) => ({
  request: {},
  reply: { status: "ok", role, version: "0.1.0", protocol: 2 },
});
const removed = { files: 1, directories: 1, links: 0, fileBytes: sizeBytes };
const trashSums = { entries: 1, ...removed };
const trashEntry = {
  trashId: 12,
  path: "/docs/img",
  kind: "directory",
  trashedMs: nowMs - 60_000,
  by: "admin",
  ...removed,
};
const scrubProgress = {
  pace: "asked",
  yielding: false,
  shelvesDone: 12,
  checkedChunks: 1200,
  checkedBytes: 1200 * sizeBytes,
  corruptChunks: 1,
  corruptMs: nowMs,
  unreadableChunks: 0,
};
const emptyPath = { path: "/docs" };

/**
 * `request` is the input of the route; `body` what goes with it where the route's body is bytes.
 */
export interface Example {
  readonly request: unknown;
  readonly body?: Uint8Array<ArrayBuffer>;
  /** Absent where the reply is bytes. */
  readonly reply?: unknown;
}

export const trackerExamples: Record<keyof typeof trackerRoutes, Example> = {
  health: health("tracker"),
  join: {
    request: {
      text: joinCode.text,
      seederId,
      sealedAttempt: sealedBy(joinCode, seederId, "0123456789abcdef".repeat(4)),
      generation: 0,
      name: "seeder-1",
      zone: "rack-2",
      capacityBytes: space.totalBytes,
      advertised: { host: "10.0.0.5", port: 8471 },
    },
    reply: {
      clusterId,
      generation: 1,
      sealedKey: sealedBy(joinCode, aboutJoin(clusterId, seederId, 1), seederKey),
    },
  },
  heartbeat: {
    request: {
      seederId,
      bootId,
      name: "seeder-1",
      advertised: { port: 8471 },
      space,
      chunkCount: 1,
      inventoryDigest: chunkId.slice(0, 32),
      writable: false,
      trouble: "disk-full: 0 bytes free above the reserve",
      outcomes: [
        { orderId: "order-1", kind: "copy", ...entry, result: "held", receipt },
        { orderId: "order-3", kind: "verify", ...entry, result: "failed", detail: "disk-failed" },
        { orderId: "order-2", kind: "drop", ...entry, result: "held", adopted: true },
      ],
      lost: [{ chunkId, why: "corrupt", foundMs: nowMs }],
      receiptsFloorMs: nowMs - 3_700_000,
    },
    reply: {
      clusterId,
      start: positionOf(firstRecord),
      trackerNowMs: nowMs,
      leaseNowMs: nowMs - 3_600_000,
      intervalMs: 1000,
      orders: Object.values(orderExamples),
      inventoryWanted: true,
    },
  },
  inventory: {
    request: {
      seederId,
      bootId,
      after: "0".repeat(64),
      chunks: [entry, { ...entry, adopted: true }],
      last: true,
    },
    reply: {},
  },
  signOut: { request: { seederId }, reply: {} },
  pullLog: {
    request: {
      ...{ seederId, heard: positionOf(firstRecord), position: positionOf(firstRecord) },
      leaseHeardMs: nowMs - 3_600_000,
      snapshots: [snapshotMark],
    },
    reply: {
      ...{
        clusterId,
        start: positionOf(firstRecord),
        records: [secondRecord],
        restart: false,
        card,
      },
      snapshots: { keep: [snapshotMark], since: snapshotMark },
    },
  },
  presentLog: {
    request: signPresentation(seederKey, {
      seederId,
      generation: 1,
      heard: positionOf(firstRecord),
      card,
      last: positionOf(secondRecord),
      after: positionOf(firstRecord),
      snapshots: [snapshotMark],
      nonce: "9d".repeat(16),
    }),
    reply: { proof: rebuildProof(seederKey, seederId, "9d".repeat(16)), uploadAfter: 1 },
  },
  pullSnapshot: {
    request: { seederId, sequence: 1, offset: 0 },
    reply: { text: snapshotText },
  },
  uploadSnapshot: {
    request: { seederId, sequence: 1, offset: 0, text: snapshotText },
    reply: { offset: snapshotText.length },
  },
  exportSnapshot: {
    request: { sequence: 1, offset: 0 },
    reply: { text: snapshotText },
  },
  uploadLog: {
    request: { seederId, records: [secondRecord] },
    reply: { uploadAfter: 2 },
  },
  exportLog: {
    request: { after: 1 },
    reply: {
      ...{ card, epoch: 3, head: positionOf(secondRecord), base: snapshotMark },
      records: [secondRecord],
    },
  },
  login: {
    request: { text: loginCode.text, nonce: loginNonce },
    reply: {
      clusterId,
      user: "ada",
      sealedToken: sealedBy(
        loginCode,
        aboutLogin(clusterId, loginNonce),
        makePersonToken(clusterKey, { user: "ada", role: "admin", issuedMs: nowMs }),
      ),
    },
  },
  mintCode: {
    request: { purpose: "join", uses: 3, lifeMs: 3_600_000, pending: true },
    reply: { code: joinLine, lifeMs: 3_600_000, uses: 3 },
  },
  status: {
    request: {},
    reply: {
      clusterId,
      epoch: 3,
      version: "0.1.0",
      nowMs,
      upSinceMs: nowMs - 86_400_000,
      authority: {
        state: "stopped",
        why: "60 of 120 copies went within ten minutes, on seeder-2",
        next: "bring back what went, or confirm that it is lost: confirm-loss",
      },
      seeders: [
        {
          seederId,
          name: "seeder-1",
          zone: "rack-2",
          address,
          state: "green",
          silentMs: 412,
          writable: true,
          space,
          chunkCount: 120_000,
          draining: true,
          adopted: { files: 12, clashes: 1, report: adoptReport },
          scrub: {
            verifiedMs: nowMs - 3_600_000,
            corruptChunks: 1,
            corruptMs: nowMs,
            unreadableChunks: 0,
          },
        },
        {
          seederId: secondId,
          name: "seeder-2",
          zone: "seeder-2",
          address: secondAddress,
          state: "red",
          silentMs: null,
          writable: false,
          trouble: "disk-failed: EIO",
          space,
          asks: { zone: "rack-9", capacityBytes: 4e12 },
          chunkCount: 0,
          draining: false,
          maintenanceUntilMs: nowMs + 1_800_000,
        },
      ],
      outsiders: [{
        ...{ seederId: "5eed000000000003", standing: "pending", name: "seeder-3" },
        ...{ address: "http://127.0.0.1:8473", zone: "rack-4", capacityBytes: 1e12 },
        silentMs: 900,
      }],
      files: 2,
      directories: 1,
      links: 1,
      fileBytes: 2 * sizeBytes,
      chunks: 1,
      trash: { ...trashSums, keepMs: 30 * 86_400_000, bytesMax: 1_000_000 },
      oldVersions: { versions: 4, fileBytes: 4 * sizeBytes, bytesMax: 1_000_000 },
      chunksAtRisk: 1,
      chunksUnavailable: 0,
      uploadsOpen: 0,
      log: { keepers: [seederId], mode: "auto", isWeak: true },
      logSequence: 17,
      copiesDefault: 2,
      healing: {
        pace: "normal",
        copying: 3,
        moving: false,
        bytesPerSecond: 12_000_000,
        secondsLeft: 40,
        setAsideCount: 1,
        setAside: [{
          chunkId,
          why: "copy to seeder-2 failed: disk-full: no room",
          nextTryMs: nowMs + 15_000,
        }],
        stuck: [{
          chunks: 2,
          copies: 1,
          why: "1 of 2 copies: no other seeder can take a copy now",
        }],
        drains: [{ seederId, chunksLeft: 12, chunksUnproved: 30, bytesLeft: 48_000_000 }],
      },
    },
  },
  maintenance: {
    request: { seederId, forMs: 1_800_000 },
    reply: { untilMs: nowMs + 1_800_000 },
  },
  drain: { request: { seederId, cancel: false }, reply: { draining: true } },
  forget: { request: { seederId, acceptLoss: false, ban: true }, reply: { chunksLost: 0 } },
  acceptSeeder: {
    request: { seederId, capacityBytes: 2e12, zone: "rack-3" },
    reply: {
      before: { standing: "pending", zone: seederId, capacityBytes: 1e12 },
      now: { standing: "member", zone: "rack-3", capacityBytes: 2e12 },
    },
  },
  setPace: { request: { pace: "gentle" }, reply: { pace: "gentle" } },
  confirmLoss: { request: {}, reply: { confirmed: true } },
  stat: {
    request: { target: { path: "/docs/hello.txt" }, follow: true },
    reply: {
      ...file,
      path: "/docs/hello.txt",
      chunkCount: 1,
      chunkSizeBytes,
      manifestDigest,
      copiesWanted: 2,
      copiesLeast: 1,
      verifiedMs: nowMs - 3_600_000,
      oldVersions: 4,
      nowMs,
    },
  },
  list: {
    request: { path: "/docs", after: "a", limit: 100, copies: false },
    reply: {
      path: "/docs",
      kind: "directory",
      entries: [
        file,
        { name: "img", kind: "directory", sizeBytes: 0, modifiedMs: nowMs, mode: 0o755 },
        {
          name: "latest",
          kind: "link",
          sizeBytes: 9,
          modifiedMs: nowMs,
          mode: 0o777,
          target: "hello.txt",
        },
      ],
      nowMs,
      next: "latest",
    },
  },
  usage: {
    request: emptyPath,
    reply: { ...emptyPath, files: 1, directories: 1, links: 1, fileBytes: sizeBytes },
  },
  resolvePrefix: {
    request: { prefix: "01234" },
    reply: { matches: [{ versionId: uploadId, path: "/docs/hello.txt", sizeBytes }] },
  },
  makeDirectories: {
    request: { paths: ["/docs", "/docs/img"], parents: true },
    reply: { made: 2 },
  },
  makeLinks: {
    request: {
      links: [{
        path: "/docs/latest",
        target: "hello.txt",
        modifiedMs: nowMs,
        replace: false,
      }],
    },
    reply: { made: 1 },
  },
  remove: {
    request: { path: "/docs/img", what: "tree", now: false },
    reply: { files: 1, directories: 1, links: 0, trashId: 12, keptMs: 86_400_000 },
  },
  trash: {
    request: { after: 3, limit: 100 },
    reply: { entries: [trashEntry], next: 12, keepMs: 30 * 86_400_000, nowMs },
  },
  restore: {
    request: { what: { trashId: 12 }, to: "/docs/images" },
    reply: { path: "/docs/images", entry: trashEntry },
  },
  emptyTrash: { request: { trashIds: [12] }, reply: trashSums },
  move: {
    request: { from: "/docs/hello.txt", to: "/hello.txt", replace: true },
    reply: { path: "/hello.txt", trashId: 12 },
  },
  setPolicy: {
    request: { path: "/docs", copies: null, versions: 20, versionDays: 60 },
    reply: { copies: 2, versions: 20, versionDays: 60 },
  },
  versions: {
    request: { target: { path: "/docs/hello.txt" } },
    reply: {
      path: "/docs/hello.txt",
      versions: [
        {
          versionId: uploadId,
          current: true,
          sizeBytes,
          createdMs: nowMs - 60_000,
          modifiedMs: nowMs - 70_000,
          mode: 0o644,
          by: "admin",
        },
        {
          versionId: "a".repeat(32),
          current: false,
          sizeBytes: 3,
          createdMs: nowMs - 90_000,
          modifiedMs: nowMs - 95_000,
          mode: 0o600,
          supersededMs: nowMs - 60_000,
          keptUntilMs: nowMs + 30 * 86_400_000,
        },
      ],
      nowMs,
    },
  },
  revertFile: {
    request: { path: "/docs/hello.txt", versionId: "a".repeat(32), current: uploadId },
    reply: {
      path: "/docs/hello.txt",
      versionId: "a".repeat(32),
      sizeBytes: 3,
      before: { versionId: uploadId, keptUntilMs: nowMs + 30 * 86_400_000 },
    },
  },
  emptyVersions: {
    request: { path: "/docs", after: 12 },
    reply: { versions: 3, fileBytes: 3 * sizeBytes, next: 17 },
  },
  lastChange: {
    request: {},
    reply: { change: { kind: "removal", path: "/docs/img", trashId: 12 } },
  },
  openUploads: {
    request: {
      uploads: [
        {
          uploadId,
          path: "/docs/hello.txt",
          condition,
          chunkSizeBytes,
          sizeBytes,
          modifiedMs: nowMs - 5000,
          mode: 0o644,
        },
        {
          uploadId: "f".repeat(32),
          path: "/docs/from-a-pipe",
          condition: { kind: "if-version", versionId: uploadId },
          chunkSizeBytes,
          modifiedMs: nowMs,
          mode: 0o600,
        },
      ],
    },
    reply: {
      results: [
        { ok: true, path: "/docs/hello.txt", copies: 2 },
        { ok: false, problem: problemOf(new Fault("version-conflict", "/docs/from-a-pipe")) },
      ],
      leaseMs: 600_000,
    },
  },
  placeChunks: {
    request: { chunks: [{ ...entry, uploadId, avoid: [secondId] }] },
    reply: {
      results: [
        {
          ok: true,
          placement: {
            held: 0,
            wanted: 2,
            places: [{ seederId, address, leave: storeLeave }, secondPlace],
          },
        },
        { ok: false, problem: unknownUpload },
      ],
    },
  },
  recordChunks: {
    request: { chunks: [{ ...entry, index: 0, receipts: [receipt], uploadId }] },
    reply: {
      results: [{ ok: true, copies: 1 }, { ok: false, problem: unknownUpload }],
      leaseMs: 6e5,
    },
  },
  commitUploads: {
    request: {
      uploads: [{
        uploadId,
        sizeBytes,
        manifestDigest,
        chunks: [{ ...entry, index: 0, receipts: [receipt] }],
      }],
    },
    reply: {
      results: [
        {
          ok: true,
          versionId: uploadId,
          path: "/docs/hello.txt",
          copies: 2,
          wanted: 2,
          kept: "a".repeat(32),
        },
        {
          ok: true,
          versionId: "c".repeat(32),
          path: "/docs/other.txt",
          copies: 2,
          wanted: 2,
          gone: { versionId: "b".repeat(32), why: "room" },
        },
        {
          ok: false,
          problem: problemOf(new Fault("copies-missing", "chunk 0 has 0 of 2 copies")),
          missing: [0],
        },
      ],
    },
  },
  abandonUploads: { request: { uploadIds: [uploadId] }, reply: { abandoned: 1 } },
  locate: {
    request: {
      targets: [{ path: "/docs/hello.txt" }, { versionId: uploadId }],
      fromChunk: 0,
      chunksMax: 1024,
    },
    reply: {
      results: [
        {
          ok: true,
          file: {
            path: "/docs/hello.txt",
            versionId: uploadId,
            sizeBytes,
            chunkSizeBytes,
            chunkCount: 1,
            manifestDigest,
            modifiedMs: nowMs - 5000,
            mode: 0o644,
            chunks: [{ ...entry, index: 0, holders: [{ seederId, leave: readLeave }] }],
          },
        },
        { ok: false, problem: problemOf(new Fault("not-found", `no version ${uploadId}`)) },
      ],
      seeders: [{ seederId, name: "seeder-1", address, state: "green" }],
      leaveLifeMs,
    },
  },
  reportChunks: { request: { reports: [{ seederId, chunkId }] }, reply: { accepted: 1 } },
  offer: {
    request: {
      seederId,
      bootId,
      files: [{
        source: "/photos/sea.jpg",
        sizeBytes,
        modifiedMs: nowMs - 86_400_000,
        mode: 0o644,
        chunkSizeBytes,
        manifestDigest,
        from: 0,
        chunks: [entry],
      }],
      report: adoptReport,
    },
    reply: {
      results: [
        { kind: "adopted", path: "/photos/sea (seeder-1).jpg", clash: true },
        { kind: "declined" },
        { kind: "more", from: 1024 },
        {
          kind: "refused",
          problem: problemOf(new Fault("invalid-name", "the path has 4100 bytes")),
        },
      ],
    },
  },
  adopted: {
    request: { seederId, after: { seederId, source: "/photos/sand.jpg" }, limit: 100 },
    reply: {
      seeders: [{ seederId, name: "seeder-1", files: 12, clashes: 1, report: adoptReport }],
      clashes: [{
        seederId,
        source: "/photos/sea.jpg",
        path: "/photos/sea (seeder-1).jpg",
        adoptedMs: nowMs,
      }],
      next: { seederId, source: "/photos/sea.jpg" },
    },
  },
  scrubReport: {
    request: {
      seederId,
      bootId,
      verifiedMs: new Array(256).fill(nowMs - 3_600_000),
      progress: scrubProgress,
    },
    reply: {},
  },
  scrubStatus: {
    request: {},
    reply: {
      nowMs,
      roundMs: 1_209_600_000,
      ageMaxMs: 2_592_000_000,
      seeders: [{
        seederId,
        name: "seeder-1",
        state: "green",
        chunkCount: 1,
        verifiedMs: nowMs - 3_600_000,
        askedMs: nowMs,
        progress: scrubProgress,
      }],
    },
  },
  scrubNow: { request: { seeders: [seederId] }, reply: { askedMs: nowMs } },
  fsck: {
    request: { cursor: { sequence: 12, checksum: chunkId }, repair: false },
    reply: {
      checked: { operations: 2000, rows: 0, versions: 0, chunks: 0, holdings: 0, seeders: 0 },
      findings: [{
        where: "log",
        what: "operation 13 does not follow from operation 12",
        next: "stop this tracker, move its folder away, and start it with --rebuild",
        repaired: false,
      }],
      unsettled: ["seeder-2"],
      doing: "operation 13 of 20 is done again",
      next: { table: "node", after: [7] },
    },
  },
  explain: {
    request: { target: { path: "/docs/a.txt" }, fromChunk: 0, chunksMax: 1024 },
    reply: {
      path: "/docs/a.txt",
      versionId: uploadId,
      sizeBytes,
      chunkCount: 1,
      copiesWanted: 2,
      nowMs,
      chunks: [{
        ...entry,
        index: 0,
        copies: [
          { seederId, rank: 1, best: true, verifiedMs: null },
          { seederId: secondId, rank: 2, best: true, verifiedMs: nowMs, adopted: true },
        ],
      }],
      seeders: [{ seederId, name: "seeder-1", zone: "rack-2", state: "green" }],
    },
  },
  whatIf: {
    request: { lose: [seederId], cursor: { seeder: 0, after: chunkId } },
    reply: {
      tally: {
        chunksUnreadable: 1,
        bytesUnreadable: sizeBytes,
        chunksOneCopy: 2,
        chunksFewer: 0,
        bytesToCopy: 2 * sizeBytes,
        filesUntouched: 5,
        filesFewer: 0,
        filesOneCopy: 2,
        filesUnreadable: 1,
      },
      examples: [{ path: "/docs/a.txt", effect: "unreadable" }],
      next: { afterVersion: uploadId },
      left: { seeders: 2, freeBytes: 1_000_000, bytesPerSecond: 33_554_432, measured: false },
    },
  },
};

const size = String(sizeBytes);
const stored = {
  receipts: [receipt],
  failures: [{
    seederId: secondId,
    problem: problemOf(new Fault("seeder-unreachable", "seeder-2 did not answer")),
  }],
};

export const seederExamples: Record<keyof typeof seederRoutes, Example> = {
  health: health("seeder"),
  readChunk: { request: { chunkId, size, leave: readLeave, range: "bytes=0-4" } },
  headChunk: { request: { chunkId, size, leave: readLeave } },
  storeChunk: {
    request: { chunkId, size, leave: storeLeave, chain: JSON.stringify(chain) },
    body: bytes,
    reply: stored,
  },
  storeBatch: {
    request: { chunkId, size, leave: storeLeave },
    body: encodeBatch([
      { head: { ...entry, leave: storeLeave, chain }, bytes },
      { head: { ...entry, leave: storeLeave }, bytes },
    ]),
    reply: { results: [{ ...stored, chunkId }, { ...stored, chunkId, receipts: [] }] },
  },
};

/** What a person presents as `Authorization: Bearer`. */
export const tokenExample = makePersonToken(clusterKey, {
  ...{ user: "ada", role: "writer", issuedMs: nowMs },
});

/** What a seeder proves its requests with: the first in its session. */
export const newProver = () => {
  const name = { kind: "seeder", id: seederId, generation: 1 } as const;
  return new Prover(name, seederKey, "5e55".repeat(8));
};
