/**
 * Checks the catalog against itself and against the disks, page after page, each page one short
 * reading: the chain of checksums over the log, every version with its manifest and its name, and
 * what each seeder reports against its holdings.
 */
import type * as z from "zod";
import {
  type FsckFinding,
  type FsckReply,
  type FsckRequest,
  limits,
  startManifestDigest,
  type VersionId,
} from "../../protocol/mod.ts";
import type { CatalogView, VersionRow } from "./catalog/catalog.ts";
import type { Core } from "./core.ts";
import type { Member } from "./members.ts";
import { chainChecksum } from "./operations.ts";

type Input = z.output<typeof FsckRequest>;

const operationsPerPage = 2_000;
const versionsPerPage = 200;
const chunksPerPage = 20_000;
/** A report that changed later than this may be of chunks whose receipts are still on their way. */
const settledMs = 5_000;
const nothing = { operations: 0, versions: 0, chunks: 0, seeders: 0 };

export async function fsck(core: Core, { cursor, repair }: Input): Promise<FsckReply> {
  const at = cursor ?? { sequence: 0 };
  return await core.catalog.read(async (view) => {
    if ("sequence" in at) return await logPage(view, at.sequence, at.checksum);
    if ("seeders" in at) return await seederPage(core, view, repair);
    return await versionPage(view, at.afterVersion);
  });
}

async function logPage(
  view: CatalogView,
  sequence: number,
  checksum: string | undefined,
): Promise<FsckReply> {
  const rows = await view.logAfter(sequence, operationsPerPage);
  const findings: FsckFinding[] = [];
  let last = { sequence, checksum };
  for (const row of rows) {
    const follows = row.sequence === last.sequence + 1 &&
      row.checksum === chainChecksum(last.checksum, row.text);
    if (!follows) {
      findings.push({
        where: "log",
        what: `operation ${row.sequence} does not follow from operation ${last.sequence}`,
        next: "restore the tracker's catalog from a copy, and keep the damaged one",
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
    next: rows.length < operationsPerPage ? {} : { sequence: last.sequence, ...onwards },
  };
}

async function versionPage(view: CatalogView, after: VersionId | undefined): Promise<FsckReply> {
  const versions = await view.versionsAfter(after, versionsPerPage);
  const findings: FsckFinding[] = [];
  let looked = 0, chunks = 0, last = after;
  for (const version of versions) {
    if (chunks > chunksPerPage) break;
    const what = await problemOf(view, version);
    if (what !== undefined) {
      findings.push({
        where: "tables",
        what,
        next: "restore the tracker's catalog from a copy, and keep the damaged one",
        repaired: false,
      });
    }
    looked++;
    chunks += version.chunkCount;
    last = version.versionId;
  }
  const done = looked === versions.length && versions.length < versionsPerPage;
  const checked = { ...nothing, versions: looked, chunks };
  const next = done || last === undefined ? { seeders: true } as const : { afterVersion: last };
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

async function seederPage(core: Core, view: CatalogView, repair: boolean): Promise<FsckReply> {
  const nowMs = core.now();
  const findings: FsckFinding[] = [];
  let seeders = 0;
  for (const member of core.members.all()) {
    if (core.members.stateOf(member, nowMs) !== "green") continue;
    if (nowMs - member.inventorySinceMs < settledMs) continue;
    seeders++;
    const what = await differenceOf(view, member);
    if (what === undefined) continue;
    if (repair) core.holdings.askAgain(member.row.seederId);
    findings.push({
      where: "disks",
      what,
      next: repair
        ? "it is asked for its whole inventory; type fsck again in a minute"
        : "type fsck --repair: it is then asked for its whole inventory",
      repaired: repair,
    });
  }
  return { checked: { ...nothing, seeders }, findings };
}

async function differenceOf(view: CatalogView, member: Member): Promise<string | undefined> {
  const { chunkCount, inventoryDigest, row } = member;
  const believed = await view.holdingsSummary(row.seederId);
  if (believed.chunkCount === chunkCount && believed.digest === inventoryDigest) return undefined;
  return believed.chunkCount === chunkCount
    ? `${row.name} holds ${chunkCount} chunks, but not those the tracker has listed`
    : `${row.name} holds ${chunkCount} chunks, the tracker has ${believed.chunkCount} listed`;
}
