/**
 * Looking at the namespace: one entry, a page of a directory, sums over a tree, versions by prefix.
 */
import type * as z from "zod";
import {
  type Entry,
  Fault,
  limits,
  type ListReply,
  type ListRequest,
  type ResolvePrefixReply,
  type StatReply,
  type StatRequest,
  type UsageReply,
  type UsageRequest,
} from "../../../protocol/mod.ts";
import type { CatalogView, NodeRow } from "../catalog/catalog.ts";
import type { Ground } from "../ground.ts";
import { type SoundnessNeeds, soundnessOf } from "./soundness.ts";
import { findTarget, type Found, pathOfNode, policyIn, walkTo } from "./walk.ts";

function entryOf(node: NodeRow): Entry {
  const { name, kind, sizeBytes, modifiedMs, mode, versionId, target } = node;
  return {
    name,
    kind,
    sizeBytes,
    modifiedMs,
    mode,
    ...(versionId === undefined ? {} : { versionId }),
    ...(target === undefined ? {} : { target }),
  };
}

type ListingNeeds = SoundnessNeeds & Pick<Ground, "catalog" | "copiesDefault">;

export function stat(
  core: ListingNeeds,
  input: z.output<typeof StatRequest>,
): Promise<z.output<typeof StatReply>> {
  const nowMs = core.now();
  return core.catalog.read(async (view) => {
    const { path, node } = await findTarget(view, input.target, input.follow);
    const versionId = "versionId" in input.target ? input.target.versionId : node.versionId;
    const version = versionId === undefined ? undefined : await view.version(versionId);
    if (version === undefined) {
      const directory = node.kind === "directory" ? node : await parentRow(view, node);
      const { copies: copiesWanted, ...keeps } = await policyIn(
        view,
        directory,
        core.copiesDefault,
      );
      const policy = node.kind === "directory" ? { keeps } : {};
      return { ...entryOf(node), path, chunkCount: 0, copiesWanted, ...policy, nowMs };
    }
    const { old } = version;
    return {
      ...entryOf(node),
      // A version named by its id is told of as it was, whatever the file is now.
      versionId: version.versionId,
      sizeBytes: version.sizeBytes,
      ...(old === undefined ? {} : {
        modifiedMs: old.modifiedMs,
        mode: old.mode,
        supersededMs: old.supersededMs,
        keptUntilMs: old.untilMs,
      }),
      oldVersions: (await view.oldVersionsOf(node.nodeId)).length,
      path,
      chunkCount: version.chunkCount,
      chunkSizeBytes: version.chunkSizeBytes,
      manifestDigest: version.manifestDigest,
      copiesWanted: version.copies,
      nowMs,
      ...await soundnessOf(core, view, version),
    };
  });
}

async function parentRow(view: CatalogView, node: NodeRow): Promise<NodeRow> {
  return await view.node(node.parentId) ?? node;
}

/** A directory, or the directory a link leads to, lists what is in it; all else lists as itself. */
export function list(core: ListingNeeds, input: z.output<typeof ListRequest>): Promise<ListReply> {
  const limit = input.limit ?? limits.listPageEntriesMax;
  const nowMs = core.now();
  const told = async (view: CatalogView, row: NodeRow): Promise<Entry> => {
    const { versionId } = row;
    if (input.copies !== true || versionId === undefined) return entryOf(row);
    const version = await view.version(versionId);
    if (version === undefined) return entryOf(row);
    return { ...entryOf(row), ...await soundnessOf(core, view, version) };
  };
  return core.catalog.read(async (view) => {
    const { path, node } = await directoryOrItself(view, input.path);
    if (node.kind !== "directory") {
      const entries = input.after === undefined ? [await told(view, node)] : [];
      return { path, kind: node.kind, entries, nowMs };
    }
    const rows = await view.children(node.nodeId, input.after, limit + 1);
    const entries: Entry[] = [];
    for (const row of rows.slice(0, limit)) entries.push(await told(view, row));
    const next = rows.length > limit ? entries.at(-1)?.name : undefined;
    return { path, kind: "directory", entries, nowMs, ...(next === undefined ? {} : { next }) };
  });
}

async function directoryOrItself(
  view: CatalogView,
  path: z.output<typeof ListRequest>["path"],
): Promise<Found & { node: NodeRow }> {
  const itself = await walkTo(view, path, false);
  if (itself.node.kind !== "link") return itself;
  try {
    const behind = await walkTo(view, path, true);
    return behind.node.kind === "directory" ? behind : itself;
  } catch (error) {
    // A link that leads nowhere is still there to be listed.
    if (error instanceof Fault && error.code !== "config-corrupt") return itself;
    throw error;
  }
}

export function usage(
  core: ListingNeeds,
  input: z.output<typeof UsageRequest>,
): Promise<z.output<typeof UsageReply>> {
  return core.catalog.read(async (view) => {
    const { path, node } = await walkTo(view, input.path, false);
    return { path, ...await view.usage(node.nodeId) };
  });
}

const prefixMatchesMax = 10;

export function resolvePrefix(
  core: ListingNeeds,
  prefix: string,
): Promise<z.output<typeof ResolvePrefixReply>> {
  return core.catalog.read(async (view) => {
    const matches = [];
    for (const version of await view.versionsByPrefix(prefix, prefixMatchesMax)) {
      const node = await view.node(version.nodeId);
      if (node === undefined) continue;
      const { versionId, sizeBytes } = version;
      matches.push({ versionId, path: await pathOfNode(view, node), sizeBytes });
    }
    return { matches };
  });
}
