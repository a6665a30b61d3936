/**
 * The trash. What is removed moves, whatever its size, by one operation below the node that stands
 * for the trash, and comes back by one. Its versions and chunks stay as they are, so a file in the
 * trash can still be read by the id of its version, and its copies are kept like those of others.
 * Purging is what removing was: the rows go, and in time the chunks (`garbage.ts`). What is young
 * is never purged for want of room: what would not fit beside it is not taken in.
 */
import * as z from "zod";
import {
  type EmptyTrashReply,
  type EmptyTrashRequest,
  Fault,
  limits,
  parentOf,
  RemotePath,
  type RestoreReply,
  type RestoreRequest,
  sizeText,
  type TrashReply,
  type TrashRequest,
  TrashSums,
} from "../../../protocol/mod.ts";
import { type Asked, once } from "../asked.ts";
import type { GiveUpPermit } from "../authority/authority.ts";
import type { CatalogTransaction, CatalogView, NodeRow, TrashRow } from "../catalog/catalog.ts";
import { type Ground, stampOf } from "../ground.ts";
import type { Members } from "../seeders/members.ts";
import { DirectoryMaker } from "./directories.ts";
import { commitGivingUp, commitOperation } from "../log/operations.ts";
import { shareOf } from "../plan/share.ts";
import { entriesToPurge } from "../plan/trash.ts";
import { walk } from "./walk.ts";

export interface TrashNeeds extends Ground {
  readonly members: Pick<Members, "diskBytes">;
}

/** Moves a node into the trash; the entry it became. Throws `trash-full`. */
export async function moveToTrash(
  core: TrashNeeds,
  tx: CatalogTransaction,
  node: NodeRow,
  path: RemotePath,
  by: string,
): Promise<TrashRow> {
  const stamp = stampOf(core);
  const head = await tx.logHead();
  // The number of the operation in the log: never used twice.
  const trashId = (head?.sequence ?? 0) + 1;
  const trashedMs = Math.max(stamp.nowMs, head?.timeMs ?? 0);
  const { nodeId } = node;
  await commitOperation(tx, stamp, { kind: "trash", trashId, nodeId, path, trashedMs, by });
  const row = await tx.trashed(trashId);
  if (row === undefined) throw new Fault("internal", `entry ${trashId} of the trash is not there`);
  await checkRoom(core, tx, row);
  return row;
}

/** Whether what lies there with the new entry fits, or will when what is not young has gone. */
async function checkRoom(core: TrashNeeds, view: CatalogView, row: TrashRow): Promise<void> {
  const { bytesTolerated, bytesMax } = trashShare(core);
  let left = (await view.trashSums()).fileBytes;
  const youngMs = row.trashedMs - limits.keptYoungMs;
  let after: number | undefined;
  while (left > bytesTolerated) {
    const page = await view.trash(after, purgedAtOnce);
    const old = page.filter(({ trashedMs }) => trashedMs <= youngMs);
    left -= old.reduce((sum, { fileBytes }) => sum + fileBytes, 0);
    after = page.at(-1)?.trashId;
    if (old.length < purgedAtOnce) break;
  }
  if (left <= bytesTolerated || row.fileBytes === 0) return;
  const rm = row.kind === "directory" ? "rm -r --now" : "rm --now";
  throw new Fault(
    "trash-full",
    `${row.path} does not fit into the trash: it has ${sizeText(row.fileBytes)}, and of at most ` +
      `${sizeText(bytesMax)} what was removed within a day takes ` +
      sizeText(left - row.fileBytes),
    { next: `for good, past the trash: ${rm} ${row.path}; or make room: trash empty` },
  );
}

export function listTrash(
  core: TrashNeeds,
  input: z.output<typeof TrashRequest>,
): Promise<z.input<typeof TrashReply>> {
  const limit = input.limit ?? limits.listPageEntriesMax;
  return core.catalog.read(async (view) => {
    const rows = await view.trash(input.after, limit + 1);
    const entries = rows.slice(0, limit).map(entryOf);
    const next = rows.length > limit ? entries.at(-1)?.trashId : undefined;
    const page = next === undefined ? { entries } : { entries, next };
    return { ...page, keepMs: trashLimits(core).keepMs, nowMs: core.now() };
  });
}

function entryOf({ nodeId: _, ...entry }: TrashRow): z.input<typeof TrashReply>["entries"][number] {
  return { ...entry, path: RemotePath.parse(entry.path) };
}

/**
 * Gives an entry its name back, or another; missing parents are made.
 * @throws Fault `not-found`, `already-exists`, `not-a-directory`
 */
export function restore(
  core: Ground,
  input: z.output<typeof RestoreRequest>,
  asked: Asked<typeof RestoreReply>,
): Promise<z.input<typeof RestoreReply>> {
  const { by } = asked;
  return once(core, asked, async (tx) => {
    const row = await wantedEntry(tx, input.what);
    const to = input.to ?? RemotePath.parse(row.path);
    await new DirectoryMaker(core, tx, by).ensure(parentOf(to));
    const found = await walk(tx, to, false);
    if (found.node !== undefined) {
      throw new Fault("already-exists", `${found.path} is there already, a ${found.node.kind}`, {
        next: `type another name: restore @${row.trashId} ${found.path}.restored`,
      });
    }
    await commitOperation(tx, stampOf(core), {
      kind: "restore",
      trashId: row.trashId,
      parentId: found.directory.nodeId,
      name: found.name,
      by,
    });
    return { path: found.path, entry: entryOf(row) };
  });
}

async function wantedEntry(
  view: CatalogView,
  what: z.output<typeof RestoreRequest>["what"],
): Promise<TrashRow> {
  const row = "trashId" in what
    ? await view.trashed(what.trashId)
    : await view.trashedLastAt(what.path);
  if (row !== undefined) return row;
  const named = "trashId" in what ? `no entry ${what.trashId}` : `nothing from ${what.path}`;
  throw new Fault("not-found", `${named} is in the trash`, { next: "list the trash: trash" });
}

const purgedAtOnce = 100;
/** What is better done than emptying it while nothing may be given up. */
const instead = "leave it in the trash";

const noSums: TrashSums = { entries: 0, files: 0, directories: 0, links: 0, fileBytes: 0 };

/** How far an emptying came: what went away so far of all that lay there when it was asked for. */
const Emptying = TrashSums.extend({ upTo: z.int() });

/** Purges the entries named, or all there are now, page by page. What went away. */
export async function emptyTrash(
  core: TrashNeeds,
  { trashIds }: z.output<typeof EmptyTrashRequest>,
  asked: Asked<typeof EmptyTrashReply>,
): Promise<z.input<typeof EmptyTrashReply>> {
  if (trashIds !== "all") {
    return await once(
      core,
      asked,
      (tx) => purge(core.authority.demandGiveUp(instead), core, tx, trashIds, asked.by),
    );
  }
  const emptying = asked.as(Emptying);
  for (let more = true;;) {
    const { upTo: _, ...gone } = await core.catalog.transaction(async (tx) => {
      const begun = async () => ({ ...noSums, upTo: (await tx.logHead())?.sequence ?? 0 });
      const before = await emptying.before(tx) ?? await begun();
      // What was purged is gone, so the first are always the next.
      const ids = (await tx.trash(undefined, purgedAtOnce)).map(({ trashId }) => trashId)
        .filter((trashId) => trashId <= before.upTo);
      more = ids.length > 0;
      const permit = core.authority.demandGiveUp(instead);
      const after = { ...before, ...added(before, await purge(permit, core, tx, ids, asked.by)) };
      await emptying.keep(tx, after);
      return after;
    });
    if (!more) return gone;
  }
}

/** Entries that are not there any more are passed over. */
async function purge(
  permit: GiveUpPermit,
  core: TrashNeeds,
  tx: CatalogTransaction,
  trashIds: readonly number[],
  by: string,
): Promise<TrashSums> {
  let gone = noSums;
  const there: number[] = [];
  for (const trashId of new Set(trashIds)) {
    const row = await tx.trashed(trashId);
    if (row === undefined) continue;
    gone = added(gone, { ...row, entries: 1 });
    there.push(trashId);
  }
  if (there.length > 0) {
    await commitGivingUp(permit, tx, stampOf(core), { kind: "purge", trashIds: there, by });
  }
  return gone;
}

function added(left: TrashSums, right: TrashSums): TrashSums {
  return {
    entries: left.entries + right.entries,
    files: left.files + right.files,
    directories: left.directories + right.directories,
    links: left.links + right.links,
    fileBytes: left.fileBytes + right.fileBytes,
  };
}

/** How long an entry stays at least, unless somebody empties the trash. */
export function keptMs({ trashKeepMs }: TrashNeeds): number {
  return Math.min(trashKeepMs, limits.keptYoungMs);
}

/** What the trash may take, and for how long it keeps an entry. */
export function trashLimits(core: TrashNeeds): { keepMs: number; bytesMax: number } {
  return { keepMs: core.trashKeepMs, bytesMax: trashShare(core).bytesMax };
}

function trashShare({ members, trashShareMax, copiesDefault }: TrashNeeds) {
  return shareOf(members.diskBytes(), trashShareMax, copiesDefault);
}

/** Purges what is too old or too much. How many entries. */
export async function sweepTrash(core: TrashNeeds): Promise<number> {
  const { oldest, sums } = await core.catalog.read(async (view) => ({
    oldest: await view.trash(undefined, purgedAtOnce),
    sums: await view.trashSums(),
  }));
  const bounds = {
    keepMs: core.trashKeepMs,
    youngMs: limits.keptYoungMs,
    bytesMax: trashShare(core).bytesTolerated,
  };
  const doomed = entriesToPurge(oldest, sums.fileBytes, bounds, core.now());
  if (doomed.length === 0) return 0;
  return await core.catalog.transaction(async (tx) => {
    const permit = core.authority.giveUp();
    return permit === undefined
      ? 0
      : (await purge(permit, core, tx, doomed, "the tracker")).entries;
  });
}
