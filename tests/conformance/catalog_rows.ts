/** Rows for the tests of catalogs: everything has a value, and what matters is said by the test. */
import {
  type ChunkEntry,
  ChunkId,
  chunkIdOf,
  SeederId,
  UploadId,
  VersionId,
} from "../../protocol/mod.ts";
import type {
  AdoptionRow,
  Catalog,
  LogRow,
  NodeRow,
  OldVersionRow,
  SeederRow,
  TrashRow,
  UploadRow,
  VersionRow,
} from "../../roles/tracker/catalog/catalog.ts";

export const root: NodeRow = directory(1, 1, "");

export function directory(nodeId: number, parentId: number, name: string): NodeRow {
  return { nodeId, parentId, name, kind: "directory", mode: 0o755, modifiedMs: 5, sizeBytes: 0 };
}

export function file(
  nodeId: number,
  parentId: number,
  name: string,
  sizeBytes: number,
  versionId: VersionId,
): NodeRow {
  const kind = "file";
  return { nodeId, parentId, name, kind, mode: 0o644, modifiedMs: 7, sizeBytes, versionId };
}

export function link(nodeId: number, parentId: number, name: string, target: string): NodeRow {
  const sizeBytes = target.length;
  return { nodeId, parentId, name, kind: "link", mode: 0o777, modifiedMs: 9, sizeBytes, target };
}

/** The same id for the same number, in no particular order. */
export function chunk(number: number, sizeBytes = 10 + number): ChunkEntry {
  return { chunkId: chunkIdOf(new TextEncoder().encode(`chunk ${number}`)), sizeBytes };
}

export const noChunk = ChunkId.parse("0".repeat(64));

export function seeder(number: number): SeederId {
  return SeederId.parse(number.toString(16).padStart(16, "5e"));
}

export function versionId(number: number): VersionId {
  return VersionId.parse(chunk(number).chunkId.slice(0, 32));
}

export function uploadId(number: number): UploadId {
  return UploadId.parse(chunk(number).chunkId.slice(0, 32));
}

export function version(number: number, nodeId: number, copies: number): VersionRow {
  return {
    versionId: versionId(number),
    nodeId,
    sizeBytes: 1000 + number,
    chunkSizeBytes: 1 << 20,
    chunkCount: 3,
    manifestDigest: chunk(number).chunkId,
    copies,
    createdMs: 11,
  };
}

/** The same version when another has taken its place. */
export function oldVersion(number: number, nodeId: number, untilMs: number): OldVersionRow {
  const old = { number, supersededMs: 29, untilMs, mode: 0o600, modifiedMs: 31 };
  return { ...version(number, nodeId, 2), by: "someone", old };
}

export function upload(number: number, leaseEndsMs: number): UploadRow {
  return {
    uploadId: uploadId(number),
    path: `/Ünïcode/${number}`,
    condition: '{"kind":"any"}',
    chunkSizeBytes: 1 << 20,
    modifiedMs: 13,
    mode: 0o640,
    copies: 2,
    user: "someone",
    openedMs: 100 * number,
    leaseEndsMs,
  };
}

export function seederRow(number: number): SeederRow {
  return {
    seederId: seeder(number),
    standing: "member",
    generation: 1 + number % 3,
    capacityBytes: 2 ** 46,
    name: `seeder-${number}`,
    zone: "cellar",
    address: `http://127.0.0.1:${4000 + number}`,
    joinedMs: 17,
    away: false,
    totalBytes: 2 ** 45,
    freeBytes: 2 ** 44,
    usedBytes: 2 ** 43,
  };
}

export function adoption(of: number, number: number, clash = false): AdoptionRow {
  return {
    seederId: seeder(of),
    source: `/Ünïcode/${number}`,
    manifestDigest: chunk(number).chunkId,
    versionId: versionId(number),
    path: clash ? `/Ünïcode/${number} (seeder)` : `/Ünïcode/${number}`,
    clash,
    adoptedMs: 29,
  };
}

/** Of an answer that is kept. */
export function answerKey(number: number): string {
  return chunk(number).chunkId;
}

export function trashRow(trashId: number, nodeId: number): TrashRow {
  const kind = "directory";
  const sums = { files: trashId, directories: 1, links: 2, fileBytes: 100 * trashId };
  const path = `/Ünïcode/${trashId % 3}`;
  return { trashId, nodeId, path, kind, trashedMs: 23, by: "someone", ...sums };
}

export function logRow(sequence: number): LogRow {
  const text = JSON.stringify({ operation: "make", sequence });
  return {
    sequence,
    epoch: 1,
    term: "1".repeat(16),
    timeMs: 19,
    text,
    checksum: chunk(sequence).chunkId,
  };
}

/** Everything that can be seen of a catalog, for comparing two of them. */
export function observe(catalog: Catalog): Promise<unknown> {
  return catalog.read(async (view) => {
    const most = 10_000;
    const numbers = Array.from({ length: 20 }, (_, i) => i);
    const each = <T>(look: (number: number) => Promise<T>) => Promise.all(numbers.map(look));
    const lives = [[], [seeder(0)], [seeder(1), seeder(2)], numbers.map(seeder)];
    return {
      settings: await each((number) => view.setting(`setting ${number}`)),
      answer: await each((number) => view.answer(answerKey(number))),
      answers: await view.answers(),
      nodes: await each((number) => view.node(number)),
      children: await each((number) => view.children(number, undefined, most)),
      usage: await each((number) => view.usage(number)),
      trashed: await each((number) => view.trashed(number)),
      trashedLastAt: await each((number) => view.trashedLastAt(trashRow(number, 1).path)),
      trash: await Promise.all([
        view.trash(undefined, most),
        view.trash(3, 2),
      ]),
      trashSums: await view.trashSums(),
      highestNodeId: await view.highestNodeId(),
      versions: await view.versionsByPrefix("", most),
      oldVersionsOf: await each((number) => view.oldVersionsOf(number)),
      oldVersions: await Promise.all([view.oldVersions(undefined, most), view.oldVersions(4, 2)]),
      oldVersionsEnded: await each((number) => view.oldVersionsEnded(number, 1 + number % 4)),
      oldVersionSums: await view.oldVersionSums(),
      versionsAfter: await Promise.all(
        [undefined, ...numbers.map(versionId)].map((after) => view.versionsAfter(after, 3)),
      ),
      wanted: [...await view.wanted(numbers.map((number) => chunk(number).chunkId))],
      manifests: await each((number) => view.manifest(versionId(number), 0, most)),
      holders: [...await view.holders(numbers.map((number) => chunk(number).chunkId))],
      holdings: await each((number) => view.holdingsOf(seeder(number), undefined, most)),
      summaries: await each((number) => view.holdingsSummary(seeder(number))),
      copies: [...await view.copies(numbers.map((number) => chunk(number).chunkId))],
      unproved: await each((number) =>
        Promise.all(lives.map((live) => view.chunksUnproved(seeder(number), live, 5, 2)))
      ),
      adoptions: await each((number) => view.adoption(seeder(1), adoption(1, number).source)),
      adoptionSums: await each((number) => view.adoptionSums(seeder(number))),
      clashes: await Promise.all([
        view.clashes(undefined, undefined, most),
        view.clashes(seeder(1), undefined, 2),
        view.clashes(undefined, adoption(1, 4), 2),
        view.clashes(seeder(2), adoption(2, 4), most),
      ]),
      held: await view.heldChunks(undefined, most),
      short: await view.shortChunks(undefined, most),
      below: await Promise.all(lives.map((live) => view.chunksBelow(live))),
      uses: await view.chunkUses(numbers.map((number) => chunk(number).chunkId)),
      unreferenced: await Promise.all(
        [undefined, ...numbers.map((number) => chunk(number).chunkId)].map((after) =>
          view.unreferenced(after, 3)
        ),
      ),
      least: await each((number) =>
        Promise.all(lives.map((live) => view.copiesLeast(versionId(number), live)))
      ),
      totals: await view.totals(),
      uploads: await each((number) => view.upload(uploadId(number))),
      uploadChunks: await each((number) => view.uploadChunks(uploadId(number), 0, most)),
      uploadsEnded: await view.uploadsEndedBefore(10, most),
      uploadCount: await view.uploadCount(),
      uploadTimes: await view.uploadTimes() ?? null,
      seeders: await view.seeders(),
      logHead: await view.logHead(),
      log: await view.logAfter(0, most),
    };
  });
}
