/**
 * Earlier versions of files. An overwrite makes the version that was current an old one, as the
 * policy says; it keeps its chunks and copies, follows its file wherever that goes, and is given up
 * by number at the next overwrite, by age, or when all old versions take more than their share of
 * the disks. What goes is decided in `plan/versions.ts`. Those of files in the trash count here as
 * well, and go in the same way.
 */
import type * as z from "zod";
import {
  type EmptyVersionsReply,
  type EmptyVersionsRequest,
  Fault,
  type FileVersion,
  limits,
  type ManifestDigestHex,
  type RevertFileReply,
  type RevertFileRequest,
  type VersionsReply,
  type VersionsRequest,
  type VersionSums,
} from "../../../protocol/mod.ts";
import type { GiveUpPermit } from "../authority/authority.ts";
import { type Asked, once } from "../asked.ts";
import {
  type CatalogTransaction,
  type CatalogView,
  type NodeId,
  type NodeRow,
  type OldVersionRow,
  rootNodeId,
  trashNodeId,
  type VersionRow,
} from "../catalog/catalog.ts";
import { type Ground, stampOf } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import { commitGivingUp, commitOperation } from "../log/operations.ts";
import type { Operation } from "../log/operation.ts";
import { type Share, shareOf } from "../plan/share.ts";
import { beyondNumber, firstWithin, type VersionPace, versionsToDrop } from "../plan/versions.ts";
import { findTarget, type Policy, policyIn, walkTo } from "./walk.ts";

const dayMs = 24 * 60 * 60_000;

/** One transaction takes away no more than a tenth of a second or so allows. */
const pace: VersionPace = { versionsMax: 200, chunksMax: 20_000 };
/** A writer waits for this one. */
const overwritePace: VersionPace = { versionsMax: 10, chunksMax: 20_000 };

type WriteFile = Extract<Operation, { kind: "write-file" }>;

export interface VersionNeeds extends Ground {
  readonly members: Pick<Members, "diskBytes">;
}

export interface Replaced {
  readonly parts: Pick<WriteFile, "replaces" | "keeps" | "drops">;
  /** Why the version is not kept, where something is lost with it. */
  readonly gone?: "policy" | "room";
}

/**
 * What an overwrite of `node` makes of the version that is current now. While nothing may be given
 * up it is kept, by a policy that keeps none as well, and so are all before it.
 */
export async function keepReplaced(
  core: VersionNeeds,
  tx: CatalogTransaction,
  node: NodeRow,
  directory: NodeRow,
  { manifestDigest }: { readonly manifestDigest: z.output<typeof ManifestDigestHex> },
): Promise<Replaced> {
  const replaces = node.versionId;
  const version = replaces && await tx.version(replaces);
  if (!replaces || !version) return { parts: {} };
  // The same bytes again: nothing is lost with it.
  if (version.manifestDigest === manifestDigest) return { parts: { replaces } };
  const policy = await policyIn(tx, directory, core.copiesDefault);
  const permit = core.authority.giveUp();
  if (permit === undefined) return { parts: { replaces, keeps: keepsBy(core, policy) } };
  const old = (await tx.oldVersionsOf(node.nodeId)).map(factsOf);
  const drops = beyondNumber(old, policy.versions, overwritePace);
  const dropped = old.filter(({ versionId }) => drops.includes(versionId))
    .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const gone = policy.versions === 0
    ? "policy"
    : await hasRoom(core, tx, version.sizeBytes - dropped)
    ? undefined
    : "room";
  const parts = {
    replaces,
    ...(gone === undefined ? { keeps: keepsBy(core, policy) } : {}),
    ...(drops.length === 0 ? {} : { drops }),
  };
  return gone === undefined ? { parts } : { parts, gone };
}

/** Whether so much more fits, or will when what is not young has gone. */
async function hasRoom(core: VersionNeeds, view: CatalogView, more: number): Promise<boolean> {
  const { bytesTolerated } = versionsShare(core);
  let left = (await view.oldVersionSums()).fileBytes + more;
  const youngMs = core.now() - limits.keptYoungMs;
  let after: number | undefined;
  while (left > bytesTolerated && more > 0) {
    const page = await view.oldVersions(after, pace.versionsMax);
    const old = page.filter((row) => row.old.supersededMs <= youngMs);
    left -= old.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    after = page.at(-1)?.old.number;
    if (old.length < pace.versionsMax) break;
  }
  return left <= bytesTolerated || more <= 0;
}

function keepsBy(core: VersionNeeds, { versionDays }: Policy) {
  const supersededMs = stampOf(core).nowMs;
  return { supersededMs, untilMs: supersededMs + versionDays * dayMs };
}

function factsOf({ versionId, sizeBytes, chunkCount, old }: OldVersionRow) {
  const { untilMs, supersededMs } = old;
  return { versionId, sizeBytes, chunkCount, untilMs, supersededMs };
}

/** @throws Fault `not-found`, `is-a-directory` */
export function listVersions(
  core: VersionNeeds,
  { target }: z.output<typeof VersionsRequest>,
): Promise<z.input<typeof VersionsReply>> {
  const nowMs = core.now();
  return core.catalog.read(async (view) => {
    const { path, node } = await findTarget(view, target, true);
    if (node.kind === "directory") throw new Fault("is-a-directory", `${path} is a directory`);
    const current = node.versionId && await view.version(node.versionId);
    const old = (await view.oldVersionsOf(node.nodeId)).toReversed();
    const { mode, modifiedMs } = node;
    const first = current === undefined ? [] : [{ ...told(current), mode, modifiedMs }];
    return { path, versions: [...first, ...old.map(toldOld)], nowMs };
  });
}

function told({ versionId, sizeBytes, createdMs, by }: VersionRow) {
  return { versionId, current: true, sizeBytes, createdMs, ...(by === undefined ? {} : { by }) };
}

function toldOld(row: OldVersionRow): FileVersion {
  const { number: _, untilMs: keptUntilMs, ...old } = row.old;
  return { ...told(row), current: false, ...old, keptUntilMs };
}

/**
 * Makes an old version current; what is current now is kept, by a policy that keeps none as well:
 * whoever goes back may want to return.
 * @throws Fault `not-found`, `not-a-directory`, `is-a-directory`, `version-conflict`
 */
export function revertFile(
  core: VersionNeeds,
  input: z.output<typeof RevertFileRequest>,
  asked: Asked<typeof RevertFileReply>,
): Promise<z.input<typeof RevertFileReply>> {
  const { by } = asked;
  return once(core, asked, async (tx) => {
    const { node, path, directory } = await walkTo(tx, input.path, true);
    const { nodeId, versionId: current } = node;
    if (node.kind === "directory" || current === undefined) {
      throw new Fault("is-a-directory", `${path} is a ${node.kind}`);
    }
    const { versionId } = input;
    const version = await tx.version(versionId);
    if (version === undefined || version.nodeId !== nodeId) {
      throw new Fault("not-found", `${path} has no version ${versionId.slice(0, 8)}`, {
        next: `list those it has: versions ${path}`,
      });
    }
    const { sizeBytes } = version;
    if (current === versionId) return { path, versionId, sizeBytes };
    if (input.current !== undefined && input.current !== current) {
      throw new Fault("version-conflict", `${path} is ${current.slice(0, 8)} by now`);
    }
    const keeps = keepsBy(core, await policyIn(tx, directory, core.copiesDefault));
    const kind = "revert-file";
    await commitOperation(tx, stampOf(core), { kind, nodeId, versionId, keeps, by });
    return {
      path,
      versionId,
      sizeBytes,
      before: { versionId: current, keptUntilMs: keeps.untilMs },
    };
  });
}

/** Gives up a page of the old versions of a file or below a directory. What went away. */
export function emptyVersions(
  core: VersionNeeds,
  input: z.output<typeof EmptyVersionsRequest>,
  asked: Asked<typeof EmptyVersionsReply>,
): Promise<z.input<typeof EmptyVersionsReply>> {
  const { by } = asked;
  return once(core, asked, async (tx) => {
    const { node } = await walkTo(tx, input.path, true);
    const after = input.after ?? 0;
    // A file's own are few; of a directory it is looked at all there are, a page at a time.
    const page = node.kind === "directory"
      ? await tx.oldVersions(after, pace.versionsMax)
      : (await tx.oldVersionsOf(node.nodeId)).filter(({ old }) => old.number > after);
    const below: OldVersionRow[] = [];
    for (const row of page) if (await isBelow(tx, row.nodeId, node.nodeId)) below.push(row);
    const chosen = new Set(firstWithin(below.map(factsOf), pace));
    const going = below.filter(({ versionId }) => chosen.has(versionId));
    const sums = await drop(core.authority.demandGiveUp("leave them"), core, tx, going, by);
    const last = going.length < below.length ? going.at(-1) : page.at(-1);
    const done = going.length === below.length && page.length < pace.versionsMax;
    return { ...sums, ...(done || last === undefined ? {} : { next: last.old.number }) };
  });
}

/** Whether a node is the top or lies below it. Below the root is everything, the trash as well. */
async function isBelow(view: CatalogView, nodeId: NodeId, topId: NodeId): Promise<boolean> {
  for (let at = nodeId; topId !== rootNodeId;) {
    if (at === topId) return true;
    if (at === rootNodeId || at === trashNodeId) return false;
    const node = await view.node(at);
    if (node === undefined) return false;
    at = node.parentId;
  }
  return true;
}

async function drop(
  permit: GiveUpPermit,
  core: VersionNeeds,
  tx: CatalogTransaction,
  rows: readonly OldVersionRow[],
  by: string,
): Promise<VersionSums> {
  const versionIds = rows.map(({ versionId }) => versionId);
  if (versionIds.length > 0) {
    await commitGivingUp(permit, tx, stampOf(core), { kind: "drop-versions", versionIds, by });
  }
  const fileBytes = rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  return { versions: rows.length, fileBytes };
}

export function versionsShare({ members, versionsShareMax, copiesDefault }: VersionNeeds): Share {
  return shareOf(members.diskBytes(), versionsShareMax, copiesDefault);
}

/** Gives up what is too old or too much. How many versions. */
export async function sweepVersions(core: VersionNeeds): Promise<number> {
  const nowMs = core.now();
  const { bytesTolerated } = versionsShare(core);
  const { ended, oldest, sums } = await core.catalog.read(async (view) => {
    const sums = await view.oldVersionSums();
    const isTooMuch = sums.fileBytes > bytesTolerated;
    return {
      ended: await view.oldVersionsEnded(nowMs, pace.versionsMax),
      oldest: isTooMuch ? await view.oldVersions(undefined, pace.versionsMax) : [],
      sums,
    };
  });
  const facts = [ended.map(factsOf), oldest.map(factsOf)] as const;
  const youngMs = nowMs - limits.keptYoungMs;
  const doomed = versionsToDrop(...facts, sums.fileBytes, bytesTolerated, youngMs, pace);
  if (doomed.length === 0) return 0;
  return await core.catalog.transaction(async (tx) => {
    const permit = core.authority.giveUp();
    if (permit === undefined) return 0;
    const rows: OldVersionRow[] = [];
    for (const versionId of doomed) {
      // Meanwhile it may have become the current one again.
      const row = await tx.version(versionId);
      if (row?.old !== undefined) rows.push({ ...row, old: row.old });
    }
    return (await drop(permit, core, tx, rows, "the tracker")).versions;
  });
}
