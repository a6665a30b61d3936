/**
 * Files found on seeders' disks become files of the namespace. Of each offer it is decided, in the
 * transaction that writes it down, whether it was decided before, goes on what was adopted from the
 * same place, is there already, or gets a name; what was decided is an operation of the log, so
 * that the same offer always gets the same answer, after a restart, a rebuild, or a seeder that has
 * lost its index too. The bytes stay on the seeder: its holdings are marked as a person's file.
 */
import { createHash } from "node:crypto";
import type * as z from "zod";
import {
  chunkCountOf,
  type ChunkEntry,
  chunkEntryProblem,
  Fault,
  limits,
  type OfferedFile,
  type OfferReply,
  type OfferRequest,
  type OfferResult,
  pathProblem,
  RemotePath,
  segmentsOf,
  startManifestDigest,
  UploadId,
  versionOf,
} from "../../../protocol/mod.ts";
import type { AcknowledgePermit } from "../authority/authority.ts";
import {
  type AdoptionRow,
  type CatalogTransaction,
  type NodeRow,
  rootNodeId,
  trashNodeId,
} from "../catalog/catalog.ts";
import { type Ground, stampOf } from "../ground.ts";
import type { ProofNeeds } from "../copies/receipts.ts";
import type { Adoptions } from "../seeders/adoptions.ts";
import type { OrderBook } from "../seeders/orders.ts";
import type { Room } from "../room.ts";
import type { Member, Members } from "../seeders/members.ts";
import { commitOperation, nextNodeId } from "../log/operations.ts";
import type { Operation } from "../log/operation.ts";
import { adoptedName, namesTriedMax } from "../plan/adopt.ts";
import { refused } from "./uploads.ts";
import { keepReplaced } from "./versions.ts";
import { pathOfNode, policyIn } from "./walk.ts";

interface OfferNeeds extends Ground, ProofNeeds {
  readonly members: Members;
  readonly orders: Pick<OrderBook, "isWaiting">;
  readonly adoptions: Pick<Adoptions, "hear" | "changed">;
  readonly room: Pick<Room, "check"> | undefined;
  readonly shipping: { settled(permit: AcknowledgePermit): Promise<void> };
}

/**
 * @throws Fault `seeder-unknown`, `disk-full` while the catalog may not grow, or what the catalog
 *   throws: the seeder offers again
 */
export async function takeOffer(
  core: OfferNeeds,
  input: z.output<typeof OfferRequest>,
): Promise<z.input<typeof OfferReply>> {
  const { seederId, bootId, files, report } = input;
  const member = core.members.get(seederId);
  if (member === undefined) {
    throw new Fault("seeder-unknown", `no seeder with the id ${seederId} has joined this cluster`);
  }
  if (member.bootIdsReplaced.has(bootId)) {
    throw new Fault("identity-taken", `another seeder reports with the id ${seederId}`);
  }
  core.adoptions.hear(seederId, report);
  if (files.length === 0) return { results: [] };
  core.room?.check();
  const results = await core.catalog.transaction(async (tx) => {
    const batch = new OfferBatch(core, tx, member);
    const results: OfferResult[] = [];
    for (const file of files) {
      try {
        results.push(await batch.take(file));
      } catch (thrown) {
        const { problem } = refused(thrown);
        results.push({ kind: "refused", problem });
      }
    }
    return results;
  });
  core.adoptions.changed(seederId);
  for (const [i, result] of results.entries()) {
    const source = files[i]?.source, { name } = member.row;
    if (result.kind === "refused") {
      core.log.warn("file not adopted", { name, source, why: result.problem.detail });
    } else if (result.kind === "adopted" && result.clash) {
      core.log.warn("adopted under another name", { name, source, path: result.path });
    }
  }
  // A seeder does not offer again what was answered: the log had better be on seeders by then.
  await core.shipping.settled(core.authority.acknowledge());
  return { results };
}

type File = z.output<typeof OfferedFile>;
type Place = { readonly directory: NodeRow; readonly name: string };

class OfferBatch {
  readonly #seederName: string;
  readonly #directories = new Map<string, NodeRow>();

  constructor(
    private readonly core: OfferNeeds,
    private readonly tx: CatalogTransaction,
    private readonly member: Member,
  ) {
    this.#seederName = member.row.name;
  }

  async take(file: File): Promise<OfferResult> {
    const chunks = await this.#wholeManifest(file);
    if (!Array.isArray(chunks)) return chunks;
    checkDigest(file, chunks);
    const { seederId } = this.member.row;
    const before = await this.tx.adoption(seederId, file.source);
    const result = before?.manifestDigest === file.manifestDigest
      ? await this.#decided(before, chunks)
      : await this.#decide(file, chunks, before);
    if (file.from > 0) await this.tx.removeUpload(uploadOf(this.member, file));
    return result;
  }

  /** All chunks, when this page is the last of them; else where to go on. */
  async #wholeManifest(file: File): Promise<ChunkEntry[] | OfferResult> {
    const { tx } = this;
    const { from, chunks, sizeBytes, chunkSizeBytes } = file;
    const count = chunkCountOf(sizeBytes, chunkSizeBytes);
    for (const [i, chunk] of chunks.entries()) {
      const problem = chunkEntryProblem(chunk, from + i, sizeBytes, chunkSizeBytes);
      if (problem !== undefined) throw new Fault("size-mismatch", problem);
    }
    if (from === 0 && chunks.length === count) return chunks;
    if (chunks.length === 0) throw new Fault("invalid-request", "a page without chunks");
    const uploadId = uploadOf(this.member, file);
    await tx.putUpload(uploadRowOf(this.core, this.member, file, uploadId));
    await tx.putUploadChunks(uploadId, chunks.map((chunk, i) => ({ ...chunk, index: from + i })));
    if (from + chunks.length < count) return { kind: "more", from: from + chunks.length };
    const all: ChunkEntry[] = [];
    for (;;) {
      const page = await tx.uploadChunks(uploadId, all.length, limits.manifestPageChunksMax);
      if (page.length === 0) return all;
      for (const { index, chunkId, sizeBytes } of page) {
        // The pages before were forgotten: their lease was over.
        if (index !== all.length) return { kind: "more", from: all.length };
        all.push({ chunkId, sizeBytes });
      }
    }
  }

  /** This very content was offered from this place before. */
  async #decided(row: AdoptionRow, chunks: readonly ChunkEntry[]): Promise<OfferResult> {
    const version = await this.tx.version(row.versionId);
    const node = version && await this.tx.node(version.nodeId);
    // Held also when it is no file any more: another file may name its chunks.
    await this.#hold(chunks);
    if (node === undefined) return { kind: "declined" };
    return { kind: "adopted", path: await pathOfNode(this.tx, node), clash: row.clash };
  }

  async #decide(
    file: File,
    chunks: readonly ChunkEntry[],
    before: AdoptionRow | undefined,
  ): Promise<OfferResult> {
    const successor = before && await this.#nodeStillOf(before);
    if (successor !== undefined) {
      const directory = await this.tx.node(successor.parentId);
      if (directory === undefined) throw new Fault("config-corrupt", "a directory is missing");
      const place = { directory, name: successor.name };
      return await this.#write(file, chunks, place, successor, before?.clash === true);
    }
    const { place, taken, same } = await this.#placeFor(file);
    if (same !== undefined) return await this.#join(file, chunks, same, taken);
    return await this.#write(file, chunks, place, undefined, taken);
  }

  /**
   * The file that was adopted from this place, when nobody has changed, replaced or removed it
   * since. Where it was moved to, it follows.
   */
  async #nodeStillOf(row: AdoptionRow): Promise<NodeRow | undefined> {
    const version = await this.tx.version(row.versionId);
    const node = version && await this.tx.node(version.nodeId);
    if (node?.versionId !== row.versionId) return undefined;
    for (let above: NodeRow | undefined = node; above !== undefined;) {
      if (above.nodeId === rootNodeId) return node;
      if (above.parentId === trashNodeId) return undefined;
      above = await this.tx.node(above.parentId);
    }
    return undefined;
  }

  /** A free name for the file, or the file with this content under the first of its names. */
  async #placeFor(file: File): Promise<{ place: Place; taken: boolean; same?: NodeRow }> {
    const segments = segmentsOf(file.source);
    const name = segments.pop() ?? "";
    const { directory, taken: aboveTaken } = await this.#directoryFor(segments);
    for (let attempt = 0; attempt < namesTriedMax; attempt++) {
      const tried = adoptedName(name, "file", this.#seederName, attempt);
      const node = await this.tx.child(directory.nodeId, tried);
      const taken = aboveTaken || attempt > 0;
      if (node === undefined) return { place: { directory, name: tried }, taken };
      const version = node.versionId && await this.tx.version(node.versionId);
      if (version && version.manifestDigest === file.manifestDigest) {
        return { place: { directory, name: tried }, taken, same: node };
      }
    }
    throw new Fault("already-exists", `${file.source} and ${namesTriedMax} other names are taken`);
  }

  /** The directory of these names, made where it is missing, or named apart where it is taken. */
  async #directoryFor(
    segments: readonly string[],
  ): Promise<{ directory: NodeRow; taken: boolean }> {
    const key = segments.join("/");
    let directory = this.#directories.get(key);
    let taken = false;
    if (directory === undefined) {
      const root = await this.tx.node(rootNodeId);
      if (root === undefined) {
        throw new Fault("config-corrupt", "the catalog has no root directory");
      }
      directory = root;
      for (const segment of segments) directory = await this.#enter(directory, segment);
      this.#directories.set(key, directory);
    }
    const path = await pathOfNode(this.tx, directory);
    taken = path !== `/${key}`;
    return { directory, taken };
  }

  async #enter(above: NodeRow, name: string): Promise<NodeRow> {
    for (let attempt = 0; attempt < namesTriedMax; attempt++) {
      const tried = adoptedName(name, "directory", this.#seederName, attempt);
      const node = await this.tx.child(above.nodeId, tried);
      if (node?.kind === "directory") return node;
      if (node === undefined) return await this.#makeDirectory(above, tried);
    }
    throw new Fault("already-exists", `${name} and ${namesTriedMax} other names are taken`);
  }

  async #makeDirectory(above: NodeRow, name: string): Promise<NodeRow> {
    const path = await pathOfNode(this.tx, above);
    checkPath(path === "/" ? `/${name}` : `${path}/${name}`);
    const stamp = stampOf(this.core);
    const nodeId = await nextNodeId(this.tx);
    const place = { nodeId, parentId: above.nodeId, name, mode: 0o755, modifiedMs: stamp.nowMs };
    const by = this.#seederName;
    await commitOperation(this.tx, stamp, { kind: "make-directory", ...place, by });
    return { ...place, kind: "directory", sizeBytes: 0 };
  }

  /** The same content has the name already: its copy here counts. */
  async #join(
    file: File,
    chunks: readonly ChunkEntry[],
    node: NodeRow,
    clash: boolean,
  ): Promise<OfferResult> {
    const { versionId } = node;
    if (versionId === undefined) throw new Fault("config-corrupt", "a file has no version");
    return await this.#note(file, chunks, versionId, await pathOfNode(this.tx, node), clash);
  }

  async #write(
    file: File,
    chunks: readonly ChunkEntry[],
    { directory, name }: Place,
    before: NodeRow | undefined,
    clash: boolean,
  ): Promise<OfferResult> {
    const { core, tx } = this;
    const above = await pathOfNode(tx, directory);
    const path = checkPath(above === "/" ? `/${name}` : `${above}/${name}`);
    const stamp = stampOf(core);
    const versionId = versionOf(uploadOf(this.member, file, (await tx.logHead())?.sequence ?? 0));
    const page = limits.manifestPageChunksMax;
    const inPages = Math.max(0, Math.ceil(chunks.length / page) - 1) * page;
    for (let from = 0; from < inPages; from += page) {
      const entries = chunks.slice(from, from + page);
      await commitOperation(tx, stamp, { kind: "manifest-page", versionId, from, chunks: entries });
    }
    const { sizeBytes, chunkSizeBytes, manifestDigest, modifiedMs } = file;
    // A seeder plants no program that acts for another user.
    const mode = file.mode & 0o777;
    const operation: Operation = {
      kind: "write-file",
      nodeId: before?.nodeId ?? await nextNodeId(tx),
      parentId: directory.nodeId,
      name,
      ...await this.#replaced(before, directory, manifestDigest),
      versionId,
      mode,
      modifiedMs,
      createdMs: stamp.nowMs,
      sizeBytes,
      chunkSizeBytes,
      chunkCount: chunks.length,
      manifestDigest,
      copies: (await policyIn(tx, directory, core.copiesDefault)).copies,
      adopted: true,
      chunks: chunks.slice(inPages),
      by: this.#seederName,
    };
    await commitOperation(tx, stamp, operation);
    return await this.#note(file, chunks, versionId, path, clash);
  }

  /**
   * What was there before is kept, as the policy says, unless its bytes are nowhere any more. That
   * nobody is known to hold them says so only once every seeder has told what it holds: a tracker
   * that was rebuilt knows of no copy at first.
   */
  async #replaced(before: NodeRow | undefined, directory: NodeRow, manifestDigest: string) {
    if (before?.versionId === undefined) return {};
    const { core, tx } = this;
    const rows = core.members.all().map(({ row }) => row);
    const copies = await tx.copiesLeast(before.versionId, rows.map(({ seederId }) => seederId));
    const allTold = rows.every(({ reconciledBootId }) => reconciledBootId !== undefined);
    if (copies === 0 && allTold) return { replaces: before.versionId };
    return (await keepReplaced(core, tx, before, directory, { manifestDigest })).parts;
  }

  async #note(
    file: File,
    chunks: readonly ChunkEntry[],
    versionId: AdoptionRow["versionId"],
    path: RemotePath,
    clash: boolean,
  ): Promise<OfferResult> {
    const { source, manifestDigest } = file;
    const { seederId } = this.member.row;
    const stamp = stampOf(this.core);
    const row = { seederId, source, manifestDigest, versionId, path, clash };
    await commitOperation(this.tx, stamp, { kind: "adopt-file", ...row, adoptedMs: stamp.nowMs });
    await this.#hold(chunks);
    return { kind: "adopted", path, clash };
  }

  /** What the seeder has a copy of its own of stays so. */
  async #hold(chunks: readonly ChunkEntry[]): Promise<void> {
    const { core, tx } = this;
    const { seederId } = this.member.row;
    const ids = chunks.map(({ chunkId }) => chunkId);
    const holders = await tx.holders(ids);
    const fresh = chunks.filter(({ chunkId }) =>
      !(holders.get(chunkId) ?? []).includes(seederId) &&
      !core.orders.isWaiting("drop", seederId, chunkId)
    ).map((chunk) => ({ ...chunk, adopted: true as const }));
    await core.holdings.addReceipted(tx, seederId, fresh, core.now());
  }
}

function checkPath(path: string): RemotePath {
  const problem = pathProblem(path);
  if (problem === undefined) return RemotePath.parse(path);
  throw new Fault("invalid-name", `${problem} once it is named apart`, {
    next: "shorten the names on the seeder",
  });
}

function checkDigest(file: File, chunks: readonly ChunkEntry[]): void {
  const digest = startManifestDigest(file.chunkSizeBytes);
  for (const chunk of chunks) digest.add(chunk);
  if (digest.hex() === file.manifestDigest) return;
  throw new Fault("digest-mismatch", `the chunks of ${file.source} are not those of its digest`);
}

/**
 * The id under which the pages of a large file are kept, the same whoever asks again; with the
 * number of the operation before it, that of the version, which is never given twice.
 */
function uploadOf(member: Member, file: File, sequence?: number): UploadId {
  const { source, manifestDigest } = file, { seederId } = member.row;
  const parts = ["offshore adopted 1", seederId, source, manifestDigest, sequence ?? "pages"];
  const digest = createHash("sha256").update(parts.join("\n")).digest("hex");
  return UploadId.parse(digest.slice(0, 32));
}

function uploadRowOf(core: OfferNeeds, member: Member, file: File, uploadId: UploadId) {
  const nowMs = core.leases.now();
  const { source, chunkSizeBytes, sizeBytes, modifiedMs, mode } = file;
  return {
    uploadId,
    path: source,
    condition: JSON.stringify({ kind: "create" }),
    ...{ chunkSizeBytes, sizeBytes, modifiedMs, mode },
    copies: core.copiesDefault,
    user: member.row.name,
    openedMs: nowMs,
    leaseEndsMs: nowMs + limits.uploadLeaseMs,
  };
}
