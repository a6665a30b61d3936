/** An authority without keepers of the log, so that it rules at once, for parts that need one. */
import { type LogMark, positionOf, SecretKey, signRecord } from "../../../protocol/mod.ts";
import { silentLog } from "../../../roles/kit/log.ts";
import { Authority, type AuthorityParts } from "../../../roles/tracker/authority/authority.ts";
import { openMemoryCatalog } from "../../../roles/tracker/catalog/memory_catalog.ts";

const clusterKey = SecretKey.parse("c".repeat(64));

/** What a tracker of the cluster signed. */
export function mark(sequence: number, epoch: number, term = "1".repeat(16)): LogMark {
  const record = { sequence, epoch, term, timeMs: 1, text: "", checksum: "d".repeat(64) };
  return positionOf(signRecord(clusterKey, record));
}

export function rulingAuthority(other: Partial<AuthorityParts> = {}): Authority {
  return new Authority({
    catalog: openMemoryCatalog(),
    clusterKey,
    begun: mark(10, 3),
    rebuiltEpoch: 0,
    fence: undefined,
    witnesses: () => ({
      word: () => ({ named: [], needed: 1, missing: [] }),
      hasGoneOn: () => false,
    }),
    brake: () => undefined,
    nameOf: (seederId) => seederId,
    log: silentLog,
    ...other,
  });
}

export function orderPermit(authority = rulingAuthority()) {
  const permit = authority.order();
  if (permit === undefined) throw new Error("it may not order");
  return permit;
}
