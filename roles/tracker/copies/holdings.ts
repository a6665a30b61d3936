/**
 * Who holds what, kept true: receipts add holdings, inventory pages add what is there and remove
 * what is not, and a seeder whose count and digest agree needs to send no page at all.
 *
 * The one danger is a page that was made before a chunk was stored and arrives after its receipt. A
 * page is made after its round began, for only the beginning makes a seeder tell, and a round of
 * the same start of a seeder follows another only after `limits.inventoryRecheckMs`, when no page
 * of that one is still on its way. So a holding receipted since the round began is kept whatever a
 * page says, and the inventory is asked for again later. Receipts are remembered in memory: after a
 * restart of the tracker every page belongs to a round that began after it.
 */
import {
  type ChunkEntry,
  type ChunkId,
  Fault,
  type InventoryPage,
  limits,
  type SeederId,
} from "../../../protocol/mod.ts";
import type { CatalogTransaction } from "../catalog/catalog.ts";
import type { HoldingRow } from "../catalog/holding_rows.ts";
import type { Ground } from "../ground.ts";
import type { OrderBook } from "../seeders/orders.ts";
import type { Member } from "../seeders/members.ts";

/** A million chunks are told every eight minutes at most. */
const quietMsPerChunk = 0.5;

/** One telling of a seeder's whole inventory. */
interface Round {
  readonly bootId: string;
  readonly startedMs: number;
  /** When its last page came. */
  pageMs: number | undefined;
  /** All ids up to this were told; absent before the first page. */
  toldTo: string | undefined;
  /** True when a page lacked a chunk that was kept all the same. */
  unsure: boolean;
}

export interface HoldingNeeds extends Pick<Ground, "catalog" | "log"> {
  readonly orders: Pick<OrderBook, "isWaiting" | "isWaitingFor">;
}

export class Holdings {
  readonly #receipts = new Map<SeederId, Map<ChunkId, number>>();
  readonly #rounds = new Map<SeederId, Round>();
  /** Seeders whose last round ended with a holding kept that no page told of. */
  readonly #unsure = new Set<SeederId>();
  /** No inventory is compared again before this. */
  readonly #quietUntilMs = new Map<SeederId, number>();
  /** When what a seeder reported last was what is listed; first when it was first heard. */
  readonly #agreedMs = new Map<SeederId, number>();

  constructor(private readonly needs: HoldingNeeds) {}

  /**
   * Adds holdings that were told just now, with a receipt or otherwise. They are remembered only
   * while a page or an outcome that contradicts them may be under way. A run that is aborted leaves
   * a memory too many, for which a holding would be looked at once more.
   */
  async addReceipted(
    tx: CatalogTransaction,
    seederId: SeederId,
    chunks: readonly HoldingRow[],
    nowMs: number,
  ): Promise<void> {
    if (this.#rounds.has(seederId) || this.needs.orders.isWaitingFor(seederId)) {
      const receipts = this.#receipts.get(seederId) ?? new Map<ChunkId, number>();
      this.#receipts.set(seederId, receipts);
      for (const { chunkId } of chunks) receipts.set(chunkId, nowMs);
    }
    await tx.addHoldings(seederId, chunks);
  }

  /** Something may have gone or come unheard: the inventory is compared soon. */
  doubt(seederId: SeederId): void {
    this.#unsure.add(seederId);
  }

  /**
   * Removes holdings of chunks that a seeder found missing at `sinceMs` or later. One that was
   * receipted since may speak of a copy that was stored after that, or of the very copy that was
   * lost, whose receipt was long on its way: which of them only the inventory can tell.
   */
  async removeMissing(
    tx: CatalogTransaction,
    seederId: SeederId,
    missing: readonly { readonly chunkId: ChunkId; readonly sinceMs: number }[],
  ): Promise<void> {
    const gone = missing.filter(({ chunkId, sinceMs }) =>
      !this.receiptedSince(seederId, chunkId, sinceMs)
    );
    if (gone.length < missing.length) this.doubt(seederId);
    if (gone.length > 0) await tx.removeHoldings(seederId, gone.map(({ chunkId }) => chunkId));
  }

  /** True when this holding was receipted at `sinceMs` or later. */
  receiptedSince(seederId: SeederId, chunkId: ChunkId, sinceMs: number): boolean {
    const receiptMs = this.#receipts.get(seederId)?.get(chunkId);
    return receiptMs !== undefined && receiptMs >= sinceMs;
  }

  /**
   * Whether the seeder shall tell its inventory, decided at each of its heartbeats. May find the
   * member reconciled without one page, and then says so in its row.
   */
  async inventoryWanted(member: Member, nowMs: number): Promise<boolean> {
    const { seederId } = member.row;
    const { bootId } = member;
    if (bootId === undefined) return false;
    const summary = await this.needs.catalog.read((view) => view.holdingsSummary(seederId));
    if (member.bootId !== bootId) return false;
    const agrees = summary.chunkCount === member.chunkCount &&
      summary.digest === member.inventoryDigest;
    if (agrees || !this.#agreedMs.has(seederId)) this.#agreedMs.set(seederId, nowMs);
    const round = this.#rounds.get(seederId);
    const due = member.row.reconciledBootId !== bootId || round !== undefined ||
      (nowMs >= (this.#quietUntilMs.get(seederId) ?? 0) &&
        (this.#unsure.has(seederId) ||
          nowMs - member.inventorySinceMs >= limits.inventoryRecheckMs ||
          nowMs - (this.#agreedMs.get(seederId) ?? nowMs) >= limits.inventoryDisagreeMs));
    if (!due) return false;
    this.#quietUntilMs.set(seederId, nowMs + quietMs(member.chunkCount));
    if (agrees) {
      this.#rounds.delete(seederId);
      this.#unsure.delete(seederId);
      if (member.row.reconciledBootId !== bootId) {
        member.row = { ...member.row, reconciledBootId: bootId };
        member.unsaved = true;
      }
      return false;
    }
    if (round?.bootId !== bootId) {
      const fresh = { bootId, startedMs: nowMs, pageMs: undefined, toldTo: undefined };
      this.#rounds.set(seederId, { ...fresh, unsure: false });
      return true;
    }
    // While pages come in, the seeder is not told to begin again.
    return round.pageMs === undefined || nowMs - round.pageMs >= limits.yellowAfterMs;
  }

  /**
   * Brings the holdings in the range a page speaks for into agreement with it. A page that belongs
   * to no round is passed over: the next heartbeat asks again.
   * @throws Fault `invalid-request` when the page contradicts itself or leaves a gap
   */
  async takePage(member: Member, page: InventoryPage, nowMs: number): Promise<void> {
    checkPage(page);
    const { seederId } = page;
    const outcome = await this.needs.catalog.transaction(async (tx) => {
      const round = this.#rounds.get(seederId);
      if (round === undefined || round.bootId !== page.bootId || member.bootId !== page.bootId) {
        return undefined;
      }
      if (page.after !== undefined && page.after > (round.toldTo ?? "")) {
        throw new Fault(
          "invalid-request",
          `the page begins after ${page.after.slice(0, 12)}, the pages so far do not reach that`,
        );
      }
      const kept = await this.#applyPage(tx, page, round.startedMs, member);
      const row = { ...member.row, reconciledBootId: page.bootId };
      if (page.last) await tx.putSeeder(row);
      return { round, kept };
    });
    if (outcome === undefined) return;
    const { round, kept } = outcome;
    round.pageMs = nowMs;
    if (kept > 0) round.unsure = true;
    round.toldTo = page.chunks.at(-1)?.chunkId ?? page.after;
    if (!page.last) return;
    member.row = { ...member.row, reconciledBootId: page.bootId };
    this.#rounds.delete(seederId);
    // Every chunk that was listed when the round began has been looked for.
    this.#agreedMs.set(seederId, nowMs);
    this.#quietUntilMs.set(seederId, nowMs + quietMs(member.chunkCount));
    if (round.unsure) this.#unsure.add(seederId);
    else this.#unsure.delete(seederId);
    this.needs.log.info("inventory heard", { seederId, kept, unsure: round.unsure });
  }

  /** Adds and removes; how many holdings were kept although the page lacks them. */
  async #applyPage(
    tx: CatalogTransaction,
    page: InventoryPage,
    roundStartedMs: number,
    member: Member,
  ): Promise<number> {
    const { seederId } = page;
    const told = new Set(page.chunks.map((chunk) => chunk.chunkId));
    const listed = new Set<ChunkId>();
    const end = page.last ? undefined : page.chunks.at(-1)?.chunkId;
    let kept = 0;
    for (let after = page.after;;) {
      const held: ChunkEntry[] = await tx.holdingsOf(
        seederId,
        after,
        limits.inventoryPageChunksMax,
      );
      const inRange = held.filter(({ chunkId }) => end === undefined || chunkId <= end);
      for (const { chunkId } of inRange) listed.add(chunkId);
      const gone = inRange.map(({ chunkId }) => chunkId).filter((chunkId) => {
        if (told.has(chunkId)) return false;
        if (!this.receiptedSince(seederId, chunkId, roundStartedMs)) return true;
        kept++;
        return false;
      });
      if (gone.length > 0) await tx.removeHoldings(seederId, gone);
      after = held.at(-1)?.chunkId;
      if (inRange.length < held.length || held.length < limits.inventoryPageChunksMax) break;
    }
    // A page made before a drop was carried out must not bring its holding back; one made before
    // a copy was stored must not say that there is none but a person's. One that answered for what
    // it does not have is believed no more than was known.
    const believed = member.falseAnswers === undefined;
    const staying = page.chunks.filter(({ chunkId, adopted }) =>
      (believed || listed.has(chunkId)) &&
      !this.needs.orders.isWaiting("drop", seederId, chunkId) &&
      !(adopted === true && this.receiptedSince(seederId, chunkId, roundStartedMs))
    );
    if (staying.length > 0) await tx.addHoldings(seederId, staying);
    return kept;
  }

  /** The seeder shall tell its whole inventory as soon as it is heard. */
  askAgain(seederId: SeederId): void {
    this.#unsure.add(seederId);
    this.#quietUntilMs.delete(seederId);
  }

  /** Forgets receipts that no page or outcome can contradict any more. */
  sweep(nowMs: number): void {
    for (const [seederId, receipts] of this.#receipts) {
      const startedMs = this.#rounds.get(seederId)?.startedMs ?? nowMs;
      const oldMs = Math.min(startedMs, nowMs - limits.orderLifeMs);
      // A map keeps the order of first insertion, so all have to be looked at.
      for (const [chunkId, receiptMs] of receipts) if (receiptMs < oldMs) receipts.delete(chunkId);
      if (receipts.size === 0) this.#receipts.delete(seederId);
    }
  }
}

/** A large inventory is told less often: on a busy seeder it never agrees for good. */
function quietMs(chunkCount: number): number {
  return Math.max(limits.inventoryRecheckMs, chunkCount * quietMsPerChunk);
}

function checkPage(page: InventoryPage): void {
  let previous: string = page.after ?? "";
  for (const { chunkId } of page.chunks) {
    if (chunkId <= previous) {
      throw new Fault("invalid-request", "the chunks of a page stand in ascending order of id");
    }
    previous = chunkId;
  }
  if (page.chunks.length === 0 && !page.last) {
    throw new Fault("invalid-request", "only the last page may be empty");
  }
}
