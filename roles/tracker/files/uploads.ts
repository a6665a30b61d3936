/**
 * Uploads under way: opened, given places, told what is stored, given up or forgotten. Everything
 * about them is in the catalog, so a restarted tracker goes on where it was. Every call is a batch
 * with one result an item: an item's checks come before its writes, so a bad one leaves nothing
 * behind and spoils no other. Making an upload visible is `commit.ts`.
 */
import type * as z from "zod";
import {
  asFault,
  BaseUrl,
  type ChunkEntry,
  chunkEntryProblem,
  Condition,
  Fault,
  limits,
  makeLeave,
  type OpenReply,
  type OpenRequest,
  type OpenUpload,
  type Placement,
  type PlaceReply,
  type PlaceRequest,
  type Problem,
  problemOf,
  type RecordReply,
  type RecordRequest,
  type SeederId,
  sizeText,
  type UploadId,
  versionOf,
} from "../../../protocol/mod.ts";
import type { CatalogTransaction, CatalogView, UploadRow } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import type { Garbage } from "../copies/garbage.ts";
import { choosePlaces } from "../plan/placement.ts";
import { type ClusterView, isLive, neededCopies } from "../plan/view.ts";
import { type ProofNeeds, Proofs, provedCopies, provedOn } from "../copies/receipts.ts";
import { type Found, policyIn, walk } from "./walk.ts";

/** The catalog failed, not the item: the whole transaction must be undone. */
const catalogFaults = [
  "internal",
  "config-corrupt",
  "disk-failed",
  "disk-full",
  "disk-unusable",
  "unavailable",
];

/** An item's result from what was thrown. Throws again what is no fault of the item. */
export function refused(thrown: unknown): { ok: false; problem: Problem } {
  const fault = asFault(thrown);
  if (catalogFaults.includes(fault.code)) throw thrown;
  return { ok: false, problem: problemOf(fault) };
}

/** `work` on every item: its answer, or why the item was refused. */
async function each<T, R>(
  items: readonly T[],
  work: (item: T) => R | Promise<R>,
): Promise<(R | { ok: false; problem: Problem })[]> {
  const results = [];
  for (const item of items) {
    try {
      results.push(await work(item));
    } catch (thrown) {
      results.push(refused(thrown));
    }
  }
  return results;
}

/**
 * Throws `is-a-directory`, `already-exists` or `version-conflict` unless the name is as asked for.
 */
export function checkCondition(condition: Condition, found: Found): void {
  if (found.node?.kind === "directory") {
    throw new Fault("is-a-directory", `${found.path} is a directory`);
  }
  if (condition.kind === "create" && found.node !== undefined) {
    throw new Fault("already-exists", `${found.path} is there already`);
  }
  if (condition.kind === "if-version" && found.node?.versionId !== condition.versionId) {
    const now = found.node?.versionId?.slice(0, 8) ?? "nothing";
    throw new Fault(
      "version-conflict",
      `${found.path} is ${now} now, not version ${condition.versionId.slice(0, 8)}`,
    );
  }
}

export interface UploadNeeds extends Ground, ProofNeeds {
  readonly members: Members;
  readonly garbage: Pick<Garbage, "spare">;
}

export async function openUploads(
  core: UploadNeeds,
  input: z.output<typeof OpenRequest>,
  user: string,
): Promise<z.input<typeof OpenReply>> {
  const nowMs = await core.leases.handOut(core.catalog);
  return await core.catalog.transaction(async (tx) => {
    const results: z.input<typeof OpenReply>["results"] = [];
    for (const upload of input.uploads) {
      let row: UploadRow;
      try {
        row = await openOne(core, tx, upload, user, nowMs);
      } catch (thrown) {
        results.push(refused(thrown));
        continue;
      }
      // A version with this id was this very upload: a late repetition must not open it again.
      const done = await tx.version(versionOf(upload.uploadId)) !== undefined;
      if (!done) await tx.putUpload(row);
      results.push({ ok: true, path: row.path, copies: row.copies });
    }
    return { results, leaseMs: limits.uploadLeaseMs };
  });
}

async function openOne(
  core: UploadNeeds,
  tx: CatalogTransaction,
  upload: OpenUpload,
  user: string,
  nowMs: number,
): Promise<UploadRow> {
  const leaseEndsMs = nowMs + limits.uploadLeaseMs;
  const known = await tx.upload(upload.uploadId);
  if (known !== undefined) return { ...known, leaseEndsMs };
  const found = await walk(tx, upload.path, true);
  if (found.node?.versionId !== versionOf(upload.uploadId)) {
    checkCondition(upload.condition, found);
  }
  const { uploadId, chunkSizeBytes, sizeBytes, modifiedMs, mode } = upload;
  return {
    uploadId,
    path: found.path,
    condition: JSON.stringify(upload.condition),
    chunkSizeBytes,
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    modifiedMs,
    mode,
    copies: (await policyIn(tx, found.directory, core.copiesDefault)).copies,
    user,
    openedMs: nowMs,
    leaseEndsMs,
  };
}

/** The condition an upload was opened with. */
export function conditionOf(row: UploadRow): Condition {
  return Condition.parse(JSON.parse(row.condition));
}

/** The rows of uploads that are there, asked for once each. */
class Uploads {
  readonly #rows = new Map<UploadId, UploadRow | undefined>();

  constructor(private readonly view: CatalogView) {}

  /** Throws `upload-unknown`. */
  async get(uploadId: UploadId): Promise<UploadRow> {
    if (!this.#rows.has(uploadId)) {
      this.#rows.set(uploadId, await this.view.upload(uploadId));
    }
    const row = this.#rows.get(uploadId);
    if (row !== undefined) return row;
    throw uploadUnknown(uploadId);
  }

  /**
   * Those whose lease has lost a tenth of its life: writing at every use would cost a sync each.
   */
  ageing(nowMs: number): UploadRow[] {
    return [...this.#rows.values()].filter((row) => row !== undefined)
      .filter((row) => row.leaseEndsMs < nowMs + limits.uploadLeaseMs * 0.9);
  }
}

export function uploadUnknown(uploadId: UploadId): Fault {
  return new Fault("upload-unknown", `no upload ${uploadId.slice(0, 8)} is under way`);
}

async function renew(
  tx: CatalogTransaction,
  rows: readonly UploadRow[],
  nowMs: number,
): Promise<void> {
  const leaseEndsMs = nowMs + limits.uploadLeaseMs;
  for (const { uploadId } of rows) {
    const row = await tx.upload(uploadId);
    if (row !== undefined) await tx.putUpload({ ...row, leaseEndsMs });
  }
}

type PlaceItem = z.output<typeof PlaceRequest>["chunks"][number];

export async function placeChunks(
  core: UploadNeeds,
  input: z.output<typeof PlaceRequest>,
): Promise<z.input<typeof PlaceReply>> {
  const nowMs = await core.leases.handOut(core.catalog);
  const cluster = core.members.view(core.now());
  const { results, ageing } = await core.catalog.read(async (view) => {
    const uploads = new Uploads(view);
    const copies = await view.copies(input.chunks.map(({ chunkId }) => chunkId));
    const results = await each(input.chunks, async (chunk) => {
      const row = await uploads.get(chunk.uploadId);
      checkChunkSize(chunk, row);
      // A person's file may change tomorrow: what is sent gets its copies apart from it.
      const there = copies.get(chunk.chunkId) ?? [];
      const inPlace = there.filter(({ adopted }) => adopted).map(({ seederId }) => seederId);
      const held = countedHolders(core, cluster, provedOn(there, chunk));
      const wanted = { ...chunk, avoid: [...chunk.avoid, ...inPlace] };
      const placement = placementOf(core, cluster, row, wanted, held, nowMs);
      return { ok: true as const, placement };
    });
    return { results, ageing: uploads.ageing(nowMs) };
  });
  core.garbage.spare(
    input.chunks.filter((_, i) => {
      const result = results[i];
      return result?.ok === true && result.placement.held > 0;
    }).map(({ chunkId }) => chunkId),
  );
  if (ageing.length > 0) await core.catalog.transaction((tx) => renew(tx, ageing, nowMs));
  const tooFew = results.some((item) => !item.ok && item.problem.code === "too-few-seeders");
  // A tracker that has just started, or was cut off for a moment, hears from them in a second; one
  // that is gone is red soon, and then the answer is clear.
  if (tooFew && cluster.seeders.some(({ state }) => state === "yellow")) {
    throw new Fault("unavailable", "too few seeders are heard at this moment; more are waited for");
  }
  return { results };
}

function checkChunkSize(chunk: ChunkEntry, row: UploadRow): void {
  if (chunk.sizeBytes <= row.chunkSizeBytes) return;
  throw new Fault(
    "size-mismatch",
    `a chunk of ${chunk.sizeBytes} bytes in a file cut at ${row.chunkSizeBytes}`,
  );
}

/** Holders that spare the sending: live, and not just back from a restart with an unknown disk. */
function countedHolders(
  core: UploadNeeds,
  cluster: ClusterView,
  holders: readonly SeederId[],
): SeederId[] {
  const live = new Set(
    cluster.seeders.filter((seeder) => isLive(seeder.state)).map((seeder) => seeder.seederId),
  );
  return holders.filter((seederId) =>
    live.has(seederId) && core.members.get(seederId)?.reconciled === true
  );
}

function placementOf(
  core: UploadNeeds,
  cluster: ClusterView,
  row: UploadRow,
  chunk: PlaceItem,
  holders: readonly SeederId[],
  nowMs: number,
): z.input<typeof Placement> {
  const wanted = neededCopies(cluster, row.copies);
  const held = Math.min(holders.length, wanted);
  if (held === wanted) return { held, wanted, places: [] };
  const { chunkId, sizeBytes, avoid } = chunk;
  const places = wanted - held;
  const spares = limits.placementSparesMax;
  const chosen = choosePlaces(cluster, { chunkId, sizeBytes, places, spares, holders, avoid });
  if (chosen.length < places) {
    throw new Fault(
      "too-few-seeders",
      `${wanted} copies are needed, ${held} are there, and ${chosen.length} of ` +
        `${cluster.seeders.length} seeders can take ${sizeText(sizeBytes)} now`,
    );
  }
  const expiresMs = nowMs + limits.leaveLifeMs;
  const subject = { action: "store", chunkId, sizeBytes } as const;
  // Each may pass the chunk on to the others, at these addresses, and to nobody else.
  const named = chosen.map((seederId) => ({
    seederId,
    address: BaseUrl.parse(core.members.get(seederId)?.row.address),
  }));
  return {
    held,
    wanted,
    places: named.map((one) => ({
      ...one,
      leave: makeLeave(core.members.keyOf(one.seederId), subject, expiresMs, named),
    })),
  };
}

type RecordItem = z.output<typeof RecordRequest>["chunks"][number];

export function recordChunks(
  core: UploadNeeds,
  input: z.output<typeof RecordRequest>,
): Promise<z.input<typeof RecordReply>> {
  const nowMs = core.leases.now();
  return core.catalog.transaction(async (tx) => {
    const uploads = new Uploads(tx);
    const proofs = await Proofs.open(core, tx, input.chunks);
    const taken = await each(input.chunks, async (chunk) => {
      const row = await uploads.get(chunk.uploadId);
      checkPlaceInFile(chunk, row);
      proofs.takeReceipts(chunk, row);
      return chunk;
    });
    const checked = await each(taken, (item) => {
      if (!("problem" in item)) proofs.checkHeld(item);
      return item;
    });
    const good = checked.filter((item): item is RecordItem => !("problem" in item));
    await proofs.write();
    for (const [uploadId, items] of Map.groupBy(good, (item) => item.uploadId)) {
      await tx.putUploadChunks(uploadId, items);
    }
    await renew(tx, uploads.ageing(nowMs), nowMs);
    const after = await provedCopies(tx, good);
    const live = new Set(core.members.live(core.now()));
    const results = checked.map((item) => {
      if ("problem" in item) return item;
      const copies = (after.get(item.chunkId) ?? []).filter((id) => live.has(id)).length;
      return { ok: true as const, copies };
    });
    return { results, leaseMs: limits.uploadLeaseMs };
  });
}

function checkPlaceInFile(chunk: RecordItem, row: UploadRow): void {
  checkChunkSize(chunk, row);
  if (row.sizeBytes === undefined) return;
  const problem = chunkEntryProblem(chunk, chunk.index, row.sizeBytes, row.chunkSizeBytes);
  if (problem !== undefined) throw new Fault("size-mismatch", problem);
}

/** Gives uploads up; their chunks stay where they are. How many were under way. */
export function abandonUploads(core: UploadNeeds, uploadIds: readonly UploadId[]): Promise<number> {
  return core.catalog.transaction(async (tx) => {
    let abandoned = 0;
    for (const uploadId of new Set(uploadIds)) {
      if (await tx.upload(uploadId) === undefined) continue;
      await tx.removeUpload(uploadId);
      abandoned++;
    }
    return abandoned;
  });
}

const sweptAtOnceMax = 1000;

/** Forgets uploads whose lease has ended. How many. */
export async function sweepUploads(core: UploadNeeds): Promise<number> {
  const nowMs = core.leases.now();
  const ended = await core.catalog.read((view) => view.uploadsEndedBefore(nowMs, sweptAtOnceMax));
  if (ended.length === 0) return 0;
  return await core.catalog.transaction(async (tx) => {
    let swept = 0;
    for (const uploadId of ended) {
      // Renewed between the look and this transaction?
      const row = await tx.upload(uploadId);
      if (row === undefined || row.leaseEndsMs >= nowMs) continue;
      await tx.removeUpload(uploadId);
      swept++;
    }
    return swept;
  });
}
