/**
 * The moment an upload becomes a file. In one transaction: the chunks that came with the commit are
 * recorded, the manifest is checked to be whole and to have its copies, the condition is looked at
 * once more, and one operation enters the log. Asked again with the same upload id, the same
 * answer.
 *
 * An item is checked to its end before its operation is written. Only recording its chunks comes
 * before: that is true whatever becomes of the commit, and a client that asks again need not repeat
 * it.
 */
import type * as z from "zod";
import {
  chunkCountOf,
  type ChunkEntry,
  chunkEntryProblem,
  type CommitReply,
  type CommitRequest,
  type CommitUpload,
  Fault,
  limits,
  RemotePath,
  type SeederId,
  startManifestDigest,
  type UploadId,
  type VersionId,
  versionOf,
} from "../../../protocol/mod.ts";
import type { CatalogTransaction, UploadRow } from "../catalog/catalog.ts";
import { type Ground, stampOf } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import { commitOperation, nextNodeId } from "../log/operations.ts";
import type { Operation } from "../log/operation.ts";
import { neededCopies } from "../plan/view.ts";
import { type ProofNeeds, Proofs, provedCopies, type RecordedChunk } from "../copies/receipts.ts";
import { checkCondition, conditionOf, refused, uploadUnknown } from "./uploads.ts";
import { keepReplaced, type Replaced } from "./versions.ts";
import { pathOfNode, walk } from "./walk.ts";

type Upload = z.output<typeof CommitUpload>;
type Result = z.input<typeof CommitReply>["results"][number];
type Done = Extract<Result, { ok: true }>;
type Indexed = ChunkEntry & { readonly index: number };

/**
 * The latest commits and what was answered. The catalog knows a committed version as long as it is
 * kept; this also answers the client whose file was replaced before it could ask again.
 */
export class RecentCommits {
  readonly #done = new Map<UploadId, { result: Done; untilMs: number }>();

  get(uploadId: UploadId): Done | undefined {
    return this.#done.get(uploadId)?.result;
  }

  add(uploadId: UploadId, result: Done, nowMs: number): void {
    this.#done.set(uploadId, { result, untilMs: nowMs + limits.uploadLeaseMs });
  }

  sweep(nowMs: number): void {
    for (const [uploadId, { untilMs }] of this.#done) {
      if (untilMs < nowMs) this.#done.delete(uploadId);
      // The rest was added later.
      else break;
    }
  }
}

export interface CommitNeeds extends Ground, ProofNeeds {
  readonly members: Members;
}

export async function commitUploads(
  core: CommitNeeds,
  recent: RecentCommits,
  input: z.output<typeof CommitRequest>,
  user: string,
): Promise<{ results: Result[] }> {
  const nowMs = core.now();
  // What is answered for the first time is told to nobody before it is committed.
  const { results, fresh } = await core.catalog.transaction(async (tx) => {
    const batch = new CommitBatch(core, tx, user, nowMs);
    await batch.record(input.uploads);
    const fresh = new Map<UploadId, Done>();
    const results: Result[] = [];
    for (const upload of input.uploads) {
      const { uploadId } = upload;
      const known = recent.get(uploadId) ?? fresh.get(uploadId) ?? await batch.committed(uploadId);
      const result = known ?? await batch.commit(upload);
      if (result.ok && known === undefined) fresh.set(uploadId, result);
      results.push(result);
    }
    return { results, fresh };
  });
  for (const [uploadId, result] of fresh) recent.add(uploadId, result, core.leases.now());
  return { results };
}

class CommitBatch {
  readonly #live: ReadonlySet<SeederId>;
  /** Why the chunks that came with an upload were refused. */
  readonly #refusals = new Map<Upload, Result>();
  /**
   * Uploads whose chunks all came with the commit: they are never written as an upload's chunks.
   */
  readonly #whole = new Map<Upload, Indexed[]>();

  constructor(
    private readonly core: CommitNeeds,
    private readonly tx: CatalogTransaction,
    private readonly user: string,
    private readonly nowMs: number,
  ) {
    this.#live = new Set(core.members.live(nowMs));
  }

  /** Checks and records the chunks that came with the commits of the whole batch. */
  async record(uploads: readonly Upload[]): Promise<void> {
    const { core, tx } = this;
    const proofs = await Proofs.open(core, tx, uploads.flatMap(({ chunks }) => chunks));
    const rows = new Map<Upload, UploadRow>();
    for (const upload of uploads) {
      const row = await tx.upload(upload.uploadId);
      if (row === undefined) continue;
      try {
        for (const chunk of upload.chunks) {
          checkEntry(chunk, upload.sizeBytes, row.chunkSizeBytes);
          proofs.takeReceipts(chunk, row);
        }
        rows.set(upload, row);
      } catch (thrown) {
        this.#refusals.set(upload, refused(thrown));
      }
    }
    await proofs.write();
    for (const [upload, row] of rows) {
      try {
        await this.#keepChunks(upload, heldOnes(proofs, upload.chunks), row);
      } catch (thrown) {
        this.#refusals.set(upload, refused(thrown));
      }
    }
  }

  async #keepChunks(
    upload: Upload,
    chunks: readonly RecordedChunk[],
    row: UploadRow,
  ): Promise<void> {
    const byIndex = new Map(chunks.map((chunk) => [chunk.index, chunk]));
    if (byIndex.size === chunkCountOf(upload.sizeBytes, row.chunkSizeBytes)) {
      const inOrder = [...byIndex.values()].sort((a, b) => a.index - b.index);
      this.#whole.set(upload, inOrder);
    } else if (chunks.length > 0) await this.tx.putUploadChunks(upload.uploadId, chunks);
  }

  /** The answer for an upload that is a version already. */
  async committed(uploadId: UploadId): Promise<Done | undefined> {
    const version = await this.tx.version(versionOf(uploadId));
    const node = version === undefined ? undefined : await this.tx.node(version.nodeId);
    if (version === undefined || node === undefined) return undefined;
    const { versionId, copies: wanted } = version;
    const copies = await this.tx.copiesLeast(versionId, [...this.#live]) ?? wanted;
    return { ok: true, versionId, path: await pathOfNode(this.tx, node), copies, wanted };
  }

  async commit(upload: Upload): Promise<Result> {
    const refusal = this.#refusals.get(upload);
    if (refusal !== undefined) return refusal;
    const row = await this.tx.upload(upload.uploadId);
    const missing: number[] = [];
    let decided: Decided;
    try {
      if (row === undefined) throw uploadUnknown(upload.uploadId);
      decided = await this.#decide(upload, row, missing);
    } catch (thrown) {
      const result = refused(thrown);
      if (row !== undefined) await this.#keepForNextTime(upload, row);
      return missing.length === 0 ? result : { ...result, missing };
    }
    const { operation, copies, gone: why } = decided;
    await this.#write(upload, operation);
    const { versionId, copies: wanted, replaces, keeps } = operation;
    const kept = keeps === undefined || replaces === undefined ? {} : { kept: replaces };
    const gone = why === undefined || replaces === undefined
      ? {}
      : { gone: { versionId: replaces, why } };
    return { ok: true, versionId, path: row.path, copies, wanted, ...kept, ...gone };
  }

  /** A client told that some copies are missing sends those and nothing else. */
  async #keepForNextTime(upload: Upload, row: UploadRow): Promise<void> {
    const whole = this.#whole.get(upload) ?? [];
    if (whole.length > 0) await this.tx.putUploadChunks(upload.uploadId, whole);
    const leaseEndsMs = this.core.leases.now() + limits.uploadLeaseMs;
    await this.tx.putUpload({ ...row, leaseEndsMs });
  }

  /** What enters the log, the manifest's pages left out. Throws, with `missing` filled, why not. */
  async #decide(
    upload: Upload,
    row: UploadRow,
    missing: number[],
  ): Promise<Decided> {
    const { tx, core, nowMs } = this;
    const { sizeBytes, manifestDigest } = upload;
    const { chunkSizeBytes, mode, modifiedMs, copies: wanted } = row;
    if (row.sizeBytes !== undefined && row.sizeBytes !== sizeBytes) {
      throw new Fault(
        "size-mismatch",
        `${row.path} was announced with ${row.sizeBytes} bytes and has ${sizeBytes}`,
        { next: "upload it again: it may have changed meanwhile" },
      );
    }
    const copies = await this.#checkManifest(upload, row, missing);
    const found = await walk(tx, RemotePath.parse(row.path), true);
    checkCondition(conditionOf(row), found);
    const replaced = found.node &&
      await keepReplaced(core, tx, found.node, found.directory, upload);
    const operation: WriteFile = {
      kind: "write-file",
      nodeId: found.node?.nodeId ?? await nextNodeId(tx),
      parentId: found.directory.nodeId,
      name: found.name,
      ...replaced?.parts,
      versionId: versionOf(upload.uploadId),
      mode,
      modifiedMs,
      createdMs: stampOf(core).nowMs,
      sizeBytes,
      chunkSizeBytes,
      chunkCount: chunkCountOf(sizeBytes, chunkSizeBytes),
      manifestDigest,
      copies: wanted,
      chunks: [],
      by: this.user,
    };
    const told = replaced?.gone === undefined ? {} : { gone: replaced.gone };
    return {
      operation,
      copies: copies ?? neededCopies(core.members.view(nowMs), wanted),
      ...told,
    };
  }

  /** The fewest copies over the chunks; undefined without chunks. Throws unless all is there. */
  async #checkManifest(
    upload: Upload,
    row: UploadRow,
    missing: number[],
  ): Promise<number | undefined> {
    const { chunkSizeBytes } = row;
    const needed = neededCopies(this.core.members.view(this.nowMs), row.copies);
    const count = chunkCountOf(upload.sizeBytes, chunkSizeBytes);
    const digest = startManifestDigest(chunkSizeBytes);
    const miss = (index: number) => {
      if (missing.length < limits.batchItemsMax) missing.push(index);
      return missing.length < limits.batchItemsMax;
    };
    let due = 0;
    let least = Infinity;
    for await (const page of this.#pages(upload)) {
      const holders = await provedCopies(this.tx, page);
      for (const chunk of page) {
        checkEntry(chunk, upload.sizeBytes, chunkSizeBytes);
        while (due < chunk.index && miss(due)) due++;
        due = chunk.index + 1;
        const held = (holders.get(chunk.chunkId) ?? []).filter((id) => this.#live.has(id)).length;
        least = Math.min(least, held);
        if (held < needed) miss(chunk.index);
        digest.add(chunk);
      }
    }
    while (due < count && miss(due)) due++;
    if (missing.length > 0) {
      throw new Fault(
        "copies-missing",
        `${missing.length === 1 ? `chunk ${missing[0]} has` : `${missing.length} chunks have`} ` +
          `fewer than ${needed} copies on live seeders`,
      );
    }
    const own = digest.hex();
    if (own !== upload.manifestDigest) {
      throw new Fault(
        "digest-mismatch",
        `the chunks recorded for ${row.path} are not those the commit speaks of: manifest digest ` +
          `${own.slice(0, 12)}, not ${upload.manifestDigest.slice(0, 12)}`,
        { next: "upload the file again" },
      );
    }
    return count === 0 ? undefined : least;
  }

  /** The upload's chunks in order of index, however they were recorded. */
  async *#pages(upload: Upload): AsyncGenerator<Indexed[]> {
    const pageMax = limits.manifestPageChunksMax;
    const whole = this.#whole.get(upload);
    for (let from = 0;;) {
      const page = whole === undefined
        ? await this.tx.uploadChunks(upload.uploadId, from, pageMax)
        : whole.slice(from, from + pageMax);
      if (page.length > 0) yield page;
      if (page.length < pageMax) return;
      from = (page.at(-1)?.index ?? from) + 1;
    }
  }

  /**
   * All full pages of the manifest first, the rest with the operation that makes the file visible.
   */
  async #write(upload: Upload, operation: WriteFile): Promise<void> {
    const { tx } = this;
    const stamp = stampOf(this.core);
    let last: ChunkEntry[] = [];
    let from = 0;
    for await (const page of this.#pages(upload)) {
      if (last.length > 0) {
        await commitOperation(tx, stamp, pageOf(operation.versionId, from, last));
        from += last.length;
      }
      last = page.map(({ chunkId, sizeBytes }) => ({ chunkId, sizeBytes }));
    }
    await commitOperation(tx, stamp, { ...operation, chunks: last });
    await tx.removeUpload(upload.uploadId);
  }
}

type WriteFile = Extract<Operation, { kind: "write-file" }>;
type ManifestPage = Extract<Operation, { kind: "manifest-page" }>;

interface Decided extends Pick<Replaced, "gone"> {
  readonly operation: WriteFile;
  readonly copies: number;
}

function pageOf(versionId: VersionId, from: number, chunks: ChunkEntry[]): ManifestPage {
  return { kind: "manifest-page", versionId, from, chunks };
}

function checkEntry(chunk: Indexed, sizeBytes: number, chunkSizeBytes: number): void {
  const problem = chunkEntryProblem(chunk, chunk.index, sizeBytes, chunkSizeBytes);
  if (problem !== undefined) throw new Fault("size-mismatch", problem);
}

/** Without the chunks nobody holds: they count as missing. Throws `size-mismatch`. */
function heldOnes(proofs: Proofs, chunks: readonly RecordedChunk[]): RecordedChunk[] {
  const held: RecordedChunk[] = [];
  for (const chunk of chunks) {
    try {
      proofs.checkHeld(chunk);
      held.push(chunk);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "copies-missing") throw thrown;
    }
  }
  return held;
}
