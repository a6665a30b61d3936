/**
 * What seeders did with their orders becomes holdings. All that one heartbeat tells is written in
 * one transaction, for each waits for the disk: a heartbeat that waited once for every small chunk
 * of a repair would take longer than its seeder waits for the answer.
 */
import {
  type ChunkId,
  isReceiptUnder,
  limits,
  type Order,
  type OrderOutcome,
  type SecretKey,
  type SeederId,
} from "../../../protocol/mod.ts";
import type { CatalogTransaction } from "../catalog/catalog.ts";
import type { HoldingRow } from "../catalog/holding_rows.ts";
import type { Ground } from "../ground.ts";
import type { OrderBook } from "./orders.ts";

export interface OutcomeNeeds extends Pick<Ground, "catalog" | "now" | "leases" | "log"> {
  readonly members: { keyOf(seederId: SeederId): SecretKey };
  readonly orders: OrderBook;
  readonly holdings: {
    doubt(seederId: SeederId): void;
    addReceipted(
      tx: CatalogTransaction,
      seederId: SeederId,
      chunks: readonly HoldingRow[],
      nowMs: number,
    ): Promise<void>;
    removeMissing(
      tx: CatalogTransaction,
      seederId: SeederId,
      missing: readonly { readonly chunkId: ChunkId; readonly sinceMs: number }[],
    ): Promise<void>;
  };
  readonly garbage: { spare(chunkIds: Iterable<ChunkId>): void };
  readonly healing: {
    ended(seederId: SeederId, order: Order, outcome: OrderOutcome | undefined): void;
  };
}

/** An outcome of an order that was waiting for one. */
interface Ended {
  readonly outcome: OrderOutcome;
  readonly order: Order;
  readonly sentMs: number;
}

/**
 * Takes all outcomes of a heartbeat. Never throws: where the catalog refuses, each is tried by
 * itself, and a holding that could not be written is found when the inventory is compared.
 */
export async function takeOutcomes(
  core: OutcomeNeeds,
  seederId: SeederId,
  outcomes: readonly OrderOutcome[],
): Promise<void> {
  const ended = outcomes.flatMap((outcome) => endOrder(core, seederId, outcome));
  try {
    await write(core, seederId, ended);
  } catch {
    for (const one of ended) {
      try {
        await write(core, seederId, [one]);
      } catch (fault) {
        core.holdings.doubt(seederId);
        core.log.warn("outcome not kept", { seederId, outcome: one.outcome, fault });
      }
    }
  } finally {
    for (const one of ended) {
      core.healing.ended(seederId, one.order, one.outcome);
      doubtSources(core, one);
    }
  }
}

/** Takes the order out of those that wait; nothing when none waits for this outcome. */
function endOrder(core: OutcomeNeeds, seederId: SeederId, outcome: OrderOutcome): Ended[] {
  const { kind, chunkId, result, detail } = outcome;
  const ended = core.orders.settle(seederId, outcome);
  if (ended === undefined) {
    // Carried out so late that its order was forgotten, here or by the tracker before: the chunk
    // may count as held.
    if (kind !== "copy" && result !== "held") core.holdings.doubt(seederId);
    return [];
  }
  // Copies that arrive are many; who gave which up, and what went wrong, is asked for later.
  const level = kind === "drop" || result !== "held" ? "info" : "debug";
  core.log[level]("order ended", { seederId, kind, chunkId, result, detail });
  if (kind === "drop" && result === "failed") core.holdings.doubt(seederId);
  if (kind === "drop" && result === "held") core.garbage.spare([chunkId]);
  return [{ outcome, ...ended }];
}

async function write(
  core: OutcomeNeeds,
  seederId: SeederId,
  ended: readonly Ended[],
): Promise<void> {
  const nowMs = core.now();
  const copied = ended.flatMap(({ outcome }) => receiptedCopy(core, seederId, outcome));
  // The holding went when the drop was decided. It comes back only when the chunk was kept, or a
  // person's file there holds it as well.
  const kept = ended.filter(({ outcome: { kind, result } }) => kind === "drop" && result === "held")
    .map(({ order: { chunkId, sizeBytes }, outcome: { adopted } }) =>
      adopted === undefined ? { chunkId, sizeBytes } : { chunkId, sizeBytes, adopted }
    );
  const absent = ended.filter(({ outcome: { kind, result } }) =>
    kind === "verify" && result === "absent"
  );
  if (copied.length + kept.length + absent.length === 0) return;
  await core.catalog.transaction(async (tx) => {
    if (copied.length > 0) await core.holdings.addReceipted(tx, seederId, copied, nowMs);
    if (kept.length > 0) await tx.addHoldings(seederId, kept);
    await removeAbsent(core, tx, seederId, absent);
  });
}

/** A copy counts only with the seeder's receipt for it. */
function receiptedCopy(
  core: OutcomeNeeds,
  seederId: SeederId,
  { kind, result, chunkId, sizeBytes, receipt }: OrderOutcome,
): HoldingRow[] {
  if (kind !== "copy" || result !== "held") return [];
  const key = core.members.keyOf(seederId);
  const genuine = receipt !== undefined && receipt.seederId === seederId &&
    isReceiptUnder(key, receipt, chunkId, sizeBytes, core.leases.now(), limits.receiptGraceMs);
  if (genuine) return [{ chunkId, sizeBytes, provedMs: 0, cameMs: core.now() }];
  core.log.warn("copy without a good receipt", { seederId, chunkId });
  return [];
}

async function removeAbsent(
  core: OutcomeNeeds,
  tx: CatalogTransaction,
  seederId: SeederId,
  absent: readonly Ended[],
): Promise<void> {
  const missing = absent.map(({ outcome: { chunkId }, sentMs }) => ({ chunkId, sinceMs: sentMs }));
  await core.holdings.removeMissing(tx, seederId, missing);
}

/** A copy that could not be made from where it should be: what is there is looked at. */
function doubtSources(core: OutcomeNeeds, { outcome, order }: Ended): void {
  if (order.kind !== "copy") return;
  for (const seederId of outcome.doubtful ?? []) {
    if (!order.sources.some((source) => source.seederId === seederId)) continue;
    const { chunkId, sizeBytes } = order;
    const why = "another seeder could not copy it from there";
    core.orders.orderVerify(seederId, { chunkId, sizeBytes }, why, core.now());
  }
}
