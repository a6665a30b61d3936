/**
 * Receipts made into holdings: a batch gathers what its good items prove and writes it once for
 * each seeder. A chunk recorded without a receipt must be held already, with the size the client
 * names: otherwise a manifest could claim bytes that no seeder was ever asked for.
 */
import {
  type ChunkEntry,
  type ChunkId,
  Fault,
  isReceiptUnder,
  leaveMadeMs,
  limits,
  type RecordedChunk as RecordedChunkSchema,
  type SeederId,
} from "../../../protocol/mod.ts";
import type * as z from "zod";
import type { CatalogTransaction, CatalogView, UploadRow } from "../catalog/catalog.ts";
import type { CopyRow } from "../catalog/holding_rows.ts";
import type { Ground } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import type { Holdings } from "./holdings.ts";

export type RecordedChunk = z.output<typeof RecordedChunkSchema>;

type Receipts = RecordedChunk["receipts"];

export interface ProofNeeds extends Pick<Ground, "leases" | "now"> {
  readonly members: Members;
  readonly holdings: Pick<Holdings, "addReceipted">;
}

/** Without those of seeders that were forgotten meanwhile: what they hold counts no more. */
function receiptsOfMembers(core: ProofNeeds, chunk: RecordedChunk): Receipts {
  return chunk.receipts.filter(({ seederId }) => core.members.get(seederId) !== undefined);
}

/**
 * Throws `leave-invalid` unless every receipt is its seeder's word for this chunk, given under a
 * leave that is not much older than the upload: a drop order trusts that no upload counts on an
 * older one (`drops.ts`).
 */
function checkReceipts(
  core: ProofNeeds,
  chunk: RecordedChunk,
  receipts: Receipts,
  upload: UploadRow,
): void {
  const nowMs = core.leases.now();
  for (const receipt of receipts) {
    const genuine = isReceiptUnder(
      core.members.keyOf(receipt.seederId),
      receipt,
      chunk.chunkId,
      chunk.sizeBytes,
      nowMs,
      limits.receiptGraceMs,
    ) && leaveMadeMs(receipt.proof) >= upload.openedMs - limits.receiptShareMs;
    if (!genuine) {
      throw new Fault(
        "leave-invalid",
        `the receipt of seeder ${receipt.seederId} for chunk ${chunk.chunkId.slice(0, 12)} of ` +
          `${chunk.sizeBytes} bytes is not genuine, or too old`,
        { next: "store the chunk again under a new leave" },
      );
    }
  }
}

/**
 * Seeders with a proved copy of their own: those that an upload may count on. What only a seeder's
 * list tells of may be no more than its word, whatever size it tells; what lies in a person's file
 * may change tomorrow.
 */
export async function provedCopies(
  view: CatalogView,
  chunks: readonly ChunkEntry[],
): Promise<Map<ChunkId, SeederId[]>> {
  const found = new Map<ChunkId, SeederId[]>();
  const copies = await view.copies(chunks.map(({ chunkId }) => chunkId));
  for (const chunk of chunks) {
    found.set(chunk.chunkId, provedOn(copies.get(chunk.chunkId) ?? [], chunk));
  }
  return found;
}

/** Of these copies of a chunk, the seeders whose own copy is proved. */
export function provedOn(copies: readonly CopyRow[], { sizeBytes }: ChunkEntry): SeederId[] {
  return copies.filter((copy) => isProved(copy) && copy.sizeBytes === sizeBytes)
    .map(({ seederId }) => seederId);
}

function isProved({ adopted, provedMs }: CopyRow): boolean {
  return adopted !== true && provedMs !== undefined;
}

/**
 * What the chunks of one batch prove. Receipts of the whole batch are looked at before any chunk
 * that came without: the same chunk may stand in it twice, sent once.
 */
export class Proofs {
  readonly #bySeeder = new Map<SeederId, Map<ChunkId, ChunkEntry>>();
  readonly #receipted = new Map<ChunkId, number>();

  private constructor(
    private readonly core: ProofNeeds,
    private readonly tx: CatalogTransaction,
    private readonly copiesBefore: ReadonlyMap<ChunkId, CopyRow[]>,
  ) {}

  static async open(
    core: ProofNeeds,
    tx: CatalogTransaction,
    chunks: readonly ChunkEntry[],
  ): Promise<Proofs> {
    return new Proofs(core, tx, await tx.copies(chunks.map(({ chunkId }) => chunkId)));
  }

  /** Throws `leave-invalid` when a receipt is not good. */
  takeReceipts(chunk: RecordedChunk, upload: UploadRow): void {
    const receipts = receiptsOfMembers(this.core, chunk);
    checkReceipts(this.core, chunk, receipts, upload);
    const { chunkId, sizeBytes } = chunk;
    for (const { seederId } of receipts) {
      const chunks = this.#bySeeder.get(seederId) ?? new Map<ChunkId, ChunkEntry>();
      chunks.set(chunkId, { chunkId, sizeBytes });
      this.#bySeeder.set(seederId, chunks);
      this.#receipted.set(chunkId, sizeBytes);
    }
  }

  /**
   * Of a chunk without receipts. Throws `copies-missing` when nobody is known to hold it,
   * `size-mismatch` when it is held with another size.
   */
  checkHeld(chunk: RecordedChunk): void {
    if (receiptsOfMembers(this.core, chunk).length > 0) return;
    const before = this.copiesBefore.get(chunk.chunkId) ?? [];
    const sizeBytes = this.#receipted.get(chunk.chunkId) ?? before.find(isProved)?.sizeBytes;
    if (sizeBytes === chunk.sizeBytes) return;
    const name = chunk.chunkId.slice(0, 12);
    if (sizeBytes === undefined) {
      throw new Fault("copies-missing", `no seeder is known to hold chunk ${name}`);
    }
    throw new Fault(
      "size-mismatch",
      `chunk ${name} has ${sizeBytes} bytes, not ${chunk.sizeBytes}`,
    );
  }

  /** Adds the holdings that the receipts taken prove. */
  async write(): Promise<void> {
    for (const [seederId, chunks] of this.#bySeeder) {
      const { core, tx } = this;
      const cameMs = this.core.now();
      const rows = [...chunks.values()].map((chunk) => ({ ...chunk, provedMs: 0, cameMs }));
      await core.holdings.addReceipted(tx, seederId, rows, core.now());
    }
  }
}
