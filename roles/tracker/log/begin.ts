/**
 * The first thing that a tracker does: a record of its start, by which all that follows is told
 * from what another tracker of the same state would write. The epoch is one above that of the last
 * record, or the one that a rebuild arrived at; the term is drawn.
 */
import { type LogMark, positionOf, type SecretKey, signRecord } from "../../../protocol/mod.ts";
import type { Random } from "../../kit/random.ts";
import { randomHex } from "../../kit/random.ts";
import type { Catalog, CatalogTransaction, LogRow } from "../catalog/catalog.ts";
import { commitBeginning, ensureRoot } from "./operations.ts";

export interface BeginParts {
  readonly catalog: Catalog;
  readonly clusterKey: SecretKey;
  readonly random: Random;
  readonly nowMs: number;
  /** The first epoch of a tracker whose state was rebuilt. */
  readonly rebuiltEpoch: number;
}

/** Commits the record, and `also` with it; returned as its mark. */
export async function commitStart(
  { catalog, clusterKey, random, nowMs, rebuiltEpoch }: BeginParts,
  also: (tx: CatalogTransaction) => Promise<void>,
): Promise<LogMark> {
  const term = randomHex(random, 16);
  const row = await catalog.transaction(async (tx): Promise<LogRow | undefined> => {
    await ensureRoot(tx);
    await also(tx);
    const before = (await tx.logHead())?.epoch ?? 0;
    const isRebuilt = rebuiltEpoch > before;
    const epoch = isRebuilt ? rebuiltEpoch : before + 1;
    await commitBeginning(tx, { epoch, term, nowMs }, {
      kind: "start-tracker",
      term,
      ...(isRebuilt ? { rebuilt: true } : {}),
    });
    return await tx.logHead();
  });
  return positionOf(row && signRecord(clusterKey, row));
}
