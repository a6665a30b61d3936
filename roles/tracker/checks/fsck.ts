/**
 * Checks the catalog against itself and against the disks, page after page, each page one short
 * reading: the chain of checksums over the log, every table against the log (`fsck_tables.ts`),
 * every version with its manifest and its name, the holdings against their sums, and what each
 * seeder reports against its holdings.
 */
import type * as z from "zod";
import {
  type ChunkId,
  type FsckFinding,
  type FsckReply,
  type FsckRequest,
  InventorySum,
  limits,
  type SeederId,
  startManifestDigest,
  type VersionId,
} from "../../../protocol/mod.ts";
import type { CatalogView, VersionRow } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import { followPage, nothingChecked, type TableNeeds, tablePage } from "./fsck_tables.ts";
import type { Member, Members } from "../seeders/members.ts";
import type { Holdings } from "../copies/holdings.ts";
import type { Archive } from "../snapshots/archive.ts";
import { chainChecksum } from "../log/operations.ts";

type Input = z.output<typeof FsckRequest>;

const operationsPerPage = 2_000;
const versionsPerPage = 200;
const chunksPerPage = 20_000;
/**
 * What changed later than this may differ from the list for good reasons: receipts are on their
 * way, or a client that was stopped never brought them, and the inventory is compared by itself.
 */
const settledMs = 2 * limits.inventoryRecheckMs;
const holdingsPerPage = 4_096;
const nothing = nothingChecked;

interface FsckNeeds extends Pick<Ground, "catalog" | "now" | "sleep">, TableNeeds {
  readonly members: Members;
  readonly holdings: Pick<Holdings, "askAgain">;
  readonly archive: Archive | undefined;
}

export async function fsck(core: FsckNeeds, { cursor, repair }: Input): Promise<FsckReply> {
  const at = cursor ?? { sequence: 0 };
  const { archive } = core;
  if (archive !== undefined && "following" in at) return await followPage(core, archive);
  if (archive !== undefined && "table" in at) {
    return await tablePage(core, archive, at.table, at.after, repair);
  }
  return await core.catalog.read(async (view) => {
    if ("sequence" in at) return await logPage(core, view, at.sequence, at.checksum);
    if ("seeders" in at) return await seederPage(core, view, repair);
    if ("holdings" in at) return await holdingsPage(core, view, at, repair);
    const after = "afterVersion" in at ? at.afterVersion : undefined;
    return await versionPage(core, view, after, repair);
  });
}

async function logPage(
  core: FsckNeeds,
  view: CatalogView,
  sequence: number,
  checksum: string | undefined,
): Promise<FsckReply> {
  const rows = await view.logAfter(sequence, operationsPerPage);
  const findings: FsckFinding[] = [];
  let last = { sequence, checksum };
  // What was before the log's first operation is in a snapshot, which knows its checksum.
  const begins = sequence === 0 && (rows[0]?.sequence ?? 1) > 1;
  for (const row of rows) {
    const follows = begins && row === rows[0]
      ? (core.archive?.folder.at(row.sequence)?.checksum ?? row.checksum) === row.checksum
      : row.sequence === last.sequence + 1 &&
        row.checksum === chainChecksum(last.checksum, row.text);
    if (!follows) {
      findings.push({
        where: "log",
        what: `operation ${row.sequence} does not follow from operation ${last.sequence}`,
        next: "stop this tracker, move its folder away, and start it with --rebuild",
        repaired: false,
      });
    }
    last = { sequence: row.sequence, checksum: row.checksum };
  }
  const { checksum: reached } = last;
  const onwards = reached === undefined ? {} : { checksum: reached };
  return {
    checked: { ...nothing, operations: rows.length },
    findings,
    next: rows.length === operationsPerPage
      ? { sequence: last.sequence, ...onwards }
      : core.archive === undefined
      ? {}
      : { following: true },
  };
}

async function versionPage(
  core: FsckNeeds,
  view: CatalogView,
  after: VersionId | undefined,
  repair: boolean,
): Promise<FsckReply> {
  const repairs = repair && core.mending.isPossible;
  const versions = await view.versionsAfter(after, versionsPerPage);
  const findings: FsckFinding[] = [];
  let looked = 0, chunks = 0, last = after;
  for (const version of versions) {
    if (chunks > chunksPerPage) break;
    const what = await problemOf(view, version);
    if (what !== undefined) {
      if (repairs) core.mending.ask();
      findings.push({
        where: "tables",
        what,
        next: repairs
          ? "the tables are built anew from the log in a moment; type fsck again after that"
          : core.mending.isPossible
          ? "type fsck --repair: the tables are then built anew from the log"
          : "stop this tracker, move its folder away, and start it with --rebuild",
        repaired: repairs,
      });
    }
    looked++;
    chunks += version.chunkCount;
    last = version.versionId;
  }
  const done = looked === versions.length && versions.length < versionsPerPage;
  const checked = { ...nothing, versions: looked, chunks };
  const next = done || last === undefined ? { holdings: true } as const : { afterVersion: last };
  return { checked, findings, next };
}

/** What is wrong with one version, in words. */
async function problemOf(view: CatalogView, version: VersionRow): Promise<string | undefined> {
  const { versionId, nodeId, chunkCount, chunkSizeBytes, manifestDigest } = version;
  if (await view.node(nodeId) === undefined) return `version ${versionId} belongs to no name`;
  const digest = startManifestDigest(chunkSizeBytes);
  let count = 0, sizeBytes = 0;
  for (;;) {
    const entries = await view.manifest(versionId, count, limits.manifestPageChunksMax);
    for (const entry of entries) {
      digest.add(entry);
      sizeBytes += entry.sizeBytes;
    }
    count += entries.length;
    if (entries.length < limits.manifestPageChunksMax) break;
  }
  if (count !== chunkCount) {
    return `the manifest of version ${versionId} has ${count} of ${chunkCount} chunks`;
  }
  if (sizeBytes !== version.sizeBytes) {
    return `the chunks of version ${versionId} are ${sizeBytes} of ${version.sizeBytes} bytes`;
  }
  if (digest.hex() === manifestDigest) return undefined;
  return `the manifest of version ${versionId} is not the one that was committed`;
}

type HoldingsCursor = { seederId?: SeederId | undefined; sum?: Sum | undefined };
type Sum = {
  after: ChunkId;
  chunkCount: number;
  usedBytes: number;
  digest: string;
  before: string;
};

/** Adds up the holdings of one seeder after another and compares with what is kept as their sum. */
async function holdingsPage(
  core: FsckNeeds,
  view: CatalogView,
  { seederId, sum }: HoldingsCursor,
  repair: boolean,
): Promise<FsckReply> {
  const ids = (await view.seeders()).map((row) => row.seederId);
  const at = sum === undefined
    ? ids.find((id) => seederId === undefined || id > seederId)
    : seederId;
  if (at === undefined) return { checked: nothing, findings: [], next: { seeders: true } };
  const kept = await view.holdingsSummary(at);
  const before = sum?.before ?? JSON.stringify(kept);
  const rows = await view.holdingsOf(at, sum?.after, holdingsPerPage);
  const digest = new InventorySum(sum?.digest);
  for (const { chunkId, adopted } of rows) digest.toggle(chunkId, adopted);
  const bytes = rows.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const added = {
    chunkCount: (sum?.chunkCount ?? 0) + rows.length,
    usedBytes: (sum?.usedBytes ?? 0) + bytes,
    digest: digest.hex(),
  };
  const checked = { ...nothing, holdings: rows.length };
  const last = rows.at(-1);
  if (last !== undefined && rows.length === holdingsPerPage) {
    const more = { ...added, after: last.chunkId, before };
    return { checked, findings: [], next: { holdings: true, seederId: at, sum: more } };
  }
  // What changed meanwhile cannot be told from what is wrong: looked at again the next time.
  const isSame = JSON.stringify(kept) !== before ||
    (kept.chunkCount === added.chunkCount && kept.usedBytes === added.usedBytes &&
      kept.digest === added.digest);
  if (isSame) return { checked, findings: [], next: { holdings: true, seederId: at } };
  const name = core.members.get(at)?.row.name ?? at;
  const repairs = repair && core.mending.isPossible;
  if (repairs) core.mending.ask();
  const finding: FsckFinding = {
    where: "holdings",
    what: `${name}: the ${added.chunkCount} holdings listed are not those that their kept sum ` +
      `of ${kept.chunkCount} was made of`,
    next: repairs
      ? "the tables are built anew in a moment, and seeders asked what they hold"
      : "type fsck --repair: the tables are then built anew, and seeders asked what they hold",
    repaired: repairs,
  };
  return { checked, findings: [finding], next: { holdings: true, seederId: at } };
}

async function seederPage(core: FsckNeeds, view: CatalogView, repair: boolean): Promise<FsckReply> {
  const nowMs = core.now();
  const findings: FsckFinding[] = [], unsettled: string[] = [];
  let seeders = 0;
  for (const member of core.members.all()) {
    if (core.members.stateOf(member, nowMs) !== "green") continue;
    const what = await differenceOf(view, member);
    if (what !== undefined && repair) core.holdings.askAgain(member.row.seederId);
    if (what !== undefined && nowMs - member.inventorySinceMs < settledMs) {
      unsettled.push(member.row.name);
      continue;
    }
    seeders++;
    if (what === undefined) continue;
    findings.push({
      where: "disks",
      what,
      next: repair
        ? "it is asked for its whole inventory; type fsck again in a minute"
        : "type fsck --repair: it is then asked for its whole inventory",
      repaired: repair,
    });
  }
  const everywhere = core.members.all().map(({ row }) => row.seederId);
  const { unavailable } = await view.chunksBelow(everywhere);
  if (unavailable > 0) {
    findings.push({
      where: "holdings",
      what: `${unavailable} chunks that files need are listed on no seeder`,
      next: "start the seeders that are away; see: status",
      repaired: false,
    });
  }
  core.mending.begin();
  const reply = { checked: { ...nothing, seeders }, findings };
  return unsettled.length === 0 ? reply : { ...reply, unsettled };
}

async function differenceOf(view: CatalogView, member: Member): Promise<string | undefined> {
  const { chunkCount, inventoryDigest, row } = member;
  const believed = await view.holdingsSummary(row.seederId);
  if (believed.chunkCount === chunkCount && believed.digest === inventoryDigest) return undefined;
  return believed.chunkCount === chunkCount
    ? `${row.name} holds ${chunkCount} chunks, but not those the tracker has listed`
    : `${row.name} holds ${chunkCount} chunks, the tracker has ${believed.chunkCount} listed`;
}
